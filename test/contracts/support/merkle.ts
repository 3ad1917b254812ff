import { concat, keccak256 } from "ethers";

/** RFC 9162 section 2.1 by its recursive definition, over keccak256: shares nothing with `src/crypto/merkle.ts`. */

export function leafOf(data: string): string {
  return keccak256(concat(["0x00", data]));
}

export function rootOf(leaves: readonly string[]): string {
  const [only] = leaves;
  if (only === undefined) return keccak256("0x");
  if (leaves.length === 1) return leafOf(only);
  const split = splitOf(leaves.length);
  return keccak256(concat(["0x01", rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split))]));
}

/** Inclusion path of a leaf, from the leaf upwards. */
export function pathOf(leaves: readonly string[], index: number): string[] {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  return index < split
    ? [...pathOf(leaves.slice(0, split), index), rootOf(leaves.slice(split))]
    : [...pathOf(leaves.slice(split), index - split), rootOf(leaves.slice(0, split))];
}

/** The largest power of two below the size. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}
