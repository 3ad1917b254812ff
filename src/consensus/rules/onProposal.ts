import * as Proposal from "../../protocol/Proposal.ts";
import { persist, reject, updateView, type Draft } from "../draft.ts";
import { reportContradiction } from "../evidence.ts";
import { holdHeader } from "../finality.ts";
import type { ProposalReceived } from "../input.ts";
import { refuseProposal } from "../interest.ts";
import { hear } from "../pacemaker.ts";
import { PROPOSALS_MAX, recordOf } from "../state.ts";
import { addVote, disputeVote, verifyAtQuorum } from "../votes.ts";

/** PROP-3: keeps the first proposal of a view's leader, and one that differs as proof; its vote counts as verified. */
export function onProposal(draft: Draft, input: ProposalReceived): void {
  const { proposal, from } = input;
  const refusal = refuseProposal(draft.context, draft.state, proposal);
  if (refusal !== undefined) {
    reject(draft, from, refusal);
    return;
  }
  const { view, leader } = proposal;
  const { proposals } = recordOf(draft.state, view);
  const signed = Proposal.vote(proposal);
  hear(draft, leader);
  // ACC-1: both are verified already, so no slot and no open case of the leader can stand between them and evidence.
  for (const other of proposals) reportContradiction(draft, Proposal.vote(other), signed);
  if (proposals.length < PROPOSALS_MAX) {
    updateView(draft, view, { proposals: [...proposals, proposal] });
    if (view > draft.state.anchorView) persist(draft, { type: "proposal", proposal }, false);
  }
  holdHeader(draft, proposal.header);
  const admission = addVote(draft, signed, true);
  if (proposals.length === 0) disputeVote(draft, signed);
  if (admission === "added") verifyAtQuorum(draft, signed.vote);
  draft.isDirty = true;
}
