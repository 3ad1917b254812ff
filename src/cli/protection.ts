import { readFileSync, writeFileSync } from "node:fs";

import type { Command } from "commander";

import { readClusterFile } from "../node/clusterFile.ts";
import { readKeys, signingRecordDirectory } from "../node/identity.ts";
import { consensusPublicKey } from "../node/keyFile.ts";
import * as Genesis from "../protocol/Genesis.ts";
import { exportProtection, importProtection } from "../signer/protectionInterchange.ts";
import type { ProtectedKey } from "../signer/protectionRecord.ts";
import { nodeFileSystem } from "../storage/nodeFileSystem.ts";
import { print } from "./terminal.ts";

interface Options {
  readonly keyFile: string;
  readonly keyPasswordFile?: string;
  readonly dataDir: string;
  readonly clusterFile: string;
}

/** `crema protection`: moves the slashing-protection record of a key to another machine. The node must not be running. */
export function addProtection(program: Command): void {
  const protection = program.command("protection").description("move a validator's signing record to another machine");
  keyOptions(protection.command("export"))
    .description("write the record to a file and disable this one for ever")
    .requiredOption("--out <file>", "file to write")
    .action(async (options: Options & { readonly out: string }) => {
      const text = await exportProtection(nodeFileSystem, signingRecordDirectory(options.dataDir), keyOf(options));
      writeFileSync(options.out, text, { mode: 0o600 });
      print(`the record was written to ${options.out}; the one in ${options.dataDir} signs no more`);
    });
  keyOptions(protection.command("import"))
    .description("take over a record; signing begins in the epoch after the one that peers report")
    .requiredOption("--in <file>", "file that export wrote")
    .action(async (options: Options & { readonly in: string }) => {
      const text = readFileSync(options.in, "utf8");
      await importProtection(nodeFileSystem, signingRecordDirectory(options.dataDir), keyOf(options), text);
      print(`the record of ${options.in} was taken over into ${options.dataDir}`);
    });
}

function keyOptions(command: Command): Command {
  return command
    .requiredOption("--key-file <file>", "consensus and transport keys")
    .option("--key-password-file <file>", "password of an encrypted key file")
    .requiredOption("--data-dir <directory>", "data directory of the validator")
    .requiredOption("--cluster-file <file>", "cluster config of the network");
}

function keyOf({ keyFile, keyPasswordFile, dataDir, clusterFile }: Options): ProtectedKey {
  const keys = readKeys({ keyFile, keyPasswordFile: keyPasswordFile ?? null, dataDir });
  return { genesis: Genesis.hash(readClusterFile(clusterFile)), publicKey: consensusPublicKey(keys) };
}
