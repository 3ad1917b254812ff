import { expect } from "chai";
import { network } from "hardhat";

import * as staking from "../support/staking.ts";
import { TOKENS, WAD } from "../support/staking.ts";

const created = await network.create();

describe("StakeTable token", () => {
  it("TOKEN-1: a token that keeps part of a transfer is refused", async () => {
    const world = await staking.deployStakeTable(created, {}, "FeeToken");
    await expect(staking.register(world, { operator: world.accounts[0]! }))
      .to.be.revertedWithCustomError(world.stakeTable, "StakeTableTokenNotPlain")
      .withArgs(99n * TOKENS, 100n * TOKENS);
  });

  it("TOKEN-2: a token that can burn is burned", async () => {
    const world = await staking.deployStakeTable(created, {}, "BurnableToken");
    const { id } = await staking.register(world, { operator: world.accounts[0]!, selfStake: 1000n * TOKENS });
    await world.stakeTable.connect(world.slasher).slash(id);
    const supply = await world.token.totalSupply();
    await world.stakeTable.connect(world.slasher).settle(id, WAD / 2n);
    expect(supply - (await world.token.totalSupply())).to.equal(500n * TOKENS);
  });

  it("TOKEN-2: a token that takes the call and burns nothing goes to the dead address", async () => {
    const world = await staking.deployStakeTable(created, {}, "DeafToken");
    const { id } = await staking.register(world, { operator: world.accounts[0]!, selfStake: 1000n * TOKENS });
    await world.stakeTable.connect(world.slasher).slash(id);
    await world.stakeTable.connect(world.slasher).settle(id, WAD / 2n);
    expect(await world.token.balanceOf(staking.DEAD)).to.equal(500n * TOKENS);
    expect(await world.token.balanceOf(world.stakeTable.target)).to.equal(500n * TOKENS);
  });

  it("TOKEN-2: a token that does not even go to the dead address stays, and stops no payout", async () => {
    const world = await staking.deployStakeTable(created, {}, "ClingingToken");
    const token = await world.ethers.getContractAt("ClingingToken", world.token.target);
    for (const isQuiet of [false, true]) {
      await token.setQuiet(isQuiet);
      const operator = world.accounts[isQuiet ? 1 : 0]!;
      const { id } = await staking.register(world, { operator, selfStake: 1000n * TOKENS });
      await world.stakeTable.connect(world.slasher).slash(id);
      await expect(world.stakeTable.connect(world.slasher).settle(id, WAD / 2n))
        .to.emit(world.stakeTable, "BurnFailed")
        .withArgs(500n * TOKENS);
      await expect(world.stakeTable.redeem(id, operator.address)).to.changeTokenBalance(
        world.ethers,
        world.token,
        operator,
        500n * TOKENS,
      );
    }
    expect(await world.token.balanceOf(world.stakeTable.target)).to.equal(1000n * TOKENS);
  });

  it("TOKEN-2: a token that stops burning stops no payout: what is lost goes to the dead address", async () => {
    const world = await staking.deployStakeTable(created, {}, "StubbornToken");
    const { id } = await staking.register(world, { operator: world.accounts[0]!, selfStake: 1000n * TOKENS });
    await world.stakeTable.connect(world.slasher).slash(id);
    await world.stakeTable.connect(world.slasher).settle(id, WAD / 2n);
    expect(await world.token.balanceOf("0x000000000000000000000000000000000000dEaD")).to.equal(500n * TOKENS);
  });

  it("TOKEN-3: a token that calls back finds the entry points closed", async () => {
    const world = await staking.deployStakeTable(created, {}, "ReentrantToken");
    const { id } = await staking.register(world, { operator: world.accounts[0]!, selfStake: 1000n * TOKENS });
    const token = await world.ethers.getContractAt("ReentrantToken", world.token.target);
    const face = world.stakeTable.interface;
    const guarded = [
      face.encodeFunctionData("delegate", [id, TOKENS, 0n]),
      face.encodeFunctionData("reward", [id, TOKENS]),
      face.encodeFunctionData("withdraw", [1n]),
      face.encodeFunctionData("release", [1n]),
      face.encodeFunctionData("redeem", [id, world.accounts[0]!.address]),
    ];
    for (const data of guarded) {
      await token.arm(world.stakeTable.target, data);
      await world.stakeTable.connect(world.accounts[5]).delegate(id, TOKENS, 0n);
      expect(await token.outcome()).to.equal(face.encodeErrorResult("ReentrancyGuardReentrantCall"));
    }
  });
});
