import type { Hash } from "../crypto/hash.ts";
import * as Header from "../protocol/Header.ts";
import * as History from "../protocol/History.ts";
import type { View } from "../protocol/scalars.ts";
import type { Context } from "./context.ts";
import type { Peer } from "./input.ts";
import type { JournalRecord, Output } from "./output.ts";
import type { Rejection } from "./rejection.ts";
import { historyOf, recordOf, type Block, type State, type ViewRecord } from "./state.ts";

/**
 * One step under way: the state as it becomes, and the outputs so far. Lives inside one `step` only. The maps of the
 * given state are copied once a step, at the first write.
 */
export interface Draft {
  readonly context: Context;
  readonly nowMs: number;
  readonly outputs: Output[];
  state: State;
  /** Something changed that consequences may follow from: `settle` runs until nothing did. */
  isDirty: boolean;
  views: Map<View, ViewRecord> | undefined;
  blocks: Map<Hash, Block> | undefined;
}

export function draftOf(context: Context, state: State, nowMs: number): Draft {
  return { context, nowMs, outputs: [], state, isDirty: false, views: undefined, blocks: undefined };
}

export function emit(draft: Draft, output: Output): void {
  draft.outputs.push(output);
}

export function persist(draft: Draft, record: JournalRecord, sync: boolean): void {
  draft.outputs.push({ type: "persist", record, sync });
}

export function reject(draft: Draft, from: Peer | undefined, rejection: Rejection): void {
  draft.outputs.push({ type: "reject", from, rejection });
}

/** Changes top-level members, apart from the maps that have functions of their own below. */
export function update(draft: Draft, change: Partial<Omit<State, "views" | "blocks">>): void {
  draft.state = { ...draft.state, ...change };
}

export function updateView(draft: Draft, view: View, change: Partial<Omit<ViewRecord, "view">>): void {
  const views = ownViews(draft);
  views.set(view, { ...recordOf(draft.state, view), ...change });
}

/** Forgets the records for which `keep` is false. */
export function retainViews(draft: Draft, keep: (record: ViewRecord) => boolean): void {
  const views = ownViews(draft);
  for (const record of views.values()) if (!keep(record)) views.delete(record.view);
}

/** Adds a header, with its frontier if the ancestors are held, and completes the frontiers that waited for it. */
export function addBlock(draft: Draft, header: Header.Header): void {
  const hash = Header.hash(header);
  if (draft.state.blocks.has(hash) || header.height <= draft.state.anchor.header.height) return;
  ownBlocks(draft).set(hash, { header, history: extend(draft, header), verdict: undefined, isCertifying: false });
  completeHistories(draft);
  draft.isDirty = true;
}

export function updateBlock(draft: Draft, hash: Hash, change: Partial<Omit<Block, "header">>): void {
  const block = draft.state.blocks.get(hash);
  if (block !== undefined) ownBlocks(draft).set(hash, { ...block, ...change });
}

/** Forgets the blocks for which `keep` is false. */
export function retainBlocks(draft: Draft, keep: (hash: Hash, block: Block) => boolean): void {
  const blocks = ownBlocks(draft);
  for (const [hash, block] of blocks) if (!keep(hash, block)) blocks.delete(hash);
}

function extend(draft: Draft, header: Header.Header): History.History | undefined {
  const below = historyOf(draft.state, header.parent);
  return below === undefined ? undefined : History.append(below, Header.hash(header));
}

/** Fills in the frontiers that waited for an ancestor, or for the anchor to move up to one (FIN-5). */
export function completeHistories(draft: Draft): void {
  const waiting = [...draft.state.blocks.values()].filter((block) => block.history === undefined);
  waiting.sort((a, b) => Number(a.header.height - b.header.height));
  for (const { header } of waiting) {
    const history = extend(draft, header);
    if (history !== undefined) updateBlock(draft, Header.hash(header), { history });
  }
}

function ownViews(draft: Draft): Map<View, ViewRecord> {
  if (draft.views === undefined) {
    draft.views = new Map(draft.state.views);
    draft.state = { ...draft.state, views: draft.views };
  }
  return draft.views;
}

function ownBlocks(draft: Draft): Map<Hash, Block> {
  if (draft.blocks === undefined) {
    draft.blocks = new Map(draft.state.blocks);
    draft.state = { ...draft.state, blocks: draft.blocks };
  }
  return draft.blocks;
}
