import type { Hash } from "../../src/crypto/hash.ts";
import {
  decodeRecord,
  encodeRecord,
  recordKey,
  type IntentRecord,
  type OutboxRecord,
  type SlotRecord,
} from "./records.ts";

/** Where records are kept: all of a commit or nothing, on disk when the promise resolves. */
export interface OutboxStore {
  load(): Promise<ReadonlyMap<string, string>>;
  commit(puts: ReadonlyMap<string, string>, deletes: readonly string[]): Promise<void>;
}

/** Most intents and most slots kept. A relayer that reaches it stops taking intents until old ones are finalized. */
export const INTENTS_MAX = 4096;
export const SLOTS_MAX = 4096;
/** Settled records kept for `status`. */
export const HISTORY_MAX = 256;

/** The outbox cannot take more: L1 finalizes nothing, or an operator must look at it. */
export class OutboxFullError extends Error {
  override readonly name = "OutboxFullError";
}

/** A store failed in the middle: what is persisted is unknown until the outbox is opened again. */
export class OutboxBrokenError extends Error {
  override readonly name = "OutboxBrokenError";
}

/**
 * OUT-1: the truth about what this key wants from L1 and which signed transactions exist for it. Every change is
 * committed to every store before it is visible here, and so before anything is broadcast.
 *
 * Stores are written in order: the fenced one first, so that a sender that lost its key commits nothing anywhere.
 * Opening merges them and writes each what it lacks: the higher revision of a record wins, and a nonce keeps every
 * transaction that any store knows (OUT-4), as each may be mined: stores that lost sight of each other number alike.
 */
export class Outbox {
  readonly #stores: readonly OutboxStore[];
  readonly #intents = new Map<Hash, IntentRecord>();
  readonly #slots = new Map<number, SlotRecord>();
  #revision = 0;

  private constructor(stores: readonly OutboxStore[]) {
    this.#stores = stores;
  }

  static async open(stores: readonly OutboxStore[]): Promise<Outbox> {
    const outbox = new Outbox(stores);
    const contents = await Promise.all(stores.map((store) => store.load()));
    const merged = merge(contents);
    for (const record of merged.values()) outbox.#apply(record);
    for (const [index, store] of stores.entries()) {
      const missing = new Map<string, string>();
      for (const [key, record] of merged) {
        const text = encodeRecord(record);
        if (contents[index]?.get(key) !== text) missing.set(key, text);
      }
      if (missing.size > 0) await store.commit(missing, []);
    }
    return outbox;
  }

  intent(id: Hash): IntentRecord | undefined {
    return this.#intents.get(id);
  }

  intents(): readonly IntentRecord[] {
    return [...this.#intents.values()];
  }

  /** Slots in nonce order. */
  slots(): readonly SlotRecord[] {
    return [...this.#slots.values()].sort((a, b) => a.nonce - b.nonce);
  }

  /** Writes records (their `revision` is set here) and removes others, all or nothing. */
  async commit(records: readonly OutboxRecord[], removed: readonly OutboxRecord[] = []): Promise<void> {
    if (records.length === 0 && removed.length === 0) return;
    const revision = this.#revision + 1;
    const written = records.map((record) => ({ ...record, revision }));
    this.#assertRoom(written);
    const puts = new Map(written.map((record) => [recordKey(record), encodeRecord(record)]));
    const deletes = removed.map(recordKey);
    await this.#write(puts, deletes);
    for (const record of removed) {
      if (record.kind === "intent") this.#intents.delete(record.intent.id);
      else this.#slots.delete(record.nonce);
    }
    for (const record of written) this.#apply(record);
  }

  async #write(puts: ReadonlyMap<string, string>, deletes: readonly string[]): Promise<void> {
    try {
      for (const store of this.#stores) await store.commit(puts, deletes);
    } catch (cause) {
      if (cause instanceof Error && cause.name === "FenceLostError") throw cause;
      throw new OutboxBrokenError("the outbox could not be written", { cause });
    }
  }

  #apply(record: OutboxRecord): void {
    this.#revision = Math.max(this.#revision, record.revision);
    if (record.kind === "intent") this.#intents.set(record.intent.id, record);
    else this.#slots.set(record.nonce, record);
  }

  #assertRoom(records: readonly OutboxRecord[]): void {
    const newIntents = records.filter((record) => record.kind === "intent" && !this.#intents.has(record.intent.id));
    const newSlots = records.filter((record) => record.kind === "slot" && !this.#slots.has(record.nonce));
    if (this.#intents.size + newIntents.length > INTENTS_MAX && newIntents.length > 0) {
      throw new OutboxFullError(`the outbox holds ${String(INTENTS_MAX)} intents`);
    }
    if (this.#slots.size + newSlots.length > SLOTS_MAX && newSlots.length > 0) {
      throw new OutboxFullError(`the outbox holds ${String(SLOTS_MAX)} nonces that are not finalized`);
    }
  }
}

function merge(contents: readonly ReadonlyMap<string, string>[]): Map<string, OutboxRecord> {
  const merged = new Map<string, OutboxRecord>();
  for (const content of contents) {
    for (const [key, text] of content) {
      const record = decodeRecord(text);
      const known = merged.get(key);
      merged.set(key, known === undefined ? record : mergeRecords(known, record));
    }
  }
  return merged;
}

function mergeRecords(a: OutboxRecord, b: OutboxRecord): OutboxRecord {
  const [newer, older] = a.revision < b.revision ? [b, a] : [a, b];
  if (newer.kind !== "slot" || older.kind !== "slot") return newer;
  const known = new Set(newer.attempts.map(({ hash }) => hash));
  const forgotten = older.attempts.filter(({ hash }) => !known.has(hash));
  // The newest attempt stays last: it is the one that is rebroadcast and bumped.
  return forgotten.length === 0 ? newer : { ...newer, attempts: [...forgotten, ...newer.attempts] };
}
