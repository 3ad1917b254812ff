import * as Merkle from "../crypto/merkle.ts";
import { assert, expectPresent } from "../runtime/assert.ts";

/**
 * The history tree kept for ever: block hash h is leaf h, and `header.history` of height n is its root at size n.
 *
 * Every hash that can never change again (a leaf, or the root of a full, aligned subtree) is written once to an
 * append-only log, in the order in which appending leaves completes it; the place of each is a closed formula
 * (R. Cox, "Transparent Logs for Skeptical Clients", 2019, section "Storing Merkle trees"). n leaves take
 * 2n - popcount(n) hashes of 32 bytes. A proof for any leaf against any size reads at most 2·log2(n) of them, in one
 * batch, and the read set is known before anything is read.
 */

/** Where the hashes are kept. Positions count hashes, from 0; one position is written with one value only, ever. */
export interface HashLog {
  /** The 32-byte hashes at `positions`, in that order; fails where one was never written. */
  read(positions: readonly number[]): Promise<readonly Uint8Array[]>;
  /** Writes `hashes` at `position`, `position`+1, ...; writing the same again after a crash is allowed. */
  write(position: number, hashes: readonly Uint8Array[]): Promise<void>;
}

/** Leaves that one `append` takes: bounds the memory of a bulk load. */
export const APPEND_LEAVES_MAX = 65_536;

/** JavaScript numbers hold positions of trees up to this size exactly. */
export const TREE_SIZE_MAX = 2 ** 48;

/** HLOG-1: the log holds exactly 2n - popcount(n) hashes for n leaves. */
export function logLength(size: number): number {
  checkSize(size);
  let sum = 0;
  for (let left = size; left > 0; left = Math.floor(left / 2)) sum += left;
  return sum;
}

/** Position of the root of the full subtree number `index` of `2^level` leaves. */
export function position(level: number, index: number): number {
  let leaf = index;
  for (let l = level; l > 0; l--) leaf = 2 * leaf + 1;
  return logLength(leaf) + level;
}

/** What the hash at a position is the root of: the full subtree number `index` of `2^level` leaves. */
export function subtreeAt(at: number): { readonly level: number; readonly index: number } {
  let low = 0;
  let high = at + 1;
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2);
    if (logLength(middle) <= at) low = middle;
    else high = middle;
  }
  const level = at - logLength(low);
  return { level, index: Math.floor(low / 2 ** level) };
}

/** Root of the full subtree over these block hashes: a power of two of them. */
export function subtreeRoot(blockHashes: readonly Uint8Array[]): Uint8Array {
  let nodes = blockHashes.map((blockHash) => Merkle.leafHash(blockHash));
  while (nodes.length > 1) {
    const parents: Uint8Array[] = [];
    for (let i = 0; i + 1 < nodes.length; i += 2) {
      const [left, right] = [nodes[i], nodes[i + 1]];
      if (left !== undefined && right !== undefined) parents.push(Merkle.nodeHash(left, right));
    }
    nodes = parents;
  }
  return expectPresent(nodes[0], "a subtree to hash");
}

/** Roots of the full subtrees that make up the first `size` leaves, largest first. */
export function frontier(log: HashLog, size: number): Promise<readonly Uint8Array[]> {
  return log.read(frontierPositions(0, size));
}

/** Appends block hashes to a tree of `size` leaves; returns the new size. */
export async function append(log: HashLog, size: number, blockHashes: readonly Uint8Array[]): Promise<number> {
  assert(blockHashes.length <= APPEND_LEAVES_MAX, `at most ${String(APPEND_LEAVES_MAX)} leaves at once`);
  checkSize(size + blockHashes.length);
  const peaks = [...(await frontier(log, size))];
  const written: Uint8Array[] = [];
  let leaf = size;
  for (const blockHash of blockHashes) {
    let node = Merkle.leafHash(blockHash);
    written.push(node);
    for (let rest = leaf; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      node = Merkle.nodeHash(expectPresent(peaks.pop(), "the left sibling of a completed subtree"), node);
      written.push(node);
    }
    peaks.push(node);
    leaf += 1;
  }
  if (written.length > 0) await log.write(logLength(size), written);
  return leaf;
}

/** Root of the first `size` leaves: `header.history` of height `size`. */
export async function root(log: HashLog, size: number): Promise<Uint8Array> {
  if (size === 0) return Merkle.EMPTY_ROOT;
  return fold(await frontier(log, size));
}

/** HLOG-2: the inclusion proof (RFC 9162 section 2.1.3) of leaf `index` in the tree of the first `size` leaves. */
export async function prove(log: HashLog, index: number, size: number): Promise<Uint8Array[]> {
  assert(index >= 0 && index < size, `leaf ${String(index)} must be below ${String(size)}`);
  const plan = siblings(index, size);
  const hashes = await log.read(plan.flat());
  const path: Uint8Array[] = [];
  let at = 0;
  for (const positions of plan) {
    path.push(fold(hashes.slice(at, at + positions.length)));
    at += positions.length;
  }
  return path;
}

/** For each step of the proof, the log positions that fold to the sibling (several only at the ragged right edge). */
function siblings(index: number, size: number): number[][] {
  checkSize(size);
  const plan: number[][] = [];
  for (let level = 0, width = 1; width < size; level++, width *= 2) {
    const at = Math.floor(index / width);
    const sibling = at % 2 === 0 ? at + 1 : at - 1;
    const full = Math.floor(size / width);
    if (sibling < full) plan.push([position(level, sibling)]);
    else if (sibling * width < size) plan.push(frontierPositions(sibling * width, size));
  }
  return plan;
}

/** Positions of the full subtrees that make up leaves [start, end), largest first; `start` is aligned to all of them. */
function frontierPositions(start: number, end: number): number[] {
  const positions: number[] = [];
  let at = start;
  while (at < end) {
    let level = 0;
    for (let width = 2; width <= end - at; width *= 2) level += 1;
    positions.push(position(level, at / 2 ** level));
    at += 2 ** level;
  }
  return positions;
}

/** Joins full subtrees, largest first, into the root of the ragged tree they form. */
function fold(roots: readonly Uint8Array[]): Uint8Array {
  return expectPresent(roots.reduceRight<Uint8Array | undefined>(joinLeft, undefined), "a subtree to fold");
}

function joinLeft(right: Uint8Array | undefined, left: Uint8Array): Uint8Array {
  return right === undefined ? left : Merkle.nodeHash(left, right);
}

function checkSize(size: number): void {
  assert(Number.isSafeInteger(size) && size >= 0 && size <= TREE_SIZE_MAX, `tree size ${String(size)} out of range`);
}
