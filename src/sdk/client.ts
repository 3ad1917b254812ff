import type { Hex } from "../codec/hex.ts";
import type { Bls } from "../crypto/bls.ts";
import type { Hash } from "../crypto/hash.ts";
import type { BundleConfirmation, Confirmation } from "../lightclient/confirmation.ts";
import type { FinalizedHeader } from "../lightclient/finalizedHeader.ts";
import type * as Committee from "../protocol/Committee.ts";
import type * as Header from "../protocol/Header.ts";
import type { NamespaceProof } from "../lightclient/proofs.ts";
import type { CommitteeId, Epoch, Height, NamespaceId } from "../protocol/scalars.ts";
import type { BundlePart } from "../protocol/Transaction.ts";
import type { Clock } from "../runtime/clock.ts";
import type { CommitteeSource } from "./committees.ts";
import type {
  EvidencePage,
  FinalizationQuery,
  HandoverPage,
  HandoverQuery,
  Status,
  TransactionPlace,
} from "./endpoints.ts";
import type { EthereumTransaction, TransactionSigner } from "./ethereum.ts";
import type { CheckpointSource, TransactionProofOnL1, BundleProofOnL1, NamespaceProofOnL1 } from "./l1Proof.ts";

import type { OpenStream } from "./tip.ts";
import type { Fetch } from "./transport.ts";

/** The network that a rollup trusts: constants of its deployment, never taken from an endpoint. */
export interface Network {
  readonly genesisHash: Hash;
  readonly l1ChainId: bigint;
  /** Address of `StakeTable` on L1. */
  readonly stakeTable: Hex;
  readonly epochLength: bigint;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** Longest wait, milliseconds; default `ClientLimits.finalityTimeoutMs`. */
  readonly timeoutMs?: number;
}

export interface FollowOptions {
  /** First height; default is the block after the newest finalized one. */
  readonly from?: Height;
  readonly signal?: AbortSignal;
}

/** A transaction that an endpoint took. `repeated` when it was there before: the goal is met either way. */
export interface Submission {
  readonly namespace: NamespaceId;
  readonly hash: Hash;
  readonly envelope: Uint8Array;
  readonly repeated: boolean;
}

export interface BundleSubmission {
  readonly bundle: Hash;
  readonly parts: readonly Submission[];
}

/** A finalized block, verified. */
export interface VerifiedBlock {
  readonly hash: Hash;
  readonly header: Header.Header;
  /** What proved it: its own finalization, or that of a later block which it is an ancestor of. */
  readonly finalized: FinalizedHeader;
}

/** All that one block holds of a namespace, verified to be all. `transactions` is empty where it holds nothing. */
export interface NamespaceContent extends VerifiedBlock {
  readonly namespace: NamespaceId;
  readonly transactions: readonly NamespaceTransaction[];
  readonly proof: NamespaceProof;
}

export interface NamespaceTransaction {
  readonly hash: Hash;
  /** Place in the namespace in this block. */
  readonly index: number;
  readonly envelope: Uint8Array;
  /** What was submitted: the envelope's contents. */
  readonly data: Uint8Array;
  /** Present for a bundle's part. */
  readonly bundle?: Hash;
}

/**
 * What a rollup does with Crema. Endpoints are never trusted: whatever `confirmation`, `waitForFinality`, `follow` and
 * `watch` return was checked against a committee from `CommitteeSource`. The plain reads (`status`, `transaction`,
 * `finalization`, `handover*`, `committee`, `evidence`) are an endpoint's word, marked so below; whoever forwards them
 * to a contract has them checked there.
 *
 * Every method tries the endpoints in turn and throws an `SdkError`: `EndpointsError` when none answered, `ProblemError`
 * when one refused the request for a reason of the request, `VerificationError` when all that answered lied.
 */
export interface Client {
  /** Submits bytes to a namespace. */
  submit(namespace: NamespaceId, data: Uint8Array): Promise<Submission>;
  /** Signs an EIP-1559 transaction (an ethers signer does) and submits its bytes; the namespace is its chain id. */
  submitEthereum(signer: TransactionSigner, transaction: EthereumTransaction): Promise<Submission>;
  /** Submits parts for several namespaces, to be included in one block or not at all. */
  submitBundle(parts: readonly BundlePart[]): Promise<BundleSubmission>;

  /** Waits for finality and returns the verified confirmation. Throws `TimeoutError`. */
  waitForFinality(namespace: NamespaceId, transaction: Hash, options?: WaitOptions): Promise<Confirmation>;
  /** The verified confirmation of a finalized transaction; undefined while it is not final. */
  confirmation(namespace: NamespaceId, transaction: Hash): Promise<Confirmation | undefined>;
  /** The verified confirmation of all parts of the bundle that a transaction belongs to; undefined while not final. */
  bundleConfirmation(namespace: NamespaceId, transaction: Hash): Promise<BundleConfirmation | undefined>;

  /** Every block from a height on with all it holds of a namespace: in order, without gaps, verified. */
  follow(namespace: NamespaceId, options?: FollowOptions): AsyncGenerator<NamespaceContent, void, undefined>;
  /** Every finalized block from a height on: in order, without gaps, verified. */
  watch(options?: FollowOptions): AsyncGenerator<VerifiedBlock, void, undefined>;

  /** Arguments for `ConfirmationVerifier.verifyTransaction`, against the best checkpoint L1 has. */
  proveTransaction(confirmation: Confirmation, checkpoints: CheckpointSource): Promise<TransactionProofOnL1>;
  /** Arguments for `ConfirmationVerifier.verifyBundle`. */
  proveBundle(confirmation: BundleConfirmation, checkpoints: CheckpointSource): Promise<BundleProofOnL1>;
  /** Arguments for `verifyAllTransactions` or, for an empty content, `verifyAbsence`. */
  proveNamespace(content: NamespaceContent, checkpoints: CheckpointSource): Promise<NamespaceProofOnL1>;

  /** Unverified. */
  status(): Promise<Status>;
  /** Unverified: where a transaction stands. */
  transaction(namespace: NamespaceId, transaction: Hash): Promise<TransactionPlace>;
  /** Unverified; undefined where the endpoint holds none. */
  finalization(query: FinalizationQuery): Promise<FinalizedHeader | undefined>;
  /** Unverified; undefined while the epoch has not ended. */
  handover(epoch: Epoch): Promise<FinalizedHeader | undefined>;
  /** Unverified, oldest first. */
  handovers(query: HandoverQuery): Promise<HandoverPage>;
  /** Unverified. */
  committee(id: CommitteeId): Promise<Committee.Committee | undefined>;
  /** Unverified here; a contract checks it. `from` is a number, pages go on at `next`. */
  evidence(from: number): Promise<EvidencePage>;
}

export interface ClientOptions {
  /** Base addresses of nodes, e.g. `http://127.0.0.1:8080`; asked in this order, the last that answered first. */
  readonly endpoints: readonly string[];
  readonly network: Network;
  /** Who is trusted: `l1Committees` reads the stake table. */
  readonly committees: CommitteeSource;
  /** Default `globalThis.fetch`. */
  readonly fetch?: Fetch;
  /** Default `globalThis.WebSocket`; null polls only. */
  readonly openStream?: OpenStream | null;
  /** Default the machine's. */
  readonly clock?: Clock;
  /** Default mcl in WebAssembly. */
  readonly bls?: Pick<Bls, "verifyAggregate">;
  readonly limits?: Partial<ClientLimits>;
}

/** Times in milliseconds, sizes in bytes. */
export interface ClientLimits {
  readonly requestTimeoutMs: number;
  readonly answerBytesMax: number;
  /** How often is asked where no stream rings. */
  readonly pollMs: number;
  /** How long `submit` goes on while every endpoint is busy or away. */
  readonly submitTimeoutMs: number;
  /** How long `follow` and `watch` wait for an endpoint to be there again. */
  readonly outageTimeoutMs: number;
  /** How long `waitForFinality` waits by default. */
  readonly finalityTimeoutMs: number;
  /** How long a committee is taken as trusted before its source is asked again. */
  readonly trustAgeMs: number;
}

const MEBIBYTE = 1024 * 1024;

export const defaultClientLimits: ClientLimits = {
  requestTimeoutMs: 10_000,
  answerBytesMax: 128 * MEBIBYTE,
  pollMs: 500,
  submitTimeoutMs: 20_000,
  outageTimeoutMs: 300_000,
  finalityTimeoutMs: 60_000,
  trustAgeMs: 60_000,
};
