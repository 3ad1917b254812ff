import type { Hash } from "../crypto/hash.ts";
import * as Checkpoint from "../lightclient/checkpoint.ts";
import type { BundleConfirmation, Confirmation } from "../lightclient/confirmation.ts";
import * as L1Proofs from "../lightclient/l1Proofs.ts";
import * as Proofs from "../lightclient/proofs.ts";
import * as Header from "../protocol/Header.ts";
import type { Epoch, Height, View } from "../protocol/scalars.ts";
import { toHex, type Hex } from "../codec/hex.ts";
import type { NamespaceContent } from "./client.ts";
import * as Endpoints from "./endpoints.ts";
import { NotCheckpointedError, VerificationError } from "./errors.ts";
import type { Transport } from "./transport.ts";

/** What L1 says of a checkpoint; all of it but the block's `history`, which the header has. */
export interface CheckpointOnL1 extends Checkpoint.StoredCheckpoint {
  readonly blockHash: Hash;
  readonly epoch: Epoch;
  readonly viewNumber: View;
  readonly timestamp: bigint;
  readonly receivedAt: bigint;
}

/** The light client's checkpoints on L1, e.g. `lightClientCheckpoints`. */
export interface CheckpointSource {
  /** The ring's entries and the latest, at least those that a block at `height` can be proven against. */
  checkpoints(height: Height): Promise<readonly CheckpointOnL1[]>;
}

/** Arguments of `ConfirmationVerifier.verifyTransaction`, in order. */
export interface TransactionProofOnL1 {
  readonly block: L1Proofs.BlockProof;
  readonly namespace: L1Proofs.NamespaceProof;
  readonly transaction: L1Proofs.TransactionProof;
}

/** Arguments of `ConfirmationVerifier.verifyBundle`, in order. */
export interface BundleProofOnL1 {
  readonly block: L1Proofs.BlockProof;
  readonly parts: readonly L1Proofs.BundlePart[];
}

/** Arguments of `ConfirmationVerifier.verifyAllTransactions`, or of `verifyAbsence`. */
export type NamespaceProofOnL1 =
  | {
      readonly kind: "present";
      readonly block: L1Proofs.BlockProof;
      readonly namespace: L1Proofs.NamespaceProof;
      readonly transactions: readonly Hex[];
    }
  | { readonly kind: "absent"; readonly block: L1Proofs.BlockProof; readonly absence: L1Proofs.AbsenceProof };

export async function proveTransaction(
  transport: Transport,
  confirmation: Confirmation,
  source: CheckpointSource,
): Promise<TransactionProofOnL1> {
  return {
    block: await proveBlock(transport, confirmation.header, source),
    namespace: L1Proofs.namespaceProof(confirmation.namespace),
    transaction: L1Proofs.transactionProof(confirmation.envelope, confirmation.transaction),
  };
}

export async function proveBundle(
  transport: Transport,
  { header, parts }: BundleConfirmation,
  source: CheckpointSource,
): Promise<BundleProofOnL1> {
  return { block: await proveBlock(transport, header, source), parts: parts.map(L1Proofs.bundlePart) };
}

export async function proveNamespace(
  transport: Transport,
  { header, namespace, proof, transactions }: NamespaceContent,
  source: CheckpointSource,
): Promise<NamespaceProofOnL1> {
  const block = await proveBlock(transport, header, source);
  if (proof.kind === "absent") return { kind: "absent", block, absence: L1Proofs.absenceProof(namespace, proof) };
  return {
    kind: "present",
    block,
    namespace: L1Proofs.namespaceProof(proof),
    transactions: transactions.map(({ envelope }) => toHex(envelope)),
  };
}

/** SDK-7: what is sent to L1 was checked here as L1 will check it, so that no gas is spent on a lie of an endpoint. */
async function proveBlock(
  transport: Transport,
  header: Header.Header,
  source: CheckpointSource,
): Promise<L1Proofs.BlockProof> {
  const stored = await source.checkpoints(header.height);
  const chosen = Checkpoint.choose(stored, header.height);
  if (chosen === undefined) {
    const newest = stored.reduce<Height | undefined>(
      (top, { height }) => (height > (top ?? -1n) ? height : top),
      undefined,
    );
    throw new NotCheckpointedError(header.height, newest);
  }
  const head = await checkpointHeader(transport, header, chosen);
  const { blockHash, height, epoch, viewNumber, timestamp, receivedAt } = chosen;
  const checkpoint = { blockHash, history: head.history, height, epoch, viewNumber, timestamp, receivedAt };
  const isSame = blockHash === Header.hash(header);
  const history = isSame ? [] : await historyPath(transport, header, head);
  return { header, checkpoint, position: chosen.position, history };
}

function checkpointHeader(
  transport: Transport,
  header: Header.Header,
  { blockHash, height }: CheckpointOnL1,
): Promise<Header.Header> {
  if (blockHash === Header.hash(header)) return Promise.resolve(header);
  const { request, schema } = Endpoints.block(height);
  return transport.ask(request, schema, (block, endpoint) => {
    const given = Header.hash(block.header);
    if (given === blockHash) return block.header;
    throw new VerificationError(endpoint, { code: "wrong-block", given, expected: blockHash });
  });
}

function historyPath(transport: Transport, header: Header.Header, head: Header.Header): Promise<Hash[]> {
  const { request, schema } = Endpoints.historyProof(header.height, head.height);
  return transport.ask(request, schema, ({ path }, endpoint) => {
    if (Proofs.verifyHistory(head, header, path)) return [...path];
    throw new VerificationError(endpoint, { code: "not-in-history", height: header.height, head: head.height });
  });
}
