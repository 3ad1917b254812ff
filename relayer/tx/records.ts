import { z } from "zod";

import { toHash } from "../../src/crypto/hash.ts";

/** The shapes that the outbox persists. Every value read from disk or Redis passes here. */

const amount = z.union([z.bigint(), z.string().regex(/^\d{1,78}$/)]).transform((value) => BigInt(value));
const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .transform(toHash);
const hexData = z.string().regex(/^0x([0-9a-fA-F]{2})*$/);

export const feesSchema = z.object({ maxFeePerGas: amount, maxPriorityFeePerGas: amount });

export const intentSchema = z.object({
  id: hash,
  label: z.string().min(1).max(200),
  group: z.string().max(200),
  rank: amount,
  priority: z.number().int(),
  to: hexData,
  data: hexData,
  gasMax: amount,
  urgentAtMs: z.number(),
});

/**
 * `open`: still wanted. `final`: its transaction is L1-finalized. `reverted`: mined without success, never sent again.
 * `dropped`: superseded, already done by another, or refused; `reason` says which.
 */
export const intentRecordSchema = z.object({
  kind: z.literal("intent"),
  revision: z.number().int(),
  intent: intentSchema,
  state: z.enum(["open", "final", "reverted", "dropped"]),
  reason: z.string(),
  offeredAtMs: z.number(),
  /** Estimated once, before the first signature: a later estimate would see the first transaction's effect (TX-9). */
  gasLimit: amount.nullable(),
});

export const attemptSchema = z.object({
  hash,
  raw: hexData,
  fees: feesSchema,
  /** The intent it carries; null for the cancelling self-transfer. */
  intentId: hash.nullable(),
  signedAtMs: z.number(),
});

export const minedSchema = z.object({
  hash,
  blockNumber: z.number().int(),
  blockHash: hash,
  succeeded: z.boolean(),
  gasUsed: amount,
  feePerGas: amount,
});

/** One nonce of the key and every transaction that was ever signed for it. */
export const slotRecordSchema = z.object({
  kind: z.literal("slot"),
  revision: z.number().int(),
  nonce: z.number().int().nonnegative(),
  attempts: z.array(attemptSchema).min(1),
  status: z.enum(["pending", "mined", "safe", "finalized", "lost"]),
  mined: minedSchema.nullable(),
  /** When the chain's nonce was first seen past this slot with none of its transactions mined. */
  consumedAt: z.object({ block: z.number().int(), atMs: z.number() }).nullable(),
});

export const recordSchema = z.discriminatedUnion("kind", [intentRecordSchema, slotRecordSchema]);

export type IntentRecord = Readonly<z.output<typeof intentRecordSchema>>;
export type Attempt = Readonly<z.output<typeof attemptSchema>>;
export type Mined = Readonly<z.output<typeof minedSchema>>;
export type SlotRecord = Readonly<z.output<typeof slotRecordSchema>>;
export type OutboxRecord = IntentRecord | SlotRecord;

export function recordKey(record: OutboxRecord): string {
  return record.kind === "intent" ? `intent/${record.intent.id}` : `slot/${String(record.nonce).padStart(16, "0")}`;
}

export function encodeRecord(record: OutboxRecord): string {
  return JSON.stringify(record, (_name, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

/** Throws zod's error on anything that is not a record. */
export function decodeRecord(text: string): OutboxRecord {
  const parsed: unknown = JSON.parse(text);
  return recordSchema.parse(parsed);
}

export function lastAttempt(slot: SlotRecord): Attempt {
  const last = slot.attempts.at(-1);
  if (last === undefined) throw new RangeError(`slot ${String(slot.nonce)} has no attempt`);
  return last;
}
