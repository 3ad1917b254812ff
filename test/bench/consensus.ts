/**
 * Finality and throughput of validators as separate processes on this machine, without network delay:
 * `npm run bench -- consensus --validators 4 --payload 0|100k|1m|4m --seconds 30 --json`.
 *
 * Blocks are filled by submitting random transactions through the HTTP API of every validator. Latency is from a block's
 * header time (its leader's clock) to the moment a client of one validator, on the same machine, has it verified final.
 * Only blocks after the warm-up count. CPU and memory are those of the validator processes, read from /proc.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { percentile, watchChain } from "../../src/cli/start/chainWatch.ts";
import { createLayout } from "../../src/cli/start/layout.ts";
import { bringUp, type LocalNetwork } from "../../src/cli/start/network.ts";
import { createProcesses } from "../../src/cli/start/processes.ts";
import { createProgress } from "../../src/cli/start/progress.ts";
import type { Client } from "../../src/sdk/client.ts";
import { NamespaceId } from "../../src/protocol/scalars.ts";
import { sleep, systemClock } from "../../src/runtime/clock.ts";
import { systemRandom } from "../../src/runtime/random.ts";

const NAMESPACE = NamespaceId(901_001n);
const WARM_UP_MS = 5_000;
const EPOCH_BLOCKS = 1_000;
const TRANSACTION_BYTES = 100_000;
/** Payloads kept waiting in the mempool, so that a leader never runs dry. */
const PAYLOADS_AHEAD = 3;
const CLOCK_TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

const SIZES: Readonly<Record<string, number>> = { "0": 0, "100k": 100_000, "1m": 1_000_000, "4m": 4_000_000 };

interface Usage {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/** CPU time and resident memory of a process (proc(5)); zero where the system has no /proc. */
function usage(pid: number): Usage {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return { cpuSeconds: ticks / CLOCK_TICKS_PER_SECOND, rssBytes: pages * PAGE_BYTES };
  } catch {
    return { cpuSeconds: 0, rssBytes: 0 };
  }
}

function usageOf(network: LocalNetwork): readonly Usage[] {
  return network.validators.map(({ process: running }) => (running === undefined ? usage(-1) : usage(running.pid)));
}

/** Keeps about `PAYLOADS_AHEAD` payloads waiting at one validator; what is refused is offered again later. */
async function load(client: Client, share: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { mempool } = await client.status();
    const missing = Math.max(0, PAYLOADS_AHEAD * share - mempool.bytes);
    const count = Math.ceil(missing / TRANSACTION_BYTES);
    const offers = Array.from({ length: count }, () =>
      client.submit(NAMESPACE, systemRandom.bytes(Math.min(TRANSACTION_BYTES, share))).catch(() => undefined),
    );
    await Promise.all(offers);
    if (count === 0) await sleep(systemClock, 20);
  }
}

async function measure(network: LocalNetwork, payloadBytes: number, seconds: number, control: AbortController) {
  const watcher = await network.client(0);
  let payloads = 0;
  let counting = false;
  const latencies: number[] = [];
  const heights: bigint[] = [];
  const chain = watchChain(watcher, ({ height }, finalityMs) => {
    if (!counting) return;
    latencies.push(finalityMs);
    heights.push(height);
  });
  const clients = await Promise.all(network.validators.map((_, i) => network.client(i)));
  const loads = payloadBytes === 0 ? [] : clients.map((client) => load(client, payloadBytes, control.signal));
  const background = Promise.all([chain.run(control.signal), ...loads]);
  background.catch((error: unknown) => {
    if (!control.signal.aborted) control.abort(error);
  });
  await sleep(systemClock, WARM_UP_MS);
  counting = true;
  const before = usageOf(network);
  const startedAt = systemClock.monotonicMs();
  let rssBytesMax = 0;
  while (systemClock.monotonicMs() - startedAt < seconds * 1_000 && !control.signal.aborted) {
    await sleep(systemClock, 500);
    for (const { rssBytes } of usageOf(network)) rssBytesMax = Math.max(rssBytesMax, rssBytes);
  }
  const elapsed = (systemClock.monotonicMs() - startedAt) / 1_000;
  counting = false;
  const cpu = usageOf(network).reduce((sum, { cpuSeconds }, i) => sum + cpuSeconds - (before[i]?.cpuSeconds ?? 0), 0);
  for (const height of heights) payloads += await payloadLength(network, height);
  const round = (value: number): number => Math.round(value * 1_000) / 1_000;
  return {
    blocks: heights.length,
    blocksPerSecond: round(heights.length / elapsed),
    finalityMs: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) },
    megabytesPerSecond: round(payloads / 1e6 / elapsed),
    cpuSecondsPerBlock: round(cpu / Math.max(1, heights.length)),
    rssBytesMax,
  };
}

/** Bytes of the payload of a finalized block, as the first validator says. */
async function payloadLength(network: LocalNetwork, height: bigint): Promise<number> {
  const [first] = network.validators;
  const answer = await fetch(`${first?.apiUrl ?? ""}/v1/blocks/${height}`);
  const block: unknown = await answer.json();
  if (typeof block !== "object" || block === null || !("payloadBytes" in block)) return 0;
  return Number(block.payloadBytes);
}

const { values } = parseArgs({
  options: {
    validators: { type: "string", default: "4" },
    payload: { type: "string", default: "0" },
    seconds: { type: "string", default: "30" },
    json: { type: "boolean", default: false },
  },
});
const payloadBytes = SIZES[values.payload];
if (payloadBytes === undefined) throw new Error(`--payload is one of ${Object.keys(SIZES).join(", ")}`);

const processes = createProcesses();
const control = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => control.abort(new Error(name)));
try {
  const network = await bringUp({
    options: {
      blocks: undefined,
      json: true,
      chaos: false,
      validators: Number(values.validators),
      dataDir: undefined,
      timeoutSeconds: 600,
    },
    layout: createLayout(undefined),
    epochLength: EPOCH_BLOCKS,
    processes,
    progress: createProgress(true),
    signal: control.signal,
    isRelayed: false,
    clusterChanges: {
      limits: {
        transactionBytesMax: 128 * 1024,
        transactionsMax: 10_000,
        namespacesMax: 100,
        payloadBytesMax: Math.max(200_000, Math.ceil(payloadBytes * 1.01)),
      },
    },
  });
  const result = await measure(network, payloadBytes, Number(values.seconds), control);
  control.abort();
  await processes.stopAll();
  console.log(JSON.stringify({ validators: Number(values.validators), payload: values.payload, ...result }));
} catch (error) {
  await processes.stopAll();
  console.error(error);
  process.exitCode = 1;
}
