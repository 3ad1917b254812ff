import type { Hash } from "../crypto/hash.ts";
import type { Finalization } from "../protocol/Certificate.ts";
import * as Header from "../protocol/Header.ts";
import type { Verified } from "../protocol/Verified.ts";
import { expectPresent } from "../runtime/assert.ts";
import { declareFork } from "./certificates.ts";
import { addBlock, completeHistories, emit, retainBlocks, retainViews, update, type Draft } from "./draft.ts";
import type { Anchor } from "./input.ts";
import { historyOf, oldestView, type State, type ViewRecord } from "./state.ts";

/** FIN-1: makes the newest finalization final, with all its ancestors, once the headers between are held. */
export function linkFinalization(draft: Draft): void {
  const { unlinked, phase } = draft.state;
  if (unlinked === undefined || phase !== "running") return;
  const chain = chainTo(draft.state, unlinked.vote.block);
  if (chain === undefined) return;
  if (chain === "contradicts") {
    declareFork(draft, draft.state.anchor.certificate, unlinked);
    return;
  }
  const stray = leavesOut(draft.state, unlinked, chain);
  if (stray !== undefined) {
    declareFork(draft, stray, unlinked);
    return;
  }
  const header = chain.at(-1) ?? draft.state.anchor.header;
  const history = expectPresent(historyOf(draft.state, unlinked.vote.block), "the frontier of a linked block");
  if (chain.length > 0) emit(draft, { type: "finalized", headers: chain, certificate: unlinked });
  moveAnchor(draft, { header, history, certificate: unlinked });
}

/** Keeps a header whose hash is known to be wanted. ACC-2: one that is final, but not above the anchor, is a fork. */
export function holdHeader(draft: Draft, header: Header.Header): void {
  const { unlinked, anchor } = draft.state;
  const isLow = header.height <= anchor.header.height && Header.hash(header) !== Header.hash(anchor.header);
  if (isLow && unlinked?.vote.block === Header.hash(header)) declareFork(draft, anchor.certificate, unlinked);
  else addBlock(draft, header);
}

/** FIN-3: from here on `anchor` is what everything builds on; what lies below is forgotten, votes `voteWindow` later. */
export function moveAnchor(draft: Draft, anchor: Anchor): void {
  const certificate = expectPresent(anchor.certificate, "the finalization of a new anchor");
  const anchorView = certificate.vote.view;
  const { unlinked } = draft.state;
  const isAbove = unlinked !== undefined && unlinked.vote.view > anchorView;
  update(draft, {
    anchor,
    anchorView,
    unlinked: isAbove ? unlinked : undefined,
    failures: 0,
    progressAtMs: draft.nowMs,
  });
  forget(draft);
  completeHistories(draft);
  draft.isDirty = true;
  if (!Header.isHandover(anchor.header)) return;
  update(draft, { phase: "ended", isBehind: false });
  emitEpochEnd(draft);
}

/** EPOCH-1: the handover is final; the next epoch may begin with the committee it names. */
export function emitEpochEnd(draft: Draft): void {
  const { epoch, anchor } = draft.state;
  const certificate = expectPresent(anchor.certificate, "the finalization of a handover");
  const { nextCommittee } = anchor.header;
  emit(draft, { type: "epoch-ended", epoch, nextCommittee, handover: anchor.header, certificate });
}

function forget(draft: Draft): void {
  const oldest = oldestView(draft.context, draft.state);
  retainViews(draft, (record) => record.view >= oldest);
  const { anchor, views, anchorView } = draft.state;
  const needed = new Set<Hash>();
  for (const record of views.values()) {
    if (record.view > anchorView) for (const block of blocksNamed(record)) needLine(draft.state, block, needed);
  }
  retainBlocks(draft, (hash, { header }) => header.height > anchor.header.height && needed.has(hash));
}

function blocksNamed(record: ViewRecord): Hash[] {
  const { notarization, finalization, proposals, proposed } = record;
  const certified = [notarization?.vote.block, finalization?.vote.block].filter((block) => block !== undefined);
  const headers = [
    ...proposals.map((proposal) => proposal.header),
    ...(proposed === undefined ? [] : [proposed.header]),
  ];
  return [...certified, ...headers.map(Header.hash)];
}

/** Adds `block` and its ancestors as far as they are held. */
function needLine(state: State, block: Hash, needed: Set<Hash>): void {
  let at = block;
  while (!needed.has(at)) {
    needed.add(at);
    const header = state.blocks.get(at)?.header;
    if (header === undefined) return;
    at = header.parent;
  }
}

/**
 * The headers above the anchor up to `block`, ascending. Undefined while one is missing; "contradicts" if the chain
 * does not lead to the anchor.
 */
function chainTo(state: State, block: Hash): Header.Header[] | "contradicts" | undefined {
  const { header: anchor } = state.anchor;
  const anchorHash = Header.hash(anchor);
  const chain: Header.Header[] = [];
  for (let at = block; at !== anchorHash;) {
    const header = state.blocks.get(at)?.header;
    if (header === undefined) return undefined;
    if (header.height <= anchor.height + 1n && header.parent !== anchorHash) return "contradicts";
    chain.push(header);
    at = header.parent;
  }
  return chain.reverse();
}

/** A finalization up to the given one whose block is not on `chain`: finality was contradicted. */
function leavesOut(
  state: State,
  newest: Finalization,
  chain: readonly Header.Header[],
): Verified<Finalization> | undefined {
  const hashes = new Set(chain.map(Header.hash));
  for (const { view, finalization } of state.views.values()) {
    if (finalization === undefined || view <= state.anchorView || view > newest.vote.view) continue;
    if (!hashes.has(finalization.vote.block)) return finalization;
  }
  return undefined;
}

/** A header that is missing between the anchor and what was finalized or proposed: whose hash, at what height. */
export interface Gap {
  readonly block: Hash;
  readonly height: bigint;
}

/** FETCH-1: the first ancestor of `block` whose header is not held, if the block itself is. */
export function missingAncestor(state: State, block: Hash): Gap | undefined {
  const anchorHeight = state.anchor.header.height;
  for (let at = state.blocks.get(block)?.header; at !== undefined; at = state.blocks.get(at.parent)?.header) {
    if (at.height <= anchorHeight + 1n) return undefined;
    if (!state.blocks.has(at.parent)) return { block: at.parent, height: at.height - 1n };
  }
  return undefined;
}
