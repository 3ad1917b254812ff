import { AbiCoder, concat, keccak256, toBeHex } from "ethers";

/**
 * Merkle trees (RFC 9162 over keccak-256), namespace tables and inclusion proofs by recursion on the definition: an
 * oracle that shares no code with `src`.
 */

const leafHash = (data: string): string => keccak256(concat(["0x00", data]));
const nodeHash = (left: string, right: string): string => keccak256(concat(["0x01", left, right]));

function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

export function treeRoot(leaves: readonly string[]): string {
  if (leaves.length === 0) return keccak256("0x");
  if (leaves.length === 1) return leafHash(leaves[0] ?? "0x");
  const split = splitOf(leaves.length);
  return nodeHash(treeRoot(leaves.slice(0, split)), treeRoot(leaves.slice(split)));
}

/** Siblings of leaf `index`, from the leaf upwards. */
export function treeProof(leaves: readonly string[], index: number): string[] {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...treeProof(left, index), treeRoot(right)]
    : [...treeProof(right, index - split), treeRoot(left)];
}

export interface TestNamespace {
  readonly namespace: bigint;
  /** Envelope bytes, in order. */
  readonly envelopes: readonly string[];
}

export interface TestEntry {
  readonly namespace: bigint;
  readonly txCount: bigint;
  readonly txRoot: string;
}

export function entryOf({ namespace, envelopes }: TestNamespace): TestEntry {
  return { namespace, txCount: BigInt(envelopes.length), txRoot: treeRoot(envelopes) };
}

function entryLeaf({ namespace, txCount, txRoot }: TestEntry): string {
  return AbiCoder.defaultAbiCoder().encode(["uint64", "uint64", "bytes32"], [namespace, txCount, txRoot]);
}

/** The header's `namespaces`. */
export function namespacesRoot(payload: readonly TestNamespace[]): string {
  const root = treeRoot(payload.map((item) => entryLeaf(entryOf(item))));
  return keccak256(concat(["0x02", toBeHex(payload.length, 8), root]));
}

/** Proof that entry `index` is in the block. */
export function namespaceProof(payload: readonly TestNamespace[], index: number) {
  const item = payload[index];
  if (item === undefined) throw new Error(`no namespace ${String(index)}`);
  const leaves = payload.map((other) => entryLeaf(entryOf(other)));
  return { entry: entryOf(item), index: BigInt(index), size: BigInt(payload.length), proof: treeProof(leaves, index) };
}

/** Proof that transaction `index` is in the namespace. */
export function transactionProof({ envelopes }: TestNamespace, index: number) {
  const envelope = envelopes[index];
  if (envelope === undefined) throw new Error(`no transaction ${String(index)}`);
  return { envelope, index: BigInt(index), proof: treeProof(envelopes, index) };
}
