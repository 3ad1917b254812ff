import type { Hash } from "../crypto/hash.ts";
import * as Header from "../protocol/Header.ts";
import type { View } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import { judge, type Judgement } from "./ancestry.ts";
import { emit, persist, updateView, type Draft } from "./draft.ts";
import { mayFinalize, mayNotarize, mayNullify } from "./safety.ts";
import { recordOf } from "./state.ts";

/**
 * The only places where this node commits to a vote. Each asks `safety.ts`, then journals (SAFE-1), then enters the vote
 * into its own record, then has it signed: in this order, whatever called.
 */

/** Notarizes the leader's block. */
export function castNotarize(draft: Draft, view: View, block: Hash, judgement: Judgement): void {
  if (!mayNotarize(draft.context, draft.state, view, judgement)) return;
  commit(draft, Vote.notarize(draft.state.epoch, view, block));
  emit(draft, { type: "sign", vote: Vote.notarize(draft.state.epoch, view, block) });
}

/** PROP-1: as leader, proposes `header` (new, or a handover again) with the own `notarize`. */
export function castProposal(draft: Draft, view: View, header: Header.Header, parentView: View): void {
  const { context, state } = draft;
  const judgement = judge(context, state, view, header, parentView);
  if (!mayNotarize(context, state, view, judgement)) return;
  persist(draft, { type: "proposed", epoch: state.epoch, view, parentView, header }, false);
  updateView(draft, view, { proposed: { header, parentView } });
  commit(draft, Vote.notarize(state.epoch, view, Header.hash(header)));
  emit(draft, { type: "propose", epoch: state.epoch, view, parentView, header });
}

export function castFinalize(draft: Draft, view: View, block: Hash, judgement: Judgement): void {
  if (!mayFinalize(draft.context, draft.state, view, block, judgement)) return;
  commit(draft, Vote.finalize(draft.state.epoch, view, block));
  emit(draft, { type: "sign", vote: Vote.finalize(draft.state.epoch, view, block) });
}

export function castNullify(draft: Draft, view: View): void {
  if (!mayNullify(draft.context, draft.state, view)) return;
  commit(draft, Vote.nullify(draft.state.epoch, view));
  emit(draft, { type: "sign", vote: Vote.nullify(draft.state.epoch, view) });
}

function commit(draft: Draft, vote: Vote.Vote): void {
  persist(draft, { type: "vote", vote }, true);
  const { own } = recordOf(draft.state, vote.view);
  const change = vote.kind === "nullify" ? { nullify: true } : { [vote.kind]: vote.block };
  updateView(draft, vote.view, { own: { ...own, ...change } });
  draft.isDirty = true;
}

/** VIEW-5: has the own votes of `view` signed and sent once more. Nothing new is said, so nothing is journaled. */
export function repeatVotes(draft: Draft, view: View): void {
  const { own, proposed } = recordOf(draft.state, view);
  const { epoch } = draft.state;
  if (own.notarize !== undefined) {
    if (proposed === undefined) emit(draft, { type: "sign", vote: Vote.notarize(epoch, view, own.notarize) });
    else emit(draft, { type: "propose", epoch, view, ...proposed });
  }
  if (own.nullify) emit(draft, { type: "sign", vote: Vote.nullify(epoch, view) });
  if (own.finalize !== undefined) emit(draft, { type: "sign", vote: Vote.finalize(epoch, view, own.finalize) });
}
