import type { Context } from "../context.ts";
import { submitEvidence, toPayload } from "../jobs/submitEvidence.ts";
import { ensureJob, type JobDefinition } from "../queues.ts";
import { nothing, type Nothing } from "./finalizedHeaders.ts";

/** `watch/evidence`: what nodes verified and L1 may not know yet. A restart reads it all again: job ids sort it out. */
export const evidence: JobDefinition<Nothing, Context> = {
  queue: "watch",
  name: "evidence",
  schema: nothing,
  id: () => "evidence",
  process: async (_payload, { sequencer, seen, jobs }) => {
    const items = await sequencer.evidence(seen.evidence);
    for (const { node, number, evidence: found } of items) {
      await ensureJob(jobs, submitEvidence, toPayload(found));
      seen.evidence.set(node, number + 1);
    }
    return { kind: "done", note: `${String(items.length)} new` };
  },
};
