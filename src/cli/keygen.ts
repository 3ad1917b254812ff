import { mkdirSync } from "node:fs";

import type { Command } from "commander";

import { keyHash } from "../crypto/bls.ts";
import { toHex } from "../codec/hex.ts";
import { readClusterFile } from "../node/clusterFile.ts";
import { createIdentity, readPassword } from "../node/identity.ts";
import { consensusPublicKey } from "../node/keyFile.ts";
import * as Genesis from "../protocol/Genesis.ts";
import { transportKey } from "../network/certificate.ts";
import { systemRandom } from "../runtime/random.ts";
import { print } from "./terminal.ts";

interface Options {
  readonly keyFile: string;
  readonly dataDir: string;
  readonly clusterFile: string;
  readonly passwordFile?: string;
}

/** `crema keygen`: consensus and transport keys, with the signing record that belongs to them. */
export function addKeygen(program: Command): void {
  program
    .command("keygen")
    .description("make the keys of a validator and the signing record that protects them")
    .requiredOption("--key-file <file>", "key file to write; never replaced")
    .requiredOption("--data-dir <directory>", "data directory of the validator that will sign with them")
    .requiredOption("--cluster-file <file>", "cluster config of the network that they are for")
    .option("--password-file <file>", "encrypt the key file with the password in this file")
    .action(async (options: Options) => {
      const password = options.passwordFile === undefined ? null : readPassword(options.passwordFile);
      const genesis = Genesis.hash(readClusterFile(options.clusterFile));
      mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
      const keys = await createIdentity({ ...options, password }, genesis, systemRandom);
      print(`key file       ${options.keyFile}${password === null ? " (not encrypted)" : ""}`);
      print(`consensus key  ${keyHash(consensusPublicKey(keys))} (hash)`);
      print(`transport key  ${toHex(transportKey(keys.transportSeed)).slice(2)}`);
    });
}
