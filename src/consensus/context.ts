import type { ClusterConfig } from "../protocol/ClusterConfig.ts";
import type { Committee } from "../protocol/Committee.ts";
import type { Epoch } from "../protocol/scalars.ts";

/** What does not change within an epoch. `step` asserts that `epoch` is the state's. */
export interface Context {
  readonly epoch: Epoch;
  readonly committee: Committee;
  /** Own committee index; undefined for an observer, who follows everything and signs nothing. */
  readonly seat: number | undefined;
  readonly config: ClusterConfig;
  readonly tuning: Tuning;
}

/** Intervals a node chooses for itself; no other node needs to agree. */
export interface Tuning {
  /** LIVE-9: how often own votes and the entry certificate are repeated while a view lasts. */
  readonly retryMs: number;
  /** LIVE-9: how long without progress until the latest finalization and everything above it is repeated. */
  readonly standstillMs: number;
  /** LIVE-10: first pause between two requests for the same thing. */
  readonly fetchMs: number;
  /** LIVE-10: the pause grows by half each time up to this. */
  readonly fetchMaxMs: number;
}

export const DEFAULT_TUNING: Tuning = { retryMs: 1_000, standstillMs: 10_000, fetchMs: 500, fetchMaxMs: 30_000 };
