import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import { beneficiaryOf } from "./schemata.ts";
import { ROOT } from "./solidity.ts";
import type { Order } from "./worker.ts";
import type { RunResult, TestRecord } from "./testProcess.ts";

/** Gives mutants to processes, the tests that reach them first, and a mutant that hangs an end. */

export type Outcome = "killed" | "timeout" | "survived" | "unreached";

export interface Verdict {
  readonly outcome: Outcome;
  /** The test that noticed. */
  readonly by?: string;
  readonly tests: number;
}

/** A mutant's tests take their usual time; this many times as long, and some more, is hanging. */
const TIMEOUT_FACTOR = 6;
const TIMEOUT_LEAST_MS = 60_000;
/** Processes keep what chains leave behind, so each lives for so many mutants. */
const MUTANTS_PER_PROCESS = 120;
/** The most telling tests run by themselves before all others are prepared. */
const FIRST_TESTS = 8;

class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #answers: AsyncGenerator;

  private constructor(build: string, args: readonly string[]) {
    const path = fileURLToPath(new URL("./worker.ts", import.meta.url));
    const env = {
      ...process.env,
      HARDHAT_CONFIG: fileURLToPath(new URL("./hardhat.config.ts", import.meta.url)),
      CREMA_INSTRUMENTED_BUILD: build,
    };
    this.#child = fork(path, args, {
      cwd: ROOT,
      env,
      execPath: process.execPath,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#answers = answersOf(this.#child);
  }

  static async start(build: string, files: readonly string[], mode: "record" | "run"): Promise<WorkerProcess> {
    const worker = new WorkerProcess(build, [mode, ...files]);
    await worker.#answers.next();
    return worker;
  }

  /** What it answers, or nothing when it takes too long. */
  async ask(order: Order, milliseconds: number): Promise<unknown> {
    this.#child.send(order);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), milliseconds);
    });
    const answer = await Promise.race([this.#answers.next().then(({ value }) => value as unknown), late]);
    clearTimeout(timer);
    return answer;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

async function* answersOf(child: ChildProcess): AsyncGenerator {
  const waiting: unknown[] = [];
  let wake = (): void => undefined;
  const end = { reached: false };
  child.on("message", (message: { answer?: unknown; error?: string }) => {
    waiting.push(message.error === undefined ? message.answer : new Error(message.error));
    wake();
  });
  child.on("exit", () => {
    end.reached = true;
    wake();
  });
  for (;;) {
    if (waiting.length === 0) {
      if (end.reached) throw new Error("a test process ended");
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    const next = waiting.shift();
    if (next instanceof Error) throw next;
    yield next;
  }
}

/** What each test reaches in a build whose choices are probes. */
export async function recordTests(build: string, files: readonly string[]): Promise<TestRecord[]> {
  const worker = await WorkerProcess.start(build, files, "record");
  try {
    const records = await worker.ask({ kind: "record" }, 1_200_000);
    if (records === undefined) throw new Error("the tests take too long when probed");
    return records as TestRecord[];
  } finally {
    worker.stop();
  }
}

/** What fails when no mutant is chosen, or when tests run again in one process: such a test would kill everything. */
export async function unreliableTests(build: string, files: readonly string[]): Promise<Set<string>> {
  const worker = await WorkerProcess.start(build, files, "run");
  try {
    const failed = new Set<string>();
    for (let round = 0; round < 2; round++) {
      const records = (await worker.ask({ kind: "record" }, 1_200_000)) as TestRecord[] | undefined;
      for (const { title, passed } of records ?? []) if (!passed) failed.add(title);
    }
    return failed;
  } finally {
    worker.stop();
  }
}

/** Tests that reach a mutant, those first that reach little else and are fast. */
export function testsOf(records: readonly TestRecord[], index: number): TestRecord[] {
  const reaching = records.filter(({ passed, hits }) => passed && hits.includes(index));
  const cost = ({ hits, milliseconds }: TestRecord): number => hits.length * (20 + milliseconds);
  return reaching.sort((a, b) => cost(a) - cost(b));
}

/** One process after another. */
interface Lane {
  readonly build: string;
  readonly files: readonly string[];
  worker: WorkerProcess | undefined;
  done: number;
}

/** What becomes of some tests; undefined if the process ends or does not answer in time. */
async function runIn(lane: Lane, order: Order, milliseconds: number): Promise<RunResult | undefined> {
  if (lane.worker !== undefined && lane.done >= MUTANTS_PER_PROCESS) stopLane(lane);
  if (lane.worker === undefined) {
    lane.worker = await WorkerProcess.start(lane.build, lane.files, "run");
    lane.done = 0;
  }
  const answer = await lane.worker.ask(order, milliseconds).catch(() => undefined);
  if (answer === undefined) stopLane(lane);
  return answer as RunResult | undefined;
}

function stopLane(lane: Lane): void {
  lane.worker?.stop();
  lane.worker = undefined;
}

async function judge(
  lane: Lane,
  index: number,
  tests: readonly TestRecord[],
  hint: string | undefined,
): Promise<Verdict> {
  if (tests.length === 0) return { outcome: "unreached", tests: 0 };
  const hinted = tests.filter(({ title }) => title === hint);
  const others = tests.filter(({ title }) => title !== hint);
  for (const slice of [hinted, others.slice(0, FIRST_TESTS), others.slice(FIRST_TESTS)]) {
    if (slice.length === 0) continue;
    const usual = slice.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const order: Order = { kind: "run", beneficiary: beneficiaryOf(index), titles: slice.map(({ title }) => title) };
    const result = await runIn(lane, order, TIMEOUT_LEAST_MS + TIMEOUT_FACTOR * usual);
    if (result === undefined) return { outcome: "timeout", tests: tests.length };
    if (result.failed !== undefined) {
      lane.done++;
      return { outcome: "killed", by: result.failed, tests: tests.length };
    }
  }
  lane.done++;
  return { outcome: "survived", tests: tests.length };
}

export interface Campaign {
  readonly build: string;
  readonly records: readonly TestRecord[];
  /** The mutants to judge. */
  readonly indices: readonly number[];
  readonly lanes: number;
  /** How long it begins new ones. */
  readonly minutes: number;
  /** The test that noticed a mutant the last time. */
  readonly hint: (index: number) => string | undefined;
  readonly report: (index: number, verdict: Verdict) => void;
}

export async function runCampaign({ build, records, indices, lanes, minutes, hint, report }: Campaign): Promise<void> {
  const left = [...indices];
  const files = [...new Set(records.map(({ file }) => file))];
  const end = performance.now() + minutes * 60_000;
  const work = async (): Promise<void> => {
    const lane: Lane = { build, files, worker: undefined, done: 0 };
    for (let index = left.shift(); index !== undefined && performance.now() < end; index = left.shift()) {
      report(index, await judge(lane, index, testsOf(records, index), hint(index)));
    }
    stopLane(lane);
  };
  await Promise.all(Array.from({ length: lanes }, work));
}
