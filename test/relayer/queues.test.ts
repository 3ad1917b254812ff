import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { FatalJobError } from "../../relayer/errors.ts";
import { openQueues, runnable, type JobDefinition, type QueueSet } from "../../relayer/queues.ts";
import { startWorker } from "../../relayer/worker.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { openForTest, presentBackends, type OpenedBackend } from "./support/backends.ts";

const SIGNER = "0x00000000000000000000000000000000000000Aa";

interface Context {
  readonly runs: string[];
}
const payloadSchema = z.object({ height: z.int() });
type Payload = z.infer<typeof payloadSchema>;

function definition(
  name: string,
  process: JobDefinition<Payload, Context>["process"],
): JobDefinition<Payload, Context> {
  return {
    queue: "light-client",
    name,
    schema: payloadSchema,
    id: ({ height }) => `${name}-${String(height)}`,
    process: (payload, context) => {
      context.runs.push(`${name}-${String(payload.height)}`);
      return process(payload, context);
    },
  };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("the condition did not come true in ten seconds");
}

describe.each(presentBackends())("QUEUE-1, QUEUE-2, QUEUE-3: queues on %s", (kind) => {
  let opened: OpenedBackend;
  let queues: QueueSet;
  beforeAll(async () => {
    opened = await openForTest(kind);
    queues = await openQueues(opened.backend, SIGNER, systemClock, silentLogger);
  });
  afterAll(async () => {
    await queues.close();
    await opened.close();
  });

  function work(definitions: readonly JobDefinition<Payload, Context>[]): {
    runs: string[];
    ends: string[];
    close(): Promise<void>;
  } {
    const context: Context = { runs: [] };
    const ends: string[] = [];
    const options = {
      queue: "light-client",
      signer: SIGNER,
      concurrency: 1,
      clock: systemClock,
      logger: silentLogger,
    } as const;
    const worker = startWorker(opened.backend, definitions.map(runnable), () => context, {
      ...options,
      ended: (job, outcome) => void ends.push(`${job} ${outcome}`),
    });
    return { runs: context.runs, ends, close: () => worker.close(true) };
  }

  it("JOB-1: equal work stands in the queue once", async () => {
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await queues.ensure("light-client", "twice", "twice-1", { height: 1 }));
    expect(answers).toEqual(["added", "present", "present"]);
    const job = definition("twice", () => Promise.resolve({ kind: "done", note: "" }));
    const worker = work([job]);
    await until(() => worker.ends.length > 0);
    expect(worker.runs).toEqual(["twice-1"]);
    await worker.close();
  });

  it("JOB-3: work that ended is added again, work that waits is left", async () => {
    const job = definition("again", () => Promise.resolve({ kind: "already-done", note: "" }));
    const worker = work([job]);
    await queues.ensure("light-client", "again", "again-1", { height: 1 });
    await until(() => worker.ends.length === 1);
    await until(async () => (await queues.ensure("light-client", "again", "again-1", { height: 1 })) === "added");
    await until(() => worker.ends.length >= 2);
    expect(worker.runs.slice(0, 2)).toEqual(["again-1", "again-1"]);
    await worker.close();
  });

  it("a processor that says `later` runs again, and its job stays one", async () => {
    let calls = 0;
    const job = definition("later", () => {
      calls += 1;
      return Promise.resolve(calls < 3 ? { kind: "later", afterMs: 20, note: "" } : { kind: "done", note: "" });
    });
    const worker = work([job]);
    await queues.ensure("light-client", "later", "later-1", { height: 1 });
    await until(() => worker.ends.includes("later done"));
    expect(worker.ends).toEqual(["later later", "later later", "later done"]);
    await worker.close();
  });

  it("an error is tried again with back-off, a fatal one is not", async () => {
    let calls = 0;
    const flaky = definition("flaky", () => {
      calls += 1;
      return calls < 2 ? Promise.reject(new Error("L1 is away")) : Promise.resolve({ kind: "done", note: "" });
    });
    const fatal = definition("fatal", () => Promise.reject(new FatalJobError("refused for ever")));
    const worker = work([flaky, fatal]);
    await queues.ensure("light-client", "flaky", "flaky-1", { height: 1 });
    await queues.ensure("light-client", "fatal", "fatal-1", { height: 1 });
    await until(() => worker.ends.includes("flaky done") && worker.ends.includes("fatal failed"));
    expect(worker.runs.filter((run) => run === "fatal-1")).toHaveLength(1);
    expect(await queues.ensure("light-client", "fatal", "fatal-1", { height: 1 })).toBe("present");
    await worker.close();
  });

  it("a payload that is not the job's shape never reaches the processor", async () => {
    const job = definition("shape", () => Promise.resolve({ kind: "done", note: "" }));
    const worker = work([job]);
    await queues.ensure("light-client", "shape", "shape-1", { height: "seven" });
    await until(() => worker.ends.includes("shape failed"));
    expect(worker.runs).toEqual([]);
    await worker.close();
  });

  it("a repeating job is there once however often it is asked for", async () => {
    for (let i = 0; i < 3; i++) await queues.repeat("finalized-headers", 60_000);
    const counts = await queues.counts();
    expect((counts["watch"]?.["delayed"] ?? 0) + (counts["watch"]?.["waiting"] ?? 0)).toBe(1);
  });
});
