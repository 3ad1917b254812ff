import { describe, expect, it } from "vitest";

import { seededRandom } from "../../src/runtime/random.ts";
import { presentBackends } from "../relayer/support/backends.ts";
import { drawFault, FAULTS } from "./faults.ts";
import { runRelayerChaos } from "./relayerChaos.ts";

describe.runIf(presentBackends().includes("redis"))("the relayer under random faults", () => {
  it("CHAOS-1: replicas killed, Redis and L1 restarted, reorgs, liars: nothing lost, stuck or sent twice", async () => {
    const report = await runRelayerChaos({ seconds: 30, seed: 11n, say: () => undefined });
    expect(report).toMatchObject({ stuck: 0, lost: 0, duplicateTransactions: 0 });
    expect(report.checkpointsPosted).toBe(report.checkpointsExpected);
    expect(report.kills + report.redisRestarts + report.l1Reorgs).toBeGreaterThan(2);
  }, 420_000);
});

describe("the faults of a campaign", () => {
  it("a seed draws the same faults again, and in the long run every one of them", () => {
    const draw = (count: number): readonly string[] => {
      const random = seededRandom(11n);
      return Array.from({ length: count }, () => drawFault(random).name);
    };
    expect(draw(50)).toEqual(draw(50));
    expect(new Set(draw(2_000))).toEqual(new Set(FAULTS.map(({ name }) => name)));
  });
});
