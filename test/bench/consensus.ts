/**
 * Finality and throughput of validators as separate processes on this machine, without network delay:
 * `npm run bench -- consensus --validators 4 --payload 0|100k|1m|4m --seconds 30 --json`.
 *
 * Blocks are filled by submitting transactions as octets through the HTTP API of every validator, made beforehand but for
 * a counter, for the load shares the machine with what it loads. Latency is from a block's header time (its leader's
 * clock) to the moment a client of one validator, on the same machine, has it verified final. Only blocks after the
 * warm-up count. CPU (of all validators together) and memory (of the largest) are those of the validator processes, read
 * from /proc. `--pause-ms` is the cluster's `emptyBlockDelayMs`: how long a leader waits for something to include.
 */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";

import { percentile, watchChain } from "../../src/cli/start/chainWatch.ts";
import { createLayout } from "../../src/cli/start/layout.ts";
import { bringUp, type LocalNetwork } from "../../src/cli/start/network.ts";
import { createProcesses } from "../../src/cli/start/processes.ts";
import { createProgress } from "../../src/cli/start/progress.ts";
import { sleep, systemClock } from "../../src/runtime/clock.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { payloadSize, transactionBytes } from "./payloads.ts";

const NAMESPACE = "901001";
const WARM_UP_MS = 5_000;
const EPOCH_BLOCKS = 1_000;
/** Payloads kept waiting in the mempool, so that a leader never runs dry. */
const PAYLOADS_AHEAD = 3;
const CLOCK_TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;
const LOAD_POLL_MS = 50;
/** Bringing up, stopping, and then some: beyond it the run has failed, whatever hangs. */
const OVERHEAD_SECONDS = 120;

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

/** One validator as the load sees it. */
interface Target {
  readonly submit: (octets: Uint8Array) => Promise<void>;
  readonly waitingBytes: () => Promise<number>;
}

function targetOf(apiUrl: string): Target {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const ask = (method: string, path: string, octets?: Uint8Array): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = octets && { "content-type": "application/octet-stream", "content-length": octets.length };
      const asked = request(new URL(path, apiUrl), { method, agent, ...(headers && { headers }) }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => (text += chunk));
        answer.on("end", () => resolve(text));
        answer.on("error", reject);
      });
      asked.on("error", reject);
      asked.end(octets);
    });
  return {
    submit: async (octets) => {
      await ask("POST", `/v1/namespaces/${NAMESPACE}/transactions`, octets);
    },
    waitingBytes: async () => {
      const status: unknown = JSON.parse(await ask("GET", "/v1/status"));
      const pool = typeof status === "object" && status !== null && "mempool" in status ? status.mempool : undefined;
      return typeof pool === "object" && pool !== null && "bytes" in pool ? Number(pool.bytes) : 0;
    },
  };
}

/** Keeps about `PAYLOADS_AHEAD` payloads waiting, given to the validators in turn. */
async function load(targets: readonly Target[], payloadBytes: number, signal: AbortSignal): Promise<void> {
  const octets = systemRandom.bytes(transactionBytes(payloadBytes) - 1);
  let next = 0;
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    const waiting = (await targets[next % targets.length]?.waitingBytes()) ?? 0;
    const count = Math.ceil(Math.max(0, PAYLOADS_AHEAD * payloadBytes - waiting) / octets.length);
    for (let given = 0; given < count && !isOver(); given++) {
      new DataView(octets.buffer).setUint32(0, next++);
      await targets[next % targets.length]?.submit(octets);
    }
    await sleep(systemClock, LOAD_POLL_MS);
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
  const targets = network.validators.map(({ apiUrl }) => targetOf(apiUrl));
  const loaded = payloadBytes === 0 ? Promise.resolve() : load(targets, payloadBytes, control.signal);
  const background = Promise.all([chain.run(control.signal), loaded]);
  background.catch((error: unknown) => {
    if (!control.signal.aborted) control.abort(error);
  });
  await sleep(systemClock, WARM_UP_MS);
  counting = true;
  const before = usageOf(network);
  const ownBefore = process.cpuUsage();
  const startedAt = systemClock.monotonicMs();
  let rssBytesMax = 0;
  while (systemClock.monotonicMs() - startedAt < seconds * 1_000 && !control.signal.aborted) {
    await sleep(systemClock, 500);
    for (const { rssBytes } of usageOf(network)) rssBytesMax = Math.max(rssBytesMax, rssBytes);
  }
  const elapsed = (systemClock.monotonicMs() - startedAt) / 1_000;
  counting = false;
  const cpu = usageOf(network).reduce((sum, { cpuSeconds }, i) => sum + cpuSeconds - (before[i]?.cpuSeconds ?? 0), 0);
  const loadCpu = process.cpuUsage(ownBefore);
  for (const height of heights) payloads += await payloadLength(network, height);
  const round = (value: number): number => Math.round(value * 1_000) / 1_000;
  return {
    blocks: heights.length,
    blocksPerSecond: round(heights.length / elapsed),
    finalityMs: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) },
    megabytesPerSecond: round(payloads / 1e6 / elapsed),
    cpuSecondsPerBlock: round(cpu / Math.max(1, heights.length)),
    cpuSecondsPerMegabyte: payloads === 0 ? null : round(cpu / (payloads / 1e6)),
    rssBytesMax,
    seconds: round(elapsed),
    cpuSeconds: { validators: round(cpu), load: round((loadCpu.user + loadCpu.system) / 1e6) },
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
    "pause-ms": { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const payloadBytes = payloadSize(values.payload);
const pauseMs = values["pause-ms"];

const processes = createProcesses();
const control = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => control.abort(new Error(name)));
const watchdog = setTimeout(
  () => {
    console.error("the run takes too long");
    void processes.stopAll().finally(() => process.exit(1));
    setTimeout(() => process.exit(1), 20_000);
  },
  (OVERHEAD_SECONDS + Number(values.seconds)) * 1_000,
);
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
      ...(pauseMs === undefined ? {} : { emptyBlockDelayMs: Number(pauseMs) }),
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
clearTimeout(watchdog);
process.exit();
