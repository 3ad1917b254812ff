import type { Hash } from "../crypto/hash.ts";
import type { Certificate, Finalization } from "../protocol/Certificate.ts";
import type { Header } from "../protocol/Header.ts";
import type { History } from "../protocol/History.ts";
import type { Proposal } from "../protocol/Proposal.ts";
import type { Epoch, View } from "../protocol/scalars.ts";
import type { Verified } from "../protocol/Verified.ts";
import type { SignedVote, Vote } from "../protocol/Vote.ts";
import type { Contradiction } from "./output.ts";

/**
 * What the world may tell the core. Order guarantees that the caller owes:
 *
 * - One input at a time; `step` is not re-entrant, and the outputs of one step are performed, in order, before or while
 *   later inputs are fed (answers come back as later inputs, in any order, late, twice, or never: "never" is *pending*).
 * - `start` is the first input after `initial` or `recover`, once per process; `start-epoch` needs no `start` after it.
 * - `nowMs` is the monotonic clock and never decreases within one process lifetime.
 */
export type Input = Event & { readonly nowMs: number };

/** The transport identity of whoever sent a message. The core only echoes it. */
export type Peer = string;

/** `from` of one's own signed votes. Only these count as verified without a check. */
export const SELF: Peer = "self";

export type Event =
  | Start
  | StartEpoch
  | Resumed
  | Adopt
  | ProposalReceived
  | VoteReceived
  | VotesVerified
  | ConflictVerified
  | CertificateReceived
  | HeadersReceived
  | OtherEpoch
  | Forked
  | Built
  | BuildFailed
  | Checked
  | Certified
  | TimerFired
  | Voting;

export type Verdict = "valid" | "invalid";

/** Enter the current view: set timers, propose if leader, certify what is pending, repeat own votes of this view. */
export interface Start {
  readonly type: "start";
}

/**
 * The committee of the epoch after `epoch-ended` is known. `step` is called with the context of the NEW epoch
 * (`context.epoch === state.epoch + 1`), from this input on.
 */
export interface StartEpoch {
  readonly type: "start-epoch";
}

/**
 * L1 applied a resume (RESUME-5): in place of a handover, its block is the anchor and its committee and epoch begin.
 * `step` is called with the context of the resumed epoch from this input on, whatever epoch and phase came before.
 */
export interface Resumed {
  readonly type: "resumed";
  readonly anchor: Anchor;
}

/** A finalized block to build on. */
export interface Anchor {
  readonly header: Header;
  /** Frontier over the block hashes 0 .. header.height: the block itself included. */
  readonly history: History;
  /** Its finalization; undefined for genesis, and for a block that is final by a resume. */
  readonly certificate: Verified<Finalization> | undefined;
}

/**
 * State sync: the engine has verified and stored everything up to this finalized block of the current epoch. Jumps the
 * floor; ignored if not above it. No `finalized` output follows for blocks at or below it.
 */
export interface Adopt {
  readonly type: "adopt";
  readonly anchor: Anchor;
}

/** A proposal of the current epoch, from anyone, whose leader's `notarize` signature has been verified. */
export interface ProposalReceived {
  readonly type: "proposal";
  readonly from: Peer;
  readonly proposal: Verified<Proposal>;
}

/**
 * A vote of the current epoch from its author's own authenticated connection: the caller has matched `from` with
 * the member that `signer` names. The signature is NOT verified. One's own vote comes back this way too, once signed, `from` SELF.
 */
export interface VoteReceived {
  readonly type: "vote";
  readonly from: Peer;
  readonly vote: SignedVote;
}

/** Answer to `verify-votes` with the same `vote`. `aggregate` is over the signatures of exactly `valid`. */
export interface VotesVerified {
  readonly type: "votes-verified";
  readonly vote: Vote;
  readonly valid: readonly number[];
  readonly invalid: readonly number[];
  /** Undefined iff `valid` is empty. */
  readonly aggregate: Uint8Array | undefined;
}

/** Answer to `verify-conflict`: which signatures hold (`isAgainstValid` is true for a certificate). */
export interface ConflictVerified {
  readonly type: "conflict-verified";
  readonly vote: SignedVote;
  readonly against: Contradiction;
  readonly isVoteValid: boolean;
  readonly isAgainstValid: boolean;
}

/**
 * A certificate of the current epoch, from anyone, verified against `context.committee`. Ask `wantsCertificate` before
 * paying for the verification.
 */
export interface CertificateReceived {
  readonly type: "certificate";
  readonly from: Peer;
  readonly certificate: Verified<Certificate>;
}

/** Headers asked for with `fetch` (`ancestors`), any order; what was not asked for is ignored. */
export interface HeadersReceived {
  readonly type: "headers";
  readonly from: Peer;
  readonly headers: readonly Header[];
}

/**
 * ACC-5: a finalization of a view or epoch that this state has left contradicts what is final here. The engine has
 * verified it; nothing is signed from here on.
 */
export interface Forked {
  readonly type: "forked";
  readonly mine: Finalization | undefined;
  readonly theirs: Finalization;
}

/** Any message whose epoch is not the current one. An older one is answered, a newer one makes the core catch up. */
export interface OtherEpoch {
  readonly type: "other-epoch";
  readonly from: Peer;
  readonly epoch: Epoch;
}

/** Answer to `build`. The payload is encoded and stored, and stays so until finalization passes `view`. */
export interface Built {
  readonly type: "built";
  readonly epoch: Epoch;
  readonly view: View;
  readonly header: Header;
}

export interface BuildFailed {
  readonly type: "build-failed";
  readonly epoch: Epoch;
  readonly view: View;
}

/**
 * Answer to `check`: own shards are here and proven, the clock admits the timestamp, own L1 knows the anchor and agrees
 * with `nextCommittee`. There is no negative answer: what depends on the voter's own state is pending until it passes.
 */
export interface Checked {
  readonly type: "checked";
  readonly epoch: Epoch;
  readonly view: View;
  readonly block: Hash;
}

/**
 * Answer to `certify`. `valid` promises that the whole payload is durable in the store, `invalid` is a deterministic
 * function of header, payload and cluster config. Pending: no answer, ever if need be.
 */
export interface Certified {
  readonly type: "certified";
  readonly epoch: Epoch;
  readonly block: Hash;
  readonly verdict: Verdict;
}

/** A timer set by `set-timer` has run out. Timers are never cancelled: the core ignores those that no longer matter. */
export interface TimerFired {
  readonly type: "timer";
  readonly timer: Timer;
}

/**
 * SAFE-7: off while the node's L1-finalized view of the light client is not live, after the own `Resume` of a later epoch
 * (RESUME-2), and while an applied resume waits to be taken. On at start.
 */
export interface Voting {
  readonly type: "voting";
  readonly enabled: boolean;
}

export type Timer =
  | { readonly kind: "leader" | "advance" | "retry"; readonly epoch: Epoch; readonly view: View }
  | { readonly kind: "standstill"; readonly epoch: Epoch }
  | { readonly kind: "resolve"; readonly epoch: Epoch; readonly atMs: number };
