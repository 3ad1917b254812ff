import type { Command } from "commander";

import { createNode } from "../node/createNode.ts";
import { NODE_FIELDS, readNodeConfig } from "../node/nodeConfig.ts";
import { addSettings, sourcesOf } from "./options.ts";
import { runUntilSignal } from "./service.ts";

/** `crema observer run`: a follower without a consensus key; it verifies, stores and serves everything. */
export function addObserver(program: Command): void {
  const observer = program.command("observer").description("follow the network without a consensus key");
  addSettings(observer.command("run").description("run a follower"), NODE_FIELDS).action(
    async (options: Record<string, string>) => {
      const config = readNodeConfig(sourcesOf(options));
      await runUntilSignal(config.logLevel, (ports) => createNode(config, "observer", ports));
    },
  );
}
