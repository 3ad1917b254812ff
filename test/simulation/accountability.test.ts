import { describe, expect, it } from "vitest";

import { checkAccountability } from "./checkers/accountability.ts";
import { checkAgreement } from "./checkers/agreement.ts";
import { checkSlashable } from "./checkers/slashable.ts";
import { World } from "./world.ts";

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

describe("accountability", () => {
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
