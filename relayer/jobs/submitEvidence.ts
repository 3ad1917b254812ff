import * as z from "zod";

import { keccakHash } from "../../src/crypto/hash.ts";
import * as Views from "../../src/lightclient/wireViews.ts";
import type * as Evidence from "../../src/protocol/Evidence.ts";
import type { Context } from "../context.ts";
import { caseOf } from "../decide/evidence.ts";
import { FatalJobError } from "../errors.ts";
import { encodeSlash, encodeSlashSigner, encodeSlashSigners, signingKey } from "../l1/encodeEvidence.ts";
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
    if (found.kind === "pair") {
      const key = await keyToSlash(context, found.validator, evidence.first);
      return key === undefined ? SLASHED : submit(context, labelOf(id), encodeSlash(evidence, key), false);
    }
    if (found.kind === "member") {
      const { certificate, index, vote, validator } = found;
      const key = await keyToSlash(context, validator, vote);
      if (key === undefined) return SLASHED;
      return submit(context, labelOf(id), encodeSlashSigner(certificate, index, vote, key), false);
    }
    const data = encodeSlashSigners(found.first, found.second, found.inBoth);
    const names = found.inBoth.map(({ validator }) => validator.toString()).join("-");
    return submit(context, `${labelOf(id)}-${names}`, data, true);
  },
};

const SLASHED = { kind: "already-done", note: "slashed already" } as const;

function labelOf(id: string): string {
  return `evidence-${id.slice(2, 18)}`;
}

/** The key that signed; undefined where its validator is slashed. */
async function keyToSlash(
  context: Context,
  validator: bigint,
  statement: Evidence.Statement,
): Promise<Uint8Array | undefined> {
  if (await context.l1.isSlashed(validator)) return undefined;
  const key = signingKey(context.memory.keysOf(validator), statement, context.domain);
  if (key === undefined) throw new FatalJobError(`no key of validator ${validator.toString()} signed the evidence`);
  return key;
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
