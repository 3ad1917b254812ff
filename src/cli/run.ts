import type { Command } from "commander";

import { createNode } from "../node/createNode.ts";
import { NODE_FIELDS, readNodeConfig } from "../node/nodeConfig.ts";
import { addSettings, sourcesOf } from "./options.ts";
import { runUntilSignal } from "./service.ts";

/** `crema run`: a validator. */
export function addRun(program: Command): void {
  const command = program.command("run").description("run a validator");
  addSettings(command, NODE_FIELDS).action(async (options: Record<string, string>) => {
    const config = readNodeConfig(sourcesOf(options));
    await runUntilSignal(config.logLevel, (ports) => createNode(config, "validator", ports));
  });
}
