import type { Hash } from "../crypto/hash.ts";
import * as Evidence from "../protocol/Evidence.ts";
import { Epoch, View } from "../protocol/scalars.ts";
import type { Resume } from "../protocol/Resume.ts";
import type * as Vote from "../protocol/Vote.ts";

/**
 * What a key has signed, as far as it limits what it may sign next (protocol rule 11). Pure: the record on disk is
 * `protectionRecord.ts`.
 *
 * - SIGN-2  in one (epoch, view) at most one block is notarized or finalized.
 * - SIGN-3  in one (epoch, view) `nullify` and `finalize` exclude each other.
 * - SIGN-4  an identical message may be signed again.
 * - SIGN-5  nothing is signed at or below the floor; views leave the memory only by raising it.
 * - SIGN-6  after an import: nothing in an epoch of the import, or at or below the one peers report as current.
 * - SIGN-7  after `Resume(e)`: no vote below epoch e, no other resume of e or less; no resume at or below a voted epoch.
 * - SIGN-8  a disabled record signs nothing.
 */

/** Views whose votes are remembered one by one; the older half falls below the floor when it is exceeded. */
export const VIEWS_MAX = 4096;

export interface Round {
  readonly epoch: Epoch;
  readonly view: View;
}

export interface SignedView extends Round {
  /** The block that was notarized or finalized. */
  readonly block: Hash | undefined;
  readonly notarized: boolean;
  readonly nullified: boolean;
  readonly finalized: boolean;
}

/** Why a record signs no more: its export, or a signature of its key that it does not know. */
export type Disabled = "exported" | "foreign-signature";

export interface Protection {
  /** 32-byte genesis hash: the chain the record is of. */
  readonly genesis: Hash;
  /** 192 bytes. */
  readonly publicKey: Uint8Array;
  floor: Round;
  /** Epochs up to this one are closed to this key. */
  epochFloor: Epoch;
  /** Imported, and no peer-reported epoch since. */
  awaitsPeers: boolean;
  disabled: Disabled | undefined;
  /** The highest epoch voted in; 0 for none. */
  votedEpoch: Epoch;
  resumed: Resume | undefined;
  readonly views: Map<string, SignedView>;
}

/** Why a message was not signed. */
export type Refusal =
  | { readonly code: "disabled"; readonly reason: Disabled }
  | { readonly code: "awaits-peers" }
  | { readonly code: "closed-epoch"; readonly epoch: Epoch; readonly closed: Epoch }
  | { readonly code: "below-floor"; readonly requested: Round; readonly floor: Round }
  | { readonly code: "contradiction"; readonly requested: Evidence.Message; readonly signed: Evidence.Message }
  | { readonly code: "resumed-later"; readonly epoch: Epoch; readonly resumed: Epoch }
  | { readonly code: "voted-later"; readonly epoch: Epoch; readonly voted: Epoch };

/** The record of a key that has signed nothing. */
export function fresh(genesis: Hash, publicKey: Uint8Array): Protection {
  return {
    genesis,
    publicKey,
    floor: { epoch: Epoch(0n), view: View(0n) },
    epochFloor: Epoch(0n),
    awaitsPeers: false,
    disabled: undefined,
    votedEpoch: Epoch(0n),
    resumed: undefined,
    views: new Map(),
  };
}

export function viewKey(round: Round): string {
  return `${String(round.epoch)}/${String(round.view)}`;
}

export function compareRounds(a: Round, b: Round): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return a.view === b.view ? 0 : a.view < b.view ? -1 : 1;
}

/** The votes of a view, as they were signed. */
export function votesOf(signed: SignedView): Vote.Vote[] {
  const { epoch, view, block } = signed;
  const votes: Vote.Vote[] = [];
  if (signed.notarized && block !== undefined) votes.push({ kind: "notarize", epoch, view, block });
  if (signed.nullified) votes.push({ kind: "nullify", epoch, view });
  if (signed.finalized && block !== undefined) votes.push({ kind: "finalize", epoch, view, block });
  return votes;
}

/** Why `message` must not be signed; undefined if it may be. */
export function refusal(state: Protection, message: Evidence.Message): Refusal | undefined {
  if (state.disabled !== undefined) return { code: "disabled", reason: state.disabled };
  if (state.awaitsPeers) return { code: "awaits-peers" };
  if (message.epoch <= state.epochFloor) {
    return { code: "closed-epoch", epoch: message.epoch, closed: state.epochFloor };
  }
  return message.kind === "resume" ? resumeRefusal(state, message) : voteRefusal(state, message);
}

function resumeRefusal(state: Protection, message: Extract<Evidence.Message, { kind: "resume" }>): Refusal | undefined {
  const { resumed } = state;
  if (message.epoch <= state.votedEpoch) {
    return { code: "voted-later", epoch: message.epoch, voted: state.votedEpoch };
  }
  if (resumed === undefined || message.epoch > resumed.epoch) return undefined;
  if (message.epoch < resumed.epoch) {
    return { code: "resumed-later", epoch: message.epoch, resumed: resumed.epoch };
  }
  const signed: Evidence.Message = { kind: "resume", ...resumed };
  return Evidence.offence(signed, message) === undefined
    ? undefined
    : { code: "contradiction", requested: message, signed };
}

function voteRefusal(state: Protection, vote: Vote.Vote): Refusal | undefined {
  if (state.resumed !== undefined && vote.epoch < state.resumed.epoch) {
    return { code: "resumed-later", epoch: vote.epoch, resumed: state.resumed.epoch };
  }
  const requested = { epoch: vote.epoch, view: vote.view };
  if (compareRounds(requested, state.floor) <= 0) return { code: "below-floor", requested, floor: state.floor };
  const known = state.views.get(viewKey(vote));
  if (known === undefined) return undefined;
  const signed = votesOf(known).find((other) => Evidence.offence(other, vote) !== undefined);
  return signed === undefined ? undefined : { code: "contradiction", requested: vote, signed };
}

/** Whether the record says that exactly this message was signed, or no longer knows. */
export function mayHaveSigned(state: Protection, message: Evidence.Message): boolean {
  if (message.kind === "resume") {
    const { resumed } = state;
    if (message.epoch <= state.epochFloor || resumed === undefined) return message.epoch <= state.epochFloor;
    if (message.epoch !== resumed.epoch) return message.epoch < resumed.epoch;
    return message.block === resumed.block && message.committee === resumed.committee;
  }
  if (message.epoch <= state.epochFloor || compareRounds(message, state.floor) <= 0) return true;
  const known = state.views.get(viewKey(message));
  if (known === undefined) return false;
  return votesOf(known).some(
    (vote) =>
      vote.kind === message.kind &&
      (vote.kind === "nullify" || message.kind === "nullify" || vote.block === message.block),
  );
}

/** Notes a message as signed. The caller has asked `refusal` before. */
export function note(state: Protection, message: Evidence.Message): void {
  if (message.kind === "resume") {
    state.resumed = { epoch: message.epoch, block: message.block, committee: message.committee };
    return;
  }
  if (message.epoch > state.votedEpoch) state.votedEpoch = message.epoch;
  const key = viewKey(message);
  const known = state.views.get(key);
  state.views.set(key, {
    epoch: message.epoch,
    view: message.view,
    block: message.kind === "nullify" ? known?.block : message.block,
    notarized: (known?.notarized ?? false) || message.kind === "notarize",
    nullified: (known?.nullified ?? false) || message.kind === "nullify",
    finalized: (known?.finalized ?? false) || message.kind === "finalize",
  });
  if (state.views.size > VIEWS_MAX) raiseFloor(state);
}

/** Forgets the older half of the views, and signs nothing there any more. */
function raiseFloor(state: Protection): void {
  const rounds = [...state.views.values()].sort(compareRounds);
  for (const round of rounds.slice(0, rounds.length / 2)) {
    state.views.delete(viewKey(round));
    state.floor = { epoch: round.epoch, view: round.view };
  }
}

/** The highest epoch that the record knows anything of. */
export function highestEpoch(state: Protection): Epoch {
  return [state.epochFloor, state.floor.epoch, state.resumed?.epoch ?? Epoch(0n)].reduce(
    (highest, epoch) => (epoch > highest ? epoch : highest),
    state.votedEpoch,
  );
}
