import { equalBytes } from "../codec/hex.ts";
import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import * as Merkle from "../crypto/merkle.ts";
import { assert, expectPresent } from "../runtime/assert.ts";
import { completeShards, encodeParity } from "./reedSolomon.ts";
import { shardsOfSeat, type ShardLayout } from "./shardLayout.ts";

/** A payload cut into shards, with the tree that commits to them. */
export interface Dispersal {
  readonly layout: ShardLayout;
  /** The header's `payload`. */
  readonly commitment: Hash;
  readonly payloadLengthBytes: number;
  readonly shardLengthBytes: number;
  /** All shards end to end: data shards first, then parity. */
  readonly shards: Uint8Array;
  readonly leafHashes: readonly Uint8Array[];
}

/** One shard with its place under the commitment. */
export interface Shard {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** Inclusion proof, leaf upwards. */
  readonly proof: readonly Uint8Array[];
}

/** Shards of one block as they travel: the length is under the commitment, so a false one fails every proof. */
export interface ShardSet {
  readonly payloadLengthBytes: number;
  readonly shards: readonly Shard[];
}

/** Why a shard is not part of a block. */
export type ShardFault =
  | { readonly code: "shard-number"; readonly given: number; readonly total: number }
  | { readonly code: "shard-length"; readonly given: number; readonly expected: number }
  | { readonly code: "shard-proof"; readonly index: number };

/** The longest inclusion proof of a shard: 255 leaves are eight levels. */
export const SHARD_PROOF_LENGTH_MAX = 8;

/** DA-2: ceil(max(length, 1) / k), so that an empty payload still has shards. */
export function shardLength(payloadLengthBytes: number, needed: number): number {
  return Math.ceil(Math.max(payloadLengthBytes, 1) / needed);
}

/** DA-2: cuts a payload into k zero-padded data shards, adds parity, commits to length and shards. */
export function disperse(payload: Uint8Array, layout: ShardLayout): Dispersal {
  const shards = new Uint8Array(shardLength(payload.length, layout.needed) * layout.total);
  shards.set(payload);
  encodeParity(shards, layout.needed, layout.total);
  return committed(shards, payload.length, layout, () => undefined);
}

/** Commits to complete shards. `known` gives leaf hashes that were computed before, of these very bytes. */
function committed(
  shards: Uint8Array,
  payloadLengthBytes: number,
  layout: ShardLayout,
  known: (index: number, bytes: Uint8Array) => Uint8Array | undefined,
): Dispersal {
  const shardLengthBytes = shards.length / layout.total;
  const leafHashes = Array.from({ length: layout.total }, (_, index) => {
    const bytes = slice(shards, shardLengthBytes, index);
    return known(index, bytes) ?? Merkle.leafHash(bytes);
  });
  const commitment = commitmentOf(payloadLengthBytes, Merkle.rootOfHashes(leafHashes));
  return { layout, commitment, payloadLengthBytes, shardLengthBytes, shards, leafHashes };
}

/** The payload of a dispersal: a view of its data shards. */
export function payloadOf({ shards, payloadLengthBytes }: Dispersal): Uint8Array {
  return shards.subarray(0, payloadLengthBytes);
}

/** The header's `payload` for these bytes under this committee. */
export function commit(payload: Uint8Array, layout: ShardLayout): Hash {
  return disperse(payload, layout).commitment;
}

function commitmentOf(payloadLengthBytes: number, root: Uint8Array): Hash {
  return hashFromBytes(Merkle.sizedRoot(BigInt(payloadLengthBytes), root));
}

function slice(shards: Uint8Array, length: number, index: number): Uint8Array {
  return shards.subarray(index * length, (index + 1) * length);
}

/** One shard with its proof. The bytes are a view, not a copy. */
export function shardAt(dispersal: Dispersal, index: number): Shard {
  assert(index >= 0 && index < dispersal.layout.total, `shard ${String(index)} must exist`);
  return {
    index,
    bytes: slice(dispersal.shards, dispersal.shardLengthBytes, index),
    proof: Merkle.proof(dispersal.leafHashes, index),
  };
}

/** What one seat is given, and what its `notarize` carries. */
export function shardsFor(dispersal: Dispersal, seat: number): ShardSet {
  return {
    payloadLengthBytes: dispersal.payloadLengthBytes,
    shards: shardsOfSeat(dispersal.layout, seat).map((index) => shardAt(dispersal, index)),
  };
}

/** DA-3: whether a shard stands under the commitment, at its number, with its exact length. */
export function checkShard(
  commitment: Hash,
  layout: ShardLayout,
  payloadLengthBytes: number,
  shard: Shard,
): ShardFault | undefined {
  const checked = checkedLeaf(commitment, layout, payloadLengthBytes, shard);
  return checked instanceof Uint8Array ? undefined : checked;
}

/** The leaf hash of a shard under the commitment, or why it is none. */
function checkedLeaf(
  commitment: Hash,
  layout: ShardLayout,
  payloadLengthBytes: number,
  shard: Shard,
): Uint8Array | ShardFault {
  if (!Number.isInteger(shard.index) || shard.index < 0 || shard.index >= layout.total) {
    return { code: "shard-number", given: shard.index, total: layout.total };
  }
  const expected = shardLength(payloadLengthBytes, layout.needed);
  if (shard.bytes.length !== expected) return { code: "shard-length", given: shard.bytes.length, expected };
  const leaf = Merkle.leafHash(shard.bytes);
  const root = Merkle.rootFromProof(leaf, BigInt(shard.index), BigInt(layout.total), shard.proof);
  if (root === undefined) return { code: "shard-proof", index: shard.index };
  const sized = Merkle.sizedRoot(BigInt(payloadLengthBytes), root);
  return equalBytes(sized, hashBytes(commitment)) ? leaf : { code: "shard-proof", index: shard.index };
}

/** Checked shards of one block, on the way to its payload. Holds at most `layout.total` shards. */
export interface Collection {
  readonly commitment: Hash;
  readonly layout: ShardLayout;
  payloadLengthBytes: number;
  readonly shards: Map<number, Shard>;
  /** Leaf hashes of the shards, from their check. */
  readonly leaves: Map<number, Uint8Array>;
}

export function createCollection(commitment: Hash, layout: ShardLayout): Collection {
  return { commitment, layout, payloadLengthBytes: 0, shards: new Map(), leaves: new Map() };
}

/** Adds one shard if it is part of the block; says why not otherwise. A shard already held is not checked again. */
export function addShard(collection: Collection, payloadLengthBytes: number, shard: Shard): ShardFault | undefined {
  if (collection.shards.has(shard.index)) return undefined;
  const checked = checkedLeaf(collection.commitment, collection.layout, payloadLengthBytes, shard);
  if (!(checked instanceof Uint8Array)) return checked;
  collection.payloadLengthBytes = payloadLengthBytes;
  collection.shards.set(shard.index, shard);
  collection.leaves.set(shard.index, checked);
  return undefined;
}

/** What k shards say: the payload, or that the block was encoded badly (the same for every set of k, so for all). */
export type Rebuilt =
  | { readonly outcome: "payload"; readonly dispersal: Dispersal; readonly payload: Uint8Array }
  | { readonly outcome: "bad-encoding"; readonly rebuilt: Hash; readonly committed: Hash }
  | { readonly outcome: "pending"; readonly held: number; readonly needed: number };

/**
 * DA-4: completes the code word of any k shards. Every shard was checked against the commitment, so either all of them
 * lie on one code word (and every k give the same payload) or no completion matches the commitment.
 */
export function rebuild(collection: Collection): Rebuilt {
  const { layout, shards, leaves, payloadLengthBytes, commitment } = collection;
  if (shards.size < layout.needed) return { outcome: "pending", held: shards.size, needed: layout.needed };
  const length = shardLength(payloadLengthBytes, layout.needed);
  const all = new Uint8Array(length * layout.total);
  const present = new Array<boolean>(layout.total).fill(false);
  for (const index of [...shards.keys()].sort((a, b) => a - b).slice(0, layout.needed)) {
    all.set(expectPresent(shards.get(index), "shard").bytes, index * length);
    present[index] = true;
  }
  completeShards(all, layout.needed, layout.total, present);
  if (!all.subarray(payloadLengthBytes, layout.needed * length).every((byte) => byte === 0)) {
    // DA-2: padding is zero. All shards may lie on this code word, but it is not the payload's.
    const rebuilt = disperse(all.subarray(0, payloadLengthBytes), layout).commitment;
    return { outcome: "bad-encoding", rebuilt, committed: commitment };
  }
  const dispersal = committed(all, payloadLengthBytes, layout, (index, bytes) => {
    const held = shards.get(index);
    return held !== undefined && Buffer.compare(held.bytes, bytes) === 0 ? leaves.get(index) : undefined;
  });
  if (dispersal.commitment !== commitment) {
    return { outcome: "bad-encoding", rebuilt: dispersal.commitment, committed: commitment };
  }
  return { outcome: "payload", dispersal, payload: payloadOf(dispersal) };
}
