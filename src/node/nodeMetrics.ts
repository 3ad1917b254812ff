import { collectDefaultMetrics, Gauge, type Registry } from "prom-client";

import type { Engine } from "../engine/engine.ts";
import type { L1Follower } from "../l1/l1Follower.ts";
import type { Clock } from "../runtime/clock.ts";

export interface NodeMetricsPorts {
  readonly engine: Pick<Engine, "status" | "sizes">;
  readonly l1: Pick<L1Follower, "finalized" | "reachable" | "lightClient">;
  readonly clock: Clock;
  /** Bytes that chain and journal take on disk, by name. */
  readonly storeBytes: () => Promise<Readonly<Record<string, number>>>;
}

type Gauges = ReturnType<typeof createGauges>;

/** What an operator asks first: is it following, is L1 there, who is connected, what waits. Read when scraped. */
export function registerNodeMetrics(registry: Registry, ports: NodeMetricsPorts): void {
  collectDefaultMetrics({ register: registry, prefix: "crema_process_" });
  const gauges = createGauges(registry);
  const l1SinceMs = l1Watch(ports);
  const read = async (): Promise<void> => {
    await readStatus(gauges, ports);
    readL1(gauges, ports, l1SinceMs());
    for (const [part, bytes] of Object.entries(await ports.storeBytes())) gauges.store.set({ part }, bytes);
    for (const [what, count] of Object.entries(ports.engine.sizes())) gauges.sizes.set({ what }, count);
  };
  // prom-client asks all metrics of a scrape at once, and each waits for what its own `collect` gives.
  let reading: Promise<void> | undefined;
  const collect = (): Promise<void> => {
    reading ??= read().finally(() => (reading = undefined));
    return reading;
  };
  for (const gauge of Object.values(gauges)) Object.assign(gauge, { collect });
}

function createGauges(registry: Registry) {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
    new Gauge({ name: `crema_${name}`, help, labelNames, registers: [registry] });
  return {
    height: gauge("finalized_height", "Height of the newest finalized block."),
    timestamp: gauge("finalized_timestamp_seconds", "Header time of the newest finalized block."),
    epoch: gauge("epoch", "Epoch that this node is in."),
    view: gauge("view", "View that this node is in."),
    committee: gauge("committee", "Id of the committee that votes."),
    member: gauge("committee_member", "1 while this node's validator is in the committee that votes."),
    peers: gauge("peers", "Connected peers."),
    transactions: gauge("mempool_transactions", "Transactions that wait."),
    bytes: gauge("mempool_bytes", "Bytes that wait."),
    ready: gauge("ready", "1 when transactions are taken."),
    anchor: gauge("anchor_lag_blocks", "L1-finalized blocks above the anchor of the newest finalized block."),
    l1Number: gauge("l1_finalized_number", "Newest L1-finalized block seen."),
    l1Age: gauge("l1_unchanged_seconds", "Time since the newest L1-finalized block seen has changed."),
    l1Reachable: gauge("l1_reachable", "1 while L1 answers."),
    l1LightClient: gauge("l1_light_client_live", "1 while L1 neither froze the light client nor let it expire."),
    store: gauge("store_bytes", "Bytes on disk, by part.", ["part"]),
    sizes: gauge("engine_size", "Entries of everything in the engine that grows, by name.", ["what"]),
  };
}

async function readStatus(gauges: Gauges, { engine, l1 }: NodeMetricsPorts): Promise<void> {
  const status = await engine.status();
  gauges.height.set(Number(status.height));
  gauges.timestamp.set(Number(status.timestamp) / 1000);
  gauges.epoch.set(Number(status.epoch));
  gauges.view.set(Number(status.view));
  gauges.committee.set(Number(status.committee));
  gauges.member.set(status.validator === undefined ? 0 : 1);
  gauges.peers.set(status.peers);
  gauges.transactions.set(status.mempool.transactions);
  gauges.bytes.set(status.mempool.bytes);
  gauges.ready.set(status.notReady === undefined ? 1 : 0);
  gauges.anchor.set(Math.max(0, Number((l1.finalized()?.number ?? status.l1Number) - status.l1Number)));
}

function readL1(gauges: Gauges, { l1, clock }: NodeMetricsPorts, sinceMs: number): void {
  gauges.l1Number.set(Number(l1.finalized()?.number ?? 0n));
  gauges.l1Age.set((clock.monotonicMs() - sinceMs) / 1000);
  gauges.l1Reachable.set(l1.reachable() ? 1 : 0);
  gauges.l1LightClient.set(l1.lightClient() === "live" ? 1 : 0);
}

/** When, on the monotonic clock, the newest L1-finalized block was first seen: as exact as it is asked. */
function l1Watch({ l1, clock }: NodeMetricsPorts): () => number {
  let number = l1.finalized()?.number;
  let sinceMs = clock.monotonicMs();
  return () => {
    const newest = l1.finalized()?.number;
    if (newest !== number) {
      number = newest;
      sinceMs = clock.monotonicMs();
    }
    return sinceMs;
  };
}
