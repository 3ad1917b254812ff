import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { BackendError, openBackend } from "../../../relayer/backends/open.ts";
import { findServer, startPrivateRedis } from "../../../relayer/backends/privateRedis.ts";
import { silentLogger, type Logger } from "../../../src/runtime/logger.ts";
import { redisServerPath, temporaryFolder } from "../support/backends.ts";

describe.runIf(redisServerPath !== undefined)("QUEUE-5: what a killed relayer's private server left", () => {
  it("is swept by the next one of its data folder, and nothing else is", async () => {
    const folder = temporaryFolder();
    const [stale, foreign] = [
      mkdtempSync(join(tmpdir(), "crema-redis-")),
      mkdtempSync(join(tmpdir(), "crema-relayer-")),
    ];
    for (const left of [stale, foreign]) {
      writeFileSync(join(folder.path, "redis.place"), left);
      const started = await startPrivateRedis(redisServerPath ?? "", folder.path);
      await started.stop();
      expect(existsSync(dirname(started.socket))).toBe(false);
    }
    expect([existsSync(stale), existsSync(foreign)]).toEqual([false, true]);
    rmSync(foreign, { recursive: true });
    folder.remove();
  });
});

describe("QUEUE-4: REDIS_URL, else a server on PATH, else PGlite", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => (folder = temporaryFolder()));
  afterEach(() => {
    folder.remove();
  });

  it("Redis before Valkey, the first folder first, none where there is none", () => {
    const [first, second] = ["a", "b"].map((name) => join(folder.path, name));
    if (first === undefined || second === undefined) throw new Error("no folders");
    for (const place of [first, second]) mkdirSync(place);
    expect(findServer(`${first}:${second}`)).toBeUndefined();
    writeFileSync(join(first, "valkey-server"), "");
    expect(findServer(`${first}:${second}`)).toBe(join(first, "valkey-server"));
    writeFileSync(join(second, "redis-server"), "");
    expect(findServer(`${first}:${second}`)).toBe(join(second, "redis-server"));
    expect(findServer("")).toBeUndefined();
  });

  it("without any server PGlite is taken, and the log says so", async () => {
    const lines: string[] = [];
    const logger: Logger = { ...silentLogger, info: (message) => void lines.push(message) };
    const backend = await openBackend({ kind: "auto", redisUrl: undefined, dataDir: folder.path, path: "" }, logger);
    expect([backend.kind, backend.redis]).toEqual(["pglite", undefined]);
    expect(lines.join()).toMatch(/no Redis .* PGlite/);
    await backend.ping();
    await backend.close();
  });

  it("what was asked for and is not there is refused with a sentence", async () => {
    const choice = { redisUrl: undefined, dataDir: folder.path, path: "" };
    await expect(openBackend({ ...choice, kind: "redis" }, silentLogger)).rejects.toThrow(BackendError);
    await expect(openBackend({ ...choice, kind: "private-redis" }, silentLogger)).rejects.toThrow(/on PATH/);
    const away = { ...choice, kind: "redis" as const, redisUrl: "redis://127.0.0.1:1" };
    await expect(openBackend(away, silentLogger)).rejects.toThrow(/Redis does not answer/);
  });
});
