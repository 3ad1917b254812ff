import { Command } from "commander";

import { addChecks } from "./check.ts";
import { addCommittee } from "./committee.ts";
import { addKeygen } from "./keygen.ts";
import { addObserver } from "./observer.ts";
import { addProtection } from "./protection.ts";
import { addRegister } from "./register.ts";
import { addResume } from "./resume.ts";
import { addRun } from "./run.ts";
import { addSeal, addSeat } from "./seat.ts";
import { addStake } from "./stake.ts";
import { addStart } from "./start.ts";
import { addStatus } from "./status.ts";
import { addValidator } from "./validator.ts";

/** The command line, without having run anything. */
export function createProgram(): Command {
  const program = new Command("crema")
    .description("decentralized confirmation and sequencing layer for Ethereum L2 chains")
    .showHelpAfterError();

  const commands = [addStart, addKeygen, addRegister, addSeal, addSeat, addRun, addObserver, addProtection, addResume];
  const staking = [addValidator, addStake, addCommittee];
  for (const add of [...commands, ...staking, addStatus, addChecks]) add(program);
  return program;
}
