import type { FinalizedHeader } from "../src/lightclient/finalizedHeader.ts";
import type * as Evidence from "../src/protocol/Evidence.ts";
import type { CommitteeId, Epoch } from "../src/protocol/scalars.ts";

export interface EvidenceItem {
  readonly number: number;
  readonly evidence: Evidence.Evidence;
}

/** The sequencing core as the relayer needs it. Rejects when no node answers. Nothing it says is trusted: L1 checks it. */
export interface Sequencer {
  /** The newest finalization of each node that answers, highest first, equal ones once. */
  newest(): Promise<readonly FinalizedHeader[]>;
  /**
   * Handovers in which `committee` names another one, in an epoch at or above `epoch`, as the nodes give them: one where
   * all are honest, none while there is none.
   */
  changes(committee: CommitteeId, epoch: Epoch): Promise<readonly FinalizedHeader[]>;
  /** Evidence with numbers from `from` on, as one node numbers it; a name for that node comes with it. */
  evidence(from: ReadonlyMap<string, number>): Promise<readonly (EvidenceItem & { readonly node: string })[]>;
}
