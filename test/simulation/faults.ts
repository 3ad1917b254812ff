import type { Random } from "../../src/runtime/random.ts";
import { CALM, type LinkConditions } from "./network.ts";
import type { Machine } from "./machine.ts";
import type { World } from "./world.ts";

/** How often each fault was brought about. */
export type FaultCounts = Record<string, number>;

export interface FaultPlan {
  /** From here on the world is calm and everybody is up. */
  readonly stabilizationMs: number;
  /** Machines that may be crashed, cut off and skewed: the honest ones. */
  readonly honest: readonly number[];
  /** Expected pause between two faults. */
  readonly pauseMs: number;
}

/** Integers from 0 to below `end`. */
export function below(random: Random, end: number): number {
  return Math.floor(random.fraction() * end);
}

export function pick<T>(random: Random, items: readonly T[]): T | undefined {
  return items[below(random, items.length)];
}

function count(counts: FaultCounts, fault: string, by = 1): void {
  counts[fault] = (counts[fault] ?? 0) + by;
}

type Fault = (world: World, plan: FaultPlan, random: Random, counts: FaultCounts) => void;

/** Until when a fault that begins now lasts: never beyond stabilization. */
function until(world: World, plan: FaultPlan, random: Random, maxMs: number): number {
  return Math.min(world.scheduler.nowMs + random.fraction() * maxMs, plan.stabilizationMs);
}

const crash: Fault = (world, plan, random, counts) => {
  const machine = world.machines[pick(random, plan.honest) ?? -1];
  if (machine?.isUp === true) bringDown(machine, world, plan, random, counts);
};

/** The power goes while something is on its way to the disk. */
const crashWhileWriting: Fault = (world, plan, random, counts) => {
  const machine = world.machines[pick(random, plan.honest) ?? -1];
  if (machine?.isUp !== true) return;
  const { clock } = machine;
  machine.disk.onWrite = () => {
    machine.disk.onWrite = undefined;
    world.scheduler.after(random.fraction() * 2, () => {
      const isSame = machine.clock === clock && machine.isUp && world.scheduler.nowMs < plan.stabilizationMs;
      if (isSame) bringDown(machine, world, plan, random, counts);
    });
  };
};

function bringDown(machine: Machine, world: World, plan: FaultPlan, random: Random, counts: FaultCounts): void {
  const { lost, torn } = machine.crash();
  count(counts, "crashes");
  count(counts, "lostWrites", lost);
  count(counts, "tornWrites", torn);
  world.scheduler.at(until(world, plan, random, 6_000), () => {
    machine.restart();
  });
}

const partition: Fault = (world, plan, random, counts) => {
  const side = new Set(world.machines.map((machine) => machine.options.peer).filter(() => random.fraction() < 0.5));
  const isAsymmetric = random.fraction() < 0.4;
  const cuts: string[] = [];
  for (const from of world.machines) {
    for (const to of world.machines) {
      const [a, b] = [from.options.peer, to.options.peer];
      if (side.has(a) && !side.has(b)) cuts.push(`${a}>${b}`);
      if (!isAsymmetric && !side.has(a) && side.has(b)) cuts.push(`${a}>${b}`);
    }
  }
  count(counts, isAsymmetric ? "asymmetricPartitions" : "partitions");
  for (const cut of cuts) world.network.cuts.add(cut);
  world.scheduler.at(until(world, plan, random, 5_000), () => {
    for (const cut of cuts) world.network.cuts.delete(cut);
  });
};

const weather: Fault = (world, plan, random, counts) => {
  const conditions: LinkConditions = {
    delayMinMs: 1,
    delayMaxMs: 20 + random.fraction() * 400,
    loss: random.fraction() * 0.3,
    duplication: random.fraction() * 0.3,
  };
  count(counts, "badWeather");
  world.network.conditions = conditions;
  world.scheduler.at(until(world, plan, random, 4_000), () => {
    if (world.network.conditions === conditions) world.network.conditions = CALM;
  });
};

const slowNode: Fault = (world, plan, random, counts) => {
  const peer = world.machines[pick(random, plan.honest) ?? -1]?.options.peer;
  if (peer === undefined) return;
  count(counts, "slowNodes");
  world.network.slowMs.set(peer, random.fraction() * 600);
  world.scheduler.at(until(world, plan, random, 5_000), () => {
    world.network.slowMs.delete(peer);
  });
};

/** One direction of one link carries everything, late. */
const slowLink: Fault = (world, plan, random, counts) => {
  const [from, to] = [pick(random, world.machines)?.options.peer, pick(random, world.machines)?.options.peer];
  if (from === undefined || to === undefined || from === to) return;
  count(counts, "slowLinks");
  world.network.slowLinks.set(`${from}>${to}`, random.fraction() * 1_500);
  world.scheduler.at(until(world, plan, random, 5_000), () => {
    world.network.slowLinks.delete(`${from}>${to}`);
  });
};

/** Some rows of a block store can be read no more: sectors fail, bits rot. */
const bitRot: Fault = (world, plan, random, counts) => {
  const machine = world.machines[pick(random, plan.honest) ?? -1];
  for (let row = 0; row <= below(random, 4); row++) {
    if (machine?.disk.store.rot(random, () => true) === true) count(counts, "rottenRows");
  }
};

/** L1 replaces blocks that were not final yet. */
const l1Reorg: Fault = (world, _plan, _random, counts) => {
  if (world.l1.reorg()) count(counts, "l1Reorgs");
};

const clockJump: Fault = (world, plan, random, counts) => {
  const machine = world.machines[pick(random, plan.honest) ?? -1];
  if (machine === undefined) return;
  count(counts, "clockJumps");
  machine.jump(Math.floor((random.fraction() - 0.5) * 3_000));
  world.scheduler.at(until(world, plan, random, 4_000), () => {
    machine.jump(0);
  });
};

const l1Outage: Fault = (world, plan, random, counts) => {
  const view = world.l1Views[pick(random, plan.honest) ?? -1];
  if (view === undefined) return;
  count(counts, "l1Outages");
  view.setReachable(false);
  world.scheduler.at(until(world, plan, random, 8_000), () => {
    view.setReachable(true);
  });
};

const FAULTS: readonly Fault[] = [
  crash,
  crashWhileWriting,
  crashWhileWriting,
  partition,
  weather,
  slowNode,
  clockJump,
  l1Outage,
  slowLink,
  bitRot,
  l1Reorg,
];

/** Plans faults by chance until stabilization; afterwards everything is calm again. */
export function planFaults(world: World, plan: FaultPlan, random: Random, counts: FaultCounts): void {
  const next = (): void => {
    const atMs = world.scheduler.nowMs + random.fraction() * 2 * plan.pauseMs;
    if (atMs >= plan.stabilizationMs) return;
    world.scheduler.at(atMs, () => {
      pick(random, FAULTS)?.(world, plan, random, counts);
      next();
    });
  };
  next();
}
