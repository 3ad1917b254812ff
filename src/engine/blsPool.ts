import { Worker } from "node:worker_threads";

import { assert } from "../runtime/assert.ts";
import type { BatchEntry, BatchVerdict, BlsPort } from "./blsPort.ts";

/** Jobs that wait or run: what all peers together may have under way. */
export const JOBS_MAX = 16_384;
export const THREADS_MAX = 16;

export type BlsJob =
  | {
      readonly id: number;
      readonly kind: "aggregate";
      readonly keys: readonly Uint8Array[];
      readonly digest: Uint8Array;
      readonly signature: Uint8Array;
    }
  | {
      readonly id: number;
      readonly kind: "batch";
      readonly digest: Uint8Array;
      readonly entries: readonly BatchEntry[];
    };

export type BlsAnswer =
  | { readonly id: number; readonly kind: "valid"; readonly valid: boolean }
  | { readonly id: number; readonly kind: "batch"; readonly verdict: BatchVerdict };

/** A thread died, or the pool was closed: what it had under way has no answer. */
export class BlsPoolError extends Error {
  override readonly name = "BlsPoolError";
}

export interface BlsPool extends BlsPort {
  /** Ends the threads; what is under way rejects with `BlsPoolError`. Idempotent. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (answer: BlsAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly thread: number;
}

/** BLS verification in worker threads, each job to the thread with the least to do. */
export function createBlsPool(options: { readonly threads?: number } = {}): BlsPool {
  const { threads = 1 } = options;
  assert(threads >= 1 && threads <= THREADS_MAX, `threads ${String(threads)} must be in 1..${String(THREADS_MAX)}`);
  const waiting = new Map<number, Waiting>();
  const load = new Array<number>(threads).fill(0);
  let nextId = 0;
  let failure: BlsPoolError | undefined;

  const workers = load.map((_, thread) => {
    const worker = new Worker(new URL("./blsWorker.ts", import.meta.url));
    // The engine's own work keeps the process alive; idle threads must not.
    worker.unref();
    worker.on("message", (answer: BlsAnswer) => {
      const asked = waiting.get(answer.id);
      waiting.delete(answer.id);
      load[thread] = (load[thread] ?? 1) - 1;
      asked?.resolve(answer);
    });
    worker.on("error", (error) => {
      fail(new BlsPoolError(`a BLS thread died: ${String(error)}`, { cause: error }));
    });
    return worker;
  });

  function fail(error: BlsPoolError): void {
    failure ??= error;
    for (const asked of waiting.values()) asked.reject(failure);
    waiting.clear();
  }

  type Question = BlsJob extends infer Job ? (Job extends BlsJob ? Omit<Job, "id"> : never) : never;

  function ask(question: Question): Promise<BlsAnswer> {
    if (failure !== undefined) return Promise.reject(failure);
    assert(waiting.size < JOBS_MAX, "signature checks are bounded by their askers");
    const thread = load.indexOf(Math.min(...load));
    const id = nextId++;
    load[thread] = (load[thread] ?? 0) + 1;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject, thread });
      workers[thread]?.postMessage({ id, ...question });
    });
  }

  async function isValid(keys: readonly Uint8Array[], digest: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const answer = await ask({ kind: "aggregate", keys, digest, signature });
    return answer.kind === "valid" && answer.valid;
  }

  return {
    verify: (key, digest, signature) => isValid([key], digest, signature),
    verifyAggregate: isValid,
    verifyBatch: async (digest, entries) => {
      const answer = await ask({ kind: "batch", digest, entries });
      assert(answer.kind === "batch", "a batch is answered by a verdict");
      return answer.verdict;
    },
    close: async () => {
      fail(new BlsPoolError("the BLS pool was closed"));
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
