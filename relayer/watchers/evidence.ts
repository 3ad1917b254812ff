import type { Context } from "../context.ts";
import { findDeepFork } from "../decide/fork.ts";
import { freeze, toFreezePayload } from "../jobs/freeze.ts";
import { submitEvidence, toPayload } from "../jobs/submitEvidence.ts";
import { ensureJob, type JobDefinition } from "../queues.ts";
import { nothing, type Nothing } from "./finalizedHeaders.ts";

/** Nodes that are merely a block apart make a question each: forks over heights are looked for this often. */
const DEEP_FORK_EVERY_MS = 5_000;

/** `watch/evidence`: what nodes verified and L1 may not know yet. A restart reads it all again: job ids sort it out. */
export const evidence: JobDefinition<Nothing, Context> = {
  queue: "watch",
  name: "evidence",
  schema: nothing,
  id: () => "evidence",
  process: async (_payload, context) => {
    const { sequencer, seen, jobs, clock } = context;
    const items = await sequencer.evidence(seen.evidence);
    for (const { node, number, evidence: found } of items) {
      await ensureJob(jobs, submitEvidence, toPayload(found));
      seen.evidence.set(node, number + 1);
    }
    if (clock.monotonicMs() - seen.deepForkAtMs >= DEEP_FORK_EVERY_MS) {
      seen.deepForkAtMs = clock.monotonicMs();
      await lookForDeepFork(context);
    }
    return { kind: "done", note: `${String(items.length)} new` };
  },
};

async function lookForDeepFork({ sequencer, jobs }: Context): Promise<void> {
  const fork = await findDeepFork(await sequencer.newest(), sequencer);
  if (fork !== undefined) await ensureJob(jobs, freeze, toFreezePayload(fork));
}
