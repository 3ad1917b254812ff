import type { Job, JobsOptions, WorkerOptions } from "bullmq";
import type { Redis } from "ioredis";

export type BackendKind = "redis" | "private-redis" | "pglite";

export type JobProcessor = (job: Job, token?: string) => Promise<unknown>;
export type WorkerSettings = Omit<WorkerOptions, "connection">;

/** What the relayer uses of a BullMQ queue, whatever its backend. */
export interface JobQueue {
  on(event: "error", listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  add(name: string, data: object, options: JobsOptions): Promise<unknown>;
  getJob(id: string): Promise<Job | undefined>;
  getJobScheduler(id: string): Promise<{ readonly every?: number } | undefined>;
  upsertJobScheduler(
    id: string,
    repeat: { readonly every: number },
    template: { readonly name: string; readonly data: object; readonly opts: JobsOptions },
  ): Promise<unknown>;
  getJobCounts(): Promise<Record<string, number>>;
  getFailedCount(): Promise<number>;
  drain(delayed: boolean): Promise<void>;
  retryJobs(options: { readonly state: "failed" }): Promise<void>;
  close(): Promise<void>;
}

/** What the relayer uses of a BullMQ worker. */
export interface JobWorker {
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "failed", listener: (job: Job | undefined, error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  /** Takes no further job; `true` does not wait for those that run. */
  pause(doNotWaitActive?: boolean): Promise<void>;
  resume(): unknown;
  close(force?: boolean): Promise<void>;
}

/** Where BullMQ keeps its jobs. Every queue and worker is made here, so that nothing else knows which one it is. */
export interface QueueBackend {
  readonly kind: BackendKind;
  queue(name: string, jobs: JobsOptions): JobQueue;
  worker(name: string, processor: JobProcessor, settings: WorkerSettings): JobWorker;
  /** A connection for locks and the shared outbox: fails fast. Undefined where only one process can use the backend. */
  readonly redis: Redis | undefined;
  /** Resolves when the backend answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
