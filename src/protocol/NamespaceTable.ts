import { concatBytes } from "../codec/hex.ts";
import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import * as merkle from "../crypto/merkle.ts";
import { wordOf } from "../crypto/typedData.ts";
import type { NamespaceId } from "./scalars.ts";

/** One namespace of a block. */
export interface Entry {
  readonly namespace: NamespaceId;
  /** Never zero: a namespace without transactions is absent. */
  readonly txCount: bigint;
  /** Merkle root over the envelopes' bytes, in order. */
  readonly txRoot: Hash;
}

/** A block's namespaces with strictly increasing ids. */
export type NamespaceTable = readonly Entry[];

/** Leaf data: abi.encode(uint64 namespace, uint64 txCount, bytes32 txRoot). */
export function leaf(entry: Entry): Uint8Array {
  return concatBytes(wordOf(entry.namespace), wordOf(entry.txCount), hashBytes(entry.txRoot));
}

/** The header's `namespaces`: keccak256(0x02 ‖ uint64 size ‖ root). */
export function root(table: NamespaceTable): Hash {
  return hashFromBytes(merkle.sizedRoot(BigInt(table.length), merkle.root(table.map(leaf))));
}

export function txRoot(envelopes: readonly Uint8Array[]): Hash {
  return hashFromBytes(merkle.root(envelopes));
}

export const EMPTY_NAMESPACES: Hash = root([]);
