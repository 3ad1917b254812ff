import { z } from "zod";

import { keccak256Portable } from "../../src/crypto/hash.ts";
import { toHex } from "../../src/codec/hex.ts";
import type { Context } from "../context.ts";
import { committeeToMake, keysToSeal } from "../decide/housekeeping.ts";
import { encodeRotate, encodeSeal, encodeSettle } from "../l1/encode.ts";
import type { WaitingKey } from "../l1/stakeMemory.ts";
import type { JobDefinition } from "../queues.ts";
import { PRIORITY, single, NEVER_MS, TRANSACTION_GAS_MAX } from "./intents.ts";
import { sendIntent } from "./send.ts";

const decimal = z.string().regex(/^\d{1,20}$/);

/** Keys that the contract says still wait, with their age. Those that were sealed meanwhile are forgotten. */
export async function stillWaiting(
  context: Context,
): Promise<readonly (WaitingKey & { readonly ageSeconds: bigint })[]> {
  const [head, candidates] = [await context.l1.headTime(), context.memory.waitingKeys()];
  const kept = [];
  for (const key of candidates) {
    if ((await context.l1.keyPage(key.keyHash)) !== 0n) context.memory.forgetKey(key.keyHash);
    else kept.push({ ...key, ageSeconds: head - (await context.l1.blockTime(key.block)) });
  }
  return kept;
}

const sealPayload = z.object({ first: z.string() });

/** `stake-table/seal`: writes waiting keys to a page. */
export const seal: JobDefinition<z.output<typeof sealPayload>, Context> = {
  queue: "stake-table",
  name: "seal",
  schema: sealPayload,
  id: ({ first }) => `seal-${first}`,
  process: async (_payload, context) => {
    const keys = keysToSeal(await stillWaiting(context), context.housekeeping);
    if (keys.length === 0) return { kind: "already-done", note: "no key waits" };
    // Named by its content: a larger page of the same keys replaces a smaller one that is not mined yet.
    const name = toHex(keccak256Portable(Buffer.from(keys.map(({ keyHash }) => keyHash).join(""), "utf8"))).slice(
      2,
      18,
    );
    return sendIntent(context, {
      label: `seal-${name}`,
      group: "seal",
      rank: BigInt(keys.length),
      priority: PRIORITY.seal,
      to: context.contracts.stakeTable,
      data: encodeSeal(keys.map(({ key }) => key)),
      gasMax: TRANSACTION_GAS_MAX,
      urgentAtMs: NEVER_MS,
    });
  },
};

const rotatePayload = z.object({ committee: decimal });

/** `stake-table/rotate`: makes the next committee. */
export const rotate: JobDefinition<z.output<typeof rotatePayload>, Context> = {
  queue: "stake-table",
  name: "rotate",
  schema: rotatePayload,
  id: ({ committee }) => `rotate-${committee}`,
  process: async ({ committee }, context) => {
    const [rotation, l1Seconds] = [await context.l1.rotation(), await context.l1.headTime()];
    const due = committeeToMake(rotation, context.housekeeping, l1Seconds);
    if (due !== BigInt(committee))
      return { kind: "already-done", note: `newest is ${rotation.newestCommittee.toString()}` };
    return sendIntent(
      context,
      single(`rotate-${committee}`, context.contracts.stakeTable, encodeRotate(), PRIORITY.rotate),
    );
  },
};

const settlePayload = z.object({ validator: decimal });

/** `stake-table/settle`: fixes the penalty of a slash once its window is over. */
export const settle: JobDefinition<z.output<typeof settlePayload>, Context> = {
  queue: "stake-table",
  name: "settle",
  schema: settlePayload,
  id: ({ validator }) => `settle-${validator}`,
  process: async ({ validator }, context) => {
    const id = BigInt(validator);
    if (await context.l1.isSettled(id)) {
      context.memory.forgetSlash(id);
      return { kind: "already-done", note: "settled" };
    }
    const dueAt = await context.l1.settleableAt(id);
    const now = await context.l1.headTime();
    if (now < dueAt) return { kind: "already-done", note: `due at ${dueAt.toString()}` };
    return sendIntent(
      context,
      single(`settle-${validator}`, context.contracts.slasher, encodeSettle(id), PRIORITY.settle),
    );
  },
};
