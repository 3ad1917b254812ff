import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openBackend } from "../../../relayer/backends/open.ts";
import type { BackendKind, QueueBackend } from "../../../relayer/backends/backend.ts";
import { findServer } from "../../../relayer/backends/privateRedis.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { startRedisServer } from "./redisServer.ts";

export interface OpenedBackend {
  readonly backend: QueueBackend;
  close(): Promise<void>;
}

export const redisServerPath = findServer(process.env["PATH"] ?? "");

/**
 * Every backend that this machine has. Redis may be missing on a developer's machine, and that is said; in CI it is a
 * failure, so that neither way of running is ever skipped there.
 */
export function presentBackends(): readonly BackendKind[] {
  if (redisServerPath === undefined && process.env["CI"] === "true") {
    throw new Error("CI must have redis-server or valkey-server: apt-get install redis-server");
  }
  const kinds: BackendKind[] = redisServerPath === undefined ? ["pglite"] : ["redis", "private-redis", "pglite"];
  console.log(`relayer queue backends under test: ${kinds.join(", ")}`);
  return kinds;
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "crema-relayer-"));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** A server on a free TCP port, as an operator's would be. */
export async function openForTest(kind: BackendKind): Promise<OpenedBackend> {
  const folder = temporaryFolder();
  if (kind !== "redis" || redisServerPath === undefined) {
    const choice = { kind, redisUrl: undefined, dataDir: folder.path, path: process.env["PATH"] ?? "" };
    const backend = await openBackend(choice, silentLogger);
    return {
      backend,
      close: async () => {
        await backend.close();
        folder.remove();
      },
    };
  }
  const own = await startRedisServer(redisServerPath, folder.path, "only-for-tests");
  const choice = { kind, redisUrl: own.url, dataDir: folder.path, path: "" };
  const backend = await openBackend(choice, silentLogger);
  return {
    backend,
    close: async () => {
      await backend.close();
      await own.stop();
      folder.remove();
    },
  };
}
