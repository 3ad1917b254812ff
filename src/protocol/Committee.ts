import type { Hash } from "../crypto/hash.ts";
import { assert } from "../runtime/assert.ts";
import type { CommitteeId, ValidatorId } from "./scalars.ts";

/** Seats a committee can have at most, so that at most 255 shards exist. */
export const SEATS_MAX = 100;
/** Weight of the largest seat; the others are scaled to it. */
export const WEIGHT_MAX = 65_535n;

/** A voting seat; its place in `Committee.members` is the committee index and the bit in every bitmap. */
export interface Member {
  readonly validator: ValidatorId;
  readonly seat: number;
  /** BLS public key, 192 bytes. */
  readonly key: Uint8Array;
  /** floor(stake · 65535 / largest seated stake), never zero. */
  readonly weight: bigint;
  /** ed25519 public key, 32 bytes. */
  readonly transportKey: Uint8Array;
  /** Multiaddr text. */
  readonly address: string;
}

/** The ordered set that votes in one epoch, as `StakeTable.rotate()` made it. */
export interface Committee {
  readonly id: CommitteeId;
  /** In order of seat number, weight zero left out. */
  readonly members: readonly Member[];
  /** prevrandao of the `rotate()` block: the root of leader selection. */
  readonly randomness: Hash;
  /** L1 block number of its creation. */
  readonly createdNumber: bigint;
  /** L1 block time of its creation, seconds. */
  readonly createdAt: bigint;
}

export function totalWeight(committee: Committee): bigint {
  return committee.members.reduce((sum, member) => sum + member.weight, 0n);
}

/** q = floor(2W/3) + 1. */
export function quorum(total: bigint): bigint {
  return (2n * total) / 3n + 1n;
}

export function weightOf(committee: Committee, index: number): bigint {
  return member(committee, index).weight;
}

export function member(committee: Committee, index: number): Member {
  const found = committee.members[index];
  assert(found !== undefined, `committee ${String(committee.id)} has no index ${String(index)}`);
  return found;
}

/** The committee index of a validator, if it is seated. */
export function indexOf(committee: Committee, validator: ValidatorId): number | undefined {
  const index = committee.members.findIndex((candidate) => candidate.validator === validator);
  return index === -1 ? undefined : index;
}

/** Bytes of an absent bitmap over `size` members. */
export function bitmapBytes(size: number): number {
  return Math.ceil(size / 8);
}

/** The bitmap in which exactly the members not in `signers` are set: bit i is byte i/8, mask 1 << (i mod 8). */
export function absentBitmap(size: number, signers: ReadonlySet<number>): Uint8Array {
  const bitmap = new Uint8Array(bitmapBytes(size));
  for (let index = 0; index < size; index++) {
    if (!signers.has(index)) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bitmap;
}

/** The indices whose bit is clear, or undefined if the bitmap has the wrong length or a bit beyond `size`. */
export function presentMembers(size: number, absent: Uint8Array): number[] | undefined {
  if (absent.length !== bitmapBytes(size)) return undefined;
  const isSet = (index: number): boolean => ((absent[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  for (let index = size; index < absent.length * 8; index++) if (isSet(index)) return undefined;
  return Array.from({ length: size }, (_, index) => index).filter((index) => !isSet(index));
}
