import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { FenceLostError, takeRedisLock, type RedisLock } from "../../../relayer/tx/keyLock.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { presentBackends, redisServerPath, temporaryFolder } from "../support/backends.ts";
import { manualClock } from "../support/manualClock.ts";
import { startRedisServer, type RedisServer } from "../support/redisServer.ts";

const present = presentBackends().includes("redis");

describe.runIf(present)("LOCK-1: one sender per key over every replica on one Redis", () => {
  const folder = temporaryFolder();
  const clock = manualClock();
  let server: RedisServer;
  let redis: Redis;
  let name = 0;
  const locks: RedisLock[] = [];

  beforeAll(async () => {
    server = await startRedisServer(redisServerPath ?? "", folder.path, "only-for-tests");
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
    folder.remove();
  });
  beforeEach(() => void (name += 1));
  afterEach(async () => {
    for (const lock of locks.splice(0)) await lock.release();
  });

  async function take(owner: string, lowestFence = 0, ttlMs = 60_000): Promise<RedisLock | undefined> {
    const lock = await takeRedisLock(
      { redis, name: `1:0x${String(name)}`, owner, ttlMs, clock, logger: silentLogger },
      lowestFence,
    );
    if (lock !== undefined) locks.push(lock);
    return lock;
  }
  const put = new Map([["slot/1", "{}"]]);

  it("the second waits until the first lets go, and gets a higher fence", async () => {
    const first = await take("a");
    expect(await take("b")).toBeUndefined();
    await first?.release();
    const second = await take("b");
    expect(second?.fence).toBe((first?.fence ?? 0) + 1);
    expect([first?.held(), second?.held()]).toEqual([false, true]);
  });

  it("a holder that slept through its time persists nothing any more, so broadcasts nothing", async () => {
    const first = await take("a", 0, 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = await take("b");
    expect(second).toBeDefined();
    await expect(first?.store().commit(put, [])).rejects.toThrow(FenceLostError);
    await second?.store().commit(put, []);
    expect(await second?.store().load()).toEqual(put);
    expect(first?.held()).toBe(false);
  });

  it("a lock that could not be renewed counts as lost before another can have it", async () => {
    const lock = await take("a");
    clock.advance(39_999);
    expect(lock?.held()).toBe(true);
    clock.advance(1);
    expect(lock?.held()).toBe(false);
  });

  it("Redis flushed: the holder notices, and the fence never falls", async () => {
    const lock = await take("a");
    await lock?.release();
    const again = await take("a");
    await redis.flushall();
    await expect(again?.store().commit(put, [])).rejects.toThrow(FenceLostError);
    const later = await take("a", again?.fence);
    expect(later?.fence).toBeGreaterThan(again?.fence ?? 0);
  });

  it("commits are all or nothing, deletes first", async () => {
    const lock = await take("a");
    await lock?.store().commit(
      new Map([
        ["a", "1"],
        ["b", "2"],
      ]),
      [],
    );
    await lock?.store().commit(new Map([["c", "3"]]), ["a"]);
    expect(await lock?.store().load()).toEqual(
      new Map([
        ["b", "2"],
        ["c", "3"],
      ]),
    );
  });
});
