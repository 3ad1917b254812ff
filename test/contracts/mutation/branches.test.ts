import { expect } from "chai";
import { keccak256, ZeroAddress } from "ethers";
import { network } from "hardhat";

import * as staking from "../support/staking.ts";
import { DAY, ESCROW, TOKENS } from "../support/staking.ts";

const created = await network.create();
const { networkHelpers } = created;

async function deploy(): Promise<staking.World> {
  return staking.deployStakeTable(created);
}

async function requireSeat(world: staking.World, number: bigint): Promise<bigint> {
  return (await world.stakeTable.seat(number)).id;
}

/** Ways through the stake table that no other suite takes. */
describe("StakeTable off the beaten track", () => {
  it("STAKE-4: a ticket cannot be given to nobody", async () => {
    const world = await networkHelpers.loadFixture(deploy);
    const { id } = await staking.register(world, { selfStake: 1000n * TOKENS });
    const table = world.stakeTable.connect(staking.accountAt(world, 5));
    await table.delegate(id, 10n * TOKENS, 0n);
    await table.undelegate(id, 5n * TOKENS);
    for (const to of [ZeroAddress, await world.stakeTable.getAddress()]) {
      await expect(table.transferTicket(1n, to))
        .to.be.revertedWithCustomError(world.stakeTable, "StakeTableRecipientInvalid")
        .withArgs(to);
    }
  });

  it("STAKE-1: what is worth less than a share cannot be redelegated", async () => {
    const world = await networkHelpers.loadFixture(deploy);
    const dear = await staking.register(world, { selfStake: 1000n * TOKENS });
    const plain = await staking.register(world, { operator: staking.accountAt(world, 1), selfStake: 1000n * TOKENS });
    const table = world.stakeTable.connect(staking.accountAt(world, 5));
    await table.delegate(plain.id, 100n * TOKENS, 0n);
    await table.reward(dear.id, 500n * TOKENS);
    await staking.increase(world, ESCROW);
    await world.stakeTable.accrue(dear.id);
    await expect(table.redelegate(plain.id, dear.id, 1n, 0n))
      .to.be.revertedWithCustomError(world.stakeTable, "StakeTableSharesTooFew")
      .withArgs(0, 1);
  });

  it("SLASH-6: a validator that left with all its stake is slashed for what left lately, and for nothing long after", async () => {
    for (const [wait, left] of [
      [1n, 300n * TOKENS],
      [ESCROW, 300n * TOKENS],
      [3n * ESCROW, 0n],
    ] as const) {
      const world = await networkHelpers.loadFixture(deploy);
      const { id, operator } = await staking.register(world, { selfStake: 300n * TOKENS });
      await staking.register(world, { operator: staking.accountAt(world, 1), selfStake: 1000n * TOKENS });
      await world.stakeTable.connect(operator).exit(id);
      await world.stakeTable.connect(operator).undelegate(id, 300n * TOKENS);
      await staking.increase(world, wait);
      await expect(world.stakeTable.connect(world.slasher).slash(id))
        .to.emit(world.stakeTable, "ValidatorSlashed")
        .withArgs(id, 0, left, 1000n * TOKENS);
    }
  });

  it("STAKE-8: the commission in force, set again, takes an increase back that is on its way", async () => {
    const world = await networkHelpers.loadFixture(deploy);
    const { id, operator } = await staking.register(world, { commission: 200n });
    const table = world.stakeTable.connect(operator);
    await table.setCommission(id, 300n);
    await expect(table.setCommission(id, 200n)).to.emit(world.stakeTable, "CommissionChanged");
    await staking.increase(world, ESCROW + 1n);
    expect((await world.stakeTable.validator(id)).commission).to.equal(200);
    await expect(table.setCommission(id, 200n)).to.be.revertedWithCustomError(
      world.stakeTable,
      "StakeTableCommissionUnchanged",
    );
  });

  it("STAKE-10: sixteen seats fill a word of weights, and no word is half empty", async () => {
    const world = await networkHelpers.loadFixture(deploy);
    const stakes = Array.from({ length: 16 }, (_, index) => BigInt(1000 - 10 * index) * TOKENS);
    const validators = await staking.seated(world, stakes);
    await staking.rotate(world);
    const { description } = await staking.newestCommittee(world);
    const weights = staking.weightsOf(description);
    expect(weights).to.deep.equal(stakes.map((stake) => Number((stake * 65_535n) / (1000n * TOKENS))));
    expect(description).to.equal(await staking.expectedCode(world, validators, weights));
  });

  it("STAKE-10: a validator that left its seat and took it again has its old place in the roster", async () => {
    const world = await networkHelpers.loadFixture(deploy);
    const validators = await staking.seated(
      world,
      Array.from({ length: 5 }, () => 1000n * TOKENS),
    );
    await staking.rotate(world);
    const before = await staking.newestCommittee(world);
    const [first] = validators;
    if (first === undefined) throw new Error("no validator");
    await world.stakeTable.connect(first.operator).leaveSeat(first.id);
    await world.stakeTable.connect(first.operator).takeSeat(first.id);
    expect(await requireSeat(world, 0n)).to.equal(first.id);
    await staking.rotate(world);
    expect((await staking.newestCommittee(world)).description).to.equal(before.description);
  });

  it("STAKE-10: a key rotated in a roster of more pages than are patched is found in its new place", async () => {
    const world = await networkHelpers.loadFixture(deploy);
    const validators = await staking.seated(
      world,
      Array.from({ length: 34 }, () => 1000n * TOKENS),
      1,
    );
    await staking.rotate(world);
    const [first, ...others] = validators;
    if (first === undefined) throw new Error("no validator");
    const key = staking.freshKey();
    const proof = await staking.possession(world, key, first.operator.address);
    const table = world.stakeTable.connect(first.operator);
    await table.proveKey(first.id, key.packed, proof);
    await table.seal(key.packed);
    const keyHash = keccak256(key.packed);
    await table.rotateKey(first.id, keyHash);
    await staking.rotate(world);
    const { description } = await staking.newestCommittee(world);
    const members = [{ ...first, key, keyHash }, ...others];
    // The new page comes last: pages stand in the order in which members first need them.
    expect(staking.weightsOf(description)).to.deep.equal(Array.from({ length: 34 }, () => 65_535));
    expect(description).to.equal(await staking.expectedCode(world, members, staking.weightsOf(description)));
  });

  it("STAKE-11: nobody seated makes no committee", async () => {
    const world = await networkHelpers.loadFixture(deploy);
    await staking.register(world, { selfStake: 1000n * TOKENS });
    await staking.increase(world, DAY);
    await expect(world.stakeTable.rotate()).to.be.revertedWithCustomError(world.stakeTable, "StakeTableSeatsTooFew");
  });
});
