import * as z from "zod";

import { toHex } from "../../src/codec/hex.ts";
import type { Checkpoint } from "../../src/lightclient/checkpoint.ts";
import * as Wire from "../../src/lightclient/wire.ts";
import * as Header from "../../src/protocol/Header.ts";
import type { Context } from "../context.ts";
import { isHalted, isResumeDue } from "../decide/housekeeping.ts";
import { FatalJobError } from "../errors.ts";
import { encodeApplyResume, encodeResume, SignatureError } from "../l1/encode.ts";
import type { JobDefinition } from "../queues.ts";
import type { QuorumResume } from "../sequencer.ts";
import { PRIORITY, single } from "./intents.ts";
import { sendIntent } from "./send.ts";

const resumePayload = z.object({ epoch: z.string().regex(/^\d{1,20}$/), signature: z.string(), resume: z.json() });
type ResumePayload = z.output<typeof resumePayload>;

export function toResumePayload(resume: QuorumResume): ResumePayload {
  const { message, signature } = resume;
  const json = z.json().parse(z.encode(Wire.resume, resume));
  return { epoch: message.epoch.toString(), signature: toHex(signature), resume: json };
}

/** `slashing/propose-resume`: shows L1 where a newer committee says that the chain goes on. */
export const proposeResume: JobDefinition<ResumePayload, Context> = {
  queue: "slashing",
  name: "propose-resume",
  schema: resumePayload,
  id: ({ epoch, signature }) => `resume-${epoch}-${signature.slice(2, 18)}`,
  process: async (payload, context) => {
    const { l1, contracts } = context;
    const resume = Wire.resume.parse(payload.resume);
    const [client, pending, now] = [await l1.client(), await l1.pendingResume(), await l1.headTime()];
    if (!isHalted(client, now)) return { kind: "already-done", note: "the client lives" };
    if (pending.epoch > resume.message.epoch) return { kind: "already-done", note: "a higher epoch's is pending" };
    const opened = await openLatest(context, resume.header);
    if (opened === undefined)
      return { kind: "later", afterMs: context.pollMs * 10, note: "no proof of the checkpoint" };
    const data = encode(resume, opened.checkpoint, opened.path);
    const outcome = await context.preflight(contracts.lightClient, data);
    if (outcome.kind === "ok") {
      const label = `resume-${payload.epoch}-${payload.signature.slice(2, 18)}`;
      return sendIntent(context, single(label, contracts.lightClient, data, PRIORITY.resume));
    }
    if (outcome.verdict === "already-done") return { kind: "already-done", note: outcome.name };
    if (outcome.verdict === "retry") return { kind: "later", afterMs: context.pollMs * 10, note: outcome.name };
    throw new FatalJobError(`L1 refuses the resume of epoch ${payload.epoch}: ${outcome.name}`);
  },
};

/** L1's checkpoint, opened, and the proof that it is in the history of the resume's block; empty where it is that block. */
async function openLatest(
  { l1, sequencer }: Context,
  head: Header.Header,
): Promise<{ readonly checkpoint: Checkpoint; readonly path: readonly string[] } | undefined> {
  const latest = await l1.latestCheckpoint();
  if (latest === undefined) return undefined;
  const { blockHash, height, epoch, viewNumber, timestamp, receivedAt } = latest;
  const isHead = blockHash === Header.hash(head);
  const found = isHead ? { header: head, path: [] } : await sequencer.inHistory(height, head);
  if (found === undefined || Header.hash(found.header) !== blockHash) return undefined;
  const { history } = found.header;
  return { checkpoint: { blockHash, history, height, epoch, viewNumber, timestamp, receivedAt }, path: found.path };
}

function encode(resume: QuorumResume, checkpoint: Checkpoint, path: readonly string[]): string {
  try {
    return encodeResume(resume, checkpoint, path);
  } catch (error) {
    throw error instanceof SignatureError ? new FatalJobError(error.message) : error;
  }
}

const applyPayload = z.object({ applicableAt: z.string().regex(/^\d{1,20}$/) });

/** `slashing/apply-resume`: ends an outage that a newer committee has signed the end of. */
export const applyResume: JobDefinition<z.output<typeof applyPayload>, Context> = {
  queue: "slashing",
  name: "apply-resume",
  schema: applyPayload,
  id: ({ applicableAt }) => `apply-resume-${applicableAt}`,
  process: async (_payload, context) => {
    const { l1, contracts } = context;
    const [client, { applicableAt }, now] = [await l1.client(), await l1.pendingResume(), await l1.headTime()];
    if (!isResumeDue(client, applicableAt, now)) return { kind: "already-done", note: "no resume is due" };
    const label = `apply-resume-${applicableAt.toString()}`;
    return sendIntent(context, single(label, contracts.lightClient, encodeApplyResume(), PRIORITY.resume));
  },
};
