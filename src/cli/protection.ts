import { readFileSync, writeFileSync } from "node:fs";

import type { Command } from "commander";

import { readClusterFile } from "../node/clusterFile.ts";
import { readKeys } from "../node/identity.ts";
import * as Genesis from "../protocol/Genesis.ts";
import { exportProtection, importProtection } from "../signer/protectionInterchange.ts";
import type { ProtectedKey } from "../signer/protectionRecord.ts";
import { nodeFileSystem } from "../storage/nodeFileSystem.ts";
import { addJsonOption, report, type ReportOptions } from "./report.ts";

interface Options extends ReportOptions {
  readonly keyDir: string;
  readonly keyPasswordFile: string;
  readonly clusterFile: string;
}

/** `crema protection`: moves the slashing-protection record of a key to another machine. The node must not be running. */
export function addProtection(program: Command): void {
  const protection = program.command("protection").description("move a validator's signing record to another machine");
  keyOptions(protection.command("export"))
    .description("write the record to a file and disable this one for ever")
    .requiredOption("--out <file>", "file to write")
    .action(async (options: Options & { readonly out: string }) => {
      const { directory, key } = await recordOf(options);
      const text = await exportProtection(nodeFileSystem, directory, key);
      writeFileSync(options.out, text, { mode: 0o600 });
      report(options, {
        text: `the record was written to ${options.out}; the one in ${options.keyDir} signs no more`,
        value: { file: options.out, keyDir: options.keyDir, disabled: true },
      });
    });
  keyOptions(protection.command("import"))
    .description("take over a record; signing begins in the epoch after the one that peers report")
    .requiredOption("--in <file>", "file that export wrote")
    .action(async (options: Options & { readonly in: string }) => {
      const text = readFileSync(options.in, "utf8");
      const { directory, key } = await recordOf(options);
      await importProtection(nodeFileSystem, directory, key, text);
      report(options, {
        text: `the record of ${options.in} was taken over into ${options.keyDir}`,
        value: { file: options.in, keyDir: options.keyDir },
      });
    });
}

function keyOptions(command: Command): Command {
  return addJsonOption(command)
    .requiredOption("--key-dir <directory>", "keys of the validator (crema keygen)")
    .requiredOption("--key-password-file <file>", "file whose first line is their password")
    .requiredOption("--cluster-file <file>", "cluster config of the network");
}

/** Where the record of these keys lies, and whose it is. */
async function recordOf(options: Options): Promise<{ readonly directory: string; readonly key: ProtectedKey }> {
  const { protectionDirectory, blsPublicKey } = await readKeys(options);
  const genesis = Genesis.hash(readClusterFile(options.clusterFile));
  return { directory: protectionDirectory, key: { genesis, publicKey: blsPublicKey } };
}
