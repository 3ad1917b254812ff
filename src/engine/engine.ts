import { EngineCore } from "./engineCore.ts";
import type { EngineOptions, EnginePorts } from "./ports.ts";
import type { NodeQueries, ResumeRefusal, ResumeRequest } from "../lightclient/nodeQueries.ts";
import { createQueries } from "./queries.ts";

export type { EngineOptions, EnginePorts } from "./ports.ts";

/** A node's engine: everything between the ports of `EnginePorts` and the queries of the API. */
export interface Engine extends NodeQueries {
  /** Opens the store and takes part as soon as L1 knows the committee. Rejects where the store is damaged. */
  start(): Promise<void>;
  /** Ends all work; what is promised is on disk when it resolves. Idempotent. The ports stay open. */
  stop(): Promise<void>;
  /** The operator's decision to resume an expired or frozen chain: signs it and sends it around, or says why not. */
  signResume(request: ResumeRequest): Promise<ResumeRefusal | undefined>;
  /** Sizes of everything that could grow, by name: for metrics and for the memory checker of the simulation. */
  sizes(): Readonly<Record<string, number>>;
}

export function createEngine(ports: EnginePorts, options: EngineOptions): Engine {
  const core = new EngineCore(ports, options);
  return {
    ...createQueries(core),
    start: () => core.start(),
    stop: () => core.stop(),
    signResume: (request) =>
      core.isRunning() ? core.parts().resumption.sign(request) : Promise.resolve({ code: "not-running" }),
    sizes: () => core.sizes(),
  };
}
