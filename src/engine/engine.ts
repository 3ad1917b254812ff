import { EngineCore } from "./engineCore.ts";
import type { EngineOptions, EnginePorts } from "./ports.ts";
import type { NodeQueries } from "../lightclient/nodeQueries.ts";
import { createQueries } from "./queries.ts";

export type { EngineOptions, EnginePorts } from "./ports.ts";

/** A node's engine: everything between the ports of `EnginePorts` and the queries of the API. */
export interface Engine extends NodeQueries {
  /** Opens the store and takes part as soon as L1 knows the committee. Rejects where the store is damaged. */
  start(): Promise<void>;
  /** Ends all work; what is promised is on disk when it resolves. Idempotent. The ports stay open. */
  stop(): Promise<void>;
  /** Sizes of everything that could grow, by name: for metrics and for the memory checker of the simulation. */
  sizes(): Readonly<Record<string, number>>;
}

export function createEngine(ports: EnginePorts, options: EngineOptions): Engine {
  const core = new EngineCore(ports, options);
  return {
    ...createQueries(core),
    start: () => core.start(),
    stop: () => core.stop(),
    sizes: () => core.sizes(),
  };
}
