import type { Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import { SIGNATURE_BYTES } from "../crypto/bls.ts";
import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import { hashStruct, signingDigest, type StructType } from "../crypto/typedData.ts";
import { DecodeError } from "../codec/reader.ts";
import { separator, type Domain } from "./Domain.ts";
import { Epoch, View } from "./scalars.ts";

export type VoteKind = "notarize" | "nullify" | "finalize";

/** What a validator says of one view (Simplex, ePrint 2023/463, with the block named in `finalize`). */
export type Vote =
  | { readonly kind: "notarize"; readonly epoch: Epoch; readonly view: View; readonly block: Hash }
  | { readonly kind: "nullify"; readonly epoch: Epoch; readonly view: View }
  | { readonly kind: "finalize"; readonly epoch: Epoch; readonly view: View; readonly block: Hash };

/** A vote with its author's signature; `signer` is a committee index. Says nothing about the signature's validity. */
export interface SignedVote {
  readonly vote: Vote;
  readonly signer: number;
  /** `SIGNATURE_BYTES` bytes. */
  readonly signature: Uint8Array;
}

type BlockMember = "epoch" | "viewNumber" | "block";

export const NOTARIZE: StructType<BlockMember> = {
  name: "Notarize",
  members: [
    { name: "epoch", type: "uint64" },
    { name: "viewNumber", type: "uint64" },
    { name: "block", type: "bytes32" },
  ],
};
export const NULLIFY: StructType<"epoch" | "viewNumber"> = {
  name: "Nullify",
  members: [
    { name: "epoch", type: "uint64" },
    { name: "viewNumber", type: "uint64" },
  ],
};
export const FINALIZE: StructType<BlockMember> = { name: "Finalize", members: NOTARIZE.members };

export function notarize(epoch: Epoch, view: View, block: Hash): Vote {
  return { kind: "notarize", epoch, view, block };
}

export function nullify(epoch: Epoch, view: View): Vote {
  return { kind: "nullify", epoch, view };
}

export function finalize(epoch: Epoch, view: View, block: Hash): Vote {
  return { kind: "finalize", epoch, view, block };
}

/** EIP-712 struct hash. */
export function hash(vote: Vote): Hash {
  const round = { epoch: vote.epoch, viewNumber: vote.view };
  if (vote.kind === "nullify") return hashStruct(NULLIFY, round);
  return hashStruct(vote.kind === "notarize" ? NOTARIZE : FINALIZE, { ...round, block: vote.block });
}

/** The 32 bytes that are signed. */
export function digest(vote: Vote, domain: Domain): Uint8Array {
  return signingDigest(separator(domain), hash(vote));
}

/** The block a vote names; undefined for `nullify`. */
export function block(vote: Vote): Hash | undefined {
  return vote.kind === "nullify" ? undefined : vote.block;
}

export function equals(a: Vote, b: Vote): boolean {
  return a.kind === b.kind && a.epoch === b.epoch && a.view === b.view && block(a) === block(b);
}

/**
 * Whether one validator signing both is an offence: S1 two `notarize` or S2 two `finalize` of different blocks,
 * S3 `nullify` and `finalize`, S4 `notarize` of one block and `finalize` of another, all in one (epoch, view).
 * `notarize` with `nullify` is honest.
 */
export function contradict(a: Vote, b: Vote): boolean {
  if (a.epoch !== b.epoch || a.view !== b.view) return false;
  if (a.kind === "nullify" || b.kind === "nullify") return a.kind === "finalize" || b.kind === "finalize";
  return a.block !== b.block;
}

const KINDS: readonly VoteKind[] = ["notarize", "nullify", "finalize"];

export function write(writer: Writer, vote: Vote): void {
  writer.u8(KINDS.indexOf(vote.kind)).u64(vote.epoch).u64(vote.view);
  if (vote.kind !== "nullify") writer.fixed(hashBytes(vote.block), 32);
}

export function read(reader: Reader): Vote {
  const at = reader.offset;
  const tag = reader.u8();
  const kind = KINDS[tag];
  if (kind === undefined) throw new DecodeError({ code: "unknown-tag", given: tag, at });
  const round = { epoch: Epoch(reader.u64()), view: View(reader.u64()) };
  return kind === "nullify" ? { kind, ...round } : { kind, ...round, block: hashFromBytes(reader.fixed(32)) };
}

export function writeSigned(writer: Writer, signed: SignedVote): void {
  write(writer, signed.vote);
  writer.u16(signed.signer).fixed(signed.signature, SIGNATURE_BYTES);
}

export function readSigned(reader: Reader): SignedVote {
  return { vote: read(reader), signer: reader.u16(), signature: reader.fixed(SIGNATURE_BYTES) };
}
