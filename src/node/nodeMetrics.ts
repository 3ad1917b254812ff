import { collectDefaultMetrics, Gauge, type Registry } from "prom-client";

import type { NodeQueries } from "../lightclient/nodeQueries.ts";
import type { L1Follower } from "../l1/l1Follower.ts";

/** What an operator asks first: is it following, is L1 there, who is connected, what waits. Read when scraped. */
export function registerNodeMetrics(registry: Registry, node: Pick<NodeQueries, "status">, l1: L1Follower): void {
  collectDefaultMetrics({ register: registry, prefix: "crema_process_" });
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `crema_${name}`, help, registers: [registry] });
  const gauges = {
    height: gauge("finalized_height", "Height of the newest finalized block."),
    timestamp: gauge("finalized_timestamp_seconds", "Header time of the newest finalized block."),
    epoch: gauge("epoch", "Epoch that this node is in."),
    view: gauge("view", "View that this node is in."),
    committee: gauge("committee", "Id of the committee that votes."),
    peers: gauge("peers", "Connected peers."),
    transactions: gauge("mempool_transactions", "Transactions that wait."),
    bytes: gauge("mempool_bytes", "Bytes that wait."),
    ready: gauge("ready", "1 when transactions are taken."),
    l1Number: gauge("l1_finalized_number", "Newest L1-finalized block seen."),
    l1Reachable: gauge("l1_reachable", "1 while L1 answers."),
    l1LightClient: gauge("l1_light_client_live", "1 while L1 neither froze the light client nor let it expire."),
  };
  // prom-client asks one metric for its value at a time; the first one asked fills all of them.
  Object.assign(gauges.height, {
    collect: async () => {
      const status = await node.status();
      gauges.height.set(Number(status.height));
      gauges.timestamp.set(Number(status.timestamp) / 1000);
      gauges.epoch.set(Number(status.epoch));
      gauges.view.set(Number(status.view));
      gauges.committee.set(Number(status.committee));
      gauges.peers.set(status.peers);
      gauges.transactions.set(status.mempool.transactions);
      gauges.bytes.set(status.mempool.bytes);
      gauges.ready.set(status.notReady === undefined ? 1 : 0);
      gauges.l1Number.set(Number(l1.finalized()?.number ?? 0n));
      gauges.l1Reachable.set(l1.reachable() ? 1 : 0);
      gauges.l1LightClient.set(l1.lightClient() === "live" ? 1 : 0);
    },
  });
}
