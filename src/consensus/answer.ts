import type { Certificate } from "../protocol/Certificate.ts";
import type { Header } from "../protocol/Header.ts";
import type { Proposal } from "../protocol/Proposal.ts";
import type { View } from "../protocol/scalars.ts";
import { certificatesOf } from "./evidence.ts";
import type { State } from "./state.ts";

/** What this node can serve of one view from memory. */
export interface ViewAnswer {
  readonly certificates: readonly Certificate[];
  readonly proposals: readonly Proposal[];
  /** Headers of the certified blocks, for those that no proposal carries. */
  readonly headers: readonly Header[];
}

/** FETCH-4: both kinds of certificates and the proposals of a view above the anchor; older ones are in the store. */
export function answerView(state: State, view: View): ViewAnswer {
  const record = state.views.get(view);
  if (record === undefined) return { certificates: [], proposals: [], headers: [] };
  const certificates = certificatesOf(record);
  const blocks = new Set([record.notarization?.vote.block, record.finalization?.vote.block]);
  const headers = [...blocks].flatMap((block) => {
    const header = block === undefined ? undefined : state.blocks.get(block)?.header;
    return header === undefined ? [] : [header];
  });
  return { certificates, proposals: record.proposals, headers };
}
