import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import * as Merkle from "../crypto/merkle.ts";
import * as Header from "../protocol/Header.ts";
import * as NamespaceTable from "../protocol/NamespaceTable.ts";
import type { NamespaceId } from "../protocol/scalars.ts";
import { assert, expectPresent } from "../runtime/assert.ts";

/**
 * The Merkle proofs that lead from a finalized header to a transaction, as ConfirmationVerifier takes them. Sizes that
 * a header commits to never come from a proof: the history's is the header's height, `txCount` is in the leaf.
 */

/** From the leaf upwards. */
export type Path = readonly Hash[];

/** The row of one namespace and its place in the sorted table of `size` rows. */
export interface NamespaceRow {
  readonly entry: NamespaceTable.Entry;
  readonly index: bigint;
  readonly path: Path;
}

/** A namespace that has transactions in the block. */
export interface NamespacePresence extends NamespaceRow {
  readonly kind: "present";
  readonly size: bigint;
}

/**
 * A namespace without transactions in the block: the rows that would stand beside it. No rows: the table is empty; only
 * `right`: it would be first; only `left`: it would be last.
 */
export interface NamespaceAbsence {
  readonly kind: "absent";
  readonly size: bigint;
  readonly left?: NamespaceRow;
  readonly right?: NamespaceRow;
}

export type NamespaceProof = NamespacePresence | NamespaceAbsence;

/** A transaction's place in its namespace; the number of leaves is the row's `txCount`. */
export interface TransactionProof {
  readonly index: bigint;
  readonly path: Path;
}

function verifyPath(root: Hash, data: Uint8Array, index: bigint, size: bigint, path: Path): boolean {
  return Merkle.verify(hashBytes(root), data, index, size, path.map(hashBytes));
}

/**
 * LC-10: `block` is in the chain of `head` iff it is `head` itself, or its hash is the leaf at its height in
 * `head.history`, whose size is `head.height`.
 */
export function verifyHistory(head: Header.Header, block: Header.Header, path: Path | undefined): boolean {
  const hash = Header.hash(block);
  if (path === undefined) return hash === Header.hash(head);
  return verifyPath(head.history, hashBytes(hash), block.height, head.height, path);
}

/** The sized root that a row leads to, or undefined where the path does not fit. */
function rootOfRow(row: NamespaceRow, size: bigint): Hash | undefined {
  const leaf = Merkle.leafHash(NamespaceTable.leaf(row.entry));
  const root = Merkle.rootFromProof(leaf, row.index, size, row.path.map(hashBytes));
  return root === undefined ? undefined : hashFromBytes(Merkle.sizedRoot(size, root));
}

/** LC-11: a namespace is present iff its row is in the table that `header.namespaces` commits to, size included. */
export function verifyPresence(header: Header.Header, namespace: NamespaceId, proof: NamespacePresence): boolean {
  return proof.entry.namespace === namespace && rootOfRow(proof, proof.size) === header.namespaces;
}

/**
 * LC-12: a namespace is absent iff the table is empty, or it sorts before the first row, after the last, or strictly
 * between two adjacent ones.
 */
export function verifyAbsence(header: Header.Header, namespace: NamespaceId, proof: NamespaceAbsence): boolean {
  const { size, left, right } = proof;
  if (size === 0n)
    return left === undefined && right === undefined && header.namespaces === NamespaceTable.EMPTY_NAMESPACES;
  if (left === undefined && right?.index !== 0n) return false;
  if (right === undefined && left?.index !== size - 1n) return false;
  if (left !== undefined && right !== undefined && left.index + 1n !== right.index) return false;
  if (left !== undefined && left.entry.namespace >= namespace) return false;
  if (right !== undefined && right.entry.namespace <= namespace) return false;
  return [left, right].every((row) => row === undefined || rootOfRow(row, size) === header.namespaces);
}

/** LC-13: a transaction is in a namespace iff its envelope is the leaf at `index` of `txCount` under `txRoot`. */
export function verifyTransaction(entry: NamespaceTable.Entry, envelope: Uint8Array, proof: TransactionProof): boolean {
  return verifyPath(entry.txRoot, envelope, proof.index, entry.txCount, proof.path);
}

/** LC-14: a list is the whole namespace iff it has `txCount` envelopes and their root is `txRoot`. */
export function verifyWhole(entry: NamespaceTable.Entry, envelopes: readonly Uint8Array[]): boolean {
  return BigInt(envelopes.length) === entry.txCount && NamespaceTable.txRoot(envelopes) === entry.txRoot;
}

/** Proves where a namespace stands in a block's table, or that it does not. */
export function proveNamespace(table: NamespaceTable.NamespaceTable, namespace: NamespaceId): NamespaceProof {
  const hashes = table.map((entry) => Merkle.leafHash(NamespaceTable.leaf(entry)));
  const row = (index: number): NamespaceRow => ({
    entry: expectPresent(table[index], "a row of the table"),
    index: BigInt(index),
    path: Merkle.proof(hashes, index).map(hashFromBytes),
  });
  const size = BigInt(table.length);
  const found = table.findIndex((entry) => entry.namespace >= namespace);
  const next = found === -1 ? table.length : found;
  if (table[next]?.namespace === namespace) return { kind: "present", size, ...row(next) };
  return {
    kind: "absent",
    size,
    ...(next > 0 && { left: row(next - 1) }),
    ...(next < table.length && { right: row(next) }),
  };
}

/** Proves the transaction at `index` of a namespace's envelopes. */
export function proveTransaction(envelopes: readonly Uint8Array[], index: number): TransactionProof {
  assert(index >= 0 && index < envelopes.length, `transaction ${String(index)} of ${String(envelopes.length)}`);
  return { index: BigInt(index), path: Merkle.proof(envelopes.map(Merkle.leafHash), index).map(hashFromBytes) };
}
