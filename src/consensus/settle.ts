import type { Hash } from "../crypto/hash.ts";
import * as Header from "../protocol/Header.ts";
import * as History from "../protocol/History.ts";
import type { View } from "../protocol/scalars.ts";
import { adviceFor, baseFor, judge } from "./ancestry.ts";
import { castFinalize, castNotarize, castNullify, castProposal } from "./cast.ts";
import { emit, reject, updateBlock, updateView, type Draft } from "./draft.ts";
import { linkFinalization } from "./finality.ts";
import { isHandoverOf, isReproposal, type HeaderFault } from "./headerRules.ts";
import { leaderOf } from "./leader.ts";
import { advanceView } from "./pacemaker.ts";
import { reconcileFetches } from "./resolver.ts";
import { openRecords, recordOf, type ViewRecord } from "./state.ts";

/**
 * Draws every consequence of what the state now says, until nothing follows any more. Inputs only record facts; what is
 * done about them is decided here, so that no order of arrival can make a node miss its turn.
 */
export function settle(draft: Draft): void {
  if (!draft.isDirty) return;
  while (draft.isDirty) {
    draft.isDirty = false;
    linkFinalization(draft);
    certifyNotarized(draft);
    voteOnCertified(draft);
    advanceView(draft);
    actInView(draft);
  }
  reconcileFetches(draft);
}

/** NOTAR-3: certification starts when notarization and header are there, once a block. */
function certifyNotarized(draft: Draft): void {
  if (draft.state.phase !== "running") return;
  for (const { view, notarization } of inOrder(openRecords(draft.state))) {
    if (notarization === undefined) continue;
    const { block: hash } = notarization.vote;
    const block = draft.state.blocks.get(hash);
    if (block === undefined || block.verdict !== undefined || block.isCertifying) continue;
    updateBlock(draft, hash, { isCertifying: true });
    emit(draft, { type: "certify", epoch: draft.state.epoch, view, header: block.header });
  }
}

/** NOTAR-4 (rule 5): `finalize` for what is certified valid, `nullify` for what is invalid, in any view not yet final. */
function voteOnCertified(draft: Draft): void {
  for (const { view, notarization } of inOrder(openRecords(draft.state))) {
    if (notarization === undefined) continue;
    const { block: hash } = notarization.vote;
    const block = draft.state.blocks.get(hash);
    if (block?.verdict === "invalid") castNullify(draft, view);
    if (block?.verdict === "valid") finalizeCertified(draft, view, hash, block.header);
  }
}

function finalizeCertified(draft: Draft, view: View, block: Hash, header: Header.Header): void {
  const record = recordOf(draft.state, view);
  if (record.own.finalize !== undefined || record.own.nullify) return;
  castFinalize(draft, view, block, judge(draft.context, draft.state, view, header, adviceFor(record, block)));
}

function actInView(draft: Draft): void {
  const { context, state } = draft;
  if (state.phase !== "running" || context.seat === undefined || !state.isVotingEnabled) return;
  const leader = leaderOf(context, state.view);
  if (leader === context.seat) lead(draft);
  // VIEW-7 (rule 6): the leader's own nullify; it came over its own connection, which is proof enough to give up.
  const slot = recordOf(state, state.view).votes.nullify.get(leader);
  if (slot !== undefined && slot !== "refused") castNullify(draft, state.view);
  considerProposal(draft, leader);
}

/** PROP-1 and PROP-2: propose the handover again, have a block built, or nullify at once for lack of a base. */
function lead(draft: Draft): void {
  const { state, context } = draft;
  const { view, epoch } = state;
  const { build, own } = recordOf(state, view);
  if (build !== "none" || own.notarize !== undefined || own.nullify) return;
  const base = baseFor(state, view);
  if (base.status === "missing") {
    castNullify(draft, view);
    return;
  }
  const { parent, parentView } = base;
  updateView(draft, view, { build: "asked" });
  if (isHandoverOf(context, parent)) castProposal(draft, view, parent, parentView);
  else {
    const history = History.root(base.history);
    emit(draft, { type: "build", epoch, view, parent, parentView, history });
  }
}

/** PROP-3 (rule 3): votes on the first proposal of the view's leader as soon as nothing is missing. */
function considerProposal(draft: Draft, leader: number): void {
  const { context, state } = draft;
  const { view, epoch } = state;
  const record = recordOf(state, view);
  const [first] = record.proposals;
  if (first === undefined || record.own.notarize !== undefined || record.own.finalize !== undefined) return;
  if (leader === context.seat) return;
  const { header } = first;
  const judgement = judge(context, state, view, header, first.parentView);
  if (judgement.status === "missing") return;
  if (judgement.status === "invalid") {
    refuse(draft, record, leader, judgement.fault);
    return;
  }
  const needsCheck = !isReproposal(context, view, header);
  if (needsCheck && record.check === "none") {
    updateView(draft, view, { check: "asked" });
    emit(draft, { type: "check", epoch, view, header, parent: judgement.parent });
  }
  if (!needsCheck || record.check === "passed") castNotarize(draft, view, Header.hash(header), judgement);
}

function refuse(draft: Draft, record: ViewRecord, leader: number, fault: HeaderFault): void {
  castNullify(draft, record.view);
  if (record.isInvalid) return;
  updateView(draft, record.view, { isInvalid: true });
  reject(draft, undefined, { code: "invalid-proposal", view: record.view, leader, fault });
}

function inOrder(records: ViewRecord[]): ViewRecord[] {
  return records.sort((a, b) => Number(a.view - b.view));
}
