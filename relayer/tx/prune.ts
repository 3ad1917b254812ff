import { HISTORY_MAX, type Outbox } from "./outbox.ts";
import type { OutboxRecord } from "./records.ts";
import type { Sight } from "./sendState.ts";

/** Reverted intents are remembered longest: forgetting one could pay for the same revert again. */
export const REVERTED_MAX = 1024;

/** OUT-3: settled records beyond the history that is kept; what is open is never among them. */
export function prunable(outbox: Outbox, sight: Sight): readonly OutboxRecord[] {
  const slots = outbox.slots();
  const finalized = slots.filter(({ status }) => status === "finalized");
  const lost = slots.filter(
    ({ status, consumedAt }) => status === "lost" && consumedAt !== null && consumedAt.block <= sight.finalizedNumber,
  );
  const oldSlots = [...finalized.slice(0, Math.max(0, finalized.length - HISTORY_MAX)), ...lost];
  const kept = slots.filter((slot) => !oldSlots.includes(slot));
  const referenced = new Set(kept.flatMap(({ attempts }) => attempts.map(({ intentId }) => intentId)));
  const settled = outbox
    .intents()
    .filter(({ state, intent }) => state !== "open" && !referenced.has(intent.id))
    .sort((a, b) => a.revision - b.revision);
  const reverted = settled.filter(({ state }) => state === "reverted");
  const others = settled.filter(({ state }) => state !== "reverted");
  return [
    ...oldSlots,
    ...others.slice(0, Math.max(0, others.length - HISTORY_MAX)),
    ...reverted.slice(0, Math.max(0, reverted.length - REVERTED_MAX)),
  ];
}
