import { emit, reject, type Draft } from "../draft.ts";
import { SELF, type ConflictVerified, type VoteReceived, type VotesVerified } from "../input.ts";
import { admitCertificate } from "../certificates.ts";
import { reportContradiction } from "../evidence.ts";
import { refuseCertificate, refuseVote } from "../interest.ts";
import { leaderOf } from "../leader.ts";
import type { SignedVote } from "../../protocol/Vote.ts";
import { hear } from "../pacemaker.ts";
import {
  addVote,
  certificateFrom,
  closeDispute,
  disputeVote,
  setSlot,
  settleVerification,
  slotOf,
  verifyAtQuorum,
} from "../votes.ts";
import { recordOf } from "../state.ts";

/** VOTE-1: a vote goes into its slot; VOTE-2 and VOTE-4 follow from that. */
export function onVote(draft: Draft, input: VoteReceived): void {
  const { vote: signed, from } = input;
  const { vote, signer } = signed;
  if (draft.state.phase === "ended" && from !== SELF && vote.epoch === draft.state.epoch) {
    // EPOCH-3: who still votes in an epoch that is over is told so.
    emit(draft, { type: "send-handover", to: from, epoch: draft.state.epoch });
    return;
  }
  const refusal = refuseVote(draft.context, draft.state, signed);
  if (refusal !== undefined) {
    reject(draft, from, refusal);
    return;
  }
  hear(draft, signer);
  const admission = addVote(draft, signed, from === SELF && signer === draft.context.seat);
  if (admission === "duplicate" || admission === "refused") return;
  disputeVote(draft, signed);
  if (admission === "different") return;
  if (vote.view > draft.state.anchorView) verifyAtQuorum(draft, vote);
  // VIEW-7: the leader's own nullify moves everyone; no other single vote does.
  if (vote.kind === "nullify" && signer === leaderOf(draft.context, vote.view)) draft.isDirty = true;
}

/** VOTE-3: a quorum of valid signatures is a certificate; members with a bad one are named. */
export function onVotesVerified(draft: Draft, input: VotesVerified): void {
  const { vote, valid, invalid, aggregate } = input;
  if (vote.epoch !== draft.state.epoch || !draft.state.views.has(vote.view)) return;
  settleVerification(draft, vote, valid, invalid);
  for (const signer of invalid) reject(draft, undefined, { code: "bad-signature", view: vote.view, signer });
  const certificate = aggregate === undefined ? undefined : certificateFrom(draft.context, vote, valid, aggregate);
  if (certificate === undefined) verifyAtQuorum(draft, vote);
  else if (refuseCertificate(draft.context, draft.state, certificate) === undefined)
    admitCertificate(draft, certificate);
}

/** VOTE-4: two valid signatures that contradict are evidence; a bad one costs its slot. */
export function onConflictVerified(draft: Draft, input: ConflictVerified): void {
  const { vote: second, against, isVoteValid, isAgainstValid } = input;
  const { view, epoch } = second.vote;
  if (epoch !== draft.state.epoch) return;
  const first = against.type === "vote" ? against.vote : against.certificate;
  if (isVoteValid && isAgainstValid) {
    reportContradiction(draft, first, second);
    return;
  }
  const { signer } = second;
  reject(draft, undefined, { code: "bad-signature", view, signer });
  if (!draft.state.views.has(view)) return;
  if (!isAgainstValid && "signer" in first) refuseSlot(draft, first);
  if (!isVoteValid) refuseSlot(draft, second);
  closeDispute(draft, view, signer);
}

/** VOTE-3: a vote whose signature was found bad loses its slot, if it is the one in it. */
function refuseSlot(draft: Draft, bad: SignedVote): void {
  const { kind, view } = bad.vote;
  const held = slotOf(recordOf(draft.state, view), kind, bad.signer);
  if (held !== undefined && held !== "refused" && held.signed === bad) {
    setSlot(draft, view, kind, bad.signer, "refused");
  }
}
