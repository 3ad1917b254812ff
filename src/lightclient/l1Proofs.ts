import type { Hex } from "../codec/hex.ts";
import { toHex } from "../codec/hex.ts";
import { ZERO_HASH, type Hash } from "../crypto/hash.ts";
import type * as Header from "../protocol/Header.ts";
import type * as NamespaceTable from "../protocol/NamespaceTable.ts";
import { NamespaceId } from "../protocol/scalars.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { BundlePartProof } from "./confirmation.ts";
import type * as Proofs from "./proofs.ts";

/**
 * The structs of `contracts/types/Confirmation.sol`, member for member, as ethers takes them: integers as bigint, bytes
 * as 0x strings.
 */

export interface BlockProof {
  readonly header: Header.Header;
  readonly checkpoint: Checkpoint;
  /** Place in the light client's ring, or `LATEST_POSITION`. */
  readonly position: bigint;
  /** Empty when the block is the checkpoint. */
  readonly history: Hash[];
}

export interface NamespaceProof {
  readonly entry: NamespaceTable.Entry;
  readonly index: bigint;
  readonly size: bigint;
  readonly proof: Hash[];
}

export interface AbsenceProof {
  readonly namespace: NamespaceId;
  readonly size: bigint;
  /** Index of the first entry above the namespace; `size` where there is none. */
  readonly next: bigint;
  readonly before: NamespaceTable.Entry;
  readonly beforeProof: Hash[];
  readonly after_: NamespaceTable.Entry;
  readonly afterProof: Hash[];
}

export interface TransactionProof {
  readonly envelope: Hex;
  readonly index: bigint;
  readonly proof: Hash[];
}

export interface BundlePart {
  readonly namespace: NamespaceProof;
  readonly transaction: TransactionProof;
}

const NO_ENTRY: NamespaceTable.Entry = { namespace: NamespaceId(0n), txCount: 0n, txRoot: ZERO_HASH };

export function namespaceProof({ entry, index, size, path }: Proofs.NamespacePresence): NamespaceProof {
  return { entry, index, size, proof: [...path] };
}

export function absenceProof(namespace: NamespaceId, { size, left, right }: Proofs.NamespaceAbsence): AbsenceProof {
  return {
    namespace,
    size,
    next: left === undefined ? 0n : left.index + 1n,
    before: left?.entry ?? NO_ENTRY,
    beforeProof: [...(left?.path ?? [])],
    after_: right?.entry ?? NO_ENTRY,
    afterProof: [...(right?.path ?? [])],
  };
}

export function transactionProof(envelope: Uint8Array, { index, path }: Proofs.TransactionProof): TransactionProof {
  return { envelope: toHex(envelope), index, proof: [...path] };
}

export function bundlePart({ namespace, transaction, envelope }: BundlePartProof): BundlePart {
  return { namespace: namespaceProof(namespace), transaction: transactionProof(envelope, transaction) };
}
