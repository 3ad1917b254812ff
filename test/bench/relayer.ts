/**
 * The relayer as one process with a real Redis and a real L1 node:
 * `npm run bench -- relayer --finalizations 60 --jobs 2000 --compress 30 --json`.
 *
 * Latency: L1 blocks of one second, finalizations at random moments about a second apart; from the moment a node has a
 * finalization to the moment the L1 node shows a checkpoint at or above it, seen by polling every 10 ms. Half a block on
 * average is L1's own.
 * Jobs: distinct `advance` jobs that end *already done*, each after it read L1 and the nodes, through one worker.
 * Memory: an hour of a committee that finalizes a block a second, on an L1 with a block every twelve seconds, all of it
 * (finalizations, L1 blocks, the relayer's own polling of one a second) `compress` times as fast. Resident memory is read
 * from /proc every minute of that hour; the slope is that of a line through the second half of the samples.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

import { openBackend } from "../../relayer/backends/open.ts";
import { openQueues } from "../../relayer/queues.ts";
import { percentile } from "../../src/cli/start/chainWatch.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { seededRandom } from "../../src/runtime/random.ts";
import { redisServerPath, temporaryFolder } from "../relayer/support/backends.ts";
import { startRedisServer, type RedisServer } from "../relayer/support/redisServer.ts";
import { createWorld, until, type World } from "../relayer/support/world.ts";

const { values } = parseArgs({
  options: {
    finalizations: { type: "string", default: "60" },
    jobs: { type: "string", default: "2000" },
    compress: { type: "string", default: "30" },
    hours: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const POLL_MS = 100;
const HOUR_SECONDS = 3_600;
const L1_BLOCK_SECONDS = 12;
const SAMPLE_SECONDS = 60;
const PAGE_BYTES = 4_096;

interface Bench {
  readonly world: World;
  readonly redis: RedisServer;
}

/** A world of its own for every part, so that none measures another's leftovers. */
async function withWorld<T>(blockTime: number | undefined, run: (bench: Bench) => Promise<T>): Promise<T> {
  const folder = temporaryFolder();
  const time = blockTime === undefined ? { automine: false } : { blockTime };
  const world = await createWorld({ ...time, nowMs: Date.now });
  const redis = await startRedisServer(redisServerPath ?? "", folder.path, "only-for-benchmarks");
  try {
    return await run({ world, redis });
  } finally {
    await world.close();
    await redis.stop();
    folder.remove();
  }
}

const quiet = (redis: RedisServer, pollMs: number) => ({
  REDIS_URL: redis.url,
  CREMA_LOG_LEVEL: "warn",
  CREMA_POLL_MS: String(pollMs),
  CREMA_POST_EVERY_BLOCKS: "1",
});

async function measureLatency(finalizations: number): Promise<object> {
  return withWorld(1, async ({ world, redis }) => {
    const random = seededRandom(1n);
    const waiting = new Map<bigint, number>();
    const samples: number[] = [];
    let isWatching = true;
    const watch = async (): Promise<void> => {
      while (isWatching) {
        const height = await world.l1Height();
        const now = performance.now();
        for (const [asked, since] of waiting) {
          if (asked > height) continue;
          samples.push(now - since);
          waiting.delete(asked);
        }
        await delay(10);
      }
    };
    world.start({ env: { ...quiet(redis, POLL_MS), CREMA_LOG_LEVEL: "info" } });
    world.chain.grow(1);
    await until("the first checkpoint", async () => (await world.l1Height()) === 1n);
    const watching = watch();
    for (let i = 0; i < finalizations; i++) {
      world.chain.grow(1);
      waiting.set(world.chain.height, performance.now());
      await delay(300 + random.fraction() * 1_400);
    }
    await until("all are on L1", () => waiting.size === 0);
    isWatching = false;
    await watching;
    const rounded = (share: number): number => Math.round(percentile(samples, share));
    return {
      finalizations,
      transactions: await world.nonce(),
      p50Ms: rounded(0.5),
      p99Ms: rounded(0.99),
      maxMs: rounded(1),
    };
  });
}

async function measureJobs(jobs: number): Promise<object> {
  return withWorld(1, async ({ world, redis }) => {
    world.chain.grow(1);
    const relayer = world.start({ env: { ...quiet(redis, POLL_MS), CREMA_LOG_LEVEL: "info" } });
    await relayer.ready();
    await until("the first checkpoint", async () => (await world.l1Height()) === 1n);
    const choice = { kind: "redis", redisUrl: redis.url, dataDir: world.dataDir, path: "" } as const;
    const backend = await openBackend(choice, silentLogger);
    const queues = await openQueues(backend, world.relayerAddress, systemClock, silentLogger);
    const startedAt = performance.now();
    for (let start = 0; start < jobs; start += 100) {
      const chunk = Array.from({ length: Math.min(100, jobs - start) }, (_, index) => String(1_000 + start + index));
      await Promise.all(
        chunk.map((height) => queues.ensure("light-client", "advance", `advance-${height}`, { height })),
      );
    }
    const left = async (): Promise<number> => {
      const { waiting = 0, active = 0, delayed = 0 } = (await queues.counts())["light-client"] ?? {};
      return waiting + active + delayed;
    };
    await until("all jobs are done", async () => (await left()) === 0, 3_600);
    const seconds = (performance.now() - startedAt) / 1_000;
    await queues.close();
    await backend.close();
    return { jobs, jobsPerSecond: Math.round(jobs / seconds) };
  });
}

/** Resident bytes of a process (proc(5)). */
function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${String(pid)}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
}

/** Least-squares slope, per second of simulated time. */
function slope(samples: readonly (readonly [number, number])[]): number {
  const mean = (pick: 0 | 1): number => samples.reduce((sum, sample) => sum + sample[pick], 0) / samples.length;
  const [mx, my] = [mean(0), mean(1)];
  const over = samples.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return over / samples.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

async function measureMemory(compress: number, hours: number): Promise<object> {
  return withWorld(undefined, async ({ world, redis }) => {
    const seconds = hours * HOUR_SECONDS;
    const pollMs = Math.max(10, Math.round(1_000 / compress));
    const relayer = world.start({ env: quiet(redis, pollMs) });
    const pid = relayer.child.pid ?? 0;
    const samples: [number, number][] = [];
    const startedAt = performance.now();
    for (let second = 0; second < seconds; second++) {
      world.chain.grow(1);
      if (second % L1_BLOCK_SECONDS === 0) await world.anvil.mine();
      if (second % SAMPLE_SECONDS === 0) samples.push([second, residentBytes(pid)]);
      const dueAt = startedAt + ((second + 1) * 1_000) / compress;
      await delay(Math.max(0, dueAt - performance.now()));
    }
    const took = (performance.now() - startedAt) / 1_000;
    const steady = samples.slice(samples.length / 2);
    const megabytes = (bytes: number): number => Math.round(bytes / 104_857.6) / 10;
    return {
      simulatedSeconds: seconds,
      tookSeconds: Math.round(took),
      compressed: Math.round(seconds / took),
      finalizations: Number(world.chain.height),
      checkpoints: (await world.posted()).length - 1,
      rssStartMb: megabytes(samples[1]?.[1] ?? 0),
      rssEndMb: megabytes(samples.at(-1)?.[1] ?? 0),
      rssMaxMb: megabytes(Math.max(...samples.map(([, bytes]) => bytes))),
      rssSlopeMbPerHour: megabytes(slope(steady) * HOUR_SECONDS),
    };
  });
}

if (redisServerPath === undefined) {
  console.error("redis-server or valkey-server is needed on PATH");
  process.exit(2);
}
const latency = await measureLatency(Number(values.finalizations));
if (!values.json) console.error(JSON.stringify(latency));
const throughput = await measureJobs(Number(values.jobs));
if (!values.json) console.error(JSON.stringify(throughput));
const memory = await measureMemory(Number(values.compress), Number(values.hours));
console.log(JSON.stringify({ l1BlockSeconds: 1, pollMs: POLL_MS, latency, throughput, memory }));
process.exit(0);
