import type { Command } from "commander";

import { toHex } from "../codec/hex.ts";
import { keyHash } from "../crypto/bls.ts";
import { createMclBls } from "../crypto/blsMcl.ts";
import { readClusterFile } from "../node/clusterFile.ts";
import * as Genesis from "../protocol/Genesis.ts";
import { systemRandom } from "../runtime/random.ts";
import { readPasswordFile } from "../signer/keystore.ts";
import { createValidatorKeys } from "../signer/validatorKeys.ts";
import { nodeFileSystem } from "../storage/nodeFileSystem.ts";
import { addJsonOption, report, table, type ReportOptions } from "./report.ts";

interface Options extends ReportOptions {
  readonly keyDir: string;
  readonly keyPasswordFile: string;
  readonly clusterFile: string;
}

/** `crema keygen`: consensus and transport keys, with the signing record that belongs to them. */
export function addKeygen(program: Command): void {
  addJsonOption(program.command("keygen"))
    .description("make the keys of a validator (EIP-2335) and the signing record that protects them")
    .requiredOption("--key-dir <directory>", "where to put them; must be new or empty, keys are never replaced")
    .requiredOption("--key-password-file <file>", "file whose first line is to be their password; chmod 600")
    .requiredOption("--cluster-file <file>", "cluster config of the network that they are for")
    .action(async (options: Options) => {
      const genesis = Genesis.hash(readClusterFile(options.clusterFile));
      const password = await readPasswordFile(nodeFileSystem, options.keyPasswordFile);
      const keys = await createValidatorKeys({
        ...{ fileSystem: nodeFileSystem, directory: options.keyDir, password, genesis, random: systemRandom },
        bls: await createMclBls(),
      });
      const made = {
        keyDir: options.keyDir,
        keyHash: keyHash(keys.blsPublicKey),
        transportKey: toHex(keys.transportKey).slice(2),
      };
      report(options, {
        text: table([
          ["keys", made.keyDir],
          ["consensus key", `${made.keyHash} (hash)`],
          ["transport key", made.transportKey],
        ]),
        value: made,
      });
    });
}
