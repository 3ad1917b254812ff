import type { Bls } from "../../src/crypto/bls.ts";
import { keccakHash, type Hash } from "../../src/crypto/hash.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { GENESIS_HEIGHT, Height, NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Random } from "../../src/runtime/random.ts";
import { toHex } from "../../src/codec/hex.ts";
import { BEHAVIOURS } from "./byzantine/all.ts";
import { checkAgreement } from "./checkers/agreement.ts";
import { checkMemory } from "./checkers/memory.ts";
import { checkSlander } from "./checkers/slander.ts";
import { checkSlashable } from "./checkers/slashable.ts";
import { checkValidity } from "./checkers/validity.ts";
import type { Violation } from "./checkers/violation.ts";
import { below, pick, planFaults, type FaultCounts } from "./faults.ts";
import { quickConfig, World, type ValidatorPlan } from "./world.ts";

/** Blocks that every honest node must add after stabilization, and how long it may take. */
export const BLOCKS_AFTER_STABILIZATION = 8n;
export const LIVENESS_MS = 60_000;
const START_MS = 1_500;
const SAMPLE_MS = 1_000;
/** How long bringing back what a disk lost may take, once reading has met all of it. */
const REPAIR_MS = 10_000;
const REREAD_MS = 500;
/** From a quiet life to hardly a moment without a fault. */
const PAUSES_MS = [400, 800, 2_000];

export interface ScenarioResult {
  readonly seed: bigint;
  readonly blocks: number;
  readonly epochs: number;
  readonly faults: FaultCounts;
  readonly violations: readonly Violation[];
  readonly isStalled: boolean;
  /** Of everything that happened: two runs of one seed have the same. */
  readonly digest: Hash;
  readonly events: number;
}

export interface ScenarioOptions {
  readonly bls?: Bls;
  /** How long faults go on. */
  readonly faultsMs?: number;
  readonly logger?: (machine: number) => Logger | undefined;
  /** Replaces what an honest machine has: only for proving that the checkers see a broken rule. */
  readonly sabotage?: (world: World) => void;
}

type Weights = readonly bigint[];

/** Weights of `seats` seats: equal, skewed, one that nearly holds a third, or with dust. */
function weightProfile(random: Random, seats: number): { readonly name: string; readonly weights: Weights } {
  const full = 65_535n;
  switch (below(random, 4)) {
    case 0:
      return { name: "equal", weights: new Array<bigint>(seats).fill(full) };
    case 1:
      return { name: "skewed", weights: Array.from({ length: seats }, (_, i) => full / BigInt(i + 1)) };
    case 2: {
      const others = Array.from({ length: seats - 1 }, () => (2n * full) / BigInt(seats - 1) + 1n);
      return { name: "third", weights: [full, ...others.map((weight) => (weight < full ? weight : full))] };
    }
    default: {
      const heavy = Math.max(4, seats - 2);
      return { name: "dust", weights: Array.from({ length: seats }, (_, i) => (i < heavy ? full : 1n)) };
    }
  }
}

/** Committees over time: each seat keeps its weight, halves it, leaves or comes. At least four stay. */
function committeesOf(random: Random, first: Weights, reserve: number): bigint[][] {
  const rounds = 3;
  const plans = [...first.map((weight) => [weight]), ...Array.from({ length: reserve }, () => [0n])];
  for (let round = 1; round < rounds; round++) {
    for (const [index, plan] of plans.entries()) {
      const now = plan.at(-1) ?? 0n;
      const chance = random.fraction();
      const isReserve = index >= first.length;
      if (isReserve && chance < 0.6) plan.push(65_535n);
      else if (index >= 4 && chance < 0.3) plan.push(0n);
      else plan.push(chance > 0.85 && now > 1n ? now / 2n : now);
    }
  }
  return plans;
}

/** Whether these seats together stay below a third in every committee. */
function isBelowThird(plans: readonly (readonly bigint[])[], chosen: ReadonlySet<number>): boolean {
  const rounds = plans[0]?.length ?? 0;
  for (let round = 0; round < rounds; round++) {
    const weigh = (filter: (index: number) => boolean): bigint =>
      plans.reduce((sum, plan, index) => sum + (filter(index) ? (plan[round] ?? 0n) : 0n), 0n);
    if (3n * weigh((index) => chosen.has(index)) >= weigh(() => true)) return false;
  }
  return true;
}

interface Cast {
  readonly validators: ValidatorPlan[];
  readonly twins: number[];
  readonly followers: number;
  readonly notes: string[];
}

function cast(random: Random): Cast {
  const seats = 4 + below(random, 4);
  const profile = weightProfile(random, seats);
  const plans = committeesOf(random, profile.weights, below(random, 2));
  const adversaries = new Set<number>();
  const notes = [`weights:${profile.name}`];
  for (let tries = below(random, 4); tries > 0; tries--) {
    const candidate = below(random, plans.length);
    if (isBelowThird(plans, new Set([...adversaries, candidate]))) adversaries.add(candidate);
  }
  // Dust holds a shard each all the same: all of it may hold its shards back.
  const dust = profile.weights.flatMap((weight, index) => (weight === 1n ? [index] : []));
  const isHolding = (index: number): boolean => holding.has(index);
  const holding = new Set(
    random.fraction() < 0.5 && isBelowThird(plans, new Set([...adversaries, ...dust])) ? dust : [],
  );
  for (const index of holding) adversaries.add(index);
  const twins: number[] = [];
  const names = Object.keys(BEHAVIOURS);
  const validators = plans.map((weights, index): ValidatorPlan => {
    if (!adversaries.has(index)) return { weights, isHonest: true };
    if (isHolding(index)) {
      notes.push("byzantine:dustWithholder");
      return {
        weights,
        isHonest: false,
        ...(BEHAVIOURS["withholder"] === undefined ? {} : { tamper: BEHAVIOURS["withholder"] }),
      };
    }
    if (random.fraction() < 0.15) {
      twins.push(index);
      notes.push("byzantine:twins");
      return { weights, isHonest: false };
    }
    const name = pick(random, names) ?? "silent";
    notes.push(`byzantine:${name}`);
    const tamper = BEHAVIOURS[name];
    return { weights, isHonest: false, ...(tamper === undefined ? {} : { tamper }) };
  });
  return { validators, twins, followers: below(random, 2), notes };
}

/** Users: they offer transactions and bundles to honest nodes, and remember what was offered. */
class Users {
  readonly offered = new Set<string>();
  readonly #world: World;
  readonly #random: Random;
  readonly #honest: readonly number[];
  #serial = 0;

  constructor(world: World, honest: readonly number[]) {
    this.#world = world;
    this.#random = world.random("users");
    this.#honest = honest;
  }

  /** Offers something every now and then until `untilMs`. */
  keepOffering(untilMs: number): void {
    this.#world.scheduler.after(20 + this.#random.fraction() * 200, () => {
      this.offer();
      if (this.#world.scheduler.nowMs < untilMs) this.keepOffering(untilMs);
    });
  }

  /** One transaction, or at times a bundle, to some honest node; returns what was offered. */
  offer(): Transaction.Transaction[] {
    const machine = this.#world.machines[pick(this.#random, this.#honest) ?? -1];
    const unit = this.#unit();
    if (machine?.engine === undefined || !machine.isUp) return [];
    for (const { namespace, envelope } of unit) this.offered.add(`${String(namespace)}/${toHex(envelope)}`);
    void machine.engine.submit(unit);
    return unit;
  }

  #unit(): Transaction.Transaction[] {
    const random = this.#random;
    const part = (namespace: number): Transaction.BundlePart => {
      this.#serial += 1;
      const data = new Uint8Array(8 + below(random, random.fraction() < 0.1 ? 4_000 : 300));
      new DataView(data.buffer).setUint32(0, this.#serial);
      return { namespace: NamespaceId(BigInt(namespace)), data };
    };
    if (random.fraction() < 0.2) return Transaction.bundle([part(1), part(2 + below(random, 2))]);
    const { namespace, data } = part(1 + below(random, 3));
    return [Transaction.plain(namespace, data)];
  }
}

/** Runs one seed: some faults, then calm; tells what the checkers found. */
export async function runScenario(seed: bigint, options: ScenarioOptions = {}): Promise<ScenarioResult> {
  const { faultsMs = 10_000, bls, logger, sabotage } = options;
  const chance = new World({ seed, validators: [] }).random("plan");
  const { validators, twins, followers, notes } = cast(chance);
  const inlinePayloadBytesMax = chance.fraction() < 0.5 ? 0 : 512;
  const lags = validators.map(() => chance.fraction() * 3_000);
  const skews = validators.map(() => Math.round((chance.fraction() - 0.5) * 300));
  const world = new World({
    seed,
    validators,
    twins,
    followers,
    config: quickConfig({ inlinePayloadBytesMax, epochLength: 6 + below(chance, 20) }),
    l1LagMs: (machine) => lags[machine] ?? 0,
    skewMs: (machine) => skews[machine] ?? 0,
    ...(bls === undefined ? {} : { bls }),
    ...(logger === undefined ? {} : { logger }),
  });
  const honest = world.machines.flatMap((_, index) => (isHonest(validators, followers, index) ? [index] : []));
  sabotage?.(world);
  const faults: FaultCounts = {};
  for (const note of notes) faults[note] = 1;
  const stabilizationMs = START_MS + faultsMs;
  const violations: Violation[] = [];
  world.start();
  planRotations(world, chance, stabilizationMs);
  await world.run(START_MS);
  const users = new Users(world, honest);
  users.keepOffering(stabilizationMs);
  sampleMemory(world, honest, violations);
  planFaults(
    world,
    { stabilizationMs, honest, pauseMs: pick(chance, PAUSES_MS) ?? 700 },
    world.random("faults"),
    faults,
  );
  await world.run(stabilizationMs);
  const isStalled = !(await becomesLive(world, users, honest, stabilizationMs));
  const honestSet = new Set(honest);
  violations.push(
    ...checkAgreement(world.trace, honestSet),
    ...checkSlashable(world.trace, honestSet),
    ...checkSlander(world.network.complaints, new Set(honest.map((index) => world.peer(index)))),
    ...world.trace.fatal
      .filter(({ machine }) => honestSet.has(machine))
      .map(({ machine, error }) => ({
        property: "fault" as const,
        detail: `machine ${String(machine)}: ${String(error.stack)}`,
      })),
  );
  const engine = world.machines[honest[0] ?? 0]?.engine;
  if (engine !== undefined) {
    try {
      await readUntilWhole(world, engine);
      violations.push(...(await whileRunning(world, checkValidity(engine, world.config, users.offered))));
    } catch (error) {
      violations.push({ property: "fault", detail: `reading the chain: ${String(error)}` });
    }
  }
  countNetwork(world, faults);
  const heights = honest.map((index) => world.heights[index] ?? 0n);
  const blocks = Number(heights.reduce((a, b) => (a > b ? a : b), 0n));
  return {
    seed,
    blocks,
    epochs: Math.ceil(blocks / world.config.epochLength),
    faults,
    violations,
    isStalled,
    digest: digestOf(world),
    events: world.scheduler.events,
  };
}

function isHonest(validators: readonly ValidatorPlan[], followers: number, index: number): boolean {
  return index < validators.length ? validators[index]?.isHonest === true : index < validators.length + followers;
}

function planRotations(world: World, random: Random, untilMs: number): void {
  for (let round = 0; round < 2; round++) {
    world.scheduler.at(2_000 + random.fraction() * untilMs, () => {
      world.rotate();
    });
  }
}

function sampleMemory(world: World, honest: readonly number[], violations: Violation[]): void {
  world.scheduler.after(SAMPLE_MS, () => {
    for (const index of honest) {
      const engine = world.machines[index]?.engine;
      if (engine !== undefined) violations.push(...checkMemory(index, engine.sizes()));
    }
    if (violations.length < 100) sampleMemory(world, honest, violations);
  });
}

/** Liveness after stabilization: every honest node gets on, and holds what was offered since. */
async function becomesLive(
  world: World,
  users: Users,
  honest: readonly number[],
  stabilizationMs: number,
): Promise<boolean> {
  const heights = honest.map((index) => world.heights[index] ?? 0n);
  const goal = heights.reduce((a, b) => (a > b ? a : b), 0n) + BLOCKS_AFTER_STABILIZATION;
  await world.run(stabilizationMs + START_MS);
  const awaited = Array.from({ length: 5 }, () => users.offer()).flat();
  const isThere = (): boolean => honest.every((index) => (world.heights[index] ?? 0n) >= goal);
  const deadlineMs = stabilizationMs + LIVENESS_MS;
  await world.run(deadlineMs, isThere);
  if (!isThere()) return false;
  // One more second for each try: inclusion follows within a few views.
  while (world.scheduler.nowMs < deadlineMs) {
    if (await whileRunning(world, isIncluded(world, honest, awaited))) return true;
    await world.run(world.scheduler.nowMs + 500);
  }
  return false;
}

/**
 * Reading meets rows that rotted: what is lost has to be back soon. Only a header that is back lets its payload be read,
 * and that may be damaged, too: whenever a read meets more, the time to bring it back begins again. Each row rots once.
 */
async function readUntilWhole(world: World, engine: Engine): Promise<void> {
  const met = new Set<string>();
  for (let untilMs = world.scheduler.nowMs + REPAIR_MS; world.scheduler.nowMs < untilMs;) {
    const missing = await whileRunning(world, missingRows(engine));
    if (missing.length === 0) return;
    if (missing.some((row) => !met.has(row))) untilMs = world.scheduler.nowMs + REPAIR_MS;
    for (const row of missing) met.add(row);
    await world.run(world.scheduler.nowMs + REREAD_MS);
  }
}

async function missingRows(engine: Engine): Promise<string[]> {
  const missing: string[] = [];
  const { height: top } = await engine.status();
  for (let height = GENESIS_HEIGHT; height <= top; height = Height(height + 1n)) {
    if ((await engine.blockAt(height)) === undefined) missing.push(`block ${String(height)}`);
    else if ((await engine.payload(height)) === undefined) missing.push(`payload ${String(height)}`);
  }
  return missing;
}

/** What reads a store may have to wait for its disk, and so for the world's time to pass. */
async function whileRunning<T>(world: World, work: Promise<T>): Promise<T> {
  const settled = { is: false };
  const end = (): void => {
    settled.is = true;
  };
  work.then(end, end);
  while (!settled.is) await world.run(world.scheduler.nowMs + 10);
  return work;
}

async function isIncluded(
  world: World,
  honest: readonly number[],
  awaited: readonly Transaction.Transaction[],
): Promise<boolean> {
  for (const index of honest) {
    for (const transaction of awaited) {
      const place = await world.machines[index]?.engine?.transaction(
        transaction.namespace,
        Transaction.hash(transaction),
      );
      if (place?.kind !== "finalized") return false;
    }
  }
  return true;
}

function countNetwork(world: World, faults: FaultCounts): void {
  const { lost, duplicated, cut } = world.network.counts;
  Object.assign(faults, { messagesLost: lost, messagesDuplicated: duplicated, messagesCut: cut });
}

function digestOf(world: World): Hash {
  const text = JSON.stringify([world.trace.stored, world.trace.signed, world.network.counts], (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  return keccakHash(new TextEncoder().encode(text));
}
