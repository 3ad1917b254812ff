#!/usr/bin/env node
import { Command } from "commander";

import { addChecks } from "./check.ts";
import { addKeygen } from "./keygen.ts";
import { reportFailure } from "./failure.ts";
import { addObserver } from "./observer.ts";
import { addProtection } from "./protection.ts";
import { addRegister } from "./register.ts";
import { addResume } from "./resume.ts";
import { addRun } from "./run.ts";
import { addSeal, addSeat } from "./seat.ts";
import { addStart } from "./start.ts";
import { addStatus } from "./status.ts";

const program = new Command("crema")
  .description("decentralized confirmation and sequencing layer for Ethereum L2 chains")
  .showHelpAfterError();

const commands = [addStart, addKeygen, addRegister, addSeal, addSeat, addRun, addObserver, addProtection, addResume];
for (const add of [...commands, addStatus, addChecks]) add(program);

try {
  await program.parseAsync();
} catch (error) {
  reportFailure(error);
}
