import { z } from "zod";

import type { Context } from "../context.ts";
import { findFork } from "../decide/fork.ts";
import { freeze, toFreezePayload } from "../jobs/freeze.ts";
import { advance, decidePost, handover } from "../jobs/post.ts";
import { ensureJob, type JobDefinition } from "../queues.ts";

/** Watchers carry nothing: they read where L1 and the nodes stand. */
export const nothing = z.object({});
export type Nothing = z.output<typeof nothing>;

/** `watch/finalized-headers`: adds the one job that brings L1 up to what is finalized. */
export const finalizedHeaders: JobDefinition<Nothing, Context> = {
  queue: "watch",
  name: "finalized-headers",
  schema: nothing,
  id: () => "finalized-headers",
  process: async (_payload, context) => {
    if (context.draining) return { kind: "done", note: "draining" };
    const fork = findFork(await context.sequencer.newest());
    if (fork !== undefined) await ensureJob(context.jobs, freeze, toFreezePayload(fork));
    const decision = await decidePost(context);
    if (decision.kind === "none") return { kind: "done", note: decision.reason };
    const { header } = decision.finalized;
    if (decision.kind === "handover") await ensureJob(context.jobs, handover, { epoch: header.epoch.toString() });
    else await ensureJob(context.jobs, advance, { height: header.height.toString() });
    return { kind: "done", note: `${decision.kind} ${header.height.toString()}` };
  },
};
