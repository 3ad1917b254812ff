import type { JobsOptions } from "bullmq";
import type { z } from "zod";

import type { Clock } from "../src/runtime/clock.ts";
import type { Logger } from "../src/runtime/logger.ts";
import type { JobQueue, QueueBackend } from "./backends/backend.ts";

/** The queues; `l1-tx` has one instance a signer, so that each key has its own nonce order. */
export type QueueName = "watch" | "light-client" | "stake-table" | "slashing" | "l1-tx";

/** How a processor ended, short of throwing. */
export type Outcome =
  | { readonly kind: "done" | "already-done"; readonly note: string }
  /** The job stays and runs again. */
  | { readonly kind: "later"; readonly afterMs: number; readonly note: string };

/** A job: what it carries, what names it, what runs it. Processors know nothing of BullMQ. */
export interface JobDefinition<Payload extends object, Context> {
  readonly queue: QueueName;
  readonly name: string;
  readonly schema: z.ZodType<Payload>;
  /** JOB-1: equal work has an equal id, so that it stands in the queue once. */
  readonly id: (payload: Payload) => string;
  readonly process: (payload: Payload, context: Context) => Promise<Outcome>;
}

/** A job as a worker sees it: data from the queue in, checked before the processor sees it. */
export interface RunnableJob<Context> {
  readonly queue: QueueName;
  readonly name: string;
  run(data: unknown, context: Context): Promise<Outcome>;
}

/** What stands in the queue is not what the job takes: written by another version, or by somebody else. */
export class JobPayloadError extends Error {
  override readonly name = "JobPayloadError";
}

export function runnable<Payload extends object, Context>(job: JobDefinition<Payload, Context>): RunnableJob<Context> {
  return {
    queue: job.queue,
    name: job.name,
    run: (data, context) => {
      const payload = job.schema.safeParse(data);
      if (!payload.success) throw new JobPayloadError(`payload of ${job.name}: ${payload.error.message}`);
      return job.process(payload.data, context);
    },
  };
}

/** Where jobs are added. Rejects at once when the queue cannot be reached. */
export interface Jobs {
  /** JOB-3: makes sure that the job is in its queue: one that ended is replaced, one that waits or runs is left. */
  ensure(queue: QueueName, name: string, id: string, payload: object): Promise<"added" | "present">;
}

/** Adds a job by its definition. */
export function ensureJob<Payload extends object, Context>(
  jobs: Jobs,
  job: JobDefinition<Payload, Context>,
  payload: Payload,
): Promise<"added" | "present"> {
  return jobs.ensure(job.queue, job.name, job.id(payload), payload);
}

/** Completed jobs kept for the dashboard; failed ones are kept until an operator looks, up to `FAILED_KEPT`. */
export const COMPLETED_KEPT = 200;
export const FAILED_KEPT = 1000;
/** Runs of one job before it counts as failed; the watchers bring it back as long as L1 needs it. */
export const ATTEMPTS = 8;
/** A failed job is replaced only after this time. */
const FAILED_REST_MS = 30_000;

const JOB_OPTIONS: JobsOptions = {
  attempts: ATTEMPTS,
  backoff: { type: "exponential", delay: 500, jitter: 0.5 },
  removeOnComplete: { count: COMPLETED_KEPT },
  removeOnFail: { count: FAILED_KEPT },
};

/** Name of a queue in the backend. */
export function queueKey(queue: QueueName, signer: string): string {
  return queue === "l1-tx" ? `l1-tx-${signer.toLowerCase()}` : queue;
}

export interface QueueSet extends Jobs {
  /** Repeats a watcher job. Adding it again changes nothing; a flushed backend gets it back. */
  repeat(name: string, everyMs: number): Promise<void>;
  counts(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>;
  /** Takes waiting jobs out of every queue. */
  drain(): Promise<void>;
  /** Puts failed jobs back; how many. */
  retryFailed(): Promise<number>;
  close(): Promise<void>;
}

export const QUEUES: readonly QueueName[] = ["watch", "light-client", "stake-table", "slashing", "l1-tx"];

export async function openQueues(
  backend: QueueBackend,
  signer: string,
  clock: Clock,
  logger: Logger,
): Promise<QueueSet> {
  const entries = QUEUES.map((name) => [name, backend.queue(queueKey(name, signer), JOB_OPTIONS)] as const);
  const queues = new Map<QueueName, JobQueue>(entries);
  for (const [name, queue] of queues) {
    queue.on("error", (error) => {
      logger.debug("queue error", { queue: name, error: error.message });
    });
  }
  await Promise.all([...queues.values()].map((queue) => queue.waitUntilReady()));

  function named(name: QueueName): JobQueue {
    const queue = queues.get(name);
    if (queue === undefined) throw new RangeError(`no queue ${name}`);
    return queue;
  }

  return {
    ensure: (queue, name, id, payload) => ensure(named(queue), name, id, payload, clock),
    repeat: async (name, everyMs) => {
      const existing = await named("watch").getJobScheduler(name);
      if (existing?.every === everyMs) return;
      const opts = { removeOnComplete: true, removeOnFail: true, attempts: 1 };
      await named("watch").upsertJobScheduler(name, { every: everyMs }, { name, data: {}, opts });
    },
    counts: async () => {
      const counted = [...queues].map(async ([name, queue]) => [name, await queue.getJobCounts()] as const);
      return Object.fromEntries(await Promise.all(counted));
    },
    drain: async () => {
      for (const [name, queue] of queues) if (name !== "watch") await queue.drain(true);
    },
    retryFailed: async () => {
      const failed = await Promise.all([...queues.values()].map((queue) => queue.getFailedCount()));
      await Promise.all([...queues.values()].map((queue) => queue.retryJobs({ state: "failed" })));
      return failed.reduce((sum, count) => sum + count, 0);
    },
    close: async () => {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}

async function ensure(
  queue: JobQueue,
  name: string,
  id: string,
  payload: object,
  clock: Clock,
): Promise<"added" | "present"> {
  const known = await queue.getJob(id);
  if (known !== undefined) {
    const state = await known.getState();
    const ended = state === "completed" || state === "failed";
    const rests = state === "failed" && clock.wallMs() - (known.finishedOn ?? 0) < FAILED_REST_MS;
    if (!ended || rests) return "present";
    await known.remove();
  }
  await queue.add(name, payload, { jobId: id });
  return "added";
}
