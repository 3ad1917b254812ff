import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

import { systemClock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { BackendKind, QueueBackend } from "./backend.ts";

/** Longest wait for one answer of Redis to a producer or to the lock. */
const COMMAND_TIMEOUT_MS = 5_000;
const RECONNECT_MAX_MS = 2_000;
interface Tuning {
  readonly retryStrategy: (times: number) => number;
  readonly maxRetriesPerRequest: number | null;
  readonly commandTimeout?: number;
}

/** Our jobs do not mix with those of others on the same server. */
export const PREFIX = "crema";

/**
 * QUEUE-1: BullMQ over Redis or Valkey. Producers and locks fail fast, as their caller decides again anyway; workers wait
 * as long as it takes. `target` is a `redis://` or `rediss://` URL or the path of a Unix socket.
 */
export async function redisBackend(kind: BackendKind, target: string, logger: Logger): Promise<QueueBackend> {
  const retryStrategy = (times: number): number => Math.min(RECONNECT_MAX_MS, 50 * 2 ** Math.min(times, 8));
  const fast = connect(target, { retryStrategy, maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS });
  const patient = connect(target, { retryStrategy, maxRetriesPerRequest: null });
  for (const connection of [fast, patient]) {
    connection.on("error", (error: Error) => {
      logger.debug("redis connection", { error: error.message });
    });
  }
  await ready(fast);
  await warnOfEviction(fast, logger);
  // From here on a lost connection is an error to producers, not a queue in memory.
  fast.options.enableOfflineQueue = false;
  return {
    kind,
    queue: (name, jobs) => new Queue(name, { connection: fast, prefix: PREFIX, defaultJobOptions: jobs }),
    worker: (name, processor, settings) =>
      new Worker(name, processor, { ...settings, connection: patient, prefix: PREFIX }),
    redis: fast,
    ping: async () => {
      await fast.ping();
    },
    close: () => {
      fast.disconnect();
      patient.disconnect();
      return Promise.resolve();
    },
  };
}

function connect(target: string, options: Tuning): Redis {
  return /^rediss?:\/\//.test(target) ? new Redis(target, options) : new Redis({ ...options, path: target });
}

/** Waits for the first connection, and says why there is none instead of trying for ever. */
async function ready(connection: Redis): Promise<void> {
  if (connection.status === "ready") return;
  await new Promise<void>((resolve, reject) => {
    let last: Error | undefined;
    const cancel = systemClock.setTimer(COMMAND_TIMEOUT_MS, () => {
      connection.disconnect();
      reject(new Error(`Redis does not answer: ${last?.message ?? "timed out"}`));
    });
    connection.on("error", (error: Error) => (last = error));
    connection.once("ready", () => {
      cancel();
      resolve();
    });
  });
}

/** BullMQ is correct under `noeviction` only. Managed servers may hide CONFIG: then there is nothing to say. */
async function warnOfEviction(connection: Redis, logger: Logger): Promise<void> {
  try {
    const answer = await connection.call("CONFIG", "GET", "maxmemory-policy");
    const policy: unknown = Array.isArray(answer) ? answer[1] : undefined;
    if (typeof policy === "string" && policy !== "noeviction") {
      logger.warn("redis may evict jobs: set maxmemory-policy noeviction", { policy });
    }
  } catch (error) {
    logger.debug("redis hides its eviction policy", { error });
  }
}
