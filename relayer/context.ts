import type { Domain } from "../src/protocol/Domain.ts";
import type { Clock } from "../src/runtime/clock.ts";
import type { Logger } from "../src/runtime/logger.ts";
import type { PostPolicy } from "./decide/nextPost.ts";
import type { Contracts, L1Reader } from "./l1/reader.ts";
import type { StakeMemory } from "./l1/stakeMemory.ts";
import type { Jobs } from "./queues.ts";
import type { Sequencer } from "./sequencer.ts";
import type { Intent } from "./tx/intent.ts";
import type { IntentStatus } from "./tx/intentStatus.ts";
import type { Judgement } from "./tx/txManager.ts";

export interface HousekeepingPolicy {
  /** Seal when so many keys wait, or when one has waited so long. */
  readonly sealKeys: number;
  readonly sealAfterSeconds: bigint;
  readonly rotate: boolean;
  /** Least age of the newest committee before another is made, in seconds. */
  readonly rotateEverySeconds: bigint;
}

/** The part of the transaction manager that jobs may use. */
export interface Sender {
  readonly address: string;
  offer(intent: Intent): Promise<IntentStatus>;
  /** Whether one of the group is under way and too young to be replaced. */
  isBusy(group: string): boolean;
}

/** What a call would do now, as far as jobs care. */
export type Preflight =
  { readonly kind: "ok" } | { readonly kind: "refused"; readonly verdict: Judgement["verdict"]; readonly name: string };

/** What every processor gets. */
export interface Context {
  readonly chainId: bigint;
  readonly contracts: Contracts;
  /** What validators sign under. */
  readonly domain: Domain;
  /** Asks L1 what a call would do at its newest block. */
  readonly preflight: (to: string, data: string) => Promise<Preflight>;
  readonly l1: L1Reader;
  readonly memory: StakeMemory;
  readonly sequencer: Sequencer;
  readonly jobs: Jobs;
  readonly sender: Sender;
  readonly post: PostPolicy;
  readonly housekeeping: HousekeepingPolicy;
  /** An operator wants no new work. */
  readonly draining: boolean;
  /** Wait between two looks at a transaction under way, ms. */
  readonly pollMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the watchers saw last, for metrics and `status`. */
  readonly seen: Seen;
}

export interface Seen {
  finalizedHeight: bigint;
  finalizedEpoch: bigint;
  finalizedTimestampMs: bigint;
  l1Height: bigint;
  l1Epoch: bigint;
  l1Committee: bigint;
  /** Finalizations that L1 refused for good, by `finalizationKey`: their node lies. */
  readonly refused: Set<string>;
  /** Numbers of the evidence already put in the queue, by node. */
  readonly evidence: Map<string, number>;
  /** When forks over different heights were looked for last, monotonic. */
  deepForkAtMs: number;
}
