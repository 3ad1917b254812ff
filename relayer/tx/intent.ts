import { keccakHash, type Hash } from "../../src/crypto/hash.ts";

/** One wish to change L1: a call, without nonce and fees. Carries no secret, so that it may stand in a queue. */
export interface Intent {
  readonly id: Hash;
  /** The job that wants it, for people: `advance-120`, `rotate-7`. Distinguishes equal calls at different times. */
  readonly label: string;
  /** In one group the highest rank wins and replaces the others; the empty group is never superseded. */
  readonly group: string;
  readonly rank: bigint;
  /** Lower goes first. */
  readonly priority: number;
  /** Contract called, 0x text. */
  readonly to: string;
  /** Calldata, 0x text. */
  readonly data: string;
  /** More gas than this is never allowed to it: an estimate above is a fault. */
  readonly gasMax: bigint;
  /** From this wall-clock time on (ms) the urgent fee ceiling holds. */
  readonly urgentAtMs: number;
}

/** Longest calldata of an intent, in bytes: a `seal` of a full page of 125 keys needs 24 KiB. */
export const CALLDATA_BYTES_MAX = 64 * 1024;

/** JOB-2: the same wish has the same id in every replica and after every restart. */
export function intentId(chainId: bigint, label: string, to: string, data: string): Hash {
  return keccakHash(
    new TextEncoder().encode(`${chainId.toString()} ${label} ${to.toLowerCase()} ${data.toLowerCase()}`),
  );
}
