import type { Hash } from "../crypto/hash.ts";
import type { Finalization, Notarization, Nullification } from "../protocol/Certificate.ts";
import type { Header } from "../protocol/Header.ts";
import type { History } from "../protocol/History.ts";
import type { Proposal } from "../protocol/Proposal.ts";
import type { Epoch, View } from "../protocol/scalars.ts";
import type { Verified } from "../protocol/Verified.ts";
import type { Certificate } from "../protocol/Certificate.ts";
import type { Anchor, Verdict } from "./input.ts";
import type { Want } from "./output.ts";

/** Views above the last finalized one that are remembered; a certificate further ahead is refused. */
export const VIEWS_MAX = 65_536;
/** Votes are buffered for views up to this far above the current one. */
export const VOTES_AHEAD_MAX = 16;
/** Different proposals kept for one view: the first, and one more as proof of equivocation. */
export const PROPOSALS_MAX = 2;
/** Headers between the last finalized block and a newer finalization that are linked in memory; more is state sync. */
export const HEADERS_MAX = 4_096;
/** Requests under way at once. */
export const FETCHES_MAX = 64;

/** Everything the core knows in one epoch. Immutable: `step` returns a new one that shares what did not change. */
export interface State {
  readonly epoch: Epoch;
  /** The view this node is in; 0 before `start`. */
  readonly view: View;
  readonly phase: Phase;
  readonly votingEnabled: boolean;
  /** The newest block that is final here, with all its ancestors delivered. */
  readonly anchor: Anchor;
  /** View of the anchor's finalization in this epoch; 0 while the anchor is the handover that began the epoch. */
  readonly anchorView: View;
  /** A finalization above the anchor whose chain of headers is not complete yet. */
  readonly pendingFinalization: Verified<Finalization> | undefined;
  /** Records of the views above `anchorView` - voteWindow. */
  readonly views: ReadonlyMap<View, ViewRecord>;
  /** Headers above the anchor by block hash, and what certification said of them. */
  readonly blocks: ReadonlyMap<Hash, Block>;
  /** Monotonic time at which each member was last heard. */
  readonly lastHeardMs: readonly number[];
  /** Views failed since the last finalization: timeouts grow with it. */
  readonly failures: number;
  /** The certificate that let this node enter `view`. */
  readonly entry: Verified<Certificate> | undefined;
  /** Progress so far (views entered, blocks finalized), to recognize a standstill. */
  readonly progress: number;
  readonly progressAtMs: number;
  readonly fetches: ReadonlyMap<string, FetchState>;
}

/** `ended`: the handover is final; `forked`: finality was contradicted. In both nothing is signed. */
export type Phase = "running" | "ended" | "forked";

export interface Block {
  readonly header: Header;
  /** Frontier including this block; undefined while an ancestor's header is missing. */
  readonly history: History | undefined;
  /** What certification said; undefined while pending. */
  readonly verdict: Verdict | undefined;
}

export interface FetchState {
  readonly want: Want;
  readonly first: number;
  readonly attempts: number;
  readonly dueMs: number;
}

/** What one view holds. */
export interface ViewRecord {
  readonly view: View;
  /** The first proposal, then at most one that differs. */
  readonly proposals: readonly Verified<Proposal>[];
  /** The first proposal was found invalid. */
  readonly invalid: boolean;
  /** The environment check of the first proposal: asked for, passed. */
  readonly check: "none" | "asked" | "passed";
  readonly build: "none" | "asked" | "done";
  readonly own: OwnVotes;
  readonly notarization: Verified<Notarization> | undefined;
  readonly nullification: Verified<Nullification> | undefined;
  readonly finalization: Verified<Finalization> | undefined;
}

/** What this node has journaled in one view, and so may have signed. */
export interface OwnVotes {
  readonly notarize: Hash | undefined;
  readonly nullify: boolean;
  readonly finalize: Hash | undefined;
}
