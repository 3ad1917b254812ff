import { emit, update, type Draft } from "../draft.ts";
import { emitEpochEnd } from "../finality.ts";
import { enterView, repeatEverything } from "../pacemaker.ts";
import type { Anchor, Resumed } from "../input.ts";
import { initial } from "../state.ts";
import { assert } from "../../runtime/assert.ts";

/** REC-1: the first input of a process: enter the view that the journal leads to, and say again what was said. */
export function onStart(draft: Draft): void {
  const members = draft.context.committee.members.length;
  update(draft, { lastHeardMs: Array.from({ length: members }, () => draft.nowMs), progressAtMs: draft.nowMs });
  if (draft.state.phase === "ended") {
    emitEpochEnd(draft);
    return;
  }
  enterView(draft, draft.state.view);
  repeatEverything(draft);
  watchForStandstill(draft);
}

/** EPOCH-2: views restart at 1 on the handover, with the committee of the context. */
export function onStartEpoch(draft: Draft): void {
  const { context, state } = draft;
  assert(state.phase === "ended", "an epoch starts only after the handover of the one before is final");
  assert(context.epoch === state.epoch + 1n, "epochs follow one another");
  begin(draft, state.anchor);
}

/**
 * RESUME-5: what L1 says goes over everything: the resumed epoch begins at view 1 on its block, and nothing of before is
 * left, not even a fork.
 */
export function onResumed(draft: Draft, { anchor }: Resumed): void {
  const { context } = draft;
  assert(anchor.header.epoch < context.epoch, "a resume opens an epoch above its block's");
  assert(anchor.header.height < context.handoverHeight, "a resumed epoch has a block of its own");
  begin(draft, anchor);
}

function begin(draft: Draft, anchor: Anchor): void {
  const { context, nowMs, state } = draft;
  const lastHeardMs = context.committee.members.map(() => nowMs);
  const { isVotingEnabled } = state;
  draft.state = { ...initial(context, anchor), isVotingEnabled, lastHeardMs, progressAtMs: nowMs };
  enterView(draft, draft.state.view);
  watchForStandstill(draft);
}

function watchForStandstill(draft: Draft): void {
  const { epoch } = draft.state;
  const delayMs = draft.context.tuning.standstillMs;
  emit(draft, { type: "set-timer", timer: { kind: "standstill", epoch }, delayMs });
}
