import { describe, expect, it } from "vitest";

import * as ClusterConfig from "../../src/protocol/ClusterConfig.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";

const VALID = {
  name: "test",
  l1ChainId: 31337,
  genesisTimeMs: 1_700_000_000_000,
  epochLength: 10,
  deltaMs: 300,
  emptyBlockDelayMs: 50,
  timeoutGrowthPercent: 150,
  timeoutMaxMs: 10_000,
  skipTimeoutMs: 5_000,
  maxClockDriftMs: 2_000,
  maxAnchorLag: 64,
  l1Finality: { mode: "finalized" },
  voteWindow: 10,
  inlinePayloadBytesMax: 1024,
  shards: [],
  limits: { transactionBytesMax: 1000, transactionsMax: 100, namespacesMax: 10, payloadBytesMax: 100_000 },
} as const;

function problems(value: unknown): readonly string[] {
  try {
    ClusterConfig.parse(value);
  } catch (error) {
    if (error instanceof ClusterConfig.ClusterConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("ClusterConfig", () => {
  it("CONFIG-1: names every field that is wrong", () => {
    expect(problems(VALID)).toEqual([]);
    const wrong = problems({ ...VALID, epochLength: 0, l1Finality: { mode: "guess" }, extra: 1 });
    expect(wrong.join()).toMatch(/epochLength/);
    expect(wrong.join()).toMatch(/l1Finality/);
    expect(wrong.join()).toMatch(/extra/);
    for (const notConfig of [undefined, null, 7, "x", []]) expect(problems(notConfig)).not.toEqual([]);
  });

  it.each([
    [{ emptyBlockDelayMs: 300 }, "emptyBlockDelayMs"],
    [{ timeoutMaxMs: 899 }, "timeoutMaxMs"],
    [{ skipTimeoutMs: 900 }, "skipTimeoutMs"],
    [{ limits: { ...VALID.limits, transactionBytesMax: 100_000 } }, "transactionBytesMax"],
    [{ inlinePayloadBytesMax: 100_001 }, "inlinePayloadBytesMax"],
    [{ shards: [{ members: 100, shards: 157 }] }, "256 - members"],
    [{ shards: [{ members: 10, shards: 9 }] }, "at least members"],
  ])("CONFIG-2: refuses the impossible relation %#", (change, words) => {
    expect(problems({ ...VALID, ...change }).join()).toContain(words);
  });

  it("CONFIG-3: the number of shards is at least one a member and leaves room in GF(256)", () => {
    const config = ClusterConfig.parse({
      ...VALID,
      shards: [
        { members: 20, shards: 100 },
        { members: 4, shards: 16 },
      ],
    });
    expect([4, 5, 20, 21, 100].map((n) => ClusterConfig.shardCount(config, n))).toEqual([16, 100, 100, 21, 100]);
  });

  it("GENESIS-1: commits to the whole config, whatever the order of its members", () => {
    const config = ClusterConfig.parse(VALID);
    const reordered = ClusterConfig.parse(Object.fromEntries(Object.entries(VALID).reverse()));
    expect(Genesis.hash(reordered)).toBe(Genesis.hash(config));
    expect(Genesis.hash(ClusterConfig.parse({ ...VALID, name: "other" }))).not.toBe(Genesis.hash(config));
    expect(Header.isHandover(Genesis.header(config))).toBe(true);
    expect(Genesis.header(config)).toMatchObject({
      height: 0n,
      epoch: 0n,
      nextCommittee: 1n,
      timestamp: 1_700_000_000_000n,
    });
  });
});
