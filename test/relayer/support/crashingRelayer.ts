/**
 * The relayer with ports that kill the process at one point: every step of a transaction goes through a port, so the
 * points lie between every two steps without a line in the relayer itself. On SIGUSR2 it reads the point from the file
 * `crash-at` in its data folder.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { createPorts, type Ports } from "../../../relayer/assemble.ts";
import { openBackend } from "../../../relayer/backends/open.ts";
import { readRelayerConfig } from "../../../relayer/config.ts";
import { openSigner } from "../../../relayer/keys/openSigner.ts";
import { createMetrics } from "../../../relayer/metrics.ts";
import { Relayer } from "../../../relayer/relayer.ts";
import { decodeRecord, type OutboxRecord } from "../../../relayer/tx/records.ts";
import type { LevelStore } from "../../../relayer/tx/levelStore.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { jsonLogger } from "../../../src/runtime/logger.ts";
import { systemRandom } from "../../../src/runtime/random.ts";
import { overChain } from "./overChain.ts";

let crashAt = "";

function crash(point: string): void {
  if (point === crashAt) process.kill(process.pid, "SIGKILL");
}

function pointOf(records: readonly OutboxRecord[]): string {
  for (const record of records) {
    if (record.kind === "slot") return record.status === "pending" ? "signed" : record.status;
  }
  return records.length > 0 ? "intent" : "prune";
}

function crashingStore(store: LevelStore): LevelStore {
  return {
    ...store,
    commit: async (puts, deletes) => {
      const point = pointOf([...puts.values()].map(decodeRecord));
      crash(`before ${point} is persisted`);
      await store.commit(puts, deletes);
      crash(`after ${point} is persisted`);
    },
  };
}

function crashing(ports: Ports): Ports {
  const { chain, signer } = ports;
  return {
    ...ports,
    signer: {
      address: signer.address,
      sign: async (transaction) => {
        crash("after the nonce is assigned");
        const raw = await signer.sign(transaction);
        crash("after signing");
        return raw;
      },
    },
    chain: overChain(chain, {
      simulate: async (call) => {
        const outcome = await chain.simulate(call);
        crash("after the preflight");
        return outcome;
      },
      broadcast: async (raw) => {
        const outcome = await chain.broadcast(raw);
        crash("after the broadcast");
        return outcome;
      },
    }),
    openStore: async () => crashingStore(await ports.openStore()),
  };
}

const config = readRelayerConfig({ flags: {}, env: process.env });
const logger = jsonLogger(config.logLevel, { name: "relayer" });
const signer = await openSigner(config, systemClock);
const ports = crashing(createPorts(config, signer, systemClock, logger));
const { queue: kind, dataDir, redisUrl } = config;
const backend = await openBackend(
  { kind, redisUrl: redisUrl ?? undefined, dataDir, path: process.env["PATH"] ?? "" },
  logger,
);
const metrics = createMetrics();
const relayer = new Relayer({ config, ports, backend, metrics, clock: systemClock, random: systemRandom, logger });
process.on("SIGUSR2", () => {
  crashAt = readFileSync(join(dataDir, "crash-at"), "utf8");
  logger.info(`armed ${crashAt}`);
});
await relayer.start();
logger.info("ready", { queue: backend.kind });
