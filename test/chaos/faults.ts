import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { Redis } from "ioredis";

import type { Random } from "../../src/runtime/random.ts";
import type { Proxy } from "../relayer/support/proxy.ts";
import type { RedisServer } from "../relayer/support/redisServer.ts";
import type { World } from "../relayer/support/world.ts";
import type { Replica } from "./replica.ts";

/** What faults are done to. */
export interface Stage {
  readonly world: World;
  readonly redis: RedisServer;
  readonly redisFolder: string;
  readonly replicas: readonly Replica[];
  /** Endpoints in front of the node, besides the node itself. */
  readonly proxies: readonly Proxy[];
  readonly random: Random;
}

export interface Fault {
  readonly name: string;
  /** Chance against the others. */
  readonly weight: number;
  /** What it takes for itself while it lasts; two faults of one resource never overlap. */
  readonly resource: string;
  run(stage: Stage): Promise<void>;
}

const GWEI = 1_000_000_000n;
/** Blocks that a reorg may take: what is finalized stays (8 blocks deep on this L1). */
export const REORG_DEPTH_MAX = 6;

function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random.fraction() * (high - low + 1));
}

const killOf = (index: number): Fault => ({
  name: "kill",
  weight: 4,
  resource: `replica ${String(index)}`,
  run: async ({ replicas, random }) => {
    await replicas[index]?.kill(between(random, 0, 3_000));
  },
});

/** A restart after a crash; `keep` says whether the append-only file survived it. */
const redisRestart = (name: string, keep: boolean): Fault => ({
  name,
  weight: 2,
  resource: "redis",
  run: async ({ redis, redisFolder, random }) => {
    const awayMs = between(random, 100, 4_000);
    await redis.kill();
    if (!keep) await rm(join(redisFolder, "appendonlydir"), { recursive: true, force: true });
    await delay(awayMs);
    await redis.start();
  },
});

const redisFlush: Fault = {
  name: "redisFlush",
  weight: 1,
  resource: "redis",
  run: async ({ redis }) => {
    const connection = new Redis(redis.url);
    await connection.flushall();
    connection.disconnect();
  },
};

const l1Reorg: Fault = {
  name: "l1Reorg",
  weight: 3,
  resource: "l1",
  run: async ({ world, random }) => {
    await world.anvil.rpc("anvil_reorg", [between(random, 1, REORG_DEPTH_MAX), []]);
  },
};

const l1Away: Fault = {
  name: "l1Away",
  weight: 1,
  resource: "l1",
  run: async ({ world, random }) => {
    world.anvil.freeze();
    await delay(between(random, 2_000, 8_000));
    world.anvil.thaw();
  },
};

const mempoolDropped: Fault = {
  name: "mempoolDropped",
  weight: 3,
  resource: "l1",
  run: async ({ world }) => {
    await world.anvil.rpc("anvil_dropAllTransactions");
  },
};

const gasSpike: Fault = {
  name: "gasSpike",
  weight: 1,
  resource: "l1",
  run: async ({ world, random }) => {
    const baseFee = BigInt(between(random, 60, 200)) * GWEI;
    await world.anvil.rpc("anvil_setNextBlockBaseFeePerGas", [`0x${baseFee.toString(16)}`]);
  },
};

const inverted: Readonly<Record<string, string>> = { "0x1": "0x0", "0x0": "0x1" };

/** One endpoint of three at a time: more, and the majority would be wrong. */
const ENDPOINT_WAYS: readonly { readonly name: string; readonly begin: (proxy: Proxy) => void }[] = [
  {
    name: "endpointLies",
    begin: (proxy) => {
      proxy.lie = (method, _params, truth) => {
        if (method === "eth_blockNumber") return "0xfffffff";
        if (method === "eth_getTransactionCount") return "0x3e8";
        if (method === "eth_maxPriorityFeePerGas") return "0xffffffffffffff";
        const isReceipt = method === "eth_getTransactionReceipt" && typeof truth === "object" && truth !== null;
        if (!isReceipt || !("status" in truth) || typeof truth.status !== "string") return undefined;
        return { ...truth, status: inverted[truth.status] };
      };
    },
  },
  {
    name: "endpointLags",
    begin: (proxy) => {
      proxy.lie = (method, _params, truth) => {
        if (method === "eth_blockNumber" && typeof truth === "string") return `0x${(Number(truth) - 6).toString(16)}`;
        return method === "eth_getTransactionReceipt" ? null : undefined;
      };
    },
  },
  { name: "endpointLimitsRate", begin: (proxy) => (proxy.status = 429) },
  { name: "endpointFails", begin: (proxy) => (proxy.status = 503) },
];

const endpointFault = (way: (typeof ENDPOINT_WAYS)[number]): Fault => ({
  name: way.name,
  weight: 1,
  resource: "endpoints",
  run: async ({ proxies, random }) => {
    const proxy = proxies[between(random, 0, proxies.length - 1)];
    if (proxy === undefined) return;
    const forMs = between(random, 1_000, 6_000);
    way.begin(proxy);
    await delay(forMs);
    proxy.lie = () => undefined;
    proxy.status = undefined;
  },
});

export const FAULTS: readonly Fault[] = [
  killOf(0),
  killOf(1),
  redisRestart("redisRestart", true),
  redisRestart("redisRestartEmpty", false),
  redisFlush,
  l1Reorg,
  l1Away,
  mempoolDropped,
  gasSpike,
  ...ENDPOINT_WAYS.map(endpointFault),
];

/** One fault, by the weights. */
export function drawFault(random: Random): Fault {
  let rest = random.fraction() * FAULTS.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of FAULTS) {
    rest -= fault.weight;
    if (rest < 0) return fault;
  }
  return l1Reorg;
}
