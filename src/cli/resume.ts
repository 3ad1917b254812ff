import type { Command } from "commander";

import { AdminError, askToSignResume } from "../node/adminSocket.ts";
import { print } from "./terminal.ts";

interface Options {
  readonly dataDir: string;
  readonly epoch: string;
  readonly block: string;
  readonly committee: string;
}

/** `crema resume`: an operator's word that an expired or frozen chain goes on. */
export function addResume(program: Command): void {
  const resume = program.command("resume").description("resume the chain after L1's light client expired or froze");
  resume
    .command("sign")
    .description("have the running node sign that the chain goes on; it never votes below that epoch again")
    .requiredOption("--data-dir <directory>", "data directory of the running node")
    .requiredOption("--epoch <number>", "the epoch that begins; above any that was voted in")
    .requiredOption("--block <hash>", "hash of the last block that stays")
    .requiredOption("--committee <id>", "the newer committee, of which this validator is a member")
    .action(async ({ dataDir, epoch, block, committee }: Options) => {
      const refusal = await askToSignResume(dataDir, { epoch, block, committee });
      if (refusal !== null) throw new AdminError(`nothing was signed: ${JSON.stringify(refusal)}`);
      print(`signed: the chain goes on above ${block} in epoch ${epoch} with committee ${committee}`);
    });
}
