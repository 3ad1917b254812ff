import { describe, expect, it } from "vitest";

import { simulate } from "./random.ts";

const SEEDS = 60;

describe("consensus under random faults", () => {
  for (const [name, options] of [
    ["4 equal members, one Byzantine", { members: 4, epochLength: 6, byzantine: true }],
    ["4 equal members, an observer, no Byzantine", { members: 4, epochLength: 5, observers: 1 }],
    [
      "uneven weights, the Byzantine one below a third",
      { weights: [30n, 30n, 25n, 15n, 10n], epochLength: 7, byzantine: true },
    ],
  ] as const) {
    it(`${name}: one chain, no honest pair, progress once faults end`, () => {
      const stalled: number[] = [];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, heights } = simulate(seed, 3_000, options);
        expect(violations, `seed ${String(seed)}`).toEqual([]);
        if (heights.atEnd < heights.atHeal + 8n) stalled.push(seed);
      }
      expect(stalled).toEqual([]);
    });
  }
});
