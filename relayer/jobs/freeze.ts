import * as z from "zod";

import { keccakHash, toHash } from "../../src/crypto/hash.ts";
import { PROOF_LENGTH_MAX } from "../../src/crypto/merkle.ts";
import * as Wire from "../../src/lightclient/wire.ts";
import type { Context } from "../context.ts";
import type { Fork } from "../decide/fork.ts";
import { FatalJobError } from "../errors.ts";
import { SignatureError } from "../l1/encode.ts";
import { encodeFreeze } from "../l1/encodeFreeze.ts";
import type { JobDefinition } from "../queues.ts";
import { PRIORITY, single } from "./intents.ts";
import { sendIntent } from "./send.ts";

const hash = z.string().regex(/^0x[0-9a-f]{64}$/);
const payloadSchema = z.object({
  id: hash,
  lower: z.json(),
  higher: z.json(),
  proof: z.object({ otherBlock: hash, path: z.array(hash).max(PROOF_LENGTH_MAX) }).nullable(),
});
type Payload = z.output<typeof payloadSchema>;

export function toFreezePayload({ lower, higher, proof }: Fork): Payload {
  const json = [lower, higher].map((finalized) => z.json().parse(z.encode(Wire.finalization, finalized)));
  const id = keccakHash(new TextEncoder().encode(JSON.stringify(json)));
  const carried = proof === undefined ? null : { otherBlock: proof.otherBlock, path: [...proof.path] };
  return { id, lower: json[0] ?? null, higher: json[1] ?? null, proof: carried };
}

function toFork({ lower, higher, proof }: Payload): Fork {
  return {
    lower: Wire.finalization.parse(lower),
    higher: Wire.finalization.parse(higher),
    proof: proof === null ? undefined : { otherBlock: toHash(proof.otherBlock), path: proof.path.map(toHash) },
  };
}

/** `slashing/freeze`: shows L1 a fork, which ends all trust until a resume. */
export const freeze: JobDefinition<Payload, Context> = {
  queue: "slashing",
  name: "freeze",
  schema: payloadSchema,
  id: ({ id }) => `freeze-${id}`,
  process: async (payload, context) => {
    if ((await context.l1.client()).frozen) return { kind: "already-done", note: "frozen" };
    const data = encode(toFork(payload));
    const to = context.contracts.lightClient;
    const outcome = await context.preflight(to, data);
    if (outcome.kind === "ok")
      return sendIntent(context, single(`freeze-${payload.id.slice(2, 18)}`, to, data, PRIORITY.freeze));
    if (outcome.verdict === "already-done") return { kind: "already-done", note: outcome.name };
    throw new FatalJobError(`L1 does not believe in the fork: ${outcome.name}`);
  },
};

function encode(fork: Fork): string {
  try {
    return encodeFreeze(fork);
  } catch (error) {
    throw error instanceof SignatureError ? new FatalJobError(error.message) : error;
  }
}
