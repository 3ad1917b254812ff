import { setTimeout as delay } from "node:timers/promises";

import * as z from "zod";

import { seededRandom } from "../../src/runtime/random.ts";
import { stakeTableAt } from "../../src/l1/contracts.ts";
import { redisServerPath, temporaryFolder } from "../relayer/support/backends.ts";
import { startProxy } from "../relayer/support/proxy.ts";
import { startRedisServer } from "../relayer/support/redisServer.ts";
import { createWorld, type World } from "../relayer/support/world.ts";
import { drawFault, type Stage } from "./faults.ts";
import { judge, poolSize, type Verdict } from "./judgement.ts";
import { startReplica, type Replica } from "./replica.ts";

/**
 * Two replicas of the relayer as processes, a Redis process, an L1 node with blocks of one second behind three endpoints,
 * and a committee that finalizes all the time and hands over whenever L1 has a newer committee. Faults are done to all of
 * them at random; when they end, L1 must have every handover and the newest finalization, and nothing may be pending.
 */
export interface ChaosOptions {
  readonly seconds: number;
  /** Choice of faults and gaps; when they meet what, real processes decide. */
  readonly seed: bigint;
  readonly say: (text: string) => void;
}

export interface ChaosReport extends Verdict {
  readonly kills: number;
  readonly redisRestarts: number;
  readonly l1Reorgs: number;
  /** Nonces that were not mined or intents that were not settled in the end. */
  readonly stuck: number;
  readonly seconds: number;
  readonly seed: string;
  readonly finalizations: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** Blocks until safe; finalized takes twice as many. Above the deepest reorg. */
const SLOTS_IN_EPOCH = 4;
/** More than the deepest reorg, and enough for a first finalized block. */
const SETTLED_BLOCKS = 20;
const GAP_MS = { least: 300, most: 2_500 };
/** Five minutes, for machines that do much else. */
const SETTLE_ATTEMPTS = 1_500;
const SETTLE_POLL_MS = 200;
/** Every half minute of waiting the replicas' last words are told. */
const PROGRESS_ATTEMPTS = 150;
const ANSWERED = [() => true, () => false] as const;
const SETTLED: readonly string[] = ["final", "dropped", "reverted"];
const ENV = {
  CREMA_POLL_MS: "200",
  CREMA_BUMP_AFTER_MS: "4000",
  CREMA_REBROADCAST_AFTER_MS: "1500",
  CREMA_LOCK_TTL_MS: "5000",
  CREMA_L1_TIMEOUT_MS: "5000",
  CREMA_NODE_TIMEOUT_MS: "5000",
  CREMA_ROTATE: "true",
  CREMA_ROTATE_EVERY_SECONDS: "6",
  CREMA_FEE_CEILING_GWEI: "50",
  CREMA_URGENT_FEE_CEILING_GWEI: "400",
  CREMA_POST_EVERY_SECONDS: "1",
  CREMA_POST_DEADLINE_SECONDS: "10",
};

export async function runRelayerChaos(options: ChaosOptions): Promise<ChaosReport> {
  if (redisServerPath === undefined) throw new Error("redis-server or valkey-server is needed on PATH");
  const world = await createWorld({ blockTime: 1, slotsInEpoch: SLOTS_IN_EPOCH, nowMs: Date.now });
  // The contracts and the purse stand below every reorg.
  await world.anvil.mine(SETTLED_BLOCKS);
  const folder = temporaryFolder();
  const redis = await startRedisServer(redisServerPath, folder.path, "only-for-tests");
  const proxies = [await startProxy(world.anvil.url), await startProxy(world.anvil.url)];
  const l1Urls = [world.anvil.url, ...proxies.map(({ url }) => url)];
  const sockets = { CREMA_L1_WS_URLS: world.anvil.url.replace("http", "ws") };
  const replica = () => startReplica(world, { l1Urls, env: { ...ENV, ...sockets, REDIS_URL: redis.url } });
  const replicas = [replica(), replica()];
  const random = seededRandom(options.seed);
  const stage: Stage = { world, redis, redisFolder: folder.path, replicas, proxies, random };
  const core = startCore(world);
  try {
    const faults = await attack(stage, options);
    await core.stop();
    const stuck = await settle(stage, options.say);
    const verdict = await judge(world, replicas, options.say);
    const count = (...names: string[]): number => names.reduce((sum, name) => sum + (faults[name] ?? 0), 0);
    return {
      kills: count("kill"),
      redisRestarts: count("redisRestart", "redisRestartEmpty"),
      l1Reorgs: count("l1Reorg"),
      ...verdict,
      stuck,
      seconds: options.seconds,
      seed: options.seed.toString(),
      finalizations: Number(world.chain.height),
      faults,
    };
  } finally {
    await core.stop();
    world.anvil.thaw();
    await Promise.all(replicas.map((one) => one.stop()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await redis.stop();
    await world.close();
    folder.remove();
  }
}

interface Core {
  stop(): Promise<void>;
}

/** Two finalizations a second; handovers name the newest committee that L1 has finalized, as validators see it. */
function startCore(world: World): Core {
  const { anvil, deployment, chain } = world;
  const stakeTable = stakeTableAt(deployment.book.stakeTable, anvil.provider);
  let [committee, isRunning] = [1n, true];

  async function watchL1(): Promise<void> {
    while (isRunning) {
      try {
        const finalized = await anvil.provider.getBlock("finalized");
        if (finalized !== null) {
          committee = await stakeTable.newestCommittee({ blockTag: finalized.number });
          world.setL1Number(BigInt(finalized.number));
        }
      } catch {
        // L1 is away: validators go on with what they saw last.
      }
      await delay(250);
    }
  }
  async function finalize(): Promise<void> {
    while (isRunning) {
      chain.grow(1, world.signers(committee === 0n ? 1n : committee));
      await delay(500);
    }
  }
  const running = [watchL1(), finalize()];
  return {
    stop: async () => {
      isRunning = false;
      await Promise.all(running);
    },
  };
}

async function attack(stage: Stage, { seconds, say }: ChaosOptions): Promise<Readonly<Record<string, number>>> {
  const { random } = stage;
  const done: Record<string, number> = {};
  const busy = new Set<string>();
  const running: Promise<void>[] = [];
  const endAt = Date.now() + seconds * 1_000;
  while (Date.now() < endAt) {
    await delay(GAP_MS.least + random.fraction() * (GAP_MS.most - GAP_MS.least));
    const fault = drawFault(random);
    if (busy.has(fault.resource)) continue;
    busy.add(fault.resource);
    done[fault.name] = (done[fault.name] ?? 0) + 1;
    say(`${String(Math.round((endAt - Date.now()) / 1_000))} s left: ${fault.name}`);
    running.push(fault.run(stage).finally(() => busy.delete(fault.resource)));
  }
  await Promise.all(running);
  return done;
}

const statusSchema = z.looseObject({
  role: z.enum(["active", "standby"]),
  transactions: z.record(z.string(), z.number()),
});

/** Waits until L1 has the newest finalization, then drains: what is open for long after that is stuck. */
async function settle(stage: Stage, say: (text: string) => void): Promise<number> {
  const { world, replicas } = stage;
  const newest = world.chain.height;
  const isThere = await attempts(async (attempt) => {
    if (attempt % PROGRESS_ATTEMPTS === PROGRESS_ATTEMPTS - 1) {
      say(`L1 at ${(await world.l1Height()).toString()} of ${newest.toString()}`);
      for (const one of replicas) say(one.lastLines().join("\n"));
    }
    return (await world.l1Height()) === newest;
  });
  if (!isThere) say("the newest finalization is not on L1");
  // One that was killed last is only coming back.
  const drained = (one: Replica) => () => one.drain().then(...ANSWERED);
  await Promise.all(replicas.map((one) => attempts(drained(one))));
  let open = 0;
  await attempts(async (attempt) => {
    open = (await openWork(stage)) + (await poolSize(world));
    if (attempt % 25 === 0) {
      const statuses = await Promise.all(replicas.map((one) => one.status().catch(String)));
      say(`settling: ${String(open)} open ${JSON.stringify(statuses)}`);
    }
    return open === 0;
  });
  return open;
}

/** Asks until the answer is yes, or for long; whether it came. */
async function attempts(done: (attempt: number) => Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt++) {
    if (await done(attempt)) return true;
    await delay(SETTLE_POLL_MS);
  }
  return false;
}

/** Intents of the active replica that are neither final nor given up; 1 while none is active. */
async function openWork({ replicas }: Stage): Promise<number> {
  const answers = await Promise.all(replicas.map((one) => one.status().catch(() => undefined)));
  const statuses = answers.map((answer) => statusSchema.safeParse(answer));
  const active = statuses.find(({ success, data }) => success && data.role === "active")?.data;
  if (active === undefined) return 1;
  const unsettled = Object.entries(active.transactions).filter(([kind]) => !SETTLED.includes(kind));
  return unsettled.reduce((sum, [, count]) => sum + count, 0);
}
