import { assert, unreachable } from "../runtime/assert.ts";
import { declareFork } from "./certificates.ts";
import type { Context } from "./context.ts";
import { draftOf, type Draft } from "./draft.ts";
import type { Input } from "./input.ts";
import type { Output } from "./output.ts";
import { onAdopt } from "./rules/onAdopt.ts";
import { onBuilt, onBuildFailed, onCertified, onChecked, onVoting } from "./rules/onAnswer.ts";
import { onCertificate, onOtherEpoch } from "./rules/onCertificate.ts";
import { onHeaders } from "./rules/onHeaders.ts";
import { onProposal } from "./rules/onProposal.ts";
import { onResumed, onStart, onStartEpoch } from "./rules/onStart.ts";
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
  const isOtherContext = input.type === "start-epoch" || input.type === "resumed";
  assert(isOtherContext || context.epoch === state.epoch, "context and state must be of one epoch");
  const draft = draftOf(context, state, input.nowMs);
  apply(draft, input);
  settle(draft);
  return { state: draft.state, outputs: draft.outputs };
}

function apply(draft: Draft, input: Input): void {
  switch (input.type) {
    case "start":
      onStart(draft);
      return;
    case "start-epoch":
      onStartEpoch(draft);
      return;
    case "resumed":
      onResumed(draft, input);
      return;
    case "adopt":
      onAdopt(draft, input);
      return;
    case "proposal":
      onProposal(draft, input);
      return;
    case "vote":
      onVote(draft, input);
      return;
    case "votes-verified":
      onVotesVerified(draft, input);
      return;
    case "conflict-verified":
      onConflictVerified(draft, input);
      return;
    case "certificate":
      onCertificate(draft, input);
      return;
    case "headers":
      onHeaders(draft, input);
      return;
    case "forked":
      declareFork(draft, input.mine, input.theirs);
      return;
    case "other-epoch":
      onOtherEpoch(draft, input);
      return;
    case "built":
      onBuilt(draft, input);
      return;
    case "build-failed":
      onBuildFailed(draft, input);
      return;
    case "checked":
      onChecked(draft, input);
      return;
    case "certified":
      onCertified(draft, input);
      return;
    case "timer":
      onTimer(draft, input);
      return;
    case "voting":
      onVoting(draft, input);
      return;
    default:
      return unreachable(input, "input");
  }
}
