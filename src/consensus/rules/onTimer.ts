import { castNullify } from "../cast.ts";
import { emit, update, type Draft } from "../draft.ts";
import type { Timer, TimerFired } from "../input.ts";
import { repeatEverything, retry } from "../pacemaker.ts";
import { repeatFetches } from "../resolver.ts";
import { recordOf } from "../state.ts";
import { unreachable } from "../../runtime/assert.ts";

/** Timers are never cancelled: each rule looks whether its timer still means something. */
export function onTimer(draft: Draft, input: TimerFired): void {
  const { timer } = input;
  if (timer.epoch !== draft.state.epoch || draft.state.phase !== "running") return;
  switch (timer.kind) {
    case "leader":
      onLeaderTimer(draft, timer);
      return;
    case "advance":
      if (timer.view === draft.state.view) castNullify(draft, timer.view);
      return;
    case "retry":
      onRetryTimer(draft, timer);
      return;
    case "standstill":
      onStandstillTimer(draft, timer);
      return;
    case "resolve":
      repeatFetches(draft, timer.atMs);
      return;
    default:
      unreachable(timer, "timer");
  }
}

type ViewTimer = Extract<Timer, { kind: "leader" | "retry" | "advance" }>;

/** VIEW-1: the leader timer waits for a proposal and means nothing once there is one. */
function onLeaderTimer(draft: Draft, timer: ViewTimer): void {
  const { view } = draft.state;
  const { proposals, proposed } = recordOf(draft.state, view);
  if (timer.view === view && proposals.length === 0 && proposed === undefined) castNullify(draft, view);
}

/** VIEW-5: while the view lasts, again and again. */
function onRetryTimer(draft: Draft, timer: ViewTimer): void {
  if (timer.view !== draft.state.view) return;
  retry(draft);
  emit(draft, { type: "set-timer", timer, delayMs: draft.context.tuning.retryMs });
}

/** VIEW-6: fires `standstillMs` after the last progress, and after every such time without any. */
function onStandstillTimer(draft: Draft, timer: Timer): void {
  const { standstillMs } = draft.context.tuning;
  const idleMs = draft.nowMs - draft.state.progressAtMs;
  const isIdle = idleMs >= standstillMs;
  if (isIdle) {
    repeatEverything(draft);
    update(draft, { progressAtMs: draft.nowMs });
  }
  emit(draft, { type: "set-timer", timer, delayMs: Math.ceil(isIdle ? standstillMs : standstillMs - idleMs) });
}
