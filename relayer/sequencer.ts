import type * as z from "zod";

import type { FinalizedHeader } from "../src/lightclient/finalizedHeader.ts";
import type { Path } from "../src/lightclient/proofs.ts";
import type * as Wire from "../src/lightclient/wire.ts";
import type * as Evidence from "../src/protocol/Evidence.ts";
import type { Header } from "../src/protocol/Header.ts";
import type { CommitteeId, Epoch, Height } from "../src/protocol/scalars.ts";

/** A resume with its quorum's signature and the header of its block. */
export type QuorumResume = z.output<typeof Wire.resume>;

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
  /** The finalizations of an epoch's handover, as the nodes give them: one where all are honest. */
  handover(epoch: Epoch): Promise<readonly FinalizedHeader[]>;
  /** Resumes that quorums signed and L1 has not applied, as the nodes give them, the highest epoch first. */
  resumes(): Promise<readonly QuorumResume[]>;
  /** What the history of `head` has at a lower height, with a proof that was checked; undefined where no node has one. */
  inHistory(height: Height, head: Header): Promise<{ readonly header: Header; readonly path: Path } | undefined>;
  /** Evidence with numbers from `from` on, as one node numbers it; a name for that node comes with it. */
  evidence(from: ReadonlyMap<string, number>): Promise<readonly (EvidenceItem & { readonly node: string })[]>;
}
