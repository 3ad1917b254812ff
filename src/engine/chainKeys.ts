import { concatBytes } from "../codec/hex.ts";
import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import type { CommitteeId, Epoch, Height, NamespaceId, View } from "../protocol/scalars.ts";
import type { VoteKind } from "../protocol/Vote.ts";

/** The keys of the block store: one letter for the table, then fixed-width big-endian parts, so ranges sort by number. */

function letter(text: string): Uint8Array {
  return Uint8Array.of(text.charCodeAt(0));
}

function u64(value: bigint): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, value);
  return out;
}

const KIND: Readonly<Record<VoteKind, number>> = { notarize: 0, nullify: 1, finalize: 2 };

/** The newest finalized block with certificate and history frontier. */
export const tip = letter("m");
/** Finalized header and the length of its payload. */
export const block = (height: Height): Uint8Array => concatBytes(letter("h"), u64(height));
/** Height of a finalized block. */
export const height = (hash: Hash): Uint8Array => concatBytes(letter("b"), hashBytes(hash));
/** Canonical payload bytes. */
export const payload = (hash: Hash): Uint8Array => concatBytes(letter("p"), hashBytes(hash));
/** Marks a payload whose block is certified and not final: found by view when its views have passed. */
export const candidate = (epoch: Epoch, view: View, hash: Hash): Uint8Array =>
  concatBytes(letter("u"), u64(epoch), u64(view), hashBytes(hash));
export const candidatesFrom = (epoch: Epoch, view: View): Uint8Array => concatBytes(letter("u"), u64(epoch), u64(view));
/** Finalization certificate whose block has this height. */
export const finalization = (at: Height): Uint8Array => concatBytes(letter("f"), u64(at));
/** Every certificate, by view. */
export const certificate = (epoch: Epoch, view: View, kind: VoteKind): Uint8Array =>
  concatBytes(letter("v"), u64(epoch), u64(view), Uint8Array.of(KIND[kind]));
/** Height of the handover that ended an epoch. */
export const handover = (epoch: Epoch): Uint8Array => concatBytes(letter("o"), u64(epoch));
/** Where a transaction stands: height and index in its namespace. */
export const transaction = (namespace: NamespaceId, hash: Hash): Uint8Array =>
  concatBytes(letter("t"), u64(namespace), hashBytes(hash));
export const evidence = (number: number): Uint8Array => concatBytes(letter("e"), u64(BigInt(number)));
export const evidenceByHash = (hash: Hash): Uint8Array => concatBytes(letter("x"), hashBytes(hash));
export const historyNode = (position: number): Uint8Array => concatBytes(letter("n"), u64(BigInt(position)));
export const committee = (id: CommitteeId): Uint8Array => concatBytes(letter("c"), u64(id));

/** A resume that was taken, by the epoch that it opened. */
export const resume = (epoch: Epoch): Uint8Array => concatBytes(letter("r"), u64(epoch));
/** The two finalizations that contradict, once they were seen; gone when a resume was taken. */
export const fork = letter("k");
/** What the light client on L1 was when it was last read. */
export const lightClient = letter("l");
export const certificatesFrom = (epoch: Epoch): Uint8Array => concatBytes(letter("v"), u64(epoch));

/** The block of a candidate's key. */
export function hashOfCandidate(key: Uint8Array): Hash {
  return hashFromBytes(key.slice(1 + 8 + 8));
}

export function tableStart(name: string): Uint8Array {
  return letter(name);
}

/** The end of a table: the letter that follows. */
export function tableEnd(name: string): Uint8Array {
  return Uint8Array.of(name.charCodeAt(0) + 1);
}

/** The number at the end of a key of a numbered table. */
export function numberOf(key: Uint8Array): bigint {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getBigUint64(1);
}
