import { expect } from "chai";
import fc from "fast-check";
import { network } from "hardhat";

import type { FaultHistoryHarness } from "../../../types/ethers-contracts/index.js";
import { WAD } from "../support/staking.ts";

const SUM_MAX = 2n ** 88n - 1n;

interface Fault {
  readonly time: bigint;
  readonly fraction: bigint;
}

const sumUpTo = (faults: readonly Fault[], time: bigint): bigint =>
  faults.filter((fault) => fault.time <= time).reduce((sum, { fraction }) => sum + fraction, 0n);

describe("FaultHistory", () => {
  let created: Awaited<ReturnType<typeof network.create>>;
  let harness: FaultHistoryHarness;

  beforeEach(async () => {
    created = await network.create();
    harness = await created.ethers.deployContract("FaultHistoryHarness");
  });

  async function addAfter(seconds: bigint, fractions: readonly bigint[]): Promise<bigint> {
    const time = BigInt(await created.networkHelpers.time.latest()) + seconds;
    await created.networkHelpers.time.setNextBlockTimestamp(time);
    await harness.add([...fractions]);
    return time;
  }

  it("PENALTY-4: nothing faulted before the first fault, whatever the time", async () => {
    for (const time of [0n, 1n, 2n ** 40n, 2n ** 256n - 1n]) expect(await harness.upTo(time)).to.equal(0n);
    const time = await addAfter(1n, [WAD]);
    expect(await harness.upTo(time - 1n)).to.equal(0n);
    expect(await harness.upTo(time)).to.equal(WAD);
    expect(await harness.upTo(2n ** 256n - 1n)).to.equal(WAD);
  });

  it("PENALTY-4: agrees with a plain list after every fault, at every edge, however many fall into one second", async () => {
    const step = fc.record({
      seconds: fc.oneof(fc.bigInt({ min: 1n, max: 3n }), fc.bigInt({ min: 1n, max: 2_000_000n })),
      fractions: fc.array(fc.bigInt({ min: 0n, max: WAD }), { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        harness = await created.ethers.deployContract("FaultHistoryHarness");
        const faults: Fault[] = [];
        const times = new Set([0n]);
        for (const { seconds, fractions } of steps) {
          const time = await addAfter(seconds, fractions);
          for (const fraction of fractions) faults.push({ time, fraction });
          for (const edge of [time - 1n, time, time + 1n]) times.add(edge);
        }
        for (const time of times) expect(await harness.upTo(time), String(time)).to.equal(sumUpTo(faults, time));
      }),
      { numRuns: 25, seed: 3 },
    );
  });

  it("PENALTY-4: the sum ends where its place does, after three hundred million total losses", async () => {
    const time = await addAfter(1n, [SUM_MAX]);
    expect(await harness.upTo(time)).to.equal(SUM_MAX);
    await expect(harness.add([1n])).to.revert(created.ethers);
    expect(SUM_MAX / WAD).to.be.greaterThan(3n * 10n ** 8n);
  });
});
