import type { BlockServer } from "./blockServer.ts";
import type { Finalizer } from "./finalizer.ts";
import type { Gossip } from "./gossip.ts";
import type { Ingress } from "./ingress.ts";
import type { JournalKeeper } from "./journalKeeper.ts";
import type { LateEvidence } from "./lateEvidence.ts";
import type { Outbox } from "./outbox.ts";
import type { BuildTimer } from "./payloadBuilder.ts";
import type { PayloadFetcher } from "./payloadFetcher.ts";
import type { PayloadKeeper } from "./payloadKeeper.ts";
import type { ProposalChecks } from "./proposalChecks.ts";
import type { Resumption } from "./resumption.ts";
import type { Repairs } from "./repairs.ts";
import type { StateSync } from "./stateSync.ts";
import type { Takeover } from "./takeover.ts";

/** The doers of an engine: each performs some outputs of the core and feeds the answers back. */
export interface Parts {
  readonly keeper: PayloadKeeper;
  readonly checks: ProposalChecks;
  readonly fetcher: PayloadFetcher;
  readonly finalizer: Finalizer;
  readonly sync: StateSync;
  readonly server: BlockServer;
  readonly outbox: Outbox;
  readonly gossip: Gossip;
  readonly ingress: Ingress;
  readonly journal: JournalKeeper;
  readonly builder: BuildTimer;
  readonly repairs: Repairs;
  readonly late: LateEvidence;
  readonly resumption: Resumption;
  readonly takeover: Takeover;
}
