import { describe, expect, it } from "vitest";

import { NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import { checkAgreement } from "./checkers/agreement.ts";
import { checkValidity } from "./checkers/validity.ts";
import { quickConfig, World } from "./world.ts";

const equal = { weights: [65_535n], isHonest: true };

describe("state sync", () => {
  it(
    "SYNC-1: an empty follower that joins late verifies and stores the whole chain, over many epochs",
    { timeout: 60_000 },
    async () => {
      const world = new World({ seed: 3n, validators: [equal, equal, equal, equal], followers: 1 });
      const follower = world.machines[4];
      for (const machine of world.machines.slice(0, 4)) machine.start();
      const offered = new Set<string>();
      for (let at = 2_000; at < 16_000; at += 500) {
        const transaction = Transaction.plain(NamespaceId(1n), new TextEncoder().encode(`at ${String(at)}`));
        offered.add(`1/0x${Buffer.from(transaction.envelope).toString("hex")}`);
        world.scheduler.at(at, () => void world.machines[0]?.engine?.submit([transaction]));
      }
      await world.run(16_000);
      const goal = world.heights[0] ?? 0n;
      expect(goal).toBeGreaterThan(100n);
      follower?.start();
      await world.run(46_000, () => (world.heights[4] ?? 0n) >= goal);
      expect(world.heights[4]).toBeGreaterThanOrEqual(goal);
      expect(world.trace.fatal).toEqual([]);
      expect(checkAgreement(world.trace, new Set([0, 1, 2, 3, 4]))).toEqual([]);
      if (follower?.engine === undefined) throw new Error("the follower runs");
      expect(await checkValidity(follower.engine, world.config, offered)).toEqual([]);
    },
  );

  it("SYNC-1: a validator that was away for epochs comes back and votes again", { timeout: 60_000 }, async () => {
    const world = new World({
      seed: 4n,
      validators: [equal, equal, equal, equal],
      config: quickConfig({ epochLength: 8 }),
    });
    world.start();
    await world.run(3_000);
    world.machines[3]?.crash();
    await world.run(12_000);
    const away = world.heights[0] ?? 0n;
    world.machines[3]?.restart();
    await world.run(19_000);
    expect(world.heights[3]).toBeGreaterThan(away);
    const epoch = (await world.machines[0]?.engine?.status())?.epoch ?? 0n;
    const voted = world.trace.signed.filter(({ machine, vote }) => machine === 3 && vote.epoch >= epoch - 1n);
    expect(voted.length).toBeGreaterThan(0);
    expect(world.trace.fatal).toEqual([]);
  });
});
