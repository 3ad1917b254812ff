import { z } from "zod";

import { canonicalJson } from "../codec/canonicalJson.ts";
import { keccakHash, type Hash } from "../crypto/hash.ts";
import { SEATS_MAX } from "./Committee.ts";

/** Bounds on what one block may carry. */
export interface BlockLimits {
  readonly transactionBytesMax: number;
  readonly transactionsMax: number;
  readonly namespacesMax: number;
  readonly payloadBytesMax: number;
}

const positive = z.int().positive();
const MEBIBYTE = 1024 * 1024;
/** No message between validators may be larger, whatever the config says. */
export const PAYLOAD_BYTES_LIMIT = 32 * MEBIBYTE;
const SHARDS_LIMIT = 255;

const limitsSchema = z.strictObject({
  transactionBytesMax: positive.max(8 * MEBIBYTE),
  transactionsMax: positive.max(100_000),
  namespacesMax: positive.max(10_000),
  payloadBytesMax: positive.max(PAYLOAD_BYTES_LIMIT),
});

const l1FinalitySchema = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("finalized") }),
  z.strictObject({ mode: z.literal("depth"), depth: z.int().nonnegative() }),
]);

/**
 * What every node of a network must agree on; hashed into genesis. Times in milliseconds, sizes in bytes. It holds no
 * contract address and nothing of the first committee.
 */
export const schema = z.strictObject({
  /** For people; part of the hash. */
  name: z.string().min(1).max(64),
  /** Chain id of the L1 that holds the contracts. */
  l1ChainId: positive,
  genesisTimeMs: positive,
  /** Blocks of an epoch: the handover is at height epoch · epochLength. */
  epochLength: positive,
  /** Δ: the assumed bound on message delay. Timers are 2Δ and 3Δ. */
  deltaMs: positive,
  /** How long a leader with nothing to include waits before it proposes an empty block; below Δ. */
  emptyBlockDelayMs: z.int().nonnegative(),
  /** Timers grow by this factor, in percent, for every failed view since the last finalization. */
  timeoutGrowthPercent: z.int().min(100).max(1000),
  timeoutMaxMs: positive,
  /** A leader silent for so long while a quorum was active is skipped at once. */
  skipTimeoutMs: positive,
  /** How far ahead of a voter's clock a block's timestamp may be. */
  maxClockDriftMs: positive,
  /** A handover whose anchor lags the voter's own L1-finalized block by more L1 blocks stays pending. */
  maxAnchorLag: positive,
  /** What counts as L1-finalized; a depth is for development chains only. */
  l1Finality: l1FinalitySchema,
  /** Views for which votes are kept after their view is finalized. */
  voteWindow: positive,
  /** Payloads up to this size go whole into the proposal. */
  inlinePayloadBytesMax: z.int().nonnegative(),
  /** Shards per committee size: the first entry whose `members` is not below the committee's size counts; none: one a member. */
  shards: z
    .array(z.strictObject({ members: positive.max(SEATS_MAX), shards: positive.max(SHARDS_LIMIT) }))
    .max(SEATS_MAX),
  limits: limitsSchema,
});

export type ClusterConfig = Readonly<z.infer<typeof schema>>;

/** A cluster config that says something impossible; `problems` names each field and what is wrong. */
export class ClusterConfigError extends Error {
  override readonly name = "ClusterConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`cluster config: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

/** Checks a parsed JSON or YAML value; throws `ClusterConfigError`. */
export function parse(value: unknown): ClusterConfig {
  const result = schema.safeParse(value);
  if (!result.success) {
    throw new ClusterConfigError(result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`));
  }
  const problems = relations(result.data);
  if (problems.length > 0) throw new ClusterConfigError(problems);
  return result.data;
}

function relations(config: ClusterConfig): string[] {
  const rules: readonly (readonly [boolean, string])[] = [
    [config.emptyBlockDelayMs < config.deltaMs, "emptyBlockDelayMs must be shorter than deltaMs, or idle views fail"],
    [config.timeoutMaxMs >= 3 * config.deltaMs, "timeoutMaxMs must not be below the advance timer 3 · deltaMs"],
    [config.skipTimeoutMs > 3 * config.deltaMs, "skipTimeoutMs must be longer than the advance timer 3 · deltaMs"],
    [
      config.limits.transactionBytesMax < config.limits.payloadBytesMax,
      "limits.transactionBytesMax must leave room in limits.payloadBytesMax",
    ],
    [
      config.inlinePayloadBytesMax <= config.limits.payloadBytesMax,
      "inlinePayloadBytesMax must not exceed limits.payloadBytesMax",
    ],
    [
      config.shards.every(({ members, shards }) => shards >= members && shards <= SHARDS_LIMIT + 1 - members),
      "shards must be at least members and at most 256 - members",
    ],
  ];
  return rules.filter(([holds]) => !holds).map(([, sentence]) => sentence);
}

/** T: how many shards a payload has for a committee of `members`. */
export function shardCount(config: ClusterConfig, members: number): number {
  const rows = [...config.shards].sort((a, b) => a.members - b.members);
  const row = rows.find((candidate) => candidate.members >= members);
  return Math.min(Math.max(row?.shards ?? members, members), SHARDS_LIMIT + 1 - members);
}

/** keccak256 of the canonical (RFC 8785) config: the parent of genesis. */
export function hash(config: ClusterConfig): Hash {
  return keccakHash(new TextEncoder().encode(canonicalJson(config)));
}
