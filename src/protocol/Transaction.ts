import { concatBytes } from "../codec/hex.ts";
import { Writer } from "../codec/writer.ts";
import { hashBytes, hashFromBytes, keccakHash, type Hash } from "../crypto/hash.ts";
import { type NamespaceId } from "./scalars.ts";

/**
 * A transaction is opaque bytes in a namespace; the layer orders and does not execute. What stands in a block is its
 * envelope: `0x00 ‖ data` for a plain one, `0x01 ‖ bundleId ‖ uint8 index ‖ uint8 count ‖ data` for a bundle's part.
 */
export interface Transaction {
  readonly namespace: NamespaceId;
  readonly envelope: Uint8Array;
}

export type Envelope =
  | { readonly kind: "plain"; readonly data: Uint8Array }
  | {
      readonly kind: "part";
      readonly bundle: Hash;
      readonly index: number;
      readonly count: number;
      readonly data: Uint8Array;
    };

/** What one bundle says to one namespace. */
export interface BundlePart {
  readonly namespace: NamespaceId;
  readonly data: Uint8Array;
}

export type EnvelopeFault =
  | { readonly code: "empty-envelope" }
  | { readonly code: "unknown-envelope"; readonly tag: number }
  | { readonly code: "truncated-envelope"; readonly bytes: number }
  | { readonly code: "bad-bundle-index"; readonly index: number; readonly count: number };

const PLAIN = 0x00;
const PART = 0x01;
const HASH_BYTES = 32;
/** Bytes that a bundle's part adds to its data. */
export const PART_OVERHEAD_BYTES = 1 + HASH_BYTES + 2;
export const PLAIN_OVERHEAD_BYTES = 1;
/** Parts in one bundle. One part alone is no bundle. */
export const BUNDLE_PARTS_MIN = 2;
export const BUNDLE_PARTS_MAX = 16;

/** keccak256 of the envelope: names a transaction inside its namespace. */
export function hash(transaction: Transaction): Hash {
  return keccakHash(transaction.envelope);
}

export function plain(namespace: NamespaceId, data: Uint8Array): Transaction {
  return { namespace, envelope: concatBytes(Uint8Array.of(PLAIN), data) };
}

/** keccak256 over the list of (uint64 namespace, keccak256(data)), in the order of the parts. */
export function bundleId(parts: readonly BundlePart[]): Hash {
  const writer = new Writer();
  for (const part of parts) writer.u64(part.namespace).fixed(hashBytes(keccakHash(part.data)), HASH_BYTES);
  return keccakHash(writer.finish());
}

/** The transactions of a bundle, which a block holds all or none of. */
export function bundle(parts: readonly BundlePart[]): Transaction[] {
  const id = hashBytes(bundleId(parts));
  return parts.map((part, index) => ({
    namespace: part.namespace,
    envelope: concatBytes(Uint8Array.of(PART), id, Uint8Array.of(index, parts.length), part.data),
  }));
}

export type EnvelopeResult =
  { readonly ok: true; readonly envelope: Envelope } | { readonly ok: false; readonly fault: EnvelopeFault };

/** Opens an envelope from bytes nobody vouches for. */
export function open(envelope: Uint8Array): EnvelopeResult {
  const [tag] = envelope;
  if (tag === undefined) return { ok: false, fault: { code: "empty-envelope" } };
  if (tag === PLAIN) return { ok: true, envelope: { kind: "plain", data: envelope.subarray(PLAIN_OVERHEAD_BYTES) } };
  if (tag !== PART) return { ok: false, fault: { code: "unknown-envelope", tag } };
  const index = envelope[1 + HASH_BYTES];
  const count = envelope[2 + HASH_BYTES];
  if (index === undefined || count === undefined) {
    return { ok: false, fault: { code: "truncated-envelope", bytes: envelope.length } };
  }
  if (count < BUNDLE_PARTS_MIN || count > BUNDLE_PARTS_MAX || index >= count) {
    return { ok: false, fault: { code: "bad-bundle-index", index, count } };
  }
  const bundleOf = hashFromBytes(envelope.slice(1, 1 + HASH_BYTES));
  const data = envelope.subarray(PART_OVERHEAD_BYTES);
  return { ok: true, envelope: { kind: "part", bundle: bundleOf, index, count, data } };
}
