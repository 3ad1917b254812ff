import type { Hash } from "../crypto/hash.ts";
import type { ClusterConfig } from "../protocol/ClusterConfig.ts";
import * as Committee from "../protocol/Committee.ts";
import type { Epoch, Height } from "../protocol/scalars.ts";
import { Height as toHeight } from "../protocol/scalars.ts";
import { assert } from "../runtime/assert.ts";
import { epochSeed } from "./leader.ts";

/** What does not change within an epoch. `step` asserts that `epoch` is the state's. Made by `createContext`. */
export interface Context {
  readonly epoch: Epoch;
  readonly committee: Committee.Committee;
  /** Own committee index; undefined for an observer, who follows everything and signs nothing. */
  readonly seat: number | undefined;
  readonly config: ClusterConfig;
  readonly tuning: Tuning;
  /** W: total weight. */
  readonly totalWeight: bigint;
  /** q = floor(2W/3) + 1. */
  readonly quorum: bigint;
  /** Root of leader selection in this epoch. */
  readonly seed: Hash;
  /** The block at this height, and no other, is the epoch's handover. */
  readonly handoverHeight: Height;
}

/** Intervals a node chooses for itself; no other node needs to agree. */
export interface Tuning {
  /** VIEW-5: how often own votes and the entry certificate are repeated while a view lasts. */
  readonly retryMs: number;
  /** VIEW-6: how long without progress until the latest finalization and everything above it is repeated. */
  readonly standstillMs: number;
  /** FETCH-2: first pause between two requests for the same thing. */
  readonly fetchMs: number;
  /** FETCH-2: the pause grows by half each time up to this. */
  readonly fetchMaxMs: number;
}

export const DEFAULT_TUNING: Tuning = { retryMs: 1_000, standstillMs: 10_000, fetchMs: 500, fetchMaxMs: 30_000 };

export function createContext(
  given: Pick<Context, "epoch" | "committee" | "seat" | "config"> & { readonly tuning?: Tuning },
): Context {
  const { epoch, committee, seat, config, tuning = DEFAULT_TUNING } = given;
  const members = committee.members.length;
  assert(members >= 1 && members <= Committee.SEATS_MAX, `a committee has 1 to ${String(Committee.SEATS_MAX)} members`);
  assert(seat === undefined || (seat >= 0 && seat < members), "the own seat must be one of the committee");
  assert(tuning.retryMs > 0 && tuning.fetchMs > 0, "retry and fetch intervals must be positive, or timers spin");
  assert(tuning.standstillMs > tuning.retryMs, "standstillMs must exceed retryMs: the small repeat comes first");
  assert(tuning.fetchMaxMs >= tuning.fetchMs, "fetchMaxMs must not be below fetchMs");
  const totalWeight = Committee.totalWeight(committee);
  return {
    epoch,
    committee,
    seat,
    config,
    tuning,
    totalWeight,
    quorum: Committee.quorum(totalWeight),
    seed: epochSeed(committee.randomness, epoch),
    handoverHeight: toHeight(epoch * BigInt(config.epochLength)),
  };
}
