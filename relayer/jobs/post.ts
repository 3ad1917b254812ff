import { z } from "zod";

import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import { isHandover } from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch } from "../../src/protocol/scalars.ts";
import type { Context, Seen } from "../context.ts";
import { installedCommittee, nextPost, type Post } from "../decide/nextPost.ts";
import { encodeAdvance, SignatureError } from "../l1/encode.ts";
import type { ClientState } from "../l1/reader.ts";
import { finalizationKey } from "../nodes.ts";
import type { JobDefinition, Outcome } from "../queues.ts";
import { ADVANCE_GAS_MAX, PRIORITY, type IntentDraft } from "./intents.ts";
import { sendIntent } from "./send.ts";

/** Refused finalizations remembered; the oldest is forgotten first. */
export const REFUSED_MAX = 1024;

/** What L1 lacks now, decided from L1 and from what the nodes offer, without what L1 refused for good before. */
export async function decidePost(context: Pick<Context, "l1" | "sequencer" | "post" | "seen">): Promise<Post> {
  const { l1, sequencer, post, seen } = context;
  const [client, l1Seconds, offered] = await Promise.all([l1.client(), l1.headTime(), sequencer.newest()]);
  const believable = (finalized: FinalizedHeader): boolean => !seen.refused.has(finalizationKey(finalized));
  const newest = offered.find(believable);
  note(seen, client, newest);
  if (newest === undefined) return { kind: "none", reason: "nothing is finalized yet" };
  const installed = installedCommittee(client);
  const sameCommittee = newest.header.committee === installed;
  const changesNow = isHandover(newest.header) && newest.header.nextCommittee !== installed;
  if (sameCommittee) return nextPost(client, { newest, change: changesNow ? newest : undefined }, post, l1Seconds);
  const epoch = Epoch(client.epoch === 0n ? 1n : client.epoch);
  const changes = await sequencer.changes(CommitteeId(installed), epoch);
  return nextPost(client, { newest, change: changes.find(believable) }, post, l1Seconds);
}

function note(seen: Seen, client: ClientState, newest: FinalizedHeader | undefined): void {
  seen.l1Height = client.height;
  seen.l1Epoch = client.epoch;
  seen.l1Committee = client.committee;
  if (newest === undefined) return;
  seen.finalizedHeight = newest.header.height;
  seen.finalizedEpoch = newest.header.epoch;
  seen.finalizedTimestampMs = newest.header.timestamp;
}

/**
 * Both jobs decide anew: what was newest when the job was added may not be when it runs. What L1 refuses for good is
 * remembered, so that the next best counts: one node that lies cannot stop the others (SOURCE-2).
 */
async function post(context: Context, subject: string): Promise<Outcome> {
  const decision = await decidePost(context);
  if (decision.kind === "none") return { kind: "already-done", note: `${subject}: ${decision.reason}` };
  const group = groupOf(decision.finalized);
  if (context.sender.isBusy(group)) return { kind: "already-done", note: `${subject}: one is under way` };
  const draft = draftOf(context, decision);
  const preflight = draft === undefined ? INVALID_SIGNATURE : await context.preflight(draft.to, draft.data);
  if (draft !== undefined && preflight.kind === "ok") return sendIntent(context, draft);
  const { verdict, name } = preflight.kind === "ok" ? INVALID_SIGNATURE : preflight;
  if (verdict === "already-done") return { kind: "already-done", note: `${subject}: ${name}` };
  if (verdict === "unrecoverable") refuse(context, decision.finalized, name);
  return { kind: "later", afterMs: context.pollMs, note: `${subject}: ${name}` };
}

const INVALID_SIGNATURE = { kind: "refused", verdict: "unrecoverable", name: "the signature is no point" } as const;

function refuse({ seen, logger }: Context, finalized: FinalizedHeader, name: string): void {
  logger.error("a node gave a finalization that L1 refuses", { height: finalized.header.height, error: name });
  const [oldest] = seen.refused;
  if (seen.refused.size >= REFUSED_MAX && oldest !== undefined) seen.refused.delete(oldest);
  seen.refused.add(finalizationKey(finalized));
}

/** One committee's finalizations replace each other; never may the next committee's replace its handover. */
function groupOf({ header }: FinalizedHeader): string {
  return `light-client-${header.committee.toString()}`;
}

/** Undefined where the certificate's signature is not even a point of the curve. */
function draftOf(context: Context, post: Extract<Post, { kind: "handover" | "advance" }>): IntentDraft | undefined {
  const { header } = post.finalized;
  const isChange = post.kind === "handover";
  try {
    return {
      label: isChange ? `handover-${header.epoch.toString()}` : `advance-${header.height.toString()}`,
      group: groupOf(post.finalized),
      rank: header.height,
      priority: isChange ? PRIORITY.handover : PRIORITY.advance,
      to: context.contracts.lightClient,
      data: encodeAdvance(post.finalized),
      gasMax: ADVANCE_GAS_MAX,
      urgentAtMs: post.urgentAtMs,
    };
  } catch (error) {
    if (error instanceof SignatureError) return undefined;
    throw error;
  }
}

const advancePayload = z.object({ height: z.string().regex(/^\d+$/) });
const handoverPayload = z.object({ epoch: z.string().regex(/^\d+$/) });

/** `light-client/advance`: posts the newest finalization. */
export const advance: JobDefinition<z.output<typeof advancePayload>, Context> = {
  queue: "light-client",
  name: "advance",
  schema: advancePayload,
  id: ({ height }) => `advance-${height}`,
  process: ({ height }, context) => post(context, `height ${height}`),
};

/** `light-client/handover`: posts the handover that the next committee waits for. */
export const handover: JobDefinition<z.output<typeof handoverPayload>, Context> = {
  queue: "light-client",
  name: "handover",
  schema: handoverPayload,
  id: ({ epoch }) => `handover-${epoch}`,
  process: ({ epoch }, context) => post(context, `handover of epoch ${epoch}`),
};
