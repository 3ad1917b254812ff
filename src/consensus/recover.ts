import { FIRST_VIEW, type View } from "../protocol/scalars.ts";
import type { Vote } from "../protocol/Vote.ts";
import { admitCertificate } from "./certificates.ts";
import type { Context } from "./context.ts";
import { addBlock, draftOf, update, updateBlock, updateView, type Draft } from "./draft.ts";
import type { Anchor } from "./input.ts";
import { refuseCertificate } from "./interest.ts";
import type { JournalRecord } from "./output.ts";
import { initial, PROPOSALS_MAX, recordOf, type State } from "./state.ts";
import { trusted } from "./votes.ts";

/**
 * REC-1: the state after a restart. `anchor` is the newest finalized block that is stored whole; `records` is the
 * journal in the order written (what is older than the anchor may be in it and is skipped). Everything this node may
 * have signed is in the journal, so nothing that contradicts it will be signed. Who has seen finality contradicted
 * (`isForked`) stays silent (ACC-3). Feed `start` next.
 */
export function recover(context: Context, anchor: Anchor, records: readonly JournalRecord[], isForked = false): State {
  const draft = draftOf(context, initial(context, anchor), 0);
  for (const record of records) replay(draft, record);
  const { state } = draft;
  // The view is found again from certificates and verdicts; a vote in a higher one shows that they led further.
  const votedIn = [...state.views.values()].filter(({ own }) => own.notarize !== undefined || own.nullify);
  const view = votedIn.reduce((highest, record) => (record.view > highest ? record.view : highest), state.view);
  return { ...state, view, phase: isForked ? "forked" : state.phase };
}

function replay(draft: Draft, record: JournalRecord): void {
  switch (record.type) {
    case "vote":
      replayVote(draft, record.vote);
      return;
    case "certificate":
      if (refuseCertificate(draft.context, draft.state, record.certificate) === undefined) {
        admitCertificate(draft, trusted(record.certificate));
      }
      return;
    case "proposal": {
      const { epoch, view, header } = record.proposal;
      const { proposals } = recordOf(draft.state, view);
      if (!isOpen(draft, epoch, view) || proposals.length >= PROPOSALS_MAX) return;
      updateView(draft, view, { proposals: [...proposals, record.proposal] });
      addBlock(draft, header);
      return;
    }
    case "proposed": {
      const { epoch, view, header, parentView } = record;
      if (!isOpen(draft, epoch, view)) return;
      updateView(draft, view, { proposed: { header, parentView }, build: "answered" });
      addBlock(draft, header);
      return;
    }
    case "header":
      if (record.header.epoch === draft.state.epoch) addBlock(draft, record.header);
      return;
    case "verdict":
      if (record.epoch === draft.state.epoch) updateBlock(draft, record.block, { verdict: record.verdict });
  }
}

function replayVote(draft: Draft, vote: Vote): void {
  if (!isOpen(draft, vote.epoch, vote.view)) return;
  const { own } = recordOf(draft.state, vote.view);
  const change = vote.kind === "nullify" ? { nullify: true } : { [vote.kind]: vote.block };
  updateView(draft, vote.view, { own: { ...own, ...change } });
  update(draft, { view: vote.kind !== "finalize" && vote.view > draft.state.view ? vote.view : draft.state.view });
}

function isOpen(draft: Draft, epoch: bigint, view: View): boolean {
  return epoch === draft.state.epoch && view >= FIRST_VIEW && view > draft.state.anchorView;
}
