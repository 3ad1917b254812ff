import * as z from "zod";

import { keccakHash } from "../../src/crypto/hash.ts";
import * as Views from "../../src/lightclient/wireViews.ts";
import type * as Evidence from "../../src/protocol/Evidence.ts";
import type { Context } from "../context.ts";
import { caseOf } from "../decide/evidence.ts";
import { FatalJobError } from "../errors.ts";
import { encodeSlash, encodeSlashSigners, signingKey } from "../l1/encodeEvidence.ts";
import type { JobDefinition, Outcome } from "../queues.ts";
import { PRIORITY, single } from "./intents.ts";
import { sendIntent } from "./send.ts";

/** In the node's own wire format: what stands in the queue can be read, and given to another relayer. */
const payloadSchema = z.object({ id: z.string().regex(/^0x[0-9a-f]{64}$/), evidence: z.json() });
type Payload = z.output<typeof payloadSchema>;

export function toPayload(evidence: Evidence.Evidence): Payload {
  const encoded = z.encode(Views.evidence, evidence);
  const json = z.json().parse(encoded);
  return { id: keccakHash(new TextEncoder().encode(JSON.stringify(json))), evidence: json };
}

/** `slashing/submit-evidence`: puts evidence to the Slasher; certificates again and again until all are slashed. */
export const submitEvidence: JobDefinition<Payload, Context> = {
  queue: "slashing",
  name: "submit-evidence",
  schema: payloadSchema,
  id: ({ id }) => `evidence-${id}`,
  process: async ({ id, evidence: json }, context) => {
    const evidence = Views.evidence.parse(json);
    await context.memory.refresh();
    const slashed = new Set(context.memory.slashed());
    const found = caseOf(evidence, (committee) => context.memory.members(committee), slashed);
    if (found.kind === "none") return { kind: "already-done", note: found.reason };
    if (found.kind === "pair") return submitPair(context, id, evidence, found.validator);
    const data = encodeSlashSigners(found.first, found.second, found.inBoth);
    const names = found.inBoth.map(({ validator }) => validator.toString()).join("-");
    return submit(context, `evidence-${id.slice(2, 18)}-${names}`, data, true);
  },
};

async function submitPair(
  context: Context,
  id: string,
  evidence: Evidence.Evidence,
  validator: bigint,
): Promise<Outcome> {
  if (await context.l1.isSlashed(validator)) return { kind: "already-done", note: "slashed already" };
  const key = signingKey(context.memory.keysOf(validator), evidence.first, context.domain);
  if (key === undefined) throw new FatalJobError(`no key of validator ${validator.toString()} signed the evidence`);
  return submit(context, `evidence-${id.slice(2, 18)}`, encodeSlash(evidence, key), false);
}

/** A refusal for good is a failed job, which is kept and counted: evidence is never dropped in silence (REPORT-2). */
async function submit(context: Context, label: string, data: string, repeats: boolean): Promise<Outcome> {
  const to = context.contracts.slasher;
  const outcome = await context.preflight(to, data);
  if (outcome.kind === "refused" && outcome.verdict === "unrecoverable") {
    throw new FatalJobError(`the Slasher refuses ${label}: ${outcome.name}`);
  }
  if (outcome.kind === "refused") return { kind: "already-done", note: outcome.name };
  const sent = await sendIntent(context, single(label, to, data, PRIORITY.evidence));
  return repeats ? { kind: "later", afterMs: context.pollMs * 10, note: sent.note } : sent;
}
