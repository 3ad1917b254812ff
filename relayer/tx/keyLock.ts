import type { Redis } from "ioredis";

import type { CancelTimer, Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { OutboxStore } from "./outbox.ts";

/** The key's lock is not this process's any more: nothing may be signed, persisted or sent. */
export class FenceLostError extends Error {
  override readonly name = "FenceLostError";
}

/** The right to use one key. */
export interface KeyLock {
  /** Grows with every holder; 0 where only the operating system's lock is needed. */
  readonly fence: number;
  held(): boolean;
  release(): Promise<void>;
}

/** Where nothing but this machine can hold the key, the folder lock of `openLevelStore` is all there is. */
export const localLock: KeyLock = { fence: 0, held: () => true, release: () => Promise.resolve() };

export interface RedisLockOptions {
  readonly redis: Redis;
  /** `<chainId>:<address>`. */
  readonly name: string;
  /** Unique to this process. */
  readonly owner: string;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * KEYS: lock, fence counter. ARGV: owner, ttl, lowest fence. The counter never falls, also not after a flush: the
 * taker brings the highest fence it remembers.
 */
const TAKE = `
local holder = redis.call('GET', KEYS[1])
if holder then return 0 end
local fence = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[3])) + 1
redis.call('SET', KEYS[2], fence)
redis.call('SET', KEYS[1], fence .. ':' .. ARGV[1], 'PX', ARGV[2])
return fence`;
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;
/** KEYS: lock, records. ARGV: holder, number of deletes, deletes..., then pairs. */
const COMMIT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local n = tonumber(ARGV[2])
for i = 1, n do redis.call('HDEL', KEYS[2], ARGV[2 + i]) end
for i = 3 + n, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return 1`;

/** `{...}` keeps the three keys in one slot of a Redis cluster. */
function keyNames(name: string): { readonly lock: string; readonly fence: string; readonly outbox: string } {
  const base = `crema:relayer:{${name}}`;
  return { lock: `${base}:lock`, fence: `${base}:fence`, outbox: `${base}:outbox` };
}

/**
 * LOCK-1: one sender per (chain, key) over every replica on one Redis. The lock alone could not stop a process that
 * slept through its expiry, so the step before each broadcast is fenced: the raw transaction is persisted in Redis by a
 * script that refuses a holder that is no longer one. Undefined when another replica holds the key.
 */
export async function takeRedisLock(options: RedisLockOptions, lowestFence: number): Promise<RedisLock | undefined> {
  const { redis, ttlMs, owner } = options;
  const names = keyNames(options.name);
  const askedAt = options.clock.monotonicMs();
  const fence = Number(await redis.eval(TAKE, 2, names.lock, names.fence, owner, ttlMs, lowestFence));
  return fence === 0 ? undefined : new RedisLock(options, fence, askedAt);
}

export class RedisLock implements KeyLock {
  readonly fence: number;
  readonly #options: RedisLockOptions;
  readonly #names: ReturnType<typeof keyNames>;
  readonly #holder: string;
  #renewedAt: number;
  #lost = false;
  #cancel: CancelTimer = () => undefined;

  constructor(options: RedisLockOptions, fence: number, takenAt: number) {
    this.#options = options;
    this.#names = keyNames(options.name);
    this.#holder = `${String(fence)}:${options.owner}`;
    this.#renewedAt = takenAt;
    this.fence = fence;
    this.#schedule();
  }

  /** False from two thirds of the time to live on without a renewal: a margin for clocks that run apart. */
  held(): boolean {
    return !this.#lost && this.#options.clock.monotonicMs() - this.#renewedAt < (this.#options.ttlMs * 2) / 3;
  }

  async release(): Promise<void> {
    this.#lost = true;
    this.#cancel();
    await this.#options.redis.eval(RELEASE, 1, this.#names.lock, this.#holder);
  }

  /** The records of this key that every replica shares; commits fail with `FenceLostError` once the lock is another's. */
  store(): OutboxStore {
    const { redis } = this.#options;
    return {
      load: async () => new Map(Object.entries(await redis.hgetall(this.#names.outbox))),
      commit: async (puts, deletes) => {
        const pairs = [...puts].flat();
        const args = [this.#holder, String(deletes.length), ...deletes, ...pairs];
        const done = await redis.eval(COMMIT, 2, this.#names.lock, this.#names.outbox, ...args);
        if (Number(done) === 1) return;
        this.#lost = true;
        throw new FenceLostError(`fence ${String(this.fence)} of ${this.#options.name} is no longer held`);
      },
    };
  }

  #schedule(): void {
    const { clock, ttlMs } = this.#options;
    this.#cancel = clock.setTimer(ttlMs / 4, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { redis, clock, ttlMs, logger } = this.#options;
    const askedAt = clock.monotonicMs();
    try {
      const renewed = await redis.eval(RENEW, 1, this.#names.lock, this.#holder, ttlMs);
      if (Number(renewed) === 1) this.#renewedAt = askedAt;
      else this.#lost = true;
    } catch (error) {
      logger.warn("key lock not renewed", { lock: this.#options.name, error });
    }
    if (!this.#lost) this.#schedule();
  }
}
