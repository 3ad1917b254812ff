/**
 * Throughput and latency of the TLS transport between two processes on this machine, and the rate of synced log writes:
 * `node test/bench/network.ts`. Prints one line of JSON.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { keccak256, keccakHash } from "../../src/crypto/hash.ts";
import { createTlsTransport } from "../../src/network/tlsTransport.ts";
import { toPeerId } from "../../src/network/transport.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import { WriteAheadLog } from "../../src/storage/writeAheadLog.ts";

const GENESIS = keccakHash(Buffer.from("bench"));
const BULK_BYTES = 1024 * 1024;
const BULK_MESSAGES = 512;
const PINGS = 5_000;
const VOTES = 100_000;
const VOTE_BYTES = 300;
const RATE = { bytesPerSecond: 2 ** 40, framesPerSecond: 2 ** 40 };
const limits = { validator: { messageBytesMax: BULK_BYTES, rate: RATE } };

async function join2(name: string) {
  const seed = keccak256(Buffer.from(name));
  return createTlsTransport({ seed, genesis: GENESIS, listen: "/ip4/127.0.0.1/tcp/0", limits });
}

/** The other process: answers short messages at once, and counts long ones. */
async function serve(): Promise<void> {
  const transport = await join2("server");
  process.on("message", (peer: { id: string; address: string }) => {
    const id = toPeerId(peer.id);
    transport.setPeers([{ id, address: peer.address, role: "validator" }]);
  });
  let received = 0;
  let votes = 0;
  transport.onMessage((from, bytes) => {
    if (bytes.length === BULK_BYTES) {
      received++;
      if (received % BULK_MESSAGES === 0) transport.send(from, Uint8Array.of(1), "vote");
    } else if (bytes.length === VOTE_BYTES) {
      votes++;
      if (votes % VOTES === 0) transport.send(from, Uint8Array.of(1), "vote");
    } else transport.send(from, bytes, "vote");
  });
  process.send?.({ id: transport.self, address: transport.address });
}

function percentile(sorted: readonly number[], share: number): number {
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 1000) / 1000;
}

async function benchTransport(): Promise<object> {
  const child = fork(fileURLToPath(import.meta.url), ["serve"]);
  const [server] = (await once(child, "message")) as [{ id: string; address: string }];
  const transport = await join2("client");
  const to = toPeerId(server.id);
  let answered: () => void = () => undefined;
  transport.onMessage(() => {
    answered();
  });
  const connected = new Promise<void>((resolve) => {
    transport.onPeerChange(({ kind }) => {
      if (kind === "connected") resolve();
    });
  });
  transport.setPeers([{ id: to, address: server.address, role: "validator" }]);
  child.send({ id: transport.self, address: transport.address });
  await connected;
  const answer = (): Promise<void> =>
    new Promise((resolve) => {
      answered = resolve;
    });
  const roundTrips: number[] = [];
  for (let i = 0; i < PINGS; i++) {
    const start = performance.now();
    const waiting = answer();
    transport.send(to, new Uint8Array(200), "vote");
    await waiting;
    roundTrips.push(performance.now() - start);
  }
  roundTrips.sort((a, b) => a - b);
  async function rate(count: number, bytes: number, priority: "bulk" | "vote"): Promise<number> {
    const message = new Uint8Array(bytes).fill(1);
    // Beyond what a queue holds, the oldest give way: stay below.
    const queuedMax = Math.min(8 * BULK_BYTES, 4000 * bytes);
    const waiting = answer();
    const start = performance.now();
    for (let sent = 0; sent < count;) {
      if (transport.stats().queuedBytes < queuedMax && transport.send(to, message, priority).accepted) sent++;
      else await new Promise((resolve) => setImmediate(resolve));
    }
    await waiting;
    return (count * 1000) / (performance.now() - start);
  }
  const bulk = await rate(BULK_MESSAGES, BULK_BYTES, "bulk");
  const votes = await rate(VOTES, VOTE_BYTES, "vote");
  await transport.close();
  child.kill("SIGKILL");
  return {
    roundTripMs: { p50: percentile(roundTrips, 0.5), p99: percentile(roundTrips, 0.99) },
    megabytesPerSecond: Math.round((bulk * BULK_BYTES) / 1e6),
    votesPerSecond: Math.round(votes),
  };
}

async function benchLog(): Promise<object> {
  const directory = await mkdtemp(join(tmpdir(), "crema-bench-"));
  try {
    const log = await WriteAheadLog.open(nodeFileSystem, directory);
    const record = new Uint8Array(VOTE_BYTES);
    const latencies: number[] = [];
    const start = performance.now();
    for (let i = 0; i < 2000; i++) {
      const before = performance.now();
      log.append(record);
      await log.sync();
      latencies.push(performance.now() - before);
    }
    const alone = 2_000_000 / (performance.now() - start);
    const groupStart = performance.now();
    for (let round = 0; round < 200; round++) {
      const waits = Array.from({ length: 100 }, () => {
        log.append(record);
        return log.sync();
      });
      await Promise.all(waits);
    }
    const grouped = 20_000_000 / (performance.now() - groupStart);
    await log.close();
    latencies.sort((a, b) => a - b);
    return {
      syncMs: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) },
      syncsPerSecond: Math.round(alone),
      recordsPerSecondInGroupsOf100: Math.round(grouped),
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

if (process.argv[2] === "serve") await serve();
else console.log(JSON.stringify({ transport: await benchTransport(), writeAheadLog: await benchLog() }));
