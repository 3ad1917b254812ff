import * as Header from "../protocol/Header.ts";
import { Height, type View } from "../protocol/scalars.ts";
import { adviceFor, baseFor, judge } from "./ancestry.ts";
import type { Context } from "./context.ts";
import { emit, update, type Draft } from "./draft.ts";
import { missingAncestor } from "./finality.ts";
import { leaderOf } from "./leader.ts";
import type { Want } from "./output.ts";
import { FETCHES_MAX, openRecords, recordOf, type Fetching, type State } from "./state.ts";

/**
 * What is missing is a function of the state, computed anew after every step that changed it; requests that are no
 * longer needed simply vanish. FETCH-2: proposer first, then the others in committee order, with growing pauses.
 */

interface Need {
  readonly want: Want;
  /** Committee index to ask first. */
  readonly first: number;
}

/** FETCH-1: everything this node lacks now, most urgent first, at most `FETCHES_MAX`. */
export function needs(context: Context, state: State): Need[] {
  const found = new Map<string, Need>();
  const add = (want: Want, view: View): void => {
    const key = keyOf(want);
    if (found.size < FETCHES_MAX && !found.has(key)) found.set(key, { want, first: leaderOf(context, view) });
  };
  if (state.phase === "ended" || state.phase === "forked") return [];
  if (state.isBehind) add({ type: "handover", epoch: state.epoch }, state.view);
  needsOfFinality(state, add);
  needsOfCurrentView(context, state, add);
  needsOfNotarized(context, state, add);
  return [...found.values()];
}

type Add = (want: Want, view: View) => void;

function needsOfFinality(state: State, add: Add): void {
  const { unlinked } = state;
  if (unlinked === undefined) return;
  const { view, block } = unlinked.vote;
  if (!state.blocks.has(block)) add({ type: "view", epoch: state.epoch, view }, view);
  else addAncestors(state, block, view, add);
}

function addAncestors(state: State, block: Header.Header["parent"], view: View, add: Add): void {
  const gap = missingAncestor(state, block);
  if (gap === undefined) return;
  const above = state.anchor.header.height;
  add({ type: "ancestors", block: gap.block, height: Height(gap.height), above }, view);
}

function needsOfCurrentView(context: Context, state: State, add: Add): void {
  const { view } = state;
  const [first] = recordOf(state, view).proposals;
  if (first !== undefined && recordOf(state, view).own.notarize === undefined) {
    const judgement = judge(context, state, view, first.header, first.parentView);
    if (judgement.status === "missing") {
      for (const want of judgement.wants) add(want, view);
      addAncestors(state, Header.hash(first.header), view, add);
    }
  }
  if (leaderOf(context, view) !== context.seat) return;
  const base = baseFor(state, view);
  if (base.status === "missing") for (const want of base.wants) add(want, view);
}

/** Headers of notarized blocks, and what a `finalize` still lacks of their ancestry. */
function needsOfNotarized(context: Context, state: State, add: Add): void {
  for (const record of openRecords(state)) {
    const { view, notarization } = record;
    if (notarization === undefined) continue;
    const { block: hash } = notarization.vote;
    const block = state.blocks.get(hash);
    if (block === undefined) {
      add({ type: "view", epoch: state.epoch, view }, view);
      continue;
    }
    addAncestors(state, hash, view, add);
    if (block.verdict !== "valid" || record.own.finalize !== undefined || record.own.nullify) continue;
    const judgement = judge(context, state, view, block.header, adviceFor(record, hash));
    if (judgement.status === "missing") for (const want of judgement.wants) add(want, view);
  }
}

/** Starts what is newly needed, drops what is not, and keeps one timer for the rest. */
export function reconcileFetches(draft: Draft): void {
  const wanted = needs(draft.context, draft.state);
  if (wanted.length === 0 && draft.state.fetches.size === 0) return;
  const fetches = new Map<string, Fetching>();
  for (const { want, first } of wanted) {
    const key = keyOf(want);
    const known = draft.state.fetches.get(key);
    fetches.set(key, known ?? ask(draft, { want, first, attempts: 0, dueMs: draft.nowMs }));
  }
  update(draft, { fetches });
  schedule(draft);
}

/** FETCH-2: the resolver's timer for `atMs` ran out: what is due is asked of the next member. */
export function repeatFetches(draft: Draft, atMs: number): void {
  if (draft.state.resolveAtMs !== atMs) return;
  const fetches = new Map(draft.state.fetches);
  for (const [key, fetching] of fetches) {
    if (fetching.dueMs <= Math.max(atMs, draft.nowMs)) fetches.set(key, ask(draft, fetching));
  }
  update(draft, { fetches, resolveAtMs: undefined });
  schedule(draft);
}

function ask(draft: Draft, fetching: Fetching): Fetching {
  const { context, nowMs } = draft;
  const { fetchMs, fetchMaxMs } = context.tuning;
  const members = context.committee.members.length;
  const { want, first, attempts } = fetching;
  let seat = (first + attempts) % members;
  if (seat === context.seat) seat = (seat + 1) % members;
  if (seat !== context.seat) emit(draft, { type: "fetch", want, seat });
  const pauseMs = Math.min(fetchMs * 1.5 ** attempts, fetchMaxMs);
  return { want, first, attempts: attempts + 1, dueMs: nowMs + pauseMs };
}

function schedule(draft: Draft): void {
  const { fetches, resolveAtMs, epoch } = draft.state;
  if (fetches.size === 0) return;
  const dueMs = Math.min(...[...fetches.values()].map((fetching) => fetching.dueMs));
  if (resolveAtMs !== undefined && resolveAtMs <= dueMs) return;
  update(draft, { resolveAtMs: dueMs });
  const delayMs = Math.max(0, Math.ceil(dueMs - draft.nowMs));
  emit(draft, { type: "set-timer", timer: { kind: "resolve", epoch, atMs: dueMs }, delayMs });
}

function keyOf(want: Want): string {
  switch (want.type) {
    case "view":
      return `view ${String(want.view)}`;
    case "ancestors":
      return `ancestors ${want.block}`;
    case "handover":
      return "handover";
  }
}
