import type { Hash } from "../crypto/hash.ts";
import type { FinalizedHeader } from "./finalizedHeader.ts";
import type * as Committee from "../protocol/Committee.ts";
import type * as Evidence from "../protocol/Evidence.ts";
import type * as Header from "../protocol/Header.ts";
import type * as Payload from "../protocol/Payload.ts";
import type * as Resume from "../protocol/Resume.ts";
import type { CommitteeId, Epoch, Height, NamespaceId, ValidatorId, View } from "../protocol/scalars.ts";
import type { Transaction } from "../protocol/Transaction.ts";

/**
 * What the API needs from a node: the one port between HTTP and the engine. Everything returned is finalized and
 * certified by this node; the API adds proofs, pages, JSON and bounds. `undefined` means "not here": never existed,
 * not finalized yet, or pruned below `NodeStatus.oldestHeight`. A rejected promise means the node itself is at fault.
 */
export interface NodeQueries {
  /** Offers envelopes (docs/spec/data-structures.md, payload) to the mempool. Several parts are one bundle: all are taken or none. */
  submit(transactions: readonly Transaction[]): Promise<SubmitOutcome>;
  /** Where a transaction stands. `hash` is keccak-256 of the envelope. */
  transaction(namespace: NamespaceId, hash: Hash): Promise<TransactionPlace>;
  status(): Promise<NodeStatus>;
  blockAt(height: Height): Promise<FinalizedBlock | undefined>;
  blockByHash(hash: Hash): Promise<FinalizedBlock | undefined>;
  payload(height: Height): Promise<Payload.Payload | undefined>;
  /** A finalization certificate this node holds, chosen by height. Not every height has one of its own. */
  finalization(selector: FinalizationSelector): Promise<FinalizedHeader | undefined>;
  /** The handover block of `epoch` with its finalization; epoch 0 is genesis and has none. */
  handover(epoch: Epoch): Promise<FinalizedHeader | undefined>;
  committee(id: CommitteeId): Promise<Committee.Committee | undefined>;
  /** Evidence in the order in which it was verified, numbered from 0; at most `limit` entries with number >= `from`. */
  evidence(from: number, limit: number): Promise<readonly EvidenceEntry[]>;
  /** The certified resume of the highest epoch that L1 has not applied, with the header of its block. */
  resume(): Promise<(CertifiedResume & { readonly header: Header.Header }) | undefined>;
  /** Inclusion path of the block hash at `height` in the history tree of `size` leaves (`historyTree.prove`). */
  historyPath(height: Height, size: bigint): Promise<readonly Hash[] | undefined>;
  /** Calls `listener` after each finalization with the newest finalized height; returns the way to stop it. */
  subscribe(listener: (height: Height) => void): () => void;
}

/** What became of a submission; exactly one reason, with the offending values. */
export type SubmitOutcome =
  | { readonly kind: "accepted" }
  /** Already waiting, or already finalized within the deduplication window. The user's goal is met: not a failure. */
  | { readonly kind: "duplicate"; readonly hash: Hash }
  | { readonly kind: "too-large"; readonly bytes: number; readonly maximum: number }
  | { readonly kind: "invalid"; readonly reason: string }
  /** Only where the cluster restricts namespaces; they are open by default. */
  | { readonly kind: "unknown-namespace"; readonly namespace: NamespaceId }
  /** A bound of the mempool is reached: of this namespace (429) or of the whole node (503). */
  | {
      readonly kind: "full";
      readonly scope: "namespace" | "node";
      readonly maximum: number;
      readonly retryAfterMs: number;
    }
  /** The node does not take transactions now: it is starting, catching up or stopping. */
  | { readonly kind: "not-ready"; readonly reason: string; readonly retryAfterMs: number };

export type TransactionPlace =
  | { readonly kind: "unknown" }
  | { readonly kind: "pending" }
  /** `index` counts within the namespace in that block. */
  | { readonly kind: "finalized"; readonly height: Height; readonly index: number };

export interface FinalizedBlock {
  readonly hash: Hash;
  readonly header: Header.Header;
  /** Length of the payload's canonical bytes. */
  readonly payloadBytes: number;
}

export type FinalizationSelector =
  | { readonly kind: "latest" }
  | { readonly kind: "at"; readonly height: Height }
  | { readonly kind: "at-or-below"; readonly height: Height }
  | { readonly kind: "at-or-above"; readonly height: Height };

export interface EvidenceEntry {
  readonly number: number;
  readonly evidence: Evidence.Evidence;
}

export interface NodeStatus {
  readonly genesisHash: Hash;
  readonly l1ChainId: bigint;
  /** L1 contract that holds the stake, lower-case 0x address; part of every signing domain. */
  readonly stakeTable: string;
  /** Absent on a follower, which has no key. */
  readonly validator?: ValidatorId;
  /** Newest finalized block. */
  readonly height: Height;
  readonly hash: Hash;
  /** Of the newest finalized block, milliseconds. */
  readonly timestamp: bigint;
  readonly epoch: Epoch;
  readonly view: View;
  readonly committee: CommitteeId;
  /** Oldest height whose payload is still served. */
  readonly oldestHeight: Height;
  readonly l1Number: bigint;
  readonly peers: number;
  readonly mempool: { readonly transactions: number; readonly bytes: number };
  /** Why the node takes no transactions; absent when it is ready. */
  readonly notReady?: string;
}

/** A resume with the signature of a quorum of the committee that it names. */
export interface CertifiedResume {
  readonly message: Resume.Resume;
  /** Bitmap of the members that did not sign. */
  readonly absent: Uint8Array;
  /** Aggregate signature, 48 bytes compressed. */
  readonly signature: Uint8Array;
}

/** What an operator decides (RESUME-1): the chain goes on above `block` in `epoch` with `committee`. */
export type ResumeRequest = Resume.Resume;

/** Why a node did not sign a resume; nothing was signed. */
export type ResumeRefusal =
  | { readonly code: "no-signer" }
  | { readonly code: "not-running" }
  | { readonly code: "not-halted"; readonly lightClient: "live" | "unknown" }
  | { readonly code: "unknown-committee"; readonly committee: CommitteeId }
  | { readonly code: "committee-not-newer"; readonly given: bigint; readonly installed: bigint }
  | { readonly code: "not-a-member"; readonly committee: CommitteeId }
  | { readonly code: "unknown-block"; readonly block: Hash }
  | { readonly code: "block-below-checkpoint"; readonly height: Height; readonly checkpoint: Height }
  | { readonly code: "epoch-out-of-bounds"; readonly given: bigint; readonly above: bigint; readonly most: bigint }
  | { readonly code: "signer-refused"; readonly refusal: string };
