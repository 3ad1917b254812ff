#!/usr/bin/env node
import { Command } from "commander";

import { addChecks } from "./check.ts";
import { addKeygen } from "./keygen.ts";
import { reportFailure } from "./failure.ts";
import { addObserver } from "./observer.ts";
import { addProtection } from "./protection.ts";
import { addRegister } from "./register.ts";
import { addRun } from "./run.ts";
import { addStart } from "./start.ts";
import { addStatus } from "./status.ts";

const program = new Command("crema")
  .description("decentralized confirmation and sequencing layer for Ethereum L2 chains")
  .showHelpAfterError();

for (const add of [addStart, addKeygen, addRegister, addRun, addObserver, addProtection, addStatus, addChecks])
  add(program);

try {
  await program.parseAsync();
} catch (error) {
  reportFailure(error);
}
