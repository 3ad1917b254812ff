import type { Hash } from "../crypto/hash.ts";
import type { Certificate, Finalization, Notarization, Nullification } from "../protocol/Certificate.ts";
import * as Header from "../protocol/Header.ts";
import type { History } from "../protocol/History.ts";
import type { Proposal } from "../protocol/Proposal.ts";
import { View } from "../protocol/scalars.ts";
import type { Epoch } from "../protocol/scalars.ts";
import type { Verified } from "../protocol/Verified.ts";
import type { SignedVote } from "../protocol/Vote.ts";
import type { Context } from "./context.ts";
import type { Anchor, Verdict } from "./input.ts";
import type { Want } from "./output.ts";

/** BOUND-1: views above the last finalized one that are remembered; a certificate further ahead is refused. */
export const VIEWS_MAX = 65_536n;
/** BOUND-2: votes and proposals are kept for views up to this far above the current one. */
export const VIEWS_AHEAD_MAX = 16n;
/** BOUND-3: different proposals kept for one view: the first, and one more as proof of equivocation. */
export const PROPOSALS_MAX = 2;
/** BOUND-4: headers between the last finalized block and a newer finalization that are linked in memory. */
export const HEADERS_MAX = 4_096n;
/** BOUND-5: requests under way at once. */
export const FETCHES_MAX = 64;
/** BOUND-6: views whose votes and certificates one repeat after a standstill or a restart may carry. */
export const REPEAT_VIEWS_MAX = 256;

/** Everything the core knows in one epoch. Immutable: `step` returns a new one that shares what did not change. */
export interface State {
  readonly epoch: Epoch;
  readonly phase: Phase;
  /** The view this node is in; the first is 1. */
  readonly view: View;
  readonly isVotingEnabled: boolean;
  /** The newest block that is final here, with all its ancestors delivered. */
  readonly anchor: Anchor;
  /** View of the anchor's finalization in this epoch; 0 while the anchor is the block that began the epoch. */
  readonly anchorView: View;
  /** The newest finalization above the anchor, while headers between the two are missing. */
  readonly unlinked: Verified<Finalization> | undefined;
  /** Records of views above `anchorView - voteWindow`. */
  readonly views: ReadonlyMap<View, ViewRecord>;
  /** Blocks above the anchor. */
  readonly blocks: ReadonlyMap<Hash, Block>;
  /** Monotonic time at which each member was last heard. */
  readonly lastHeardMs: readonly number[];
  /** Views failed since the last finalization: timeouts grow with it. */
  readonly failures: number;
  /** When a view was last entered or a block finalized. */
  readonly progressAtMs: number;
  /** A peer is in a newer epoch. */
  readonly isBehind: boolean;
  readonly fetches: ReadonlyMap<string, Fetching>;
  /** When the resolver's timer runs out; undefined if none is set. */
  readonly resolveAtMs: number | undefined;
}

/** `ended`: the handover is final; `forked`: finality was contradicted. In both nothing is signed. */
export type Phase = "running" | "ended" | "forked";

export interface Block {
  readonly header: Header.Header;
  /** Frontier including this block; undefined while an ancestor's header is missing. */
  readonly history: History | undefined;
  /** What certification said; undefined while pending. */
  readonly verdict: Verdict | undefined;
  /** Whether certification was asked for in this process lifetime. */
  readonly isCertifying: boolean;
}

export interface Fetching {
  readonly want: Want;
  /** Whom to ask first. */
  readonly first: number;
  readonly attempts: number;
  readonly dueMs: number;
}

/** What is known of one view. */
export interface ViewRecord {
  readonly view: View;
  /** The first proposal of the leader, then at most one that differs. */
  readonly proposals: readonly Proposal[];
  /** What this node, as leader, proposed. */
  readonly proposed: { readonly header: Header.Header; readonly parentView: View } | undefined;
  readonly build: "none" | "asked" | "answered";
  /** The environment check of the first proposal. */
  readonly check: "none" | "asked" | "passed";
  readonly isInvalid: boolean;
  readonly own: OwnVotes;
  readonly notarization: Verified<Notarization> | undefined;
  readonly nullification: Verified<Nullification> | undefined;
  readonly finalization: Verified<Finalization> | undefined;
  /** One slot per kind and member (VOTE-1). */
  readonly votes: VoteBook;
}

/** What this node has journaled in one view, and so may have signed. */
export interface OwnVotes {
  readonly notarize: Hash | undefined;
  readonly nullify: boolean;
  readonly finalize: Hash | undefined;
}

export interface VoteBook {
  readonly notarize: Slots;
  readonly nullify: Slots;
  readonly finalize: Slots;
  /** Groups (kind and block) whose signatures are being verified. */
  readonly verifying: readonly string[];
  /** Members whose contradiction was asked about: one case per member and view. */
  readonly disputed: readonly number[];
}

export type Slots = ReadonlyMap<number, Slot>;

/** A member's vote of one kind, or `refused` after its signature was found bad. */
export type Slot = { readonly signed: SignedVote; readonly isVerified: boolean } | "refused";

export const NO_VOTES: OwnVotes = { notarize: undefined, nullify: false, finalize: undefined };
const NO_SLOTS: Slots = new Map();
const EMPTY_BOOK: VoteBook = { notarize: NO_SLOTS, nullify: NO_SLOTS, finalize: NO_SLOTS, verifying: [], disputed: [] };

export function emptyRecord(view: View): ViewRecord {
  return {
    view,
    proposals: [],
    proposed: undefined,
    build: "none",
    check: "none",
    isInvalid: false,
    own: NO_VOTES,
    notarization: undefined,
    nullification: undefined,
    finalization: undefined,
    votes: EMPTY_BOOK,
  };
}

/** The state of an epoch before anything happened in it. Feed `start` next. */
export function initial(context: Context, anchor: Anchor): State {
  const finalized = anchor.certificate?.vote;
  const anchorView = finalized?.epoch === context.epoch ? finalized.view : View(0n);
  return {
    epoch: context.epoch,
    phase: anchor.header.height >= context.handoverHeight ? "ended" : "running",
    view: View(anchorView + 1n),
    isVotingEnabled: true,
    anchor,
    anchorView,
    unlinked: undefined,
    views: new Map(),
    blocks: new Map(),
    lastHeardMs: context.committee.members.map(() => 0),
    failures: 0,
    progressAtMs: 0,
    isBehind: false,
    fetches: new Map(),
    resolveAtMs: undefined,
  };
}

/** What is known of `view`, or an empty record. */
export function recordOf(state: State, view: View): ViewRecord {
  return state.views.get(view) ?? emptyRecord(view);
}

/** FIN-4: the newest view known to be finalized, linked or not. Nothing is signed at or below it. */
export function finalizedView(state: State): View {
  return state.unlinked?.vote.view ?? state.anchorView;
}

/** The first view whose record is still kept. */
export function oldestView(context: Context, state: State): View {
  const oldest = state.anchorView - BigInt(context.config.voteWindow) + 1n;
  return View(oldest > 1n ? oldest : 1n);
}

/** Views above the finalized one of which something is known, in no particular order. */
export function openRecords(state: State): ViewRecord[] {
  const floor = finalizedView(state);
  return [...state.views.values()].filter((record) => record.view > floor);
}

/** The header of `block`: the anchor's, or that of a block above it; undefined if not held. */
export function headerOf(state: State, block: Hash): Header.Header | undefined {
  return Header.hash(state.anchor.header) === block ? state.anchor.header : state.blocks.get(block)?.header;
}

/** SAFE-6: the block of `view` that may be built upon: finalized, or notarized and certified. */
export function certifiedBlock(state: State, view: View): Hash | undefined {
  if (view === state.anchorView) return Header.hash(state.anchor.header);
  const record = state.views.get(view);
  if (record?.finalization !== undefined) return record.finalization.vote.block;
  const block = record?.notarization?.vote.block;
  return block !== undefined && state.blocks.get(block)?.verdict === "valid" ? block : undefined;
}

/** The frontier through `block`; undefined if the block or an ancestor is not held. */
export function historyOf(state: State, block: Hash): History | undefined {
  return Header.hash(state.anchor.header) === block ? state.anchor.history : state.blocks.get(block)?.history;
}

export function isNullified(state: State, view: View): boolean {
  return state.views.get(view)?.nullification !== undefined;
}

/** VIEW-5: the certificate that best explains why `view` was entered. */
export function entryCertificate(state: State, view: View): Certificate | undefined {
  const before = View(view - 1n);
  const record = state.views.get(before);
  if (before === state.anchorView && before > 0n) return state.anchor.certificate;
  return record?.finalization ?? record?.nullification ?? record?.notarization;
}
