import type { Certificate } from "../protocol/Certificate.ts";
import * as Header from "../protocol/Header.ts";
import type { Proposal } from "../protocol/Proposal.ts";
import { View } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import type { Context } from "./context.ts";
import { certificatesOf } from "./evidence.ts";
import { leaderOf } from "./leader.ts";
import type { Rejection } from "./rejection.ts";
import { finalizedView, oldestView, PROPOSALS_MAX, recordOf, VIEWS_AHEAD_MAX, VIEWS_MAX, type State } from "./state.ts";

/**
 * What the core would refuse, and why: cheap, so that callers ask before they pay for cryptography. The rules of this
 * folder ask the same functions. Undefined means wanted.
 */

/** NOTAR-2: certificates of any view above the final one, both kinds; older ones only if they contradict what is held. */
export function refuseCertificate(
  context: Context,
  state: State,
  certificate: Pick<Certificate, "vote">,
): Rejection | undefined {
  const { vote } = certificate;
  if (vote.epoch !== state.epoch) return { code: "other-epoch", given: vote.epoch, current: state.epoch };
  const oldest = oldestView(context, state);
  if (vote.view < oldest) return { code: "stale-view", given: vote.view, oldest };
  const newest = View(finalizedView(state) + VIEWS_MAX);
  // BOUND-1 does not hold back a finalization: it moves the window.
  if (vote.view > newest && vote.kind !== "finalize") return { code: "future-view", given: vote.view, newest };
  const held = certificatesOf(recordOf(state, vote.view));
  // A fork is not followed: only what contradicts what was held before still matters (ACC-3).
  const isContradicting = held.some((known) => Vote.contradict(known.vote, vote));
  if (state.phase === "forked" && !isContradicting) return { code: "not-running" };
  if (held.some((known) => Vote.equals(known.vote, vote))) return { code: "duplicate", view: vote.view };
  const isNew = vote.view > state.anchorView;
  return isNew || isContradicting
    ? undefined
    : { code: "stale-view", given: vote.view, oldest: View(state.anchorView + 1n) };
}

/** VOTE-5: votes from `oldestView` up to a few views ahead, by a member of the committee. */
export function refuseVote(
  context: Context,
  state: State,
  signed: Omit<Vote.SignedVote, "signature">,
): Rejection | undefined {
  const { vote, signer } = signed;
  if (vote.epoch !== state.epoch) return { code: "other-epoch", given: vote.epoch, current: state.epoch };
  const members = context.committee.members.length;
  if (signer < 0 || signer >= members) return { code: "unknown-member", given: signer, members };
  const slot = state.views.get(vote.view)?.votes[vote.kind].get(signer);
  if (slot === "refused") return { code: "slot-refused", view: vote.view, signer };
  return refuseView(context, state, vote.view);
}

/** PROP-3: the first two different proposals of a view's leader, or the block that a certificate names. */
export function refuseProposal(
  context: Context,
  state: State,
  proposal: Omit<Proposal, "signature">,
): Rejection | undefined {
  const { epoch, view, leader: given } = proposal;
  if (epoch !== state.epoch) return { code: "other-epoch", given: epoch, current: state.epoch };
  const leader = leaderOf(context, view);
  if (given !== leader) return { code: "not-leader", view, given, leader };
  const { proposals, notarization, finalization } = recordOf(state, view);
  const block = Header.hash(proposal.header);
  if (proposals.some((known) => Header.hash(known.header) === block)) return { code: "duplicate", view };
  const isNamed = notarization?.vote.block === block || finalization?.vote.block === block;
  if (isNamed && !state.blocks.has(block)) return undefined;
  if (proposals.length >= PROPOSALS_MAX) return { code: "too-many-proposals", view, limit: PROPOSALS_MAX };
  return refuseView(context, state, view);
}

function refuseView(context: Context, state: State, given: View): Rejection | undefined {
  const oldest = oldestView(context, state);
  if (given < oldest) return { code: "stale-view", given, oldest };
  const newest = View(state.view + VIEWS_AHEAD_MAX);
  return given > newest ? { code: "future-view", given, newest } : undefined;
}
