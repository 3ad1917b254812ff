import type { Hash } from "../../src/crypto/hash.ts";
import type { Outbox } from "./outbox.ts";
import { lastAttempt, type IntentRecord, type SlotRecord } from "./records.ts";
import type { Wish } from "./sendState.ts";

/** Where an intent stands. */
export type IntentStatus =
  | { readonly kind: "planned" }
  | { readonly kind: "pending"; readonly nonce: number; readonly hash: Hash; readonly attempts: number }
  | { readonly kind: "mined" | "safe" | "final"; readonly nonce: number; readonly hash: Hash; readonly gasUsed: bigint }
  | { readonly kind: "reverted" | "dropped"; readonly reason: string };

type View = Pick<Outbox, "intent" | "intents" | "slots">;

export function statusOf(outbox: View, id: Hash): IntentStatus | undefined {
  const record = outbox.intent(id);
  if (record === undefined) return undefined;
  if (record.state === "reverted" || record.state === "dropped") return { kind: record.state, reason: record.reason };
  for (const slot of outbox.slots()) {
    const attempt = slot.attempts.find(({ hash }) => hash === slot.mined?.hash);
    if (slot.mined !== null && attempt?.intentId === id) {
      const kind = slot.status === "finalized" ? "final" : slot.status === "safe" ? "safe" : "mined";
      return { kind, nonce: slot.nonce, hash: slot.mined.hash, gasUsed: slot.mined.gasUsed };
    }
    const last = lastAttempt(slot);
    if (slot.status === "pending" && last.intentId === id) {
      return { kind: "pending", nonce: slot.nonce, hash: last.hash, attempts: slot.attempts.length };
    }
  }
  return { kind: "planned" };
}

/** The intent that a slot's newest attempt carries; undefined for a cancelling transfer. */
export function carriedBy(outbox: View, slot: SlotRecord): IntentRecord | undefined {
  const { intentId } = lastAttempt(slot);
  return intentId === null ? undefined : outbox.intent(intentId);
}

/** Intents that are wanted and in no open slot: by priority, then the highest rank, then the oldest. */
export function plannedIntents(outbox: View): readonly IntentRecord[] {
  const carried = new Set<Hash>();
  for (const slot of outbox.slots()) {
    const minedId = slot.attempts.find(({ hash }) => hash === slot.mined?.hash)?.intentId;
    if (minedId !== undefined && minedId !== null) carried.add(minedId);
    const last = lastAttempt(slot).intentId;
    if (slot.status === "pending" && last !== null) carried.add(last);
  }
  return outbox
    .intents()
    .filter(({ state, intent }) => state === "open" && !carried.has(intent.id))
    .sort(
      (a, b) =>
        a.intent.priority - b.intent.priority || compare(b.intent.rank, a.intent.rank) || a.offeredAtMs - b.offeredAtMs,
    );
}

/** What the nodes had against the last attempt. */
export type Refused = Pick<Wish, "underpriced" | "unfunded">;

export function wishFor(outbox: View, slot: SlotRecord, withdrawn: ReadonlySet<Hash>, refused: Refused): Wish {
  const carried = carriedBy(outbox, slot);
  if (carried === undefined) return { withdrawn: false, newer: false, ...refused };
  const { group, rank, id } = carried.intent;
  const newer =
    group !== "" &&
    !isBelowItsGroup(outbox, slot, group) &&
    plannedIntents(outbox).some(({ intent }) => intent.group === group && intent.rank > rank);
  return { withdrawn: withdrawn.has(id), newer, ...refused };
}

/**
 * TX-10: after a reorg several of a group may be pending. Only the last nonce is given to a newer one: in a lower nonce it
 * would be mined first, and make what stands in the higher ones revert.
 */
function isBelowItsGroup(outbox: View, slot: SlotRecord, group: string): boolean {
  const above = outbox.slots().filter(({ status, nonce }) => status === "pending" && nonce > slot.nonce);
  return above.some((other) => carriedBy(outbox, other)?.intent.group === group);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
