import { heightOf } from "../../src/cli/start/scenario.ts";
import { createLayout } from "../../src/cli/start/layout.ts";
import { bringUp, type LocalNetwork } from "../../src/cli/start/network.ts";
import { createProcesses, describeExit, type Managed } from "../../src/cli/start/processes.ts";
import { createProgress } from "../../src/cli/start/progress.ts";
import type { LocalValidator } from "../../src/cli/start/validators.ts";
import { blockPage, evidencePage } from "../../src/lightclient/wireViews.ts";
import { sleep, systemClock } from "../../src/runtime/clock.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { memoryOf, trendOf, type MemorySample } from "./memory.ts";
import { createUsers, type Users, type UsersReport } from "./users.ts";

/**
 * Validators as separate processes under load, one killed without warning (SIGKILL) every few seconds and started
 * again. The first one is spared: what a process holds after minutes can be seen only in one that lives so long. All the
 * others are fair game, so no quorum is ever made of spared ones.
 */
export interface SoakOptions {
  readonly validators: number;
  readonly seconds: number;
  /** Expected pause between two kills. */
  readonly killEverySeconds: number;
  readonly transactionsPerSecond: number;
  readonly json: boolean;
  /** Kept for a look afterwards; a fresh temporary directory when absent. */
  readonly dataDir?: string;
}

export interface SoakReport extends UsersReport {
  readonly seconds: number;
  readonly kills: number;
  readonly blocks: number;
  readonly epochs: number;
  /** Of the spared validator: first and last level and trend, after a minute of warming up (or half of a short run). */
  readonly rssStartBytes: number;
  readonly rssEndBytes: number;
  readonly rssSlopeBytesPerMinute: number;
  /** The same without pages of mapped files, which the system takes back when it needs them. */
  readonly anonymousStartBytes: number;
  readonly anonymousEndBytes: number;
  readonly anonymousSlopeBytesPerMinute: number;
  /** The most that any process ever held. */
  readonly rssMaxBytes: number;
  /** Conflicting blocks, and evidence of offences that honest validators cannot have committed. */
  readonly safetyViolations: number;
  /** Processes that ended by themselves. */
  readonly unexpectedExits: number;
  /** The longest time without a new final block anywhere. */
  readonly longestPauseMs: number;
  readonly stalled: boolean;
  /** What went wrong, in words. */
  readonly findings: readonly string[];
}

/** Nothing final for so long, with a quorum up again long since, is a stall. */
export const STALL_MS = 60_000;
/** How long the end may take: everything accepted final, everybody at one height. */
const SETTLE_MS = 120_000;
const SAMPLE_MS = 1_000;
/** A line about height and memory. */
const LINE_EVERY = 10;
/** A process that just started still fills its heap and its caches. */
const WARM_UP_SAMPLES = 60;
const DOWN_MS = 1_500;
const EPOCH_BLOCKS = 50;
const PAGE = 100;
const FINDINGS_MAX = 50;
/** Anonymous memory may end so much above where it was after the warm-up. */
export const GROWTH_BYTES_MAX = 64 * 1024 * 1024;

interface Soak {
  readonly options: SoakOptions;
  readonly network: LocalNetwork;
  readonly control: AbortController;
  readonly samples: MemorySample[];
  readonly findings: string[];
  kills: number;
  height: bigint;
  progressMs: number;
  longestPauseMs: number;
  rssMaxBytes: number;
  unexpectedExits: number;
}

/** Runs one soak from nothing to its report. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const processes = createProcesses();
  const control = new AbortController();
  const progress = createProgress(true);
  try {
    const network = await bringUp({
      options: {
        ...{ blocks: undefined, json: true, chaos: true, validators: options.validators, timeoutSeconds: 3_600 },
        dataDir: options.dataDir,
      },
      layout: createLayout(options.dataDir),
      epochLength: EPOCH_BLOCKS,
      ...{ processes, progress, signal: control.signal },
      isRelayed: false,
    });
    const nowMs = systemClock.monotonicMs();
    const soak: Soak = {
      ...{ options, network, control, samples: [], findings: [] },
      ...{ kills: 0, height: 0n, progressMs: nowMs, longestPauseMs: 0, rssMaxBytes: 0, unexpectedExits: 0 },
    };
    processes.onUnexpectedExit((ended) => {
      noteExit(soak, ended);
    });
    return await underLoad(soak);
  } finally {
    control.abort();
    await processes.stopAll();
  }
}

function noteExit(soak: Soak, ended: Managed): void {
  soak.unexpectedExits += 1;
  find(soak, describeExit(ended));
}

function find(soak: Soak, finding: string): void {
  if (soak.findings.length < FINDINGS_MAX) soak.findings.push(finding);
}

async function underLoad(soak: Soak): Promise<SoakReport> {
  const { options, network, control } = soak;
  const users = await createUsers(network, options.transactionsPerSecond);
  const background = Promise.all([users.run(control.signal), watch(soak)]);
  const failed = new Promise<never>((_, reject) => {
    background.catch((error: unknown) => {
      if (!control.signal.aborted) reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
  const startedMs = systemClock.monotonicMs();
  await Promise.race([failed, killing(soak, startedMs + options.seconds * 1_000)]);
  users.stopTraffic();
  const isSettled = await Promise.race([failed, settle(soak, users)]);
  control.abort();
  const safetyViolations = await checkChains(soak);
  return reportOf(soak, users.report(), safetyViolations, isSettled, systemClock.monotonicMs() - startedMs);
}

/** Height and memory, every second. */
async function watch(soak: Soak): Promise<void> {
  const { network, control } = soak;
  for (let line = 1; !control.signal.aborted; line++) {
    await sleep(systemClock, SAMPLE_MS);
    const nowMs = systemClock.monotonicMs();
    const heights = await Promise.all(network.validators.map(knownHeight));
    const height = heights.reduce((a, b) => (a > b ? a : b), 0n);
    if (height > soak.height) {
      soak.height = height;
      soak.progressMs = nowMs;
    }
    soak.longestPauseMs = Math.max(soak.longestPauseMs, nowMs - soak.progressMs);
    for (const [index, validator] of network.validators.entries()) {
      const sample = validator.process === undefined ? undefined : memoryOf(validator.process.pid, nowMs);
      if (sample === undefined) continue;
      soak.rssMaxBytes = Math.max(soak.rssMaxBytes, sample.rssBytes);
      if (index === 0) soak.samples.push(sample);
    }
    if (line % LINE_EVERY === 0) tell(soak);
  }
}

function tell({ samples, height, kills }: Soak): void {
  const last = samples.at(-1);
  const megabytes = (bytes = 0): string => (bytes / 1e6).toFixed(0);
  process.stderr.write(
    `height ${String(height)}, ${String(kills)} kills, ${megabytes(last?.rssBytes)} MB (${megabytes(last?.anonymousBytes)} MB anonymous)\n`,
  );
}

/** Zero while it does not answer. */
function knownHeight({ apiUrl }: LocalValidator): Promise<bigint> {
  return heightOf(apiUrl).catch(() => 0n);
}

async function killing(soak: Soak, untilMs: number): Promise<void> {
  const { network, options } = soak;
  while (systemClock.monotonicMs() < untilMs) {
    await sleep(systemClock, options.killEverySeconds * 1_000 * (0.5 + systemRandom.fraction()));
    const victims = network.validators.slice(1);
    const victim = victims[Math.floor(systemRandom.fraction() * victims.length)];
    if (victim?.process === undefined || systemClock.monotonicMs() >= untilMs) continue;
    await victim.process.kill();
    soak.kills += 1;
    process.stderr.write(`kill -9 ${victim.name} at height ${String(soak.height)}\n`);
    await sleep(systemClock, systemRandom.fraction() * DOWN_MS);
    await restart(soak, victim);
  }
}

/** A machine that is busy may take longer than the start waits; only a process that ended has failed. */
async function restart({ network }: Soak, victim: LocalValidator): Promise<void> {
  try {
    await network.startValidator(victim);
  } catch (error) {
    if (victim.process === undefined || victim.process.exit() !== undefined) throw error;
  }
}

/** Until everything accepted is final and all validators stand at one height; false when that takes too long. */
async function settle(soak: Soak, users: Users): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + SETTLE_MS;
  const goal = soak.height + 5n;
  while (systemClock.monotonicMs() < deadlineMs) {
    const heights = await Promise.all(soak.network.validators.map(knownHeight));
    if (users.missing() === 0 && heights.every((height) => height >= goal)) return true;
    await sleep(systemClock, SAMPLE_MS);
  }
  find(soak, `after ${String(SETTLE_MS)} ms ${String(users.missing())} transactions are not final`);
  return false;
}

/** Every validator's chain against the first one's, and nobody has evidence against anybody. */
async function checkChains(soak: Soak): Promise<number> {
  let violations = 0;
  const { validators } = soak.network;
  const chains = await Promise.all(validators.map(({ apiUrl }) => hashesOf(apiUrl)));
  const [first = []] = chains;
  for (const [index, chain] of chains.entries()) {
    const at = chain.findIndex((hash, height) => first[height] !== undefined && first[height] !== hash);
    if (at === -1) continue;
    violations += 1;
    find(soak, `${validators[index]?.name ?? ""} has another block at height ${String(at)}`);
  }
  for (const { name, apiUrl } of validators) {
    const { entries } = evidencePage.parse(await ask(`${apiUrl}/v1/evidence?from=0`));
    violations += entries.length;
    if (entries.length > 0) find(soak, `${name} holds ${String(entries.length)} pieces of evidence`);
  }
  return violations;
}

async function hashesOf(apiUrl: string): Promise<string[]> {
  const hashes: string[] = [];
  for (;;) {
    const page = blockPage.parse(await ask(`${apiUrl}/v1/blocks?from=${String(hashes.length)}&limit=${String(PAGE)}`));
    hashes.push(...page.blocks.map(({ hash }) => hash));
    if (page.next === undefined || page.blocks.length === 0) return hashes;
  }
}

async function ask(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

function reportOf(
  soak: Soak,
  users: UsersReport,
  safetyViolations: number,
  isSettled: boolean,
  elapsedMs: number,
): SoakReport {
  const steady = soak.samples.slice(Math.min(WARM_UP_SAMPLES, Math.floor(soak.samples.length / 2)));
  const resident = trendOf(steady);
  const anonymous = trendOf(steady, ({ anonymousBytes }) => anonymousBytes);
  return {
    seconds: Math.round(elapsedMs / 1_000),
    kills: soak.kills,
    blocks: Number(soak.height),
    epochs: Math.ceil(Number(soak.height) / EPOCH_BLOCKS),
    ...users,
    rssStartBytes: resident.startBytes,
    rssEndBytes: resident.endBytes,
    rssSlopeBytesPerMinute: resident.slopeBytesPerMinute,
    anonymousStartBytes: anonymous.startBytes,
    anonymousEndBytes: anonymous.endBytes,
    anonymousSlopeBytesPerMinute: anonymous.slopeBytesPerMinute,
    rssMaxBytes: soak.rssMaxBytes,
    safetyViolations,
    unexpectedExits: soak.unexpectedExits,
    longestPauseMs: Math.round(soak.longestPauseMs),
    stalled: !isSettled || soak.longestPauseMs > STALL_MS,
    findings: soak.findings,
  };
}

/** Why a soak failed; empty when it did not. */
export function failuresOf(report: SoakReport): string[] {
  const failures: string[] = [];
  if (report.safetyViolations > 0) failures.push(`${String(report.safetyViolations)} safety violations`);
  if (report.transactionsLost > 0) failures.push(`${String(report.transactionsLost)} transactions lost`);
  if (report.duplicates > 0) failures.push(`${String(report.duplicates)} transactions finalized twice`);
  if (report.unexpectedExits > 0) failures.push(`${String(report.unexpectedExits)} processes ended by themselves`);
  if (report.stalled) failures.push("stalled");
  const grownBytes = report.anonymousEndBytes - report.anonymousStartBytes;
  if (grownBytes > GROWTH_BYTES_MAX) failures.push(`memory grew by ${String(grownBytes)} bytes`);
  return failures;
}
