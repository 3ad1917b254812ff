import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import * as merkle from "../crypto/merkle.ts";

/**
 * The tree over all block hashes 0 .. size-1, kept as its frontier: one root per complete subtree, largest first, at
 * most 64 of them. A header's `history` is the root over all blocks below it.
 */
export interface History {
  readonly size: bigint;
  /** Roots of the complete subtrees, one per set bit of `size`, largest first. */
  readonly peaks: readonly Uint8Array[];
}

export const EMPTY: History = { size: 0n, peaks: [] };

export function append(history: History, block: Hash): History {
  const peaks = [...history.peaks];
  let node = merkle.leafHash(hashBytes(block));
  for (let rest = history.size; (rest & 1n) === 1n; rest >>= 1n) {
    const left = peaks.pop();
    if (left !== undefined) node = merkle.nodeHash(left, node);
  }
  return { size: history.size + 1n, peaks: [...peaks, node] };
}

export function root(history: History): Hash {
  const folded = history.peaks.reduceRight<Uint8Array | undefined>(
    (right, left) => (right === undefined ? left : merkle.nodeHash(left, right)),
    undefined,
  );
  return hashFromBytes(folded ?? merkle.EMPTY_ROOT);
}
