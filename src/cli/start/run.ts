import { rmSync } from "node:fs";

import { systemClock } from "../../runtime/clock.ts";
import { createLayout } from "./layout.ts";
import { EPOCH_BLOCKS, SHORT_EPOCH_BLOCKS } from "./localCluster.ts";
import { bringUp } from "./network.ts";
import { StartError, type StartOptions } from "./options.ts";
import { createProcesses, describeExit } from "./processes.ts";
import { createProgress, type Progress } from "./progress.ts";
import { createReport, type Report } from "./report.ts";
import { createScene, joinFifth, killAndRestart, until, type Scene } from "./scenario.ts";

/** Why a run ended before its time. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Proofs that are checked on L1 at the same time. */
const CHECKS_AT_ONCE = 8;
/** As shells report a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What a run came to: a report when one was asked for, the exit code always. */
export interface Outcome {
  readonly exitCode: number;
  readonly report?: Report;
  readonly failure?: string;
}

/**
 * Brings the network up, lets it run, and ends every process that it started, whatever happened. Nothing is left
 * behind; the data directory is removed if it was a temporary one and all went well.
 */
export async function runLocalNetwork(options: StartOptions): Promise<Outcome> {
  const progress = createProgress(options.json);
  const processes = createProcesses();
  const control = new AbortController();
  const ignoreSignals = watchSignals(control, progress);
  processes.onUnexpectedExit((ended) => {
    control.abort(new StartError(describeExit(ended)));
  });
  const timeout = limitTime(options, control);
  const startedAt = systemClock.monotonicMs();
  const layout = createLayout(options.dataDir);
  let outcome: Outcome;
  try {
    const epochLength = options.blocks === undefined ? EPOCH_BLOCKS : SHORT_EPOCH_BLOCKS;
    const signal = control.signal;
    const network = await orAborted(bringUp({ options, layout, epochLength, processes, progress, signal }), signal);
    const scene = await createScene({ network, processes, progress, options, signal });
    const report = await orAborted(play(scene, startedAt), signal);
    outcome = { exitCode: 0, report };
  } catch (error) {
    outcome = outcomeOf(error, options);
  }
  timeout();
  control.abort();
  progress.step("ending every process");
  const killed = await processes.stopAll();
  ignoreSignals();
  if (killed.length > 0 && outcome.exitCode === 0) {
    outcome = { exitCode: 1, failure: `${killed.join(", ")} did not end when asked to` };
  }
  if (outcome.exitCode === 0 && options.dataDir === undefined) {
    rmSync(layout.dataDir, { recursive: true, force: true });
  }
  return outcome;
}

function outcomeOf(error: unknown, options: StartOptions): Outcome {
  // Ctrl-C is how a network without a set end is meant to be ended.
  if (error instanceof Interrupted) {
    return options.blocks === undefined
      ? { exitCode: 0 }
      : { exitCode: EXIT_INTERRUPTED, failure: "interrupted before the blocks were there" };
  }
  return { exitCode: 1, failure: error instanceof Error ? error.message : String(error) };
}

/** Returns the way to stop watching. */
function watchSignals(control: AbortController, progress: Progress): () => void {
  let count = 0;
  const end = (name: NodeJS.Signals): void => {
    count += 1;
    // The reaper ends the children of an impatient user's network.
    if (count > 2) process.exit(EXIT_INTERRUPTED);
    progress.step(`${name}: ending`);
    control.abort(new Interrupted(name));
  };
  for (const name of SIGNALS) process.on(name, end);
  return () => {
    for (const name of SIGNALS) process.off(name, end);
  };
}

function limitTime(options: StartOptions, control: AbortController): () => void {
  if (options.blocks === undefined) return () => undefined;
  return systemClock.setTimer(options.timeoutSeconds * 1_000, () => {
    control.abort(new StartError(`not done after ${String(options.timeoutSeconds)} s`));
  });
}

/** Whatever comes first: the work's end, or the reason for which it is given up. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_resolve, reject) => {
    const fail = (): void => {
      const reason: unknown = signal.reason;
      reject(reason instanceof Error ? reason : new StartError("stopped"));
    };
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
  // Work that was given up may still fail while its processes are being ended; that is no news.
  work.catch(() => undefined);
  return Promise.race([work, aborted]);
}

async function play(scene: Scene, startedAt: number): Promise<Report> {
  const { rollups, chain, checkpoints, signal, options, progress, network } = scene;
  const background = [...rollups.map((rollup) => rollup.run(signal)), chain.run(signal), checkpoints.run(signal)];
  const failed = Promise.all(background).then(() => new Promise<never>(() => undefined));
  const acts = async (): Promise<Report> => {
    await until(scene, "the first block is final", () => chain.height() >= 1n);
    if (options.blocks === undefined) await showOff(scene);
    const blocks = BigInt(options.blocks ?? 0);
    await Promise.all([joinFifth(scene), ...(options.chaos ? [killAndRestart(scene)] : [])]);
    await until(scene, `block ${String(blocks)} is final`, () => chain.height() >= blocks);
    for (const rollup of rollups) rollup.stopTraffic();
    const confirmed = await confirmAll(scene);
    await until(scene, `block ${String(blocks)} is on L1`, () => checkpoints.height() >= blocks);
    const l1Client = await network.chain.clientVersion();
    progress.step("done");
    return createReport(scene, l1Client, confirmed, systemClock.monotonicMs() - startedAt);
  };
  return Promise.race([acts(), failed]);
}

/** A network that runs on: proves something at once, lets the fifth validator join, and then shows what happens. */
async function showOff(scene: Scene): Promise<never> {
  await proveOneEach(scene);
  await joinFifth(scene);
  scene.progress.note("The network runs on; Ctrl-C ends it and everything it started.");
  return new Promise<never>(() => undefined);
}

/** For each rollup, one user's transaction is proven in an L1 transaction. */
async function proveOneEach(scene: Scene): Promise<void> {
  const { rollups, checkpoints, prover, progress } = scene;
  for (const rollup of rollups) {
    const onL1 = () =>
      [...rollup.transactions.values()].find(
        ({ heights: [height] }) => height !== undefined && height <= checkpoints.height(),
      );
    await until(scene, `a transaction of ${rollup.name} is below a checkpoint on L1`, () => onL1() !== undefined);
    const transaction = onL1();
    if (transaction === undefined) throw new StartError(`${rollup.name} has no transaction below a checkpoint`);
    const gas = await prover.prove(rollup, transaction);
    progress.event(
      "proof",
      `${rollup.name}: ${transaction.hash} in block ${String(transaction.heights[0])} confirmed on L1 for ${String(gas)} gas`,
    );
  }
}

/** Every transaction that any user submitted is in exactly one place, and L1 agrees. */
async function confirmAll(scene: Scene): Promise<number> {
  const { rollups, checkpoints, chain, prover, progress } = scene;
  await proveOneEach(scene);
  for (const rollup of rollups) {
    const all = [...rollup.transactions.values()];
    await until(scene, `all of ${rollup.name} is final`, () => all.every(({ heights }) => heights.length > 0));
    const last = all.reduce((top, { heights: [height] }) => (height !== undefined && height > top ? height : top), 0n);
    await until(scene, `block ${String(last)} is on L1`, () => checkpoints.height() >= last);
    await inParallel(CHECKS_AT_ONCE, all, (transaction) => prover.check(rollup, transaction));
    progress.event("proof", `${rollup.name}: all ${String(all.length)} transactions confirmed on L1`);
  }
  // A second copy could stand in any later block: everything up to the newest block is read before this is said.
  const end = chain.height();
  for (const rollup of rollups) {
    await until(scene, `${rollup.name} has read block ${String(end)}`, () => rollup.height() >= end);
    for (const { hash, heights } of rollup.transactions.values()) {
      if (heights.length !== 1)
        throw new StartError(
          `${rollup.name}: ${hash} stands in ${String(heights.length)} places: ${heights.join(", ")}`,
        );
    }
  }
  return rollups.reduce((sum, rollup) => sum + rollup.transactions.size, 0);
}

/** Does the same with every item, so many at a time. */
async function inParallel<T>(width: number, items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const work = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: width }, work));
}
