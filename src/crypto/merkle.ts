import { assert } from "../runtime/assert.ts";
import { equalBytes } from "../codec/hex.ts";
import { keccak256 } from "./hash.ts";

/**
 * Merkle trees of the shape of RFC 9162 section 2.1 over keccak-256: leaf prefix 0x00, node prefix 0x01, left subtree
 * the largest power of two smaller than the size, empty root keccak256("").
 */

const LEAF_PREFIX = Uint8Array.of(0x00);
const NODE_PREFIX = Uint8Array.of(0x01);
const SIZED_PREFIX = Uint8Array.of(0x02);

/** The longest inclusion proof that any 64-bit size can need. */
export const PROOF_LENGTH_MAX = 64;

export const EMPTY_ROOT: Uint8Array = keccak256(new Uint8Array(0));

export function leafHash(data: Uint8Array): Uint8Array {
  return keccak256(LEAF_PREFIX, data);
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return keccak256(NODE_PREFIX, left, right);
}

/** A root that stores its size: keccak256(0x02 ‖ uint64 size ‖ root). */
export function sizedRoot(size: bigint, root: Uint8Array): Uint8Array {
  const word = new Uint8Array(8);
  new DataView(word.buffer).setBigUint64(0, size);
  return keccak256(SIZED_PREFIX, word, root);
}

/** Root over leaf data. */
export function root(leaves: readonly Uint8Array[]): Uint8Array {
  return rootOfHashes(leaves.map(leafHash));
}

/** Root over leaf hashes. Level by level: RFC 9162's split equals pairing from the left with the odd one carried up. */
export function rootOfHashes(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes;
  if (level.length === 0) return EMPTY_ROOT;
  while (level.length > 1) level = parents(level);
  const [top] = level;
  assert(top !== undefined, "a tree with leaves has a root");
  return top;
}

/** Inclusion proof of leaf `index`, from the leaf upwards. */
export function proof(hashes: readonly Uint8Array[], index: number): Uint8Array[] {
  assert(index >= 0 && index < hashes.length, `leaf ${String(index)} must be below ${String(hashes.length)}`);
  const path: Uint8Array[] = [];
  let level = hashes;
  for (let at = index; level.length > 1; at >>= 1) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) path.push(sibling);
    level = parents(level);
  }
  return path;
}

function parents(level: readonly Uint8Array[]): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (let i = 0; i < level.length; i += 2) {
    const left = level[i];
    const right = level[i + 1];
    assert(left !== undefined, "a pair has a left side");
    next.push(right === undefined ? left : nodeHash(left, right));
  }
  return next;
}

/**
 * RFC 9162 section 2.1.3.2: the root that `path` leads to from leaf hash `leaf` at `index` of `size`, or undefined
 * where the path has the wrong length for that place.
 */
export function rootFromProof(
  leaf: Uint8Array,
  index: bigint,
  size: bigint,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  if (index < 0n || index >= size || path.length > PROOF_LENGTH_MAX) return undefined;
  let node = leaf;
  let at = index;
  let last = size - 1n;
  for (const sibling of path) {
    if (last === 0n) return undefined;
    if ((at & 1n) === 1n || at === last) {
      node = nodeHash(sibling, node);
      while ((at & 1n) === 0n && at !== 0n) {
        at >>= 1n;
        last >>= 1n;
      }
    } else {
      node = nodeHash(node, sibling);
    }
    at >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? node : undefined;
}

/** Whether leaf data stands at `index` of the tree of `size` leaves with root `expected`. */
export function verify(
  expected: Uint8Array,
  data: Uint8Array,
  index: bigint,
  size: bigint,
  path: readonly Uint8Array[],
): boolean {
  const computed = rootFromProof(leafHash(data), index, size, path);
  return computed !== undefined && equalBytes(computed, expected);
}
