import { expect } from "chai";
import { network } from "hardhat";
import { describe, it } from "mocha";

import { DAY, DEAD, ESCROW, rotate, seated, TOKENS, WAD } from "../support/staking.ts";
import * as slashing from "../support/slashing.ts";
import { BLOCK_A, BLOCK_B, finalize, pairEvidence } from "../support/slashing.ts";

describe("Slasher and StakeTable together, reviewed", () => {
  it("PENALTY-11: after a slash of both ends of a position all stake is paid or burned, to the last share", async () => {
    const created = await network.create();
    const { time } = created.networkHelpers;
    const world = await slashing.deploySlashing(created, {}, { launchPenalty: WAD });
    const { stakeTable, token } = world;
    const table = await stakeTable.getAddress();
    const validators = await seated(
      world,
      [501n, 303n, 4000n, 5000n].map((stake) => stake * TOKENS + 7n),
    );
    const [source, target] = validators;
    const delegator = world.accounts[8];
    if (source === undefined || target === undefined || delegator === undefined) throw new Error("no validators");
    const staker = stakeTable.connect(delegator);
    await staker.delegate(source.id, 333n * TOKENS + 1n, 0n);
    await stakeTable.connect(delegator).reward(target.id, 11n * TOKENS + 5n);
    await rotate(world);
    // The next window, in which stake may be redelegated.
    await time.increase(ESCROW);
    await staker.redelegate(source.id, target.id, 50n * TOKENS + 3n, 0n);
    await staker.undelegate(source.id, 100n * TOKENS + 1n);
    await time.increase(DAY);
    for (const offender of [source, target]) {
      await world.slashing.slash(pairEvidence(world, offender.key, finalize(BLOCK_A), finalize(BLOCK_B)));
    }
    await time.increase(ESCROW + 1n);
    await expect(stakeTable.withdraw(1n)).to.be.revertedWithCustomError(stakeTable, "StakeTableNotSettled");
    await expect(stakeTable.release(1n)).to.be.revertedWithCustomError(stakeTable, "StakeTableNotSettled");
    await world.slashing.settle(source.id);
    await expect(stakeTable.release(1n)).to.be.revertedWithCustomError(stakeTable, "StakeTableNotSettled");
    await world.slashing.settle(target.id);
    await stakeTable.withdraw(1n);
    await stakeTable.release(1n);
    for (const { id } of [source, target]) {
      for (const owner of [source.operator, target.operator, delegator]) {
        if ((await stakeTable.sharesOf(id, owner.address)) !== 0n) await stakeTable.redeem(id, owner.address);
      }
      const { assets, shares } = await stakeTable.pool(id);
      expect([assets, shares]).to.deep.equal([0n, 0n]);
    }
    // What is left is the stake of the two that were not slashed.
    expect(await token.balanceOf(table)).to.equal(await stakeTable.activeStake());
    expect(await stakeTable.activeStake()).to.equal(9000n * TOKENS + 14n);
    expect(await token.balanceOf(DEAD)).to.be.greaterThan(0n);
  });
});
