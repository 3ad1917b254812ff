/**
 * What a block costs, without HTTP and L1: `npm run bench -- cost --validators 4,7,10 --payload 0,100k,1m --seconds 10
 * --json`. The validators are complete engines in one process, on TLS connections, disk stores and synced logs.
 *
 * CPU is that of the whole process, all its threads, divided by the number of validators; gossip of the transactions is
 * in it, making them is not. Other load on the machine changes it little, unlike anything measured by a clock.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { localClusterConfig } from "../../src/cli/start/localCluster.ts";
import { percentile } from "../../src/cli/start/chainWatch.ts";
import { keccakHash } from "../../src/crypto/hash.ts";
import type { Bls } from "../../src/crypto/bls.ts";
import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { createBlsPool } from "../../src/engine/blsPool.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import { createTlsTransport, type TlsTransport } from "../../src/network/tlsTransport.ts";
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts";
import type { Member } from "../../src/protocol/Committee.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { Height, NamespaceId, ValidatorId } from "../../src/protocol/scalars.ts";
import type * as Transaction from "../../src/protocol/Transaction.ts";
import { sleep, systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { openDiskStore } from "../../src/storage/diskStore.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import { WriteAheadLog } from "../../src/storage/writeAheadLog.ts";
import { fixedL1 } from "../engine/support/fixedL1.ts";
import { plainSigner } from "../engine/support/plainSigner.ts";
import { payloadSize, transactionBytes } from "./payloads.ts";

const NAMESPACE = NamespaceId(901_001n);
const WARM_UP_MS = 2_000;
const EPOCH_BLOCKS = 100_000;
/** On a busy machine it runs longer, up to so many times, until it has seen so many blocks. */
const BLOCKS_MIN = 10n;
const PATIENCE = 5;
/** Payloads that wait in the mempools, so that no leader runs dry. */
const PAYLOADS_AHEAD = 3;

interface Cluster {
  readonly config: ClusterConfig;
  readonly engines: readonly Engine[];
  readonly close: () => Promise<void>;
}

function configFor(payloadBytes: number): ClusterConfig {
  const limits = {
    transactionBytesMax: 128 * 1024,
    transactionsMax: 10_000,
    namespacesMax: 100,
    payloadBytesMax: Math.max(200_000, Math.ceil(payloadBytes * 1.01)),
  };
  return localClusterConfig(systemClock.wallMs(), EPOCH_BLOCKS, { limits, deltaMs: 3_000, skipTimeoutMs: 15_000 });
}

function memberAt(bls: Bls, seat: number, transport: TlsTransport): Member {
  const transportKey = Uint8Array.from(Buffer.from(transport.self, "hex"));
  const common = { seat, weight: 65_535n, transportKey, address: transport.address ?? "" };
  return { ...common, validator: ValidatorId(BigInt(seat) + 1n), key: bls.publicKey(secretOf(seat)) };
}

function secretOf(seat: number): Uint8Array {
  return new Uint8Array(32).fill(seat + 1);
}

async function start(validators: number, payloadBytes: number): Promise<Cluster> {
  const config = configFor(payloadBytes);
  const genesis = Genesis.hash(config);
  const domain = { chainId: 31_337n, stakeTable: "0x5fbdb2315678afecb367f032d93f642f64180aa3" as const, salt: genesis };
  const directory = await mkdtemp(join(tmpdir(), "crema-cost-"));
  const bls = await createMclBls();
  const pool = createBlsPool();
  const seats = Array.from({ length: validators }, (_, seat) => seat);
  const transports = await Promise.all(
    seats.map((seat) => {
      const seed = Buffer.from(keccakHash(secretOf(seat)).slice(2), "hex");
      return createTlsTransport({ seed, genesis, listen: "/ip4/127.0.0.1/tcp/0", clock: systemClock });
    }),
  );
  const members = transports.map((transport, seat) => memberAt(bls, seat, transport));
  const closers: (() => Promise<void>)[] = [];
  const engines = await Promise.all(
    transports.map(async (transport, seat) => {
      const store = await openDiskStore(join(directory, String(seat), "chain"));
      const journal = await WriteAheadLog.open(nodeFileSystem, join(directory, String(seat), "journal"));
      const common = { clock: systemClock, random: systemRandom, logger: silentLogger, l1: fixedL1(members) };
      const signer = plainSigner(bls, secretOf(seat), domain);
      const engine = createEngine({ ...common, transport, store, journal, bls: pool, signer }, { config, domain });
      closers.push(async () => {
        await engine.stop();
        await transport.close();
        await journal.close();
        await store.close();
      });
      return engine;
    }),
  );
  await Promise.all(engines.map((engine) => engine.start()));
  const close = async (): Promise<void> => {
    await Promise.all(closers.map((closer) => closer()));
    await pool.close();
    await rm(directory, { recursive: true });
  };
  return { config, engines, close };
}

/** Transactions made before the clock starts: their bytes differ only in a counter, which costs next to nothing. */
function transactionSource(bytes: number): () => Transaction.Transaction {
  const body = systemRandom.bytes(bytes);
  let next = 0;
  return () => {
    const envelope = new Uint8Array(bytes);
    envelope.set(body);
    new DataView(envelope.buffer).setUint32(1, next++);
    envelope[0] = 0;
    return { namespace: NAMESPACE, envelope };
  };
}

async function load(engine: Engine, payloadBytes: number, share: number, signal: AbortSignal): Promise<void> {
  const bytes = transactionBytes(payloadBytes);
  const source = transactionSource(bytes);
  while (!signal.aborted) {
    const { mempool } = await engine.status();
    if (mempool.bytes < PAYLOADS_AHEAD * payloadBytes) {
      for (let given = 0; given < share; given += bytes) await engine.submit([source()]);
    }
    await sleep(systemClock, 10);
  }
}

async function measure(validators: number, payload: string, seconds: number): Promise<object> {
  const payloadBytes = payloadSize(payload);
  const { engines, close } = await start(validators, payloadBytes);
  const [first] = engines;
  if (first === undefined) throw new Error("at least one validator");
  const control = new AbortController();
  const share = Math.ceil(payloadBytes / validators);
  const loads = payloadBytes === 0 ? [] : engines.map((engine) => load(engine, payloadBytes, share, control.signal));
  await sleep(systemClock, WARM_UP_MS);
  const from = (await first.status()).height;
  const latencies: number[] = [];
  let seen = from;
  const stop = first.subscribe((height) => {
    for (; seen < height; seen = Height(seen + 1n)) {
      void first.blockAt(Height(seen + 1n)).then((block) => {
        if (block !== undefined) latencies.push(Math.max(0, systemClock.wallMs() - Number(block.header.timestamp)));
      });
    }
  });
  const startedAt = systemClock.monotonicMs();
  const before = process.cpuUsage();
  let rssBytesMax = 0;
  const isOver = (): boolean => {
    const ranMs = systemClock.monotonicMs() - startedAt;
    const enough = seen - from >= BLOCKS_MIN || ranMs >= PATIENCE * seconds * 1_000;
    return ranMs >= seconds * 1_000 && enough;
  };
  while (!isOver()) {
    await sleep(systemClock, 250);
    rssBytesMax = Math.max(rssBytesMax, process.memoryUsage.rss());
  }
  const { user, system } = process.cpuUsage(before);
  const elapsed = (systemClock.monotonicMs() - startedAt) / 1_000;
  stop();
  const to = (await first.status()).height;
  let bytes = 0;
  for (let height = from + 1n; height <= to; height++)
    bytes += (await first.blockAt(Height(height)))?.payloadBytes ?? 0;
  control.abort();
  await Promise.all(loads);
  await close();
  const blocks = Number(to - from);
  const cpuSeconds = (user + system) / 1e6 / validators;
  return {
    validators,
    payload,
    blocks,
    blocksPerSecond: rounded(blocks / elapsed),
    finalityMs: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) },
    megabytesPerSecond: rounded(bytes / 1e6 / elapsed),
    cpuSecondsPerBlock: rounded(cpuSeconds / Math.max(1, blocks)),
    cpuSecondsPerMegabyte: bytes === 0 ? null : rounded(cpuSeconds / (bytes / 1e6)),
    rssBytesMax,
  };
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

const { values } = parseArgs({
  options: {
    validators: { type: "string", default: "4,7,10" },
    payload: { type: "string", default: "0,100k,1m" },
    seconds: { type: "string", default: "10" },
    json: { type: "boolean", default: false },
  },
});
const costs: object[] = [];
for (const validators of values.validators.split(",").map(Number)) {
  for (const payload of values.payload.split(","))
    costs.push(await measure(validators, payload, Number(values.seconds)));
}
console.log(JSON.stringify({ costs }));
process.exit(0);
