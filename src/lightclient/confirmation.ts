import type { Hash } from "../crypto/hash.ts";
import { keccakHash } from "../crypto/hash.ts";
import type * as Committee from "../protocol/Committee.ts";
import type * as Header from "../protocol/Header.ts";
import type { Height, NamespaceId } from "../protocol/scalars.ts";
import * as Transaction from "../protocol/Transaction.ts";
import * as FinalizedHeader from "./finalizedHeader.ts";
import * as Proofs from "./proofs.ts";

/** A block and what proves that it is final: it has a certificate of its own, or it is in the history of one that has. */
export interface ConfirmedBlock {
  readonly header: Header.Header;
  readonly finalized: FinalizedHeader.FinalizedHeader;
  /** Path of the block's hash in `finalized.header.history`; absent when the two are the same block. */
  readonly history?: Proofs.Path;
}

/** Everything that proves that a transaction was confirmed. */
export interface Confirmation extends ConfirmedBlock {
  readonly namespace: Proofs.NamespacePresence;
  readonly transaction: Proofs.TransactionProof;
  readonly envelope: Uint8Array;
}

/** Confirmations of all parts of a bundle, in the order of the parts, in one block. */
export interface BundleConfirmation extends ConfirmedBlock {
  readonly bundle: Hash;
  readonly parts: readonly BundlePartProof[];
}

export interface BundlePartProof {
  readonly namespace: Proofs.NamespacePresence;
  readonly transaction: Proofs.TransactionProof;
  readonly envelope: Uint8Array;
}

/** What all transactions of a namespace in one block are, or that there are none. */
export interface NamespaceBlock {
  readonly header: Header.Header;
  readonly proof: Proofs.NamespaceProof;
  /** In order; empty for an absent namespace. */
  readonly envelopes: readonly Uint8Array[];
}

/** Which claim of an answer is not proven. */
export type ConfirmationFault =
  | FinalizedHeader.FinalizedHeaderFault
  | { readonly code: "not-in-history"; readonly height: Height; readonly head: Height }
  | { readonly code: "not-in-block"; readonly namespace: NamespaceId; readonly height: Height }
  | { readonly code: "not-absent"; readonly namespace: NamespaceId; readonly height: Height }
  | { readonly code: "not-in-namespace"; readonly namespace: NamespaceId; readonly transaction: Hash }
  | { readonly code: "not-whole"; readonly namespace: NamespaceId; readonly height: Height; readonly given: number }
  | { readonly code: "wrong-transaction"; readonly given: Hash; readonly expected: Hash }
  | { readonly code: "wrong-bundle"; readonly bundle: Hash; readonly parts: number };

export type ConfirmationVerdict = { readonly ok: true } | { readonly ok: false; readonly fault: ConfirmationFault };

const PROVEN: ConfirmationVerdict = { ok: true };

function refused(fault: ConfirmationFault): ConfirmationVerdict {
  return { ok: false, fault };
}

/** LC-15: the certificate is the committee's, and the block is the finalized one or in its history. */
export function verifyBlock(
  confirmed: ConfirmedBlock,
  committee: Committee.Committee,
  verifier: FinalizedHeader.Verifier,
): ConfirmationVerdict {
  const verdict = FinalizedHeader.verify(confirmed.finalized, committee, verifier);
  return verdict.ok ? verifyInHistory(confirmed) : verdict;
}

/** `verifyBlock` for a finalized header that was verified before. */
export function verifyInHistory({ header, finalized, history }: ConfirmedBlock): ConfirmationVerdict {
  if (Proofs.verifyHistory(finalized.header, header, history)) return PROVEN;
  return refused({ code: "not-in-history", height: header.height, head: finalized.header.height });
}

/** LC-16: transaction in namespace, namespace in block. Says nothing about the block: see `verifyBlock`. */
export function verifyInclusion(
  header: Header.Header,
  namespace: NamespaceId,
  part: BundlePartProof,
): ConfirmationVerdict {
  if (!Proofs.verifyPresence(header, namespace, part.namespace)) {
    return refused({ code: "not-in-block", namespace, height: header.height });
  }
  if (Proofs.verifyTransaction(part.namespace.entry, part.envelope, part.transaction)) return PROVEN;
  return refused({ code: "not-in-namespace", namespace, transaction: keccakHash(part.envelope) });
}

/** A confirmation of the transaction that was asked for, and of no other. */
export function verify(
  confirmation: Confirmation,
  asked: { readonly namespace: NamespaceId; readonly transaction: Hash },
  committee: Committee.Committee,
  verifier: FinalizedHeader.Verifier,
): ConfirmationVerdict {
  const given = keccakHash(confirmation.envelope);
  if (given !== asked.transaction) return refused({ code: "wrong-transaction", given, expected: asked.transaction });
  const included = verifyInclusion(confirmation.header, asked.namespace, confirmation);
  return included.ok ? verifyBlock(confirmation, committee, verifier) : included;
}

/** LC-17: the envelopes are all of the namespace in the block, or the namespace is proven absent and there are none. */
export function verifyWhole(block: NamespaceBlock, namespace: NamespaceId): ConfirmationVerdict {
  const { header, proof, envelopes } = block;
  const { height } = header;
  const notWhole = { code: "not-whole", namespace, height, given: envelopes.length } as const;
  if (proof.kind === "absent") {
    if (!Proofs.verifyAbsence(header, namespace, proof)) return refused({ code: "not-absent", namespace, height });
    return envelopes.length === 0 ? PROVEN : refused(notWhole);
  }
  if (!Proofs.verifyPresence(header, namespace, proof)) return refused({ code: "not-in-block", namespace, height });
  return Proofs.verifyWhole(proof.entry, envelopes) ? PROVEN : refused(notWhole);
}

/**
 * LC-18: every part stands in one block, in its own namespace, and together they are what the bundle id commits to.
 * Says nothing about the block: see `verifyBlock`.
 */
export function verifyBundle({ header, bundle, parts }: BundleConfirmation): ConfirmationVerdict {
  const wrong = { code: "wrong-bundle", bundle, parts: parts.length } as const;
  const opened: Transaction.BundlePart[] = [];
  for (const [index, part] of parts.entries()) {
    const { namespace } = part.namespace.entry;
    const included = verifyInclusion(header, namespace, part);
    if (!included.ok) return included;
    const result = Transaction.open(part.envelope);
    if (!result.ok || result.envelope.kind !== "part") return refused(wrong);
    const { envelope } = result;
    if (envelope.bundle !== bundle || envelope.index !== index || envelope.count !== parts.length)
      return refused(wrong);
    opened.push({ namespace, data: envelope.data });
  }
  return Transaction.bundleId(opened) === bundle ? PROVEN : refused(wrong);
}
