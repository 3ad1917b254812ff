import * as Committee from "../protocol/Committee.ts";
import { View } from "../protocol/scalars.ts";
import type { Context } from "./context.ts";
import { repeatVotes } from "./cast.ts";
import { emit, update, type Draft } from "./draft.ts";
import { certificatesOf } from "./evidence.ts";
import { leaderOf } from "./leader.ts";
import {
  certifiedBlock,
  entryCertificate,
  openRecords,
  recordOf,
  REPEAT_VIEWS_MAX,
  type State,
  type ViewRecord,
} from "./state.ts";

/** VIEW-4: whether what is known of a view lets this node leave it. */
function isLeavable(state: State, record: ViewRecord): boolean {
  if (record.nullification !== undefined || record.finalization !== undefined) return true;
  return record.notarization !== undefined && certifiedBlock(state, record.view) === record.notarization.vote.block;
}

/** VIEW-4: enters the view above the highest one that may be left, if that is higher than the current one. */
export function advanceView(draft: Draft): void {
  const { state } = draft;
  if (state.phase !== "running") return;
  let next = BigInt(state.view);
  if (state.anchorView >= next) next = state.anchorView + 1n;
  for (const record of openRecords(state)) {
    if (record.view >= next && isLeavable(state, record)) next = record.view + 1n;
  }
  if (state.unlinked !== undefined && state.unlinked.vote.view >= next) next = state.unlinked.vote.view + 1n;
  if (next === state.view) return;
  const left = recordOf(state, state.view);
  const hasFailed = left.finalization === undefined && (left.nullification !== undefined || left.own.nullify);
  update(draft, { failures: hasFailed ? state.failures + 1 : state.failures });
  enterView(draft, View(next));
}

/** VIEW-1: leader timer 2Δ, advance timer 3Δ, both grown by failures; VIEW-2: both 0 if the leader is silent. */
export function enterView(draft: Draft, view: View): void {
  update(draft, { view, progressAtMs: draft.nowMs });
  draft.isDirty = true;
  const { context, state } = draft;
  const { epoch } = state;
  const leader = leaderOf(context, view);
  const { leaderMs, advanceMs } = isSilent(draft, leader) ? { leaderMs: 0, advanceMs: 0 } : timeouts(context, state);
  emit(draft, { type: "enter-view", epoch, view, leader });
  emit(draft, { type: "set-timer", timer: { kind: "leader", epoch, view }, delayMs: leaderMs });
  emit(draft, { type: "set-timer", timer: { kind: "advance", epoch, view }, delayMs: advanceMs });
  emit(draft, { type: "set-timer", timer: { kind: "retry", epoch, view }, delayMs: context.tuning.retryMs });
}

/** VIEW-3: timeouts grow by a factor for every failed view since the last finalization, up to a cap. */
export function timeouts(context: Context, state: State): { readonly leaderMs: number; readonly advanceMs: number } {
  const { deltaMs, timeoutGrowthPercent, timeoutMaxMs } = context.config;
  const growth = Math.min((timeoutGrowthPercent / 100) ** state.failures, timeoutMaxMs / (3 * deltaMs));
  return { leaderMs: Math.floor(2 * deltaMs * growth), advanceMs: Math.floor(3 * deltaMs * growth) };
}

/** VIEW-2: whether `leader` was not heard for `skipTimeoutMs`, while a quorum was. */
function isSilent(draft: Draft, leader: number): boolean {
  const { context, state, nowMs } = draft;
  if (leader === context.seat) return false;
  const isHeard = (index: number): boolean =>
    index === context.seat || nowMs - (state.lastHeardMs[index] ?? 0) <= context.config.skipTimeoutMs;
  if (isHeard(leader)) return false;
  const active = context.committee.members.reduce(
    (sum, _, index) => (isHeard(index) ? sum + Committee.weightOf(context.committee, index) : sum),
    0n,
  );
  return active >= context.quorum;
}

/** VIEW-2: a member gave a sign of life. */
export function hear(draft: Draft, member: number): void {
  if (draft.state.lastHeardMs[member] === draft.nowMs) return;
  update(draft, { lastHeardMs: draft.state.lastHeardMs.with(member, draft.nowMs) });
}

/** VIEW-5: own votes of this view and of the one before, and the certificate that let us in. */
export function retry(draft: Draft): void {
  const { state } = draft;
  const certificate = entryCertificate(state, state.view);
  if (certificate !== undefined) emit(draft, { type: "broadcast-certificate", certificate });
  if (state.view > state.anchorView + 1n) repeatVotes(draft, View(state.view - 1n));
  repeatVotes(draft, state.view);
}

/** VIEW-6: the latest finalization, and own votes and certificates of the newest views above it. */
export function repeatEverything(draft: Draft): void {
  const { state } = draft;
  const latest = state.unlinked ?? state.anchor.certificate;
  if (latest?.vote.epoch === state.epoch) emit(draft, { type: "broadcast-certificate", certificate: latest });
  const records = openRecords(state).sort((a, b) => Number(a.view - b.view));
  for (const record of records.slice(-REPEAT_VIEWS_MAX)) {
    for (const certificate of certificatesOf(record)) emit(draft, { type: "broadcast-certificate", certificate });
    repeatVotes(draft, record.view);
  }
}
