import type { Context } from "../context.ts";
import { committeeToMake, isHalted, isResumeDue, keysToSeal, seatsToReport } from "../decide/housekeeping.ts";
import { applyResume, proposeResume, toResumePayload } from "../jobs/resume.ts";
import { reportSlashed } from "../jobs/slashing.ts";
import { rotate, seal, settle, stillWaiting } from "../jobs/stakeTable.ts";
import { ensureJob, type JobDefinition } from "../queues.ts";
import { nothing, type Nothing } from "./finalizedHeaders.ts";

/** `watch/epochs`: what L1 itself makes due: keys to seal, a committee to make, slashes to settle and to report. */
export const epochs: JobDefinition<Nothing, Context> = {
  queue: "watch",
  name: "epochs",
  schema: nothing,
  id: () => "epochs",
  process: async (_payload, context) => {
    if (context.draining) return { kind: "done", note: "draining" };
    const { l1, jobs, memory, housekeeping } = context;
    await memory.refresh();
    const now = await l1.headTime();
    const [first] = keysToSeal(await stillWaiting(context), housekeeping);
    if (first !== undefined) await ensureJob(jobs, seal, { first: first.keyHash });
    const committee = committeeToMake(await l1.rotation(), housekeeping, now);
    if (committee !== undefined) await ensureJob(jobs, rotate, { committee: committee.toString() });
    for (const validator of memory.unsettled()) {
      if (now >= (await l1.settleableAt(validator))) await ensureJob(jobs, settle, { validator: validator.toString() });
    }
    await reportSlashedSeats(context);
    await resumeIfHalted(context, now);
    return { kind: "done", note: "" };
  },
};

/** HOUSE-5: puts what quorums signed to L1, one after the other by epoch, and applies what is due. */
async function resumeIfHalted({ l1, sequencer, jobs }: Context, now: bigint): Promise<void> {
  const client = await l1.client();
  if (!isHalted(client, now)) return;
  const { applicableAt, epoch } = await l1.pendingResume();
  if (isResumeDue(client, applicableAt, now)) {
    await ensureJob(jobs, applyResume, { applicableAt: applicableAt.toString() });
    return;
  }
  for (const resume of await sequencer.resumes()) {
    if (resume.message.epoch >= epoch) await ensureJob(jobs, proposeResume, toResumePayload(resume));
  }
}

/** Slashed seats of the committee that L1 trusts; what was reported already ends the job as done. */
async function reportSlashedSeats({ l1, memory, jobs }: Context): Promise<void> {
  const { committee } = await l1.client();
  const members = memory.members(committee);
  if (members === undefined) return;
  const seats = seatsToReport(members, new Set(memory.slashed()));
  const due = await l1.reportable(committee, seats);
  if (due.length > 0) await ensureJob(jobs, reportSlashed, { committee: committee.toString(), seats: [...due] });
}
