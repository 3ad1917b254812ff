import { DelayedError, UnrecoverableError, type Job } from "bullmq";

import type { Clock } from "../src/runtime/clock.ts";
import type { Logger } from "../src/runtime/logger.ts";
import type { JobWorker, QueueBackend } from "./backends/backend.ts";
import { FatalJobError } from "./errors.ts";
import { JobPayloadError, queueKey, type Outcome, type QueueName, type RunnableJob } from "./queues.ts";

export interface WorkerOptions {
  readonly queue: QueueName;
  readonly signer: string;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After so long without a sign of life a worker is taken for dead and its job runs elsewhere; default `LOCK_MS`. */
  readonly lockMs?: number;
  ended(job: string, outcome: string): void;
}

/**
 * JOB-4: a job is delivered at least once and may be delivered for ever: a worker that dies with it, however often,
 * must not make BullMQ give it up. What must not be lost is in the outbox and on L1 anyway.
 */
const STALLED_MAX = 1_000_000;
/**
 * A killed worker's job runs again within some seconds: a handover must not wait for BullMQ's half minute. A process that
 * is only slow loses nothing: running twice at once is allowed for every job.
 */
const LOCK_MS = 5_000;
const STALLED_CHECKS = 4;

/** Runs a queue's jobs: payload checked, processor called, outcome told to BullMQ. */
export function startWorker<Context>(
  backend: QueueBackend,
  jobs: readonly RunnableJob<Context>[],
  context: () => Context,
  options: WorkerOptions,
): JobWorker {
  const { queue, logger, lockMs = LOCK_MS } = options;
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const run = async (job: Job, token?: string): Promise<string> => {
    const runner = byName.get(job.name);
    if (runner === undefined) throw new UnrecoverableError(`no processor for ${job.name}`);
    const outcome = await attempt(runner, job.data, context());
    options.ended(job.name, outcome.kind);
    if (outcome.kind !== "later") return `${outcome.kind}: ${outcome.note}`;
    await job.moveToDelayed(options.clock.wallMs() + outcome.afterMs, token);
    throw new DelayedError();
  };
  const worker = backend.worker(queueKey(queue, options.signer), run, {
    concurrency: options.concurrency,
    maxStalledCount: STALLED_MAX,
    lockDuration: lockMs,
    stalledInterval: lockMs / STALLED_CHECKS,
  });
  worker.on("error", (error) => {
    logger.debug("worker error", { queue, error: error.message });
  });
  worker.on("failed", (job, error) => {
    options.ended(job?.name ?? "unknown", "failed");
    logger.warn("job failed", { queue, job: job?.id, attempt: job?.attemptsMade, error: error.message });
  });
  return worker;
}

async function attempt<Context>(runner: RunnableJob<Context>, data: unknown, context: Context): Promise<Outcome> {
  try {
    return await runner.run(data, context);
  } catch (error) {
    if (error instanceof FatalJobError || error instanceof JobPayloadError) throw new UnrecoverableError(error.message);
    throw error;
  }
}
