import type { Clock } from "../runtime/clock.ts";
import type { Anchor, L1View } from "./l1View.ts";

/** Finalized blocks that are not settled yet; beyond, the oldest counts as settled. */
export const UNSETTLED_MAX = 64;

/**
 * ANCHOR-1: `finalized` as it was seen for `settleMs`: a leader that anchors there makes no voter wait for its own next
 * look at L1 (CHECK-3). Before anything is settled, and after L1 replaced what was, it is the newest. All else is passed
 * through at once.
 */
export function settledL1(l1: L1View, clock: Clock, settleMs: number): L1View {
  let settled: Anchor | undefined;
  let unsettled: { readonly anchor: Anchor; readonly sinceMs: number }[] = [];

  function note(): void {
    const newest = l1.finalized();
    const last = unsettled.at(-1)?.anchor ?? settled;
    if (newest === undefined || newest.hash === last?.hash) return;
    unsettled.push({ anchor: newest, sinceMs: clock.monotonicMs() });
    if (unsettled.length > UNSETTLED_MAX) settled = unsettled.shift()?.anchor;
  }

  function finalized(): Anchor | undefined {
    note();
    const untilMs = clock.monotonicMs() - settleMs;
    settled = unsettled.findLast(({ sinceMs }) => sinceMs <= untilMs)?.anchor ?? settled;
    unsettled = unsettled.filter(({ sinceMs }) => sinceMs > untilMs);
    const stands = settled !== undefined && l1.hashAt(settled.number) === settled.hash;
    return stands ? settled : l1.finalized();
  }

  l1.onChange(note);
  return {
    finalized,
    reachable: () => l1.reachable(),
    hashAt: (number) => l1.hashAt(number),
    newestCommitteeAt: (number) => l1.newestCommitteeAt(number),
    createdAt: (id) => l1.createdAt(id),
    committee: (id) => l1.committee(id),
    lightClient: () => l1.lightClient(),
    checkpoint: () => l1.checkpoint(),
    isTrusted: (id) => l1.isTrusted(id),
    resumes: () => l1.resumes(),
    onChange: (listener) => l1.onChange(listener),
  };
}
