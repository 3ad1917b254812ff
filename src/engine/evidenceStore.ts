import { keccakHash } from "../crypto/hash.ts";
import type * as Evidence from "../protocol/Evidence.ts";
import type { Operation, Store } from "../storage/store.ts";
import * as Keys from "./chainKeys.ts";
import * as Records from "./records.ts";

/** Pieces of evidence kept against one validator: one is enough to slash it, and it can make more at no cost. */
export const EVIDENCE_PER_VALIDATOR_MAX = 32;
/** Evidence kept in all. */
export const EVIDENCE_MAX = 100_000;

export interface EvidenceAt {
  readonly number: number;
  readonly evidence: Evidence.Evidence;
}

/** ACC-4: evidence, once, for ever, in the order in which it was verified. */
export class EvidenceStore {
  readonly #store: Store;
  /** Pieces of evidence against the author of a pair of own signatures, by validator. */
  readonly #against = new Map<bigint, number>();
  #count = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async open(): Promise<void> {
    for await (const { key, value } of this.#store.range({ start: Keys.evidence(0), end: Keys.tableEnd("e") })) {
      this.#count = Number(Keys.numberOf(key)) + 1;
      this.#charge(Records.decodeEvidence(value));
    }
  }

  /** Returns whether it was new, and no more than enough. */
  async save(evidence: Evidence.Evidence): Promise<boolean> {
    const author = authorOf(evidence);
    if (author !== undefined && (this.#against.get(author) ?? 0) >= EVIDENCE_PER_VALIDATOR_MAX) return false;
    const value = Records.encodeEvidence(evidence);
    const hash = keccakHash(value);
    if (this.#count >= EVIDENCE_MAX || (await this.#store.get(Keys.evidenceByHash(hash))) !== undefined) return false;
    const number = this.#count;
    this.#count += 1;
    this.#charge(evidence);
    const operations: Operation[] = [
      { kind: "put", key: Keys.evidence(number), value },
      { kind: "put", key: Keys.evidenceByHash(hash), value: new Uint8Array(0) },
    ];
    await this.#store.batch(operations, { sync: true });
    return true;
  }

  #charge(evidence: Evidence.Evidence): void {
    const author = authorOf(evidence);
    if (author !== undefined) this.#against.set(author, (this.#against.get(author) ?? 0) + 1);
  }

  async read(from: number, limit: number): Promise<EvidenceAt[]> {
    const found: EvidenceAt[] = [];
    const range = { start: Keys.evidence(from), end: Keys.tableEnd("e"), limit };
    for await (const { key, value } of this.#store.range(range)) {
      found.push({ number: Number(Keys.numberOf(key)), evidence: Records.decodeEvidence(value) });
    }
    return found;
  }
}

/** Whose own signature the evidence holds; undefined where committees alone speak, which a single validator cannot make. */
function authorOf({ first, second }: Evidence.Evidence): bigint | undefined {
  for (const { signers } of [first, second]) if (signers.kind === "key") return signers.validator;
  return undefined;
}
