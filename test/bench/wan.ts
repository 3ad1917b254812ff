/**
 * Finality over a wide-area network, in virtual time: `npm run bench -- wan --validators 4|20|50|100 --json`. The engines
 * are those of production, in the deterministic simulator: the same options and seed give the same figures.
 *
 * Modelled: one-way delays between five regions with 5 % of jitter, an uplink of 1 Gbit/s for each validator (messages
 * leave one after the other), disks that take up to 40 ms to sync. Not modelled: what computing takes; `cost` measures it.
 */
import { parseArgs } from "node:util";

import { percentile } from "../../src/cli/start/chainWatch.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { decode } from "../../src/engine/message.ts";
import type { PeerId, Transport } from "../../src/network/transport.ts";
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts";
import { Height, NamespaceId } from "../../src/protocol/scalars.ts";
import type { Random } from "../../src/runtime/random.ts";
import { GENESIS_TIME_MS, quickConfig, World, type AdversaryTools } from "../simulation/world.ts";
import { payloadSize, transactionBytes } from "./payloads.ts";

/** One-way delays in milliseconds: half the round trips that cloud providers publish between these places. */
const REGIONS = ["Virginia", "Oregon", "Frankfurt", "Tokyo", "Singapore"] as const;
const DELAYS_MS: readonly (readonly number[])[] = [
  [1, 32, 45, 80, 108],
  [32, 1, 70, 52, 85],
  [45, 70, 1, 112, 80],
  [80, 52, 112, 1, 35],
  [108, 85, 80, 35, 1],
];
const JITTER = 0.05;
const UPLINK_BYTES_PER_MS = 125_000;
/** Blocks before these are not counted: connections and committee are being found. */
const WARM_UP_BLOCKS = 3n;
const VIRTUAL_MS_MAX = 10 * 60_000;

interface Traffic {
  messages: number;
  bytes: number;
  readonly byType: Map<string, { messages: number; bytes: number }>;
}

interface Network {
  readonly traffic: Traffic;
  readonly regionOf: Map<PeerId, number>;
  readonly config: ClusterConfig;
}

function configFor(payloadBytes: number): ClusterConfig {
  return quickConfig({
    epochLength: 100_000,
    deltaMs: 500,
    emptyBlockDelayMs: 0,
    skipTimeoutMs: 5_000,
    timeoutMaxMs: 6_000,
    inlinePayloadBytesMax: 4_096,
    limits: {
      transactionBytesMax: 128 * 1024,
      transactionsMax: 10_000,
      namespacesMax: 100,
      payloadBytesMax: Math.max(200_000, Math.ceil(payloadBytes * 1.01)),
    },
  });
}

/** Delays what a validator sends by its uplink and the way, and counts it. */
function farFrom(network: Network, tools: AdversaryTools): (transport: Transport) => Transport {
  const { traffic, regionOf, config } = network;
  const { scheduler, machine } = tools;
  let freeAtMs = 0;
  return (transport) => {
    regionOf.set(transport.self, machine % REGIONS.length);
    return {
      ...transport,
      send: (to, bytes, priority) => {
        count(traffic, bytes, config);
        freeAtMs = Math.max(freeAtMs, scheduler.nowMs) + bytes.length / UPLINK_BYTES_PER_MS;
        const wayMs = delayMs(regionOf, transport.self, to, tools.random);
        scheduler.at(freeAtMs + wayMs, () => transport.send(to, bytes, priority));
        return { accepted: true };
      },
    };
  };
}

function delayMs(regionOf: ReadonlyMap<PeerId, number>, from: PeerId, to: PeerId, random: Random): number {
  const base = DELAYS_MS[regionOf.get(from) ?? 0]?.[regionOf.get(to) ?? 0] ?? 0;
  return base * (1 + JITTER * random.fraction());
}

function count(traffic: Traffic, bytes: Uint8Array, config: ClusterConfig): void {
  traffic.messages += 1;
  traffic.bytes += bytes.length;
  const decoded = decode(bytes, config.limits);
  const type = decoded.ok ? decoded.message.type : "malformed";
  const known = traffic.byType.get(type) ?? { messages: 0, bytes: 0 };
  traffic.byType.set(type, { messages: known.messages + 1, bytes: known.bytes + bytes.length });
}

interface Sample {
  readonly height: bigint;
  readonly latencyMs: number;
}

function sample(world: World, engine: Engine, into: Sample[]): void {
  let next = 1n;
  engine.subscribe((height) => {
    const atMs = GENESIS_TIME_MS + world.scheduler.nowMs;
    for (; next <= height; next++) {
      const at = Height(next);
      void engine.blockAt(at).then((block) => {
        if (block !== undefined) into.push({ height: at, latencyMs: atMs - Number(block.header.timestamp) });
      });
    }
  });
}

/** Keeps a payload waiting at the first validator; gossip brings it to the others. */
async function feed(engine: Engine, payloadBytes: number, random: Random): Promise<void> {
  const bytes = transactionBytes(payloadBytes);
  for (let waiting = (await engine.status()).mempool.bytes; waiting < 2 * payloadBytes; waiting += bytes) {
    const envelope = random.bytes(bytes);
    envelope[0] = 0;
    await engine.submit([{ namespace: NamespaceId(901_001n), envelope }]);
  }
}

async function measure(validators: number, payload: string, blocks: bigint, seed: bigint): Promise<object> {
  const payloadBytes = payloadSize(payload);
  const config = configFor(payloadBytes);
  const traffic: Traffic = { messages: 0, bytes: 0, byType: new Map() };
  const network: Network = { traffic, regionOf: new Map(), config };
  const plan = { weights: [65_535n], isHonest: true, tamper: (tools: AdversaryTools) => farFrom(network, tools) };
  const world = new World({ seed, config, validators: Array.from({ length: validators }, () => plan) });
  world.network.conditions = { delayMinMs: 0, delayMaxMs: 0, loss: 0, duplication: 0 };
  world.start();
  const engines: Engine[] = [];
  const samples: Sample[] = [];
  const random = world.random("transactions");
  const height = (): bigint => world.heights.reduce((least, each) => (each < least ? each : least));
  const reach = async (target: bigint): Promise<void> => {
    while (height() < target && world.scheduler.nowMs < VIRTUAL_MS_MAX) {
      const [first] = engines;
      if (payloadBytes > 0 && first !== undefined) await feed(first, payloadBytes, random);
      await world.run(world.scheduler.nowMs + 50, () => height() >= target);
      for (const { engine } of world.machines.slice(engines.length)) {
        if (engine === undefined) break;
        engines.push(engine);
        sample(world, engine, samples);
      }
    }
  };
  await reach(WARM_UP_BLOCKS);
  const before = { ms: world.scheduler.nowMs, height: height(), messages: traffic.messages, bytes: traffic.bytes };
  traffic.byType.clear();
  await reach(before.height + blocks);
  const done = Number(height() - before.height);
  const seconds = (world.scheduler.nowMs - before.ms) / 1_000;
  const latencies = samples.filter((each) => each.height > before.height).map(({ latencyMs }) => Math.round(latencyMs));
  const byType = [...traffic.byType].map(([type, { messages, bytes }]) => {
    return [type, { messages: rounded(messages / done), bytes: Math.round(bytes / done) }] as const;
  });
  return {
    validators,
    payload,
    blocks: done,
    blocksPerSecond: rounded(done / seconds),
    finalityMs: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) },
    messagesPerBlock: rounded((traffic.messages - before.messages) / done),
    bytesPerBlock: Math.round((traffic.bytes - before.bytes) / done),
    perBlock: Object.fromEntries(byType),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

const { values } = parseArgs({
  options: {
    validators: { type: "string", default: "4" },
    payload: { type: "string", default: "0" },
    blocks: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const result = await measure(Number(values.validators), values.payload, BigInt(values.blocks), BigInt(values.seed));
console.log(JSON.stringify({ regions: REGIONS, delaysMs: DELAYS_MS, ...result }));
process.exit(0);
