import type { Hash } from "../crypto/hash.ts";
import type { Certificate, Finalization } from "../protocol/Certificate.ts";
import type { Evidence, Offence } from "../protocol/Evidence.ts";
import type { Header } from "../protocol/Header.ts";
import type { CommitteeId, Epoch, Height, View } from "../protocol/scalars.ts";
import type { Proposal } from "../protocol/Proposal.ts";
import type { SignedVote, Vote } from "../protocol/Vote.ts";
import type { Peer, Timer, Verdict } from "./input.ts";
import type { Rejection } from "./rejection.ts";

/**
 * What the core asks for. Outputs are performed in the order given, across steps as well, and that order is the
 * contract:
 *
 * - SAFE-1: a `persist` with `sync` is durable, with every `persist` before it, BEFORE any later `sign` or `propose`
 *   starts. Other outputs need not wait.
 * - `finalized` outputs come in height order without gaps (apart from an `adopt`), each block once per process lifetime;
 *   after a restart blocks above the recovered floor may be repeated.
 * - Nothing else depends on completion: answers come back as inputs.
 */
export type Output =
  | Persist
  | Sign
  | Propose
  | BroadcastCertificate
  | SendHandover
  | SetTimer
  | Build
  | Check
  | Certify
  | VerifyVotes
  | VerifyConflict
  | Fetch
  | Finalized
  | EpochEnded
  | EnterView
  | ReportEvidence
  | ReportFork
  | Reject;

/** Append a record to the write-ahead log. Replayed by `recover` in the same order. */
export interface Persist {
  readonly type: "persist";
  readonly record: JournalRecord;
  readonly sync: boolean;
}

/**
 * What is journaled. `proposal` and `verdict` save work, `vote` and `certificate` carry safety. Everything at or below
 * the last finalized view of the epoch may be dropped from the log (certificates go to the archive), except the latest
 * finalization.
 */
export type JournalRecord =
  | { readonly type: "vote"; readonly vote: Vote }
  | { readonly type: "certificate"; readonly certificate: Certificate }
  | { readonly type: "proposal"; readonly proposal: Proposal }
  /** The own proposal of a view, before its vote. */
  | {
      readonly type: "proposed";
      readonly epoch: Epoch;
      readonly view: View;
      readonly parentView: View;
      readonly header: Header;
    }
  | { readonly type: "header"; readonly header: Header }
  | { readonly type: "verdict"; readonly epoch: Epoch; readonly block: Hash; readonly verdict: Verdict };

/**
 * Sign the vote, broadcast it (a `notarize` with own shards attached) and feed it back as a `vote` input. Repeated
 * for a retry: signing the identical message again is allowed, or resend what was signed.
 */
export interface Sign {
  readonly type: "sign";
  readonly vote: Vote;
}

/**
 * Sign `notarize(view, header)`, send the proposal (header, parentView, signature) to everyone with the receiver's own
 * shards, and feed the vote back as a `vote` input. `header` is what `built` answered, or a handover certified at
 * `parentView` and proposed again, unchanged. Repeated for a retry.
 */
export interface Propose {
  readonly type: "propose";
  readonly epoch: Epoch;
  readonly view: View;
  readonly parentView: View;
  readonly header: Header;
}

export interface BroadcastCertificate {
  readonly type: "broadcast-certificate";
  readonly certificate: Certificate;
}

/** EPOCH-3: answer `to`, who is in an older epoch, with the handover finalization of `epoch` (header and certificate). */
export interface SendHandover {
  readonly type: "send-handover";
  readonly to: Peer;
  readonly epoch: Epoch;
}

export interface SetTimer {
  readonly type: "set-timer";
  readonly timer: Timer;
  readonly delayMs: number;
}

/** Build a block for `view` on `parent`, at latest after `emptyBlockDelay`. Answer: `built` or `build-failed`. */
export interface Build {
  readonly type: "build";
  readonly epoch: Epoch;
  readonly view: View;
  readonly parent: Header;
  readonly parentView: View;
  /** The `history` member of the block to build: root over the blocks up to and including `parent`. */
  readonly history: Hash;
}

/** Check what depends on the environment before voting (see `Checked`). Answer: `checked`, or none while pending. */
export interface Check {
  readonly type: "check";
  readonly epoch: Epoch;
  readonly view: View;
  readonly header: Header;
  readonly parent: Header;
}

/**
 * Rebuild the payload from shards or a peer and check it (section 6). Goes on until `certified` is answered or a
 * `finalized` of this or a higher view comes. Repeated after a restart. Asked once per block, whatever the view.
 */
export interface Certify {
  readonly type: "certify";
  readonly epoch: Epoch;
  readonly view: View;
  readonly header: Header;
}

/**
 * Verify these signatures as one aggregate (those with `isVerified` need no second look), bisect on failure. At most one
 * is under way per vote. Answer: `votes-verified`.
 */
export interface VerifyVotes {
  readonly type: "verify-votes";
  readonly vote: Vote;
  readonly votes: readonly BufferedVote[];
}

export interface BufferedVote {
  /** Committee index. */
  readonly signer: number;
  readonly signature: Uint8Array;
  readonly isVerified: boolean;
}

/**
 * Two votes of one validator that may not stand together, or a vote and a verified certificate with the same signer:
 * verify the votes at once. Answer: `conflict-verified`.
 */
export interface VerifyConflict {
  readonly type: "verify-conflict";
  readonly vote: SignedVote;
  readonly against: Contradiction;
}

/** What a vote contradicts: another vote of its author (to be verified too), or a certificate (already verified). */
export type Contradiction =
  | { readonly type: "vote"; readonly vote: SignedVote }
  | { readonly type: "certificate"; readonly certificate: Certificate };

/**
 * Ask one peer. `seat` is whom to ask (proposer first, then others in order); the core repeats with back-off until it
 * has what it needs. The answer comes as ordinary inputs: `proposal`, `certificate`, `headers`, `adopt`.
 */
export interface Fetch {
  readonly type: "fetch";
  readonly want: Want;
  readonly seat: number;
}

export type Want =
  /** Every certificate and the proposal (or header) of one view. */
  | { readonly type: "view"; readonly epoch: Epoch; readonly view: View }
  /** The headers from `block` at `height` down to, not including, height `above`. Also by state sync: answer `adopt`. */
  | { readonly type: "ancestors"; readonly block: Hash; readonly height: Height; readonly above: Height }
  /** The finalization that ends the current epoch: peers are ahead. */
  | { readonly type: "handover"; readonly epoch: Epoch };

/** These blocks are final, ascending, without gap above the last. The certificate is for the last of `headers`. */
export interface Finalized {
  readonly type: "finalized";
  readonly headers: readonly Header[];
  readonly certificate: Finalization;
}

/**
 * The handover is final (its `finalized` came before). Nothing more is signed in this epoch. Feed `start-epoch`, with
 * the context of the next epoch, when committee `nextCommittee` is known.
 */
export interface EpochEnded {
  readonly type: "epoch-ended";
  readonly epoch: Epoch;
  readonly nextCommittee: CommitteeId;
  readonly handover: Header;
  readonly certificate: Finalization;
}

/** For metrics and pre-connection; nothing depends on it. */
export interface EnterView {
  readonly type: "enter-view";
  readonly epoch: Epoch;
  readonly view: View;
  readonly leader: number;
}

/** ACC-1: two verified statements that no honest signer makes both (S1 to S4), for the evidence store. */
export interface ReportEvidence {
  readonly type: "report-evidence";
  readonly offence: Offence;
  readonly evidence: Evidence;
}

/**
 * ACC-2: a finalization contradicts what is final here: a third or more is Byzantine. The core signs nothing more.
 * `mine` is the finalization held that it contradicts. To be kept (ACC-3): `recover` is told of it.
 */
export interface ReportFork {
  readonly type: "report-fork";
  readonly mine: Finalization | undefined;
  readonly theirs: Finalization;
}

/** An input that was refused. `from` is undefined where a seat in `rejection` says who is at fault. */
export interface Reject {
  readonly type: "reject";
  readonly from: Peer | undefined;
  readonly rejection: Rejection;
}
