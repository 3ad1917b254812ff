import { z } from "zod";

import type { Context } from "../context.ts";
import { FatalJobError } from "../errors.ts";
import { type JobDefinition, type Outcome } from "../queues.ts";
import { intentSchema } from "../tx/records.ts";
import { toIntent, type IntentDraft } from "./intents.ts";

const payloadSchema = z.object({ intent: intentSchema });
type Payload = z.output<typeof payloadSchema>;

/**
 * `l1-tx/send`: hands an intent to the transaction manager and follows it until it is mined. The outbox is the truth:
 * a lost or repeated `send` changes nothing there.
 */
export const send: JobDefinition<Payload, Pick<Context, "sender" | "pollMs">> = {
  queue: "l1-tx",
  name: "send",
  schema: payloadSchema,
  id: ({ intent }) => `tx-${intent.id}`,
  process: async ({ intent }, context) => {
    const status = await context.sender.offer(intent);
    switch (status.kind) {
      case "planned":
      case "pending":
        return { kind: "later", afterMs: context.pollMs, note: status.kind };
      case "dropped":
        return { kind: "already-done", note: status.reason };
      case "reverted":
        throw new FatalJobError(`${intent.label} reverted on L1 and is not sent again: ${status.reason}`);
      case "mined":
      case "safe":
      case "final":
        return { kind: "done", note: `${status.kind} ${status.hash}` };
    }
  },
};

/** Puts an intent into the signer's queue. */
export async function sendIntent(context: Context, draft: IntentDraft): Promise<Outcome> {
  const intent = toIntent(context, draft);
  // Numbers that JSON does not have travel as text; `intentSchema` reads both.
  const carried = { ...intent, rank: intent.rank.toString(), gasMax: intent.gasMax.toString() };
  const added = await context.jobs.ensure(send.queue, send.name, send.id({ intent }), { intent: carried });
  return { kind: "done", note: `${draft.label} ${added === "added" ? "handed over" : "is under way"}` };
}
