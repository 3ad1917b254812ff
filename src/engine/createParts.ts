import * as Mempool from "../mempool/mempool.ts";
import type { Hash } from "../crypto/hash.ts";
import type * as Header from "../protocol/Header.ts";
import { BlockServer } from "./blockServer.ts";
import { Finalizer } from "./finalizer.ts";
import { Gossip } from "./gossip.ts";
import { Ingress } from "./ingress.ts";
import type { JournalKeeper } from "./journalKeeper.ts";
import type { Kernel } from "./kernel.ts";
import { LateEvidence } from "./lateEvidence.ts";
import type { Membership } from "./membership.ts";
import { Outbox } from "./outbox.ts";
import type { Parts } from "./parts.ts";
import { BuildTimer } from "./payloadBuilder.ts";
import { PayloadFetcher } from "./payloadFetcher.ts";
import { PayloadKeeper } from "./payloadKeeper.ts";
import { ProposalChecks } from "./proposalChecks.ts";
import { Resumption } from "./resumption.ts";
import { Repairs } from "./repairs.ts";
import { StateSync } from "./stateSync.ts";
import { Takeover } from "./takeover.ts";

/** How long a peer has to answer a state-sync request. */
const SYNC_TIMEOUT_MS = 10_000;

/** Makes the doers and wires them to each other. */
export function createParts(
  kernel: Kernel,
  membership: Membership,
  journal: JournalKeeper,
  genesis: Header.Header,
  onStored: (tip: Header.Header) => void,
): Parts {
  const { clock } = kernel.ports;
  const { config } = kernel.options;
  const { limits } = config;
  const checks = createChecks(kernel, (block) => keeper.holdsOwnShards(block));
  const keeper = new PayloadKeeper(
    {
      clock,
      chain: kernel.chain,
      limits,
      inlineBytesMax: config.inlinePayloadBytesMax,
      fetchMs: config.deltaMs,
      hashOf: (envelope) => Mempool.hashOf(kernel.mempool, envelope),
      request: (seat, block) => {
        const peer = kernel.membership().peers[seat];
        if (peer === undefined) return;
        ingress.expectPayload(peer, block);
        kernel.send(peer, { type: "payload-request", block });
      },
      certified: (epoch, block, verdict) => {
        kernel.feed({ type: "certified", epoch, block, verdict });
      },
      arrived: (block) => {
        checks.again(block);
      },
      failed: (error) => {
        kernel.fail(error);
      },
    },
    membership,
  );
  const fetcher = createFetcher(kernel);
  const builder = new BuildTimer(clock);
  const finalizer = new Finalizer(kernel, fetcher, genesis, onStored);
  const sync = new StateSync(kernel, finalizer, SYNC_TIMEOUT_MS);
  const server = new BlockServer(kernel, sync);
  const outbox = new Outbox(kernel);
  const repairs = new Repairs(kernel, fetcher);
  const late = new LateEvidence(kernel);
  const resumption = new Resumption(kernel);
  const takeover = new Takeover(kernel, finalizer, journal);
  const gossip = new Gossip(kernel, () => {
    builder.wake();
  });
  const ingress = new Ingress(kernel, { server, sync, fetcher, gossip, repairs, late, resumption, takeover });
  return {
    ...{ keeper, checks, fetcher, finalizer, sync, server, outbox, gossip, ingress },
    ...{ journal, builder, repairs, late, resumption, takeover },
  };
}

function createChecks(kernel: Kernel, holdsOwnShards: (block: Hash) => boolean): ProposalChecks {
  const { clock, l1 } = kernel.ports;
  return new ProposalChecks({
    ...{ clock, l1, config: kernel.options.config, holdsOwnShards },
    passed: (epoch, view, block) => {
      kernel.feed({ type: "checked", epoch, view, block });
    },
  });
}

function createFetcher(kernel: Kernel): PayloadFetcher {
  const { config } = kernel.options;
  const { limits } = config;
  const { clock } = kernel.ports;
  return new PayloadFetcher({
    ...{ clock, limits, fetchMs: config.deltaMs },
    request: (peer, blocks) => {
      kernel.send(peer, { type: "payloads-request", blocks });
    },
  });
}
