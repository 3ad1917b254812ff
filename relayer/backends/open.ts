import { join } from "node:path";

import type { Logger } from "../../src/runtime/logger.ts";
import type { QueueBackend } from "./backend.ts";
import { pgliteBackend } from "./pglite.ts";
import { findServer, startPrivateRedis } from "./privateRedis.ts";
import { redisBackend } from "./redis.ts";

export interface BackendChoice {
  readonly kind: "auto" | "redis" | "private-redis" | "pglite";
  readonly redisUrl: string | undefined;
  readonly dataDir: string;
  /** Folders to look for a server in, as in the environment. */
  readonly path: string;
}

/** The choice cannot be met; the message says what to install or set. */
export class BackendError extends Error {
  override readonly name = "BackendError";
}

/** QUEUE-4: REDIS_URL, else a server on PATH started for this process, else PGlite, which is said in the log. */
export async function openBackend(choice: BackendChoice, logger: Logger): Promise<QueueBackend> {
  const { kind, redisUrl } = choice;
  if (kind === "redis" || (kind === "auto" && redisUrl !== undefined)) {
    if (redisUrl === undefined) throw new BackendError("queue redis needs REDIS_URL");
    return redisBackend("redis", redisUrl, logger);
  }
  const server = kind === "pglite" ? undefined : findServer(choice.path);
  if (server !== undefined) return openPrivate(server, choice, logger);
  if (kind === "private-redis") throw new BackendError("no redis-server or valkey-server on PATH");
  const folder = join(choice.dataDir, "queue-pglite");
  logger.info("queue: no Redis (set REDIS_URL or install redis-server), PGlite in this process serves one relayer", {
    folder,
  });
  return pgliteBackend(folder);
}

async function openPrivate(server: string, choice: BackendChoice, logger: Logger): Promise<QueueBackend> {
  const started = await startPrivateRedis(server, join(choice.dataDir, "queue-redis"));
  logger.info("queue: private Redis", { server, socket: started.socket });
  try {
    const backend = await redisBackend("private-redis", started.socket, logger);
    return {
      ...backend,
      close: async () => {
        await backend.close();
        await started.stop();
      },
    };
  } catch (error) {
    await started.stop();
    throw error;
  }
}
