import { describe, expect, it } from "vitest";

import type { AppliedResume } from "../../src/engine/l1View.ts";
import type { FinalizedBlock, ResumeRefusal, ResumeRequest } from "../../src/lightclient/nodeQueries.ts";
import { ZERO_HASH } from "../../src/crypto/hash.ts";
import { CommitteeId, Epoch, Height } from "../../src/protocol/scalars.ts";
import { expectPresent } from "../../src/runtime/assert.ts";
import { seededRandom } from "../../src/runtime/random.ts";
import { checkSlashable } from "../simulation/checkers/slashable.ts";
import { createMemoryStore } from "../../src/storage/memoryStore.ts";
import { World } from "../simulation/world.ts";
import { lonelyEngine, members, stopAll } from "./support/lonelyEngine.ts";

/**
 * Committee 1 is validators 0 to 3; 2 and 3 run twins and fork it. Committee 2 is 0, 1, 4 and 5, of which 0 and 4 have a
 * quorum. A follower listens on each side. What the left side has (0, 4) is what L1 resumes.
 */
const HONEST = [0, 1, 4, 5] as const;
const FOLLOWERS = [6, 7] as const;
const RIGHT = new Set([1, 5, 7, 8, 9]);

async function forkedWorld(seed: bigint, absent?: number): Promise<World> {
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
  if (absent !== undefined) {
    await world.run(50);
    world.machines[absent]?.crash();
  }
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

/** The highest block that both machines have. */
async function sharedBlock(world: World, first: number, second: number): Promise<FinalizedBlock> {
  for (let height = world.heights[first] ?? 0n; height > 0n; height--) {
    const [one, other] = await Promise.all(
      [first, second].map((index) => engineOf(world, index).blockAt(Height(height))),
    );
    if (one !== undefined && one.hash === other?.hash) return one;
  }
  throw new Error("the two have no block in common");
}

async function sharedHeight(world: World): Promise<bigint> {
  return (await sharedBlock(world, 0, 1)).header.height;
}

/** The newest block of the left side that both of the quorum have. */
async function leftTip(world: World) {
  const { hash, header } = await sharedBlock(world, 0, 4);
  return { hash, height: header.height, epoch: header.epoch };
}

async function applied(world: World, resume: AppliedResume): Promise<void> {
  world.l1.resumes.push(resume);
  const { epoch, committee, height } = resume;
  world.l1.checkpoint = { epoch, committee, height };
  world.l1.lightClient = "live";
  await world.run(world.scheduler.nowMs + 1_500);
}

/** Votes of an epoch below `epoch` that these machines signed after they had signed the resume of it. */
function votesBelow(world: World, epoch: bigint, machines: readonly number[]): string[] {
  const resumedAt = new Map<number, number>();
  world.trace.resumed.forEach(({ machine, votes }) => resumedAt.set(machine, votes));
  return world.trace.signed.flatMap(({ machine, vote }, index) => {
    const from = resumedAt.get(machine);
    const isLate = machines.includes(machine) && from !== undefined && index >= from && vote.epoch < epoch;
    return isLate ? [`machine ${String(machine)}: ${vote.kind} in epoch ${String(vote.epoch)}`] : [];
  });
}

async function untilAbove(world: World, height: bigint, withinMs: number): Promise<void> {
  const done = (): boolean => [...HONEST, ...FOLLOWERS].every((index) => (world.heights[index] ?? 0n) > height);
  await world.run(world.scheduler.nowMs + withinMs, done);
}

/** All of these machines have one chain up to `height`, and above the resumed block it is of the resumed epoch. */
async function expectOneChain(world: World, resume: AppliedResume, height: bigint): Promise<void> {
  const first = engineOf(world, 0);
  for (const index of [...HONEST, ...FOLLOWERS]) {
    const engine = engineOf(world, index);
    for (let at = 1n; at <= height; at++) {
      const [own, other] = await Promise.all([engine.blockAt(Height(at)), first.blockAt(Height(at))]);
      expect(own?.hash, `machine ${String(index)} at ${String(at)}`).toBe(other?.hash);
      if (at > resume.height) expect(own?.header.epoch).toBe(resume.epoch);
    }
    expect((await engine.blockAt(resume.height))?.hash).toBe(resume.block);
    expect(await engine.resume()).toBeUndefined();
  }
}

describe("a forked chain", () => {
  it("RESUME-5: goes on from the block that L1 resumes, in one piece, with everyone", { timeout: 60_000 }, async () => {
    const world = await forkedWorld(1n);
    const shared = await sharedHeight(world);
    const left = engineOf(world, 0);
    const tip = await leftTip(world);
    expect(tip.height).toBeGreaterThan(shared);
    expect((await engineOf(world, 1).status()).height).toBeGreaterThan(shared);
    world.network.isSplit = false;
    await freeze(world, shared);

    const resume = { epoch: Epoch(tip.epoch + 5n), block: tip.hash, committee: CommitteeId(2n) };
    expect(await decide(world, 1, resume)).toMatchObject({ code: "unknown-block" });
    expect(await decide(world, 0, { ...resume, epoch: tip.epoch })).toMatchObject({ code: "epoch-out-of-bounds" });
    expect(await decide(world, 0, { ...resume, committee: CommitteeId(1n) })).toMatchObject({
      code: "committee-not-newer",
    });
    expect(await decide(world, 0, resume)).toBeUndefined();
    expect(await left.resume()).toBeUndefined();
    // RESUME-4: 0 and 4 are a quorum of committee 2, and everyone hears of it.
    expect(await decide(world, 4, resume)).toBeUndefined();
    for (const index of [0, 4]) {
      const certified = expectPresent(await engineOf(world, index).resume(), "a certified resume");
      expect(certified.message).toEqual(resume);
      expect(certified.header.height).toBe(tip.height);
    }

    const named = { ...resume, height: tip.height };
    await applied(world, named);
    await untilAbove(world, tip.height + 8n, 30_000);
    await expectOneChain(world, named, tip.height + 8n);
    expect(world.trace.fatal).toEqual([]);
    expect(checkSlashable(world.trace, new Set(HONEST))).toEqual([]);
    expect(votesBelow(world, resume.epoch, HONEST)).toEqual([]);
  });

  it.each([2n, 5n, 6n])(
    "RESUME-2, RESUME-7: whatever machine stops at whatever instant, seed %s",
    { timeout: 60_000 },
    async (seed) => {
      const world = await forkedWorld(1n);
      const shared = await sharedHeight(world);
      const tip = await leftTip(world);
      world.network.isSplit = false;
      await freeze(world, shared);
      const resume = { epoch: Epoch(tip.epoch + 1n), block: tip.hash, committee: CommitteeId(2n) };
      const random = seededRandom(seed);
      const crash = async (machines: readonly number[]): Promise<void> => {
        await world.run(world.scheduler.nowMs + 30 * random.fraction());
        for (const index of machines) world.machines[index]?.crash();
        await world.run(world.scheduler.nowMs + 100);
        for (const index of machines) world.machines[index]?.restart();
        await world.run(world.scheduler.nowMs + 700);
      };
      // Of what was decided before the machine stopped only the record knows; the operator says it again.
      for (const index of [0, 4]) {
        void engineOf(world, index).signResume(resume);
        await crash([index]);
        const again = await decide(world, index, resume);
        expect([undefined, "signer-refused"]).toContain(again?.code);
      }
      await world.run(world.scheduler.nowMs + 6_000);
      expect((await engineOf(world, 4).resume())?.message).toEqual(resume);
      const named = { ...resume, height: tip.height };
      world.l1.resumes.push(named);
      world.l1.checkpoint = named;
      world.l1.lightClient = "live";
      for (let round = 0; round < 6; round++) {
        await world.run(world.scheduler.nowMs + 400 * random.fraction());
        await crash([...HONEST, ...FOLLOWERS].filter(() => random.fraction() < 0.5));
      }
      await untilAbove(world, tip.height + 5n, 60_000);
      await expectOneChain(world, named, tip.height + 5n);
      expect(world.trace.fatal).toEqual([]);
      expect(checkSlashable(world.trace, new Set(HONEST))).toEqual([]);
      expect(votesBelow(world, resume.epoch, HONEST)).toEqual([]);
    },
  );

  it("RESUME-5: an empty machine and late messages of the old branch change nothing", { timeout: 60_000 }, async () => {
    const world = await forkedWorld(1n, FOLLOWERS[0]);
    const shared = await sharedHeight(world);
    const tip = await leftTip(world);
    world.network.isSplit = false;
    await freeze(world, shared);
    // The right side does not hear of L1's word: it goes on with the old branch.
    world.network.isSplit = true;
    const resume = { epoch: Epoch(tip.epoch + 2n), block: tip.hash, committee: CommitteeId(2n) };
    for (const index of [0, 4]) expect(await decide(world, index, resume)).toBeUndefined();
    const named = { ...resume, height: tip.height };
    await applied(world, named);
    await world.run(world.scheduler.nowMs + 3_000);
    world.machines[FOLLOWERS[0]]?.restart();
    world.network.isSplit = false;
    await untilAbove(world, tip.height + 30n, 60_000);
    await expectOneChain(world, named, tip.height + 20n);
    expect(world.trace.fatal).toEqual([]);
    expect(checkSlashable(world.trace, new Set(HONEST))).toEqual([]);
  });
});

describe("an expired chain", () => {
  it("RESUME-5: stands still, also over restarts, and goes on when L1 has applied a resume", async () => {
    const weights = [4n, 4n];
    const world = new World({ seed: 5n, validators: [0, 1, 2, 3].map(() => ({ weights, isHonest: true })) });
    const all = [0, 1, 2, 3];
    world.start();
    await world.run(4_000);
    world.l1.checkpoint = { height: Height(1n), epoch: Epoch(1n), committee: CommitteeId(1n) };
    world.l1.lightClient = "expired";
    await world.run(7_000);
    const stood = [...world.heights];
    expect(new Set(stood).size).toBe(1);
    for (const index of all) world.machines[index]?.crash();
    for (const index of all) world.machines[index]?.restart();
    world.rotate();
    await world.run(12_000);
    expect(world.heights).toEqual(stood);

    const { height, hash, epoch } = await engineOf(world, 0).status();
    const resume = { epoch: Epoch(epoch + 3n), block: hash, committee: CommitteeId(2n) };
    // Two different ones of one epoch by one operator: the second is refused.
    expect(await decide(world, 0, resume)).toBeUndefined();
    const below = expectPresent(await engineOf(world, 0).blockAt(Height(height - 1n)), "a block").hash;
    expect(await decide(world, 0, { ...resume, block: below })).toEqual({
      code: "signer-refused",
      refusal: "contradiction",
    });
    for (const index of [1, 2]) expect(await decide(world, index, resume)).toBeUndefined();
    expect((await engineOf(world, 3).resume())?.message).toEqual(resume);
    await applied(world, { ...resume, height });
    const done = (): boolean => all.every((index) => (world.heights[index] ?? 0n) > height + 10n);
    await world.run(world.scheduler.nowMs + 20_000, done);
    expect(done()).toBe(true);
    expect((await engineOf(world, 3).blockAt(Height(height + 1n)))?.header).toMatchObject({
      epoch: resume.epoch,
      committee: 2n,
      parent: hash,
    });
    expect(checkSlashable(world.trace, new Set(all))).toEqual([]);
    expect(world.trace.fatal).toEqual([]);
  });
});

describe("L1 out of reach", () => {
  const all = [0, 1, 2, 3];
  const validators = all.map(() => ({ weights: [1n], isHonest: true }));

  it("ETH-14: the chain goes on, over handovers and restarts, while the light client was alive when last read", async () => {
    const world = new World({ seed: 9n, validators });
    world.start();
    await world.run(3_000);
    for (const view of world.l1Views) view.setReachable(false);
    const before = world.heights[0] ?? 0n;
    await world.run(6_000);
    for (const index of all) world.machines[index]?.crash();
    for (const index of all) world.machines[index]?.restart();
    await world.run(12_000);
    const { epoch, height } = await engineOf(world, 0).status();
    expect(height).toBeGreaterThan(before + 24n);
    expect(epoch).toBeGreaterThan(2n);
    const block = await engineOf(world, 0).blockAt(height);
    // The anchor is repeated as it was.
    expect(block?.header.l1Number).toBeLessThanOrEqual(4n);
    expect(world.trace.fatal).toEqual([]);
  });

  it("ETH-14: a chain that was halted when L1 was last read stays so over a restart", async () => {
    const world = new World({ seed: 9n, validators });
    world.start();
    await world.run(3_000);
    world.l1.lightClient = "frozen";
    await world.run(5_000);
    for (const view of world.l1Views) view.setReachable(false);
    for (const index of all) world.machines[index]?.crash();
    for (const index of all) world.machines[index]?.restart();
    const stood = [...world.heights];
    const votes = world.trace.signed.length;
    await world.run(12_000);
    expect(world.heights).toEqual(stood);
    expect(world.trace.signed.slice(votes)).toEqual([]);
  });

  it("ETH-14: a client that a resume revived is no leave to vote while that resume was not taken", async () => {
    const store = createMemoryStore();
    const resume = { epoch: Epoch(3n), block: ZERO_HASH, committee: CommitteeId(2n), height: Height(9n) };
    const waiting = await lonelyEngine(3, members, store, { resumes: () => [resume] });
    expect((await waiting.wait(60_000)).filter(({ type }) => type === "vote")).toEqual([]);
    await stopAll();
    // Restarted while L1 is away: nothing says that a resume waits.
    const blind = await lonelyEngine(3, members, store, { lightClient: () => "unknown" });
    expect((await blind.wait(60_000)).filter(({ type }) => type === "vote")).toEqual([]);
    await stopAll();
  });

  it("ETH-14: a node that never read L1 says nothing; one that did votes", async () => {
    const silent = await lonelyEngine(3, members, createMemoryStore(), { lightClient: () => "unknown" });
    expect((await silent.wait(60_000)).filter(({ type }) => type === "vote")).toEqual([]);
    const knowing = await lonelyEngine(3, members);
    expect((await knowing.wait(60_000)).filter(({ type }) => type === "vote")).not.toEqual([]);
    await stopAll();
  });
});
