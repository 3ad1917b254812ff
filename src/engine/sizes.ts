import type { State } from "../consensus/state.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { Parts } from "./parts.ts";

/** Sizes of everything that could grow, by name. */
export function sizesOf(
  pool: Mempool,
  waiting: { readonly inputs: number; readonly timers: number },
  running: { readonly parts: Parts; readonly state: State } | undefined,
): Readonly<Record<string, number>> {
  const pooled = { mempoolUnits: pool.entries.size, mempoolBytes: pool.bytes };
  if (running === undefined) return pooled;
  const { keeper, checks, fetcher, finalizer, ingress, journal, resumption, repairs } = running.parts;
  return {
    ...pooled,
    ...waiting,
    heldBlocks: keeper.heldBlocks,
    pendingChecks: checks.pendingChecks,
    payloadFetches: fetcher.underWay,
    finalizations: finalizer.queued,
    signatureChecks: ingress.checksUnderWay,
    journalMarks: journal.marks,
    lostRows: repairs.lost,
    resumes: resumption.held,
    views: running.state.views.size,
    blocks: running.state.blocks.size,
    fetches: running.state.fetches.size,
  };
}
