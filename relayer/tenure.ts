import { L1UnavailableError } from "../src/l1/l1Errors.ts";
import type { Clock } from "../src/runtime/clock.ts";
import type { Logger } from "../src/runtime/logger.ts";
import type { QueueBackend } from "./backends/backend.ts";
import type { Alarm } from "./alarm.ts";
import type { Ports } from "./assemble.ts";
import { FenceLostError, localLock, takeRedisLock, type KeyLock, type RedisLock } from "./tx/keyLock.ts";
import type { LevelStore } from "./tx/levelStore.ts";
import { Outbox, OutboxBrokenError } from "./tx/outbox.ts";
import { TxManager, type TxLimits, type TxObserver } from "./tx/txManager.ts";

/** One time of holding the key: from taking its lock until it is lost or given up. */
export interface Tenure {
  readonly outbox: Outbox;
  readonly manager: TxManager;
  readonly lock: KeyLock;
}

export interface TenureOptions {
  readonly backend: QueueBackend;
  readonly store: LevelStore;
  readonly ports: Ports;
  readonly limits: TxLimits;
  readonly observer: TxObserver;
  readonly owner: string;
  readonly lockTtlMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes the key: undefined while another replica has it. `lowestFence` is the highest this process ever held. */
export async function takeTenure(options: TenureOptions, lowestFence: number): Promise<Tenure | undefined> {
  const { backend, ports, clock, logger } = options;
  const lock = await takeLock(options, lowestFence);
  if (lock === undefined) return undefined;
  try {
    // The fenced store first: who lost the key must fail before anything else remembers a transaction.
    const stores = lock === localLock || !("store" in lock) ? [options.store] : [lock.store(), options.store];
    const outbox = await Outbox.open(stores);
    const { chain, signer } = ports;
    const { observer } = options;
    const manager = new TxManager(
      { chain, signer, outbox, lock, clock, logger, observer, judge: ports.judge },
      options.limits,
    );
    logger.info("key taken", { address: signer.address, fence: lock.fence, queue: backend.kind });
    return { outbox, manager, lock };
  } catch (error) {
    await lock.release().catch(() => undefined);
    throw error;
  }
}

function takeLock(options: TenureOptions, lowestFence: number): Promise<RedisLock | KeyLock | undefined> {
  const { backend, ports, clock, logger } = options;
  if (backend.redis === undefined) return Promise.resolve(localLock);
  const name = `${ports.chain.chainId.toString()}:${ports.signer.address.toLowerCase()}`;
  const { owner, lockTtlMs: ttlMs } = options;
  return takeRedisLock({ redis: backend.redis, name, owner, ttlMs, clock, logger }, lowestFence);
}

/**
 * Runs the transaction manager until `stopped` or until the key is lost. L1 being away ends nothing: the next round
 * asks again. Rounds follow each other by `pollMs`, sooner when the alarm rings: new work, or a new L1 block.
 */
export async function serve(
  tenure: Tenure,
  stopped: () => boolean,
  options: { readonly pollMs: number; readonly alarm: Alarm; readonly logger: Logger },
): Promise<"stopped" | "lost"> {
  const { alarm, logger } = options;
  while (!stopped()) {
    try {
      await tenure.manager.tick();
    } catch (error) {
      if (error instanceof FenceLostError || error instanceof OutboxBrokenError) {
        if (stopped()) return "stopped";
        logger.warn("key lost", { error });
        return "lost";
      }
      if (error instanceof L1UnavailableError) logger.warn("L1 is away", { error: error.message });
      else logger.error("round failed", { error });
    }
    await alarm.wait(options.pollMs);
  }
  return "stopped";
}
