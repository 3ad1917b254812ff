import type { Hash } from "../../src/crypto/hash.ts";
import { lastAttempt, type Mined, type SlotRecord } from "./records.ts";

/** What the chain shows of our transactions at one moment, agreed between endpoints. */
export interface Sight {
  /** Transactions of the key that are mined at the newest block. */
  readonly latestNonce: number;
  readonly headNumber: number;
  readonly headHash: Hash;
  /** Newest block that counts as safe and as finalized; -1 while there is none. */
  readonly safeNumber: number;
  readonly finalizedNumber: number;
  readonly receipts: ReadonlyMap<Hash, Mined>;
}

/** What the relayer wants of a pending slot besides getting it mined. */
export interface Wish {
  /** The intent it carries is not wanted any more. */
  readonly withdrawn: boolean;
  /** A newer intent of the same group waits. */
  readonly newer: boolean;
  /** A node refused the last attempt for its fee. */
  readonly underpriced: boolean;
  /** A node refused the last attempt for lack of funds. */
  readonly unfunded: boolean;
}

export interface SendTimes {
  readonly bumpAfterMs: number;
  readonly rebroadcastAfterMs: number;
  /** A consumed nonce counts as taken by another wallet after so many more blocks, or after so long on a quiet chain. */
  readonly lostAfterBlocks: number;
  readonly lostAfterMs: number;
}

export type SlotStep =
  | { readonly kind: "mined"; readonly mined: Mined }
  | { readonly kind: "safe" | "finalized" }
  | { readonly kind: "reopen" }
  | { readonly kind: "suspect" }
  | { readonly kind: "unsuspect" }
  | { readonly kind: "lost" }
  | { readonly kind: "replace"; readonly purpose: "bump" | "supersede" | "cancel" }
  | { readonly kind: "rebroadcast" }
  | { readonly kind: "wait" };

/**
 * TX-3: the next step of one slot, as a pure function of what is persisted, what the chain shows and the time. Every
 * attempt ever signed is watched, not only the last. `sinceBroadcastMs` is kept in memory only and undefined until an
 * endpoint was reached: after a restart a slot is broadcast again at once.
 */
export function nextStep(
  slot: SlotRecord,
  sight: Sight,
  wish: Wish,
  times: SendTimes,
  nowMs: number,
  sinceBroadcastMs: number | undefined,
): SlotStep {
  // RE-2: a reorg below what L1 called final: the nonce is free again, whatever was promised.
  if (slot.status === "finalized") return sight.latestNonce <= slot.nonce ? { kind: "reopen" } : { kind: "wait" };
  const found = slot.attempts.map(({ hash }) => sight.receipts.get(hash)).find((receipt) => receipt !== undefined);
  if (found !== undefined) return withReceipt(slot, found, sight);
  if (slot.status === "lost") return { kind: "wait" };
  if (slot.mined !== null) return { kind: "reopen" };
  if (sight.latestNonce > slot.nonce) return consumed(slot, sight, times, nowMs);
  if (slot.consumedAt !== null) return { kind: "unsuspect" };
  return pending(slot, wish, times, nowMs, sinceBroadcastMs);
}

function withReceipt(slot: SlotRecord, receipt: Mined, sight: Sight): SlotStep {
  const same = slot.mined?.hash === receipt.hash && slot.mined.blockHash === receipt.blockHash;
  if (!same || slot.status === "pending" || slot.status === "lost") return { kind: "mined", mined: receipt };
  if (receipt.blockNumber <= sight.finalizedNumber) return { kind: "finalized" };
  if (receipt.blockNumber <= sight.safeNumber && slot.status === "mined") return { kind: "safe" };
  return { kind: "wait" };
}

/** TX-6: a nonce that the chain counts but none of our hashes explains. A lagging endpoint looks the same: wait first. */
function consumed(slot: SlotRecord, sight: Sight, times: SendTimes, nowMs: number): SlotStep {
  if (slot.consumedAt === null) return { kind: "suspect" };
  const byBlocks = sight.headNumber >= slot.consumedAt.block + times.lostAfterBlocks;
  const byTime = nowMs >= slot.consumedAt.atMs + times.lostAfterMs;
  return byBlocks || byTime ? { kind: "lost" } : { kind: "wait" };
}

function pending(
  slot: SlotRecord,
  wish: Wish,
  times: SendTimes,
  nowMs: number,
  sinceBroadcastMs: number | undefined,
): SlotStep {
  const last = lastAttempt(slot);
  if (wish.withdrawn && last.intentId !== null) return { kind: "replace", purpose: "cancel" };
  if (sinceBroadcastMs === undefined) return { kind: "rebroadcast" };
  // TX-11: what the key cannot pay for now is not made dearer.
  if (wish.unfunded) return { kind: sinceBroadcastMs >= times.rebroadcastAfterMs ? "rebroadcast" : "wait" };
  const ageMs = nowMs - last.signedAtMs;
  // A signature from the future means that the wall clock was set back: waiting for it could take for ever.
  if (wish.underpriced || ageMs >= times.bumpAfterMs || ageMs < 0) {
    return { kind: "replace", purpose: wish.newer && last.intentId !== null ? "supersede" : "bump" };
  }
  return sinceBroadcastMs >= times.rebroadcastAfterMs ? { kind: "rebroadcast" } : { kind: "wait" };
}
