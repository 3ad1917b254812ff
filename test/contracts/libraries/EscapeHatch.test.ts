import { expect } from "chai";
import { network } from "hardhat";

import type { EscapeHatchHarness } from "../../../types/ethers-contracts/index.js";
import type { TestCommittee } from "../support/committee.ts";
import * as client from "../support/lightClient.ts";
import { DAY } from "../support/lightClient.ts";

const TERMS = { entryAge: DAY, liveAge: DAY, armDelay: 3_600n };

/** The hatch on its own, for a rollup that does not take its queue along when it closes. */
describe("EscapeHatch", () => {
  let connection: Awaited<ReturnType<typeof network.create>>;
  let world: client.LightClientWorld;
  let committee: TestCommittee;
  let rollup: EscapeHatchHarness;
  let height: bigint;

  beforeEach(async () => {
    connection = await network.create();
    world = await client.deployWorld(connection.ethers);
    committee = await client.addCommittee(world, { weights: [1, 1, 1, 1] });
    rollup = await connection.ethers.deployContract("EscapeHatchHarness", [world.lightClient.target, TERMS]);
    height = 0n;
  });

  async function advance(): Promise<void> {
    const header = await client.headerNow(world, { height: ++height });
    await world.lightClient.advance(header, client.finalization(world, committee, header));
  }

  const later = (seconds: bigint) => connection.networkHelpers.time.increase(seconds);

  /** Time of the next transaction. */
  async function at(seconds: bigint): Promise<void> {
    await connection.networkHelpers.time.setNextBlockTimestamp(seconds);
  }

  describe("open", () => {
    it("HATCH-2: HATCH-3: to the second: an entry that is D old does not open it, one second more does", async () => {
      await rollup.enqueue("0x01");
      const queuedAt = await client.now(world);
      await at(queuedAt + TERMS.entryAge - 1n);
      await advance();
      await at(queuedAt + TERMS.entryAge);
      await expect(rollup.openHatch())
        .to.be.revertedWithCustomError(rollup, "HatchNotDue")
        .withArgs(0, 1, queuedAt + TERMS.entryAge);
      await at(queuedAt + TERMS.entryAge + 1n);
      await rollup.openHatch();
      expect((await rollup.hatch()).isOpen).to.equal(true);
    });

    it("HATCH-3: only the oldest entry counts that is not taken", async () => {
      await rollup.enqueue("0x01");
      await later(TERMS.entryAge);
      await rollup.enqueue("0x02");
      await advance();
      await rollup.include(1n);
      await expect(rollup.openHatch()).to.be.revertedWithCustomError(rollup, "HatchNotDue");
    });

    it("HATCH-4: to the second: a client that is maxAge old does not open it, one second more does", async () => {
      await advance();
      const { freshAt } = await world.lightClient.status();
      await at(freshAt + TERMS.liveAge);
      await expect(rollup.openHatch())
        .to.be.revertedWithCustomError(rollup, "HatchNotDue")
        .withArgs(0, 0, 2n ** 256n - 1n);
      await at(freshAt + TERMS.liveAge + 1n);
      await rollup.openHatch();
    });
  });

  describe("close", () => {
    beforeEach(async () => {
      await later(TERMS.liveAge + 1n);
      await rollup.openHatch();
      await advance();
    });

    it("HATCH-6: not while an entry is queued", async () => {
      await rollup.armHatch();
      await later(TERMS.armDelay);
      await rollup.enqueue("0x01");
      await expect(rollup.closeHatch()).to.be.revertedWithCustomError(rollup, "HatchQueueNotEmpty").withArgs(0, 1);
      await expect(rollup.include(1n)).to.emit(rollup, "EntriesIncluded").withArgs(0, 1);
      await expect(rollup.closeHatch()).to.emit(rollup, "HatchClosed");
      expect([...(await rollup.hatch())]).to.deep.equal([1n, 1n, false, 0n]);
    });

    it("HATCH-6: to the second of T after arming", async () => {
      const armingAt = (await client.now(world)) + 5n;
      await at(armingAt);
      await expect(rollup.armHatch())
        .to.emit(rollup, "HatchArmed")
        .withArgs(armingAt + TERMS.armDelay);
      const { armedAt } = await rollup.hatch();
      await at(armedAt + TERMS.armDelay - 1n);
      await expect(rollup.closeHatch())
        .to.be.revertedWithCustomError(rollup, "HatchArmedTooShortly")
        .withArgs(armedAt + TERMS.armDelay, armedAt + TERMS.armDelay - 1n);
      await at(armedAt + TERMS.armDelay);
      await rollup.closeHatch();
    });

    it("HATCH-7: nobody disarms it while the layer is live and no entry is old", async () => {
      await rollup.armHatch();
      await rollup.enqueue("0x01");
      await expect(rollup.openHatch()).to.be.revertedWithCustomError(rollup, "HatchNotDue");
      expect((await rollup.hatch()).armedAt).to.not.equal(0n);
    });

    it("HATCH-6: what was closed needs a new opening, and arming anew", async () => {
      await rollup.armHatch();
      await later(TERMS.armDelay);
      await rollup.closeHatch();
      await expect(rollup.closeHatch()).to.be.revertedWithCustomError(rollup, "HatchNotOpen");
      await later(TERMS.liveAge + 1n);
      await rollup.openHatch();
      await advance();
      await expect(rollup.closeHatch()).to.be.revertedWithCustomError(rollup, "HatchNotArmed");
    });
  });

  it("HATCH-2: taking a long queue along costs what taking one entry costs, so nobody makes it too dear", async () => {
    const costOf = async (entries: bigint) => {
      const { head } = await rollup.hatch();
      for (let i = 0n; i < entries; i++) await rollup.enqueue("0x01");
      const receipt = await (await rollup.include(head + entries)).wait();
      return receipt?.gasUsed ?? 0n;
    };
    await costOf(1n);
    const [one, many] = [await costOf(1n), await costOf(100n)];
    expect(one).to.be.greaterThan(20_000n);
    expect(many).to.be.within(one - 100n, one + 100n);
  });

  it("HATCH-1: entries are taken in order, each once", async () => {
    for (const data of ["0x01", "0x02", "0x03"]) await rollup.enqueue(data);
    await expect(rollup.include(2n)).to.not.revert(connection.ethers);
    for (const upTo of [1n, 4n]) {
      await expect(rollup.include(upTo))
        .to.be.revertedWithCustomError(rollup, "HatchIndexOutOfBounds")
        .withArgs(upTo, 2, 3);
    }
    await rollup.include(2n);
    await rollup.include(3n);
    expect((await rollup.hatch()).head).to.equal(3n);
  });
});
