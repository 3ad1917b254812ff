import { describe, expect, it } from "vitest";

import type { AppliedResume } from "../../src/engine/l1View.ts";
import type { ResumeRefusal, ResumeRequest } from "../../src/lightclient/nodeQueries.ts";
import { CommitteeId, Epoch, Height } from "../../src/protocol/scalars.ts";
import { expectPresent } from "../../src/runtime/assert.ts";
import { checkSlashable } from "../simulation/checkers/slashable.ts";
import { World } from "../simulation/world.ts";

/**
 * Committee 1 is validators 0 to 3; 2 and 3 run twins and fork it. Committee 2 is 0, 1, 4 and 5, of which 0 and 4 have a
 * quorum. A follower listens on each side. What the left side has (0, 4) is what L1 resumes.
 */
const HONEST = [0, 1, 4, 5] as const;
const FOLLOWERS = [6, 7] as const;
const RIGHT = new Set([1, 5, 7, 8, 9]);

async function forkedWorld(seed: bigint): Promise<World> {
  const weights = [
    [4n, 3n],
    [4n, 1n],
    [4n, 0n],
    [4n, 0n],
    [0n, 3n],
    [0n, 1n],
  ];
  const world = new World({
    seed,
    validators: weights.map((each, index) => ({ weights: each, isHonest: index !== 2 && index !== 3 })),
    followers: 2,
    twins: [2, 3],
    side: (machine) => (RIGHT.has(machine) ? "right" : "left"),
  });
  world.start();
  await world.run(2_000);
  world.network.isSplit = true;
  await world.run(9_000);
  return world;
}

/** L1 hears of the fork, and makes a new committee. */
async function freeze(world: World, sharedHeight: bigint): Promise<void> {
  const block = await engineOf(world, 0).blockAt(Height(sharedHeight));
  const epoch = expectPresent(block, "a shared block").header.epoch;
  world.l1.checkpoint = { height: Height(sharedHeight), epoch, committee: CommitteeId(1n) };
  world.l1.lightClient = "frozen";
  world.rotate();
  await world.run(world.scheduler.nowMs + 4_000);
}

function engineOf(world: World, machine: number) {
  return expectPresent(world.machines[machine]?.engine, `engine ${String(machine)}`);
}

/** The operator of a machine decides; time passes until the node has answered. */
async function decide(world: World, machine: number, resume: ResumeRequest): Promise<ResumeRefusal | undefined> {
  const answer = engineOf(world, machine).signResume(resume);
  await world.run(world.scheduler.nowMs + 500);
  return answer;
}

/** The highest block that both sides have. */
async function sharedHeight(world: World): Promise<bigint> {
  for (let height = world.heights[0] ?? 0n; height > 0n; height--) {
    const [left, right] = await Promise.all([0, 1].map((index) => engineOf(world, index).blockAt(Height(height))));
    if (left !== undefined && left.hash === right?.hash) return height;
  }
  return 0n;
}

async function applied(world: World, resume: AppliedResume): Promise<void> {
  world.l1.resumes.push(resume);
  const { epoch, committee, height } = resume;
  world.l1.checkpoint = { epoch, committee, height };
  world.l1.lightClient = "live";
  await world.run(world.scheduler.nowMs + 1_500);
}

async function untilAbove(world: World, height: bigint, withinMs: number): Promise<void> {
  const done = (): boolean => [...HONEST, ...FOLLOWERS].every((index) => (world.heights[index] ?? 0n) > height);
  await world.run(world.scheduler.nowMs + withinMs, done);
}

describe("a forked chain", () => {
  it("RESUME-5: goes on from the block that L1 resumes, in one piece, with everyone", { timeout: 60_000 }, async () => {
    const world = await forkedWorld(1n);
    const shared = await sharedHeight(world);
    const left = engineOf(world, 0);
    const tip = await left.status();
    expect(tip.height).toBeGreaterThan(shared);
    expect((await engineOf(world, 1).status()).height).toBeGreaterThan(shared);
    world.network.isSplit = false;
    await freeze(world, shared);

    const resume = { epoch: Epoch(tip.epoch + 5n), block: tip.hash, committee: CommitteeId(2n) };
    expect(await decide(world, 1, resume)).toMatchObject({ code: "unknown-block" });
    expect(await decide(world, 0, resume)).toBeUndefined();
    expect(await left.resume()).toBeUndefined();
    expect(await decide(world, 4, resume)).toBeUndefined();
    const certified = expectPresent(await left.resume(), "a certified resume");
    expect(certified.message).toEqual(resume);
    expect(certified.header.height).toBe(tip.height);

    await applied(world, { ...resume, height: tip.height });
    const goal = tip.height + 8n;
    await untilAbove(world, goal, 30_000);
    for (const index of [...HONEST, ...FOLLOWERS]) {
      const engine = engineOf(world, index);
      for (let height = 1n; height <= goal; height++) {
        const [own, other] = await Promise.all([engine.blockAt(Height(height)), left.blockAt(Height(height))]);
        expect(own?.hash, `machine ${String(index)} at ${String(height)}`).toBe(other?.hash);
        if (height > tip.height) expect(own?.header.epoch).toBe(resume.epoch);
      }
      expect((await engine.resume())?.message).toBeUndefined();
    }
    expect(world.trace.fatal).toEqual([]);
    expect(checkSlashable(world.trace, new Set(HONEST))).toEqual([]);
  });
});
