import * as Header from "../../protocol/Header.ts";
import { judge } from "../ancestry.ts";
import { castNullify, castProposal } from "../cast.ts";
import { addBlock, persist, reject, update, updateBlock, updateView, type Draft } from "../draft.ts";
import type { Built, BuildFailed, Certified, Checked, Voting } from "../input.ts";
import { leaderOf } from "../leader.ts";
import { enterView } from "../pacemaker.ts";
import { openRecords, recordOf } from "../state.ts";
import { assert } from "../../runtime/assert.ts";

/** PROP-1: the block this node asked for is proposed, if its view still lasts. */
export function onBuilt(draft: Draft, input: Built): void {
  const { view, header } = input;
  if (!awaitsBuild(draft, input)) return;
  updateView(draft, view, { build: "answered" });
  const judgement = judge(draft.context, draft.state, view, header, view);
  if (judgement.status === "invalid") assert(false, `own block must be valid, but ${judgement.fault.code}`);
  addBlock(draft, header);
  if (judgement.status === "valid") castProposal(draft, view, header, judgement.parentView);
}

/** VIEW-7: a build that failed is a reason to nullify at once. */
export function onBuildFailed(draft: Draft, input: BuildFailed): void {
  if (!awaitsBuild(draft, input)) return;
  updateView(draft, input.view, { build: "answered" });
  castNullify(draft, input.view);
}

function awaitsBuild(draft: Draft, { epoch, view }: BuildFailed | Built): boolean {
  const { state } = draft;
  if (epoch !== state.epoch || state.phase !== "running" || view !== state.view) return false;
  return recordOf(state, view).build === "asked";
}

/** PROP-6: what depends on clock, own L1 and own shards has passed; a pending proposal may be voted for. */
export function onChecked(draft: Draft, input: Checked): void {
  const { epoch, view, block } = input;
  if (epoch !== draft.state.epoch) return;
  const { proposals, check } = recordOf(draft.state, view);
  const [first] = proposals;
  if (check !== "asked" || first === undefined || Header.hash(first.header) !== block) return;
  updateView(draft, view, { check: "passed" });
  draft.isDirty = true;
}

/** NOTAR-3: the verdict on a block is for good, and journaled before anything is built on it. */
export function onCertified(draft: Draft, input: Certified): void {
  const { epoch, block: hash, verdict } = input;
  const block = draft.state.blocks.get(hash);
  if (epoch !== draft.state.epoch || block === undefined || block.verdict !== undefined) return;
  persist(draft, { type: "verdict", epoch, block: hash, verdict }, false);
  updateBlock(draft, hash, { verdict });
  draft.isDirty = true;
  if (verdict === "valid") return;
  for (const { view, notarization } of openRecords(draft.state)) {
    if (notarization?.vote.block !== hash) continue;
    reject(draft, undefined, { code: "invalid-block", view, leader: leaderOf(draft.context, view) });
  }
}

/**
 * SAFE-7: the light client on L1 expired or froze (off), or is well again (on). Timers that ran out while it was off
 * came to nothing, so the view begins anew: else nobody might ever nullify it.
 */
export function onVoting(draft: Draft, input: Voting): void {
  const { isVotingEnabled, phase, view } = draft.state;
  update(draft, { isVotingEnabled: input.enabled });
  draft.isDirty = true;
  if (input.enabled && !isVotingEnabled && phase === "running") enterView(draft, view);
}
