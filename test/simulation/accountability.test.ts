import { describe, expect, it } from "vitest";

import { checkAccountability } from "./checkers/accountability.ts";
import { checkAgreement } from "./checkers/agreement.ts";
import { checkSlashable } from "./checkers/slashable.ts";
import { World } from "./world.ts";

/** Without late evidence the third leaves too little. */
const DRIFTED_SEEDS = [1n, 3n, 6n];

/** Two of four validators run twins, one pair on each side of a split: each side has a quorum of its own. */
async function fork(seed: bigint): Promise<World> {
  const weights = [65_535n];
  const world = new World({
    seed,
    validators: [0, 1, 2, 3].map((index) => ({ weights, isHonest: index < 2 })),
    twins: [2, 3],
    side: (machine) => (machine === 1 || machine >= 4 ? "right" : "left"),
  });
  world.start();
  await world.run(3_000);
  world.network.isSplit = true;
  await world.run(6_000);
  world.network.isSplit = false;
  await world.run(25_000);
  return world;
}

/**
 * The twins help the two sides in turn, so that their views drift apart; then one side's machine restarts, and only then
 * do the two hear of each other.
 */
async function driftedFork(seed: bigint): Promise<World> {
  const weights = [65_535n];
  const world = new World({
    seed,
    validators: [0, 1, 2, 3].map((index) => ({ weights, isHonest: index < 2 })),
    twins: [2, 3],
    side: (machine) => (machine === 1 || machine >= 4 ? "right" : "left"),
  });
  const run = (ms: number): Promise<void> => world.run(world.scheduler.nowMs + ms);
  world.start();
  await run(3_000);
  world.network.isSplit = true;
  for (const index of [4, 5]) world.machines[index]?.crash();
  await run(2_500 + Number(seed % 4n) * 500);
  for (const index of [2, 3]) world.machines[index]?.crash();
  for (const index of [4, 5]) world.machines[index]?.restart();
  await run(6_000);
  for (const index of [2, 3]) world.machines[index]?.restart();
  await run(1_000);
  world.machines[Number(seed % 2n)]?.crash();
  world.machines[Number(seed % 2n)]?.restart();
  world.network.isSplit = false;
  await run(25_000);
  return world;
}

describe("accountability", () => {
  it("ACC-5, ACC-6: also where the sides drifted apart and one forgot what it held", { timeout: 120_000 }, async () => {
    let forks = 0;
    for (const seed of DRIFTED_SEEDS) {
      const world = await driftedFork(seed);
      const honest = new Set([0, 1]);
      if (checkAgreement(world.trace, honest).length === 0) continue;
      forks += 1;
      const engines = [0, 1].flatMap((index) => world.machines[index]?.engine ?? []);
      const [committee] = world.l1.committees;
      if (committee === undefined) throw new Error("a committee");
      const violations = await checkAccountability(engines, world.l1.committees, committee, new Set([1n, 2n]));
      expect(violations, `seed ${String(seed)}`).toEqual([]);
      expect(checkSlashable(world.trace, honest)).toEqual([]);
      expect(world.trace.fatal).toEqual([]);
    }
    expect(forks).toBeGreaterThan(0);
  });

  it(
    "a coalition beyond a third that forks the chain leaves evidence against more than a third",
    { timeout: 60_000 },
    async () => {
      let forks = 0;
      for (const seed of [1n, 2n]) {
        const world = await fork(seed);
        const honest = new Set([0, 1]);
        if (checkAgreement(world.trace, honest).length === 0) continue;
        forks += 1;
        const engines = [0, 1].flatMap((index) => world.machines[index]?.engine ?? []);
        const [committee] = world.l1.committees;
        if (committee === undefined) throw new Error("a committee");
        const violations = await checkAccountability(engines, world.l1.committees, committee, new Set([1n, 2n]));
        expect(violations, `seed ${String(seed)}`).toEqual([]);
        expect(checkSlashable(world.trace, honest)).toEqual([]);
      }
      expect(forks).toBeGreaterThan(0);
    },
  );
});
