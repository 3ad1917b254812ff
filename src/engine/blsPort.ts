import type { Bls } from "../crypto/bls.ts";

/** One validator's signature over a digest that a whole batch shares. */
export interface BatchEntry {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
  /** Already found valid: needs no second look. */
  readonly verified: boolean;
}

/** Which entries hold (places in the batch, ascending) and the aggregate of exactly those; undefined if none does. */
export interface BatchVerdict {
  readonly valid: readonly number[];
  readonly invalid: readonly number[];
  readonly aggregate: Uint8Array | undefined;
}

/** BLS verification off the main path: every answer comes later. Only the purpose `vote` is ever needed here. */
export interface BlsPort {
  verify(key: Uint8Array, digest: Uint8Array, signature: Uint8Array): Promise<boolean>;
  verifyAggregate(keys: readonly Uint8Array[], digest: Uint8Array, signature: Uint8Array): Promise<boolean>;
  verifyBatch(digest: Uint8Array, entries: readonly BatchEntry[]): Promise<BatchVerdict>;
}

/** Seats of a committee: the most entries one batch can have. */
export const BATCH_ENTRIES_MAX = 100;

/**
 * VOTE-2, VOTE-3: one check of the sum when all is well, bisection to the forged ones when it is not. Two who share a
 * secret can shift a difference from one signature to the other, so that both pass together and neither alone; so what
 * was found good part by part is checked once more as the whole that goes into a certificate.
 */
export function verifyBatch(bls: Bls, digest: Uint8Array, entries: readonly BatchEntry[]): BatchVerdict {
  const all = entries.map((_, place) => place);
  const whole = sumOf(bls, digest, entries, all);
  if (whole !== undefined) return { valid: all, invalid: [], aggregate: whole };
  const places = all.filter((place) => !at(entries, place).verified);
  const good = new Set(validOf(bls, digest, entries, places));
  let valid = all.filter((place) => at(entries, place).verified || good.has(place));
  let aggregate = sumOf(bls, digest, entries, valid);
  if (aggregate === undefined) {
    valid = valid.filter((place) => validOf(bls, digest, entries, [place]).length > 0);
    aggregate = bls.aggregate(valid.map((place) => at(entries, place).signature));
  }
  const kept = new Set(valid);
  return { valid, invalid: all.filter((place) => !kept.has(place)), aggregate };
}

function sumOf(
  bls: Bls,
  digest: Uint8Array,
  entries: readonly BatchEntry[],
  places: readonly number[],
): Uint8Array | undefined {
  if (places.length === 0) return undefined;
  const chosen = places.map((place) => at(entries, place));
  const keys = chosen.map(({ key }) => key);
  const signatures = chosen.map(({ signature }) => signature);
  return bls.verifiedSum(keys, digest, signatures, "vote");
}

function validOf(bls: Bls, digest: Uint8Array, entries: readonly BatchEntry[], places: readonly number[]): number[] {
  if (places.length === 0) return [];
  const [only] = places;
  if (places.length === 1 && only !== undefined) {
    const { key, signature } = at(entries, only);
    return bls.verify(key, digest, signature, "vote") ? [only] : [];
  }
  if (sumOf(bls, digest, entries, places) !== undefined) return [...places];
  const middle = places.length >> 1;
  return [
    ...validOf(bls, digest, entries, places.slice(0, middle)),
    ...validOf(bls, digest, entries, places.slice(middle)),
  ];
}

function at(entries: readonly BatchEntry[], place: number): BatchEntry {
  const entry = entries[place];
  if (entry === undefined) throw new RangeError(`batch has no place ${String(place)}`);
  return entry;
}

/** Answers in this thread: for simulation and tests, where a thread would bring chance in. */
export function inlineBls(bls: Bls): BlsPort {
  return {
    verify: (key, digest, signature) => Promise.resolve(bls.verify(key, digest, signature, "vote")),
    verifyAggregate: (keys, digest, signature) => Promise.resolve(bls.verifyAggregate(keys, digest, signature, "vote")),
    verifyBatch: (digest, entries) => Promise.resolve(verifyBatch(bls, digest, entries)),
  };
}
