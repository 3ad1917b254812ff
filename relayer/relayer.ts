import { sleep, type CancelTimer, type Clock } from "../src/runtime/clock.ts";
import type { Logger } from "../src/runtime/logger.ts";
import type { Random } from "../src/runtime/random.ts";
import { toHex } from "../src/codec/hex.ts";
import { createAlarm, type Alarm } from "./alarm.ts";
import { domainOf, preflight, type Ports } from "./assemble.ts";
import type { JobWorker, QueueBackend } from "./backends/backend.ts";
import type { RelayerConfig } from "./config.ts";
import type { Context, Seen } from "./context.ts";
import type { PostPolicy } from "./decide/nextPost.ts";
import { allJobs, WATCHERS } from "./jobs/all.ts";
import type { HeadHints } from "./l1/headHints.ts";
import { openQueues, type QueueName, type QueueSet } from "./queues.ts";
import type { Metrics } from "./metrics.ts";
import { serve, takeTenure, type Tenure } from "./tenure.ts";
import { refuseForeignSender } from "./tx/foreignSender.ts";
import type { LevelStore } from "./tx/levelStore.ts";
import type { TxLimits } from "./tx/txManager.ts";
import { startWorker } from "./worker.ts";

export interface RelayerOptions {
  readonly config: RelayerConfig;
  readonly ports: Ports;
  readonly backend: QueueBackend;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Concurrency of each queue in one replica; the signer's own order is the transaction manager's. */
const CONCURRENCY: Readonly<Record<QueueName, number>> = {
  watch: 1,
  "light-client": 1,
  "stake-table": 1,
  slashing: 4,
  "l1-tx": 16,
};
/** A consumed nonce counts as another wallet's after so many blocks without a receipt of ours, or after so long. */
const LOST_AFTER_BLOCKS = 3;
const LOST_AFTER_MS = 60_000;
const BALANCE_EVERY_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5_000;

export interface RelayerStatus {
  readonly address: string;
  readonly queue: string;
  readonly role: "active" | "standby";
  readonly draining: boolean;
  readonly l1: { readonly height: string; readonly epoch: string; readonly committee: string };
  readonly finalized: { readonly height: string; readonly epoch: string };
  readonly endpoints: readonly object[];
  readonly transactions: Readonly<Record<string, number>>;
  readonly queues: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The relayer as one long-lived resource: `start`, then `stop` once. */
export class Relayer {
  readonly #options: RelayerOptions;
  readonly #seen: Seen = nothingSeen();
  readonly #owner: string;
  readonly #alarm: Alarm;
  #queues: QueueSet | undefined;
  #store: LevelStore | undefined;
  #tenure: Tenure | undefined;
  #workers: readonly JobWorker[] = [];
  #fence = 0;
  #stopped = false;
  #draining = false;
  #isKeyChecked = false;
  #hints: HeadHints | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: RelayerOptions) {
    this.#options = options;
    this.#owner = toHex(options.random.bytes(16));
    this.#alarm = createAlarm(options.clock);
  }

  /** Resolves when the queue is open and the outbox is ours; the key may still be another replica's then. */
  async start(): Promise<void> {
    const { backend, ports, clock, logger } = this.#options;
    this.#store = await ports.openStore();
    this.#queues = await openQueues(backend, ports.signer.address, clock, logger);
    this.#hints = ports.watchHeads(() => {
      this.#alarm.ring();
    });
    this.#loop = this.#run(this.#store, this.#queues);
  }

  /** Rejects when the relayer cannot go on at all, as when another sender uses its key. */
  failed(): Promise<never> {
    return new Promise((_resolve, reject) => {
      this.#loop.catch(reject);
    });
  }

  /** Finishes the step at hand, gives the key back and closes everything. */
  async stop(): Promise<void> {
    const { logger, ports, backend } = this.#options;
    this.#stopped = true;
    this.#hints?.close();
    await this.#loop.catch(() => undefined);
    const closing = [...this.#workers.map((worker) => worker.close(true)), this.#queues?.close() ?? Promise.resolve()];
    await withTimeout(this.#options.clock, Promise.allSettled(closing), CLOSE_TIMEOUT_MS);
    await this.#store?.close();
    await withTimeout(this.#options.clock, backend.close(), CLOSE_TIMEOUT_MS);
    ports.close();
    logger.info("stopped");
  }

  isActive(): boolean {
    return this.#tenure?.lock.held() ?? false;
  }

  /** No new work is taken; what is under way is finished. */
  async drain(on: boolean): Promise<void> {
    this.#draining = on;
    if (!on) return;
    await this.#queues?.drain();
    for (const { intent } of this.#tenure?.outbox.intents() ?? []) {
      if (this.#tenure?.manager.status(intent.id)?.kind === "planned") {
        await this.#tenure.manager.withdraw(intent.id, "drained");
      }
    }
  }

  /** Gives failed jobs and reverted transactions another try; how many. */
  async retry(): Promise<number> {
    const jobs = (await this.#queues?.retryFailed()) ?? 0;
    const reverted = this.#tenure?.outbox.intents().filter(({ state }) => state === "reverted") ?? [];
    for (const { intent } of reverted) await this.#tenure?.manager.retry(intent.id);
    return jobs + reverted.length;
  }

  async status(): Promise<RelayerStatus> {
    const { ports, backend } = this.#options;
    const seen = this.#seen;
    const transactions: Record<string, number> = {};
    for (const { intent } of this.#tenure?.outbox.intents() ?? []) {
      const kind = this.#tenure?.manager.status(intent.id)?.kind ?? "unknown";
      transactions[kind] = (transactions[kind] ?? 0) + 1;
    }
    return {
      address: ports.signer.address,
      queue: backend.kind,
      role: this.isActive() ? "active" : "standby",
      draining: this.#draining,
      l1: { height: String(seen.l1Height), epoch: String(seen.l1Epoch), committee: String(seen.l1Committee) },
      finalized: { height: String(seen.finalizedHeight), epoch: String(seen.finalizedEpoch) },
      endpoints: ports.fanout.health(),
      transactions,
      queues: (await this.#queues?.counts()) ?? {},
    };
  }

  /** Brings the gauges up to date, for a scrape. */
  async measure(): Promise<void> {
    const { metrics, clock, ports } = this.#options;
    metrics.role(this.isActive(), this.#draining);
    metrics.progress(this.#seen, clock.wallMs());
    metrics.endpoints(ports.fanout.health());
    metrics.queueDepths((await this.#queues?.counts()) ?? {});
  }

  /** Rejects with what is missing. */
  async checkReady(): Promise<void> {
    await this.#options.backend.ping();
    await this.#options.ports.fanout.head();
  }

  async #run(store: LevelStore, queues: QueueSet): Promise<void> {
    const { config, logger, clock } = this.#options;
    let wasStandby = false;
    while (!this.#stopped) {
      const tenure = await this.#take(store);
      if (tenure === undefined) {
        if (!wasStandby) logger.info("standing by: another replica holds the key");
        wasStandby = true;
        await sleep(clock, Math.min(config.pollMs, config.lockTtlMs / 4));
        continue;
      }
      wasStandby = false;
      this.#fence = Math.max(this.#fence, tenure.lock.fence);
      await this.#refuseForeignSender(tenure);
      this.#tenure = tenure;
      await this.#resumeWork(queues);
      const upkeep = this.#upkeep(queues, tenure);
      await serve(tenure, () => this.#stopped, { pollMs: config.pollMs, alarm: this.#alarm, logger });
      this.#tenure = undefined;
      await Promise.all(this.#workers.map((worker) => worker.pause(true)));
      await upkeep;
      await withTimeout(
        clock,
        tenure.lock.release().catch(() => undefined),
        CLOSE_TIMEOUT_MS,
      );
    }
  }

  /** Once, before the first transaction of this process. */
  async #refuseForeignSender({ outbox, lock }: Tenure): Promise<void> {
    if (this.#isKeyChecked) return;
    const { config, ports, clock, logger } = this.#options;
    const { chain, signer } = ports;
    const times = { pollMs: config.pollMs, patienceMs: config.bumpAfterMs };
    const stopped = (): boolean => this.#stopped || !lock.held();
    try {
      const { address } = signer;
      this.#isKeyChecked = await refuseForeignSender({ chain, address, outbox, clock, logger, ...times, stopped });
    } catch (error) {
      await lock.release().catch(() => undefined);
      throw error;
    }
  }

  async #take(store: LevelStore): Promise<Tenure | undefined> {
    const { backend, ports, config, metrics, clock, logger } = this.#options;
    const { lockTtlMs } = config;
    const limits = txLimits(config);
    const owner = this.#owner;
    try {
      const shared = { backend, store, ports, limits, owner, lockTtlMs, clock, logger };
      return await takeTenure({ ...shared, observer: metrics }, this.#fence);
    } catch (error) {
      logger.warn("the key could not be taken", { error });
      return undefined;
    }
  }

  /** Workers run while this replica has the key: another replica's jobs are its own affair. */
  async #resumeWork(queues: QueueSet): Promise<void> {
    if (this.#workers.length > 0) {
      for (const worker of this.#workers) worker.resume();
      return;
    }
    const { backend, ports, clock, logger, metrics } = this.#options;
    const context = (): Context => this.#context(queues);
    const names = Object.keys(CONCURRENCY).filter((name): name is QueueName => name in CONCURRENCY);
    this.#workers = names.map((queue) =>
      startWorker(
        backend,
        allJobs.filter((job) => job.queue === queue),
        context,
        {
          queue,
          signer: ports.signer.address,
          concurrency: CONCURRENCY[queue],
          clock,
          logger,
          ended: (job, outcome) => {
            metrics.jobEnded(job, outcome);
          },
        },
      ),
    );
    await Promise.all(this.#workers.map((worker) => worker.waitUntilReady()));
  }

  #context(queues: QueueSet): Context {
    const tenure = this.#tenure;
    if (tenure === undefined) throw new Error("standing by");
    const { config, ports, clock, logger } = this.#options;
    return {
      chainId: ports.chain.chainId,
      contracts: ports.deployment.contracts,
      domain: domainOf(ports.deployment),
      preflight: (to, data) => preflight(ports, to, data),
      l1: ports.l1,
      memory: ports.memory,
      sequencer: ports.sequencer,
      jobs: queues,
      sender: {
        address: ports.signer.address,
        offer: async (intent) => {
          const status = await tenure.manager.offer(intent);
          if (status.kind === "planned") this.#alarm.ring();
          return status;
        },
        isBusy: (group) => tenure.manager.isBusy(group),
      },
      post: postPolicy(config),
      housekeeping: {
        sealKeys: config.sealKeys,
        sealAfterSeconds: BigInt(config.sealAfterSeconds),
        rotate: config.rotate,
        rotateEverySeconds: BigInt(config.rotateEverySeconds),
      },
      draining: this.#draining,
      pollMs: config.pollMs,
      clock,
      logger,
      seen: this.#seen,
    };
  }

  /** What a flushed queue forgets is put back, and the purse is looked at. */
  async #upkeep(queues: QueueSet, tenure: Tenure): Promise<void> {
    const { config, clock, logger, metrics, ports } = this.#options;
    let balanceAt = Number.NEGATIVE_INFINITY;
    while (!this.#stopped && this.#tenure === tenure) {
      try {
        metrics.progress(this.#seen, clock.wallMs());
        for (const watcher of WATCHERS) await queues.repeat(watcher, config.pollMs);
        if (clock.monotonicMs() - balanceAt >= BALANCE_EVERY_MS) {
          metrics.balance(await ports.chain.balance(ports.signer.address));
          balanceAt = clock.monotonicMs();
        }
      } catch (error) {
        logger.debug("upkeep", { error });
      }
      await sleep(clock, config.pollMs);
    }
  }
}

export function nothingSeen(): Seen {
  return {
    finalizedHeight: 0n,
    finalizedEpoch: 0n,
    finalizedTimestampMs: 0n,
    l1Height: 0n,
    l1Epoch: 0n,
    l1Committee: 0n,
    refused: new Set(),
    evidence: new Map(),
    deepForkAtMs: Number.NEGATIVE_INFINITY,
  };
}

export function postPolicy(config: RelayerConfig): PostPolicy {
  return {
    everyBlocks: BigInt(config.postEveryBlocks),
    everySeconds: BigInt(config.postEverySeconds),
    deadlineSeconds: BigInt(config.postDeadlineSeconds),
  };
}

export function txLimits(config: RelayerConfig): TxLimits {
  return {
    fees: {
      minTipPerGas: config.minTipGwei,
      maxTipPerGas: config.maxTipGwei,
      bumpPercent: BigInt(config.bumpPercent),
      ceilingPerGas: config.feeCeilingGwei,
      urgentCeilingPerGas: config.urgentFeeCeilingGwei,
    },
    times: {
      bumpAfterMs: config.bumpAfterMs,
      rebroadcastAfterMs: config.rebroadcastAfterMs,
      lostAfterBlocks: LOST_AFTER_BLOCKS,
      lostAfterMs: LOST_AFTER_MS,
    },
    maxInFlight: 1,
    gasMarginPercent: BigInt(config.gasMarginPercent),
    retryAfterMs: config.pollMs * 2,
  };
}

/** Resolves with the work or after the time, whichever is first: closing must not hang on a server that is gone. */
async function withTimeout(clock: Clock, work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let cancel: CancelTimer = () => undefined;
  const timeout = new Promise<void>((resolve) => (cancel = clock.setTimer(timeoutMs, resolve)));
  await Promise.race([work, timeout]);
  cancel();
}
