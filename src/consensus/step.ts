import { assert, unreachable } from "../runtime/assert.ts";
import type { Context } from "./context.ts";
import { draftOf, type Draft } from "./draft.ts";
import type { Input } from "./input.ts";
import type { Output } from "./output.ts";
import { onAdopt } from "./rules/onAdopt.ts";
import { onBuilt, onBuildFailed, onCertified, onChecked, onVoting } from "./rules/onAnswer.ts";
import { onCertificate, onOtherEpoch } from "./rules/onCertificate.ts";
import { onHeaders } from "./rules/onHeaders.ts";
import { onProposal } from "./rules/onProposal.ts";
import { onStart, onStartEpoch } from "./rules/onStart.ts";
import { onTimer } from "./rules/onTimer.ts";
import { onConflictVerified, onVote, onVotesVerified } from "./rules/onVote.ts";
import { settle } from "./settle.ts";
import type { State } from "./state.ts";

/** What a step leads to: the state to go on with, and what to do, in order. */
export interface Transition {
  readonly state: State;
  readonly outputs: readonly Output[];
}

/**
 * The whole of consensus: deterministic, synchronous, without I/O. Never throws on what a peer sent; throws
 * `AssertionError` where the caller broke a promise of `input.ts`. The given state stays as it was.
 */
export function step(context: Context, state: State, input: Input): Transition {
  const isNextEpoch = input.type === "start-epoch";
  assert(isNextEpoch || context.epoch === state.epoch, "context and state must be of one epoch");
  const draft = draftOf(context, state, input.nowMs);
  apply(draft, input);
  settle(draft);
  return { state: draft.state, outputs: draft.outputs };
}

function apply(draft: Draft, input: Input): void {
  switch (input.type) {
    case "start":
      return onStart(draft);
    case "start-epoch":
      return onStartEpoch(draft);
    case "adopt":
      return onAdopt(draft, input);
    case "proposal":
      return onProposal(draft, input);
    case "vote":
      return onVote(draft, input);
    case "votes-verified":
      return onVotesVerified(draft, input);
    case "conflict-verified":
      return onConflictVerified(draft, input);
    case "certificate":
      return onCertificate(draft, input);
    case "headers":
      return onHeaders(draft, input);
    case "other-epoch":
      return onOtherEpoch(draft, input);
    case "built":
      return onBuilt(draft, input);
    case "build-failed":
      return onBuildFailed(draft, input);
    case "checked":
      return onChecked(draft, input);
    case "certified":
      return onCertified(draft, input);
    case "timer":
      return onTimer(draft, input);
    case "voting":
      return onVoting(draft, input);
    default:
      return unreachable(input, "input");
  }
}
