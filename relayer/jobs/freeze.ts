import * as z from "zod";

import { keccakHash } from "../../src/crypto/hash.ts";
import * as Wire from "../../src/lightclient/wire.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import type { Context } from "../context.ts";
import { FatalJobError } from "../errors.ts";
import { SignatureError } from "../l1/encode.ts";
import { encodeFreeze } from "../l1/encodeFreeze.ts";
import type { JobDefinition } from "../queues.ts";
import { PRIORITY, single } from "./intents.ts";
import { sendIntent } from "./send.ts";

const payloadSchema = z.object({ id: z.string().regex(/^0x[0-9a-f]{64}$/), first: z.json(), second: z.json() });
type Payload = z.output<typeof payloadSchema>;

export function toFreezePayload([first, second]: readonly [FinalizedHeader, FinalizedHeader]): Payload {
  const json = [first, second].map((finalized) => z.json().parse(z.encode(Wire.finalization, finalized)));
  const id = keccakHash(new TextEncoder().encode(JSON.stringify(json)));
  return { id, first: json[0] ?? null, second: json[1] ?? null };
}

/** `slashing/freeze`: shows L1 a fork, which ends all trust until a resume. */
export const freeze: JobDefinition<Payload, Context> = {
  queue: "slashing",
  name: "freeze",
  schema: payloadSchema,
  id: ({ id }) => `freeze-${id}`,
  process: async ({ id, first, second }, context) => {
    if ((await context.l1.client()).frozen) return { kind: "already-done", note: "frozen" };
    const data = encode(Wire.finalization.parse(first), Wire.finalization.parse(second));
    const to = context.contracts.lightClient;
    const outcome = await context.preflight(to, data);
    if (outcome.kind === "ok")
      return sendIntent(context, single(`freeze-${id.slice(2, 18)}`, to, data, PRIORITY.freeze));
    if (outcome.verdict === "already-done") return { kind: "already-done", note: outcome.name };
    throw new FatalJobError(`L1 does not believe in the fork: ${outcome.name}`);
  },
};

function encode(first: FinalizedHeader, second: FinalizedHeader): string {
  try {
    return encodeFreeze(first, second);
  } catch (error) {
    throw error instanceof SignatureError ? new FatalJobError(error.message) : error;
  }
}
