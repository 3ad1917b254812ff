import { expect } from "chai";
import { ZeroHash } from "ethers";
import { network } from "hardhat";

import { encodeCode } from "../support/committee.ts";
import { makeHeader } from "../support/header.ts";
import * as client from "../support/lightClient.ts";
import * as slashing from "../support/slashing.ts";
import { BLOCK_A, BLOCK_B, finalize, pairEvidence } from "../support/slashing.ts";
import * as staking from "../support/staking.ts";
import { DAY, ESCROW, TOKENS, WAD } from "../support/staking.ts";

const created = await network.create();
const { networkHelpers } = created;
const { time } = networkHelpers;

async function nextWindow(): Promise<void> {
  await time.increaseTo((BigInt(await time.latest()) / ESCROW + 1n) * ESCROW);
}

/** Two pools with 1000 tokens each since before this window: a tenth is their operators', the rest one delegator's. */
async function twoPools() {
  const world = await staking.deployStakeTable(created);
  const [first, second] = [
    await staking.register(world, { operator: staking.accountAt(world, 0), selfStake: 100n * TOKENS }),
    await staking.register(world, { operator: staking.accountAt(world, 1), selfStake: 100n * TOKENS }),
  ];
  const table = world.stakeTable.connect(staking.accountAt(world, 5));
  for (const { id } of [first, second]) await table.delegate(id, 900n * TOKENS, 0n);
  await nextWindow();
  return { world, stakeTable: world.stakeTable, first, second, table };
}

describe("boundaries of the stake table", () => {
  it("STAKE-7: what leaves in a window takes nothing from its budget of all stake", async () => {
    const { stakeTable, first, second, table } = await networkHelpers.loadFixture(twoPools);
    await table.undelegate(second.id, 900n * TOKENS);
    await table.undelegate(first.id, 500n * TOKENS);
    // 600 of 2000 are left: a tenth of those would be 60.
    expect(await stakeTable.redelegationBudget(first.id)).to.equal(100n * TOKENS);
    await table.redelegate(first.id, second.id, 100n * TOKENS, 0n);
    expect(await stakeTable.redelegationBudget(first.id)).to.equal(0);
  });

  it("PENALTY-7: what left counts in the next window, and not in the one after, also when the pool changed since", async () => {
    for (const left of [300n * TOKENS, 0n]) {
      const { world, stakeTable, first, table } = await networkHelpers.loadFixture(twoPools);
      await table.undelegate(first.id, 300n * TOKENS);
      await nextWindow();
      if (left === 0n) await nextWindow();
      await table.delegate(first.id, 100n * TOKENS, 0n);
      await expect(stakeTable.connect(world.slasher).slash(first.id))
        .to.emit(stakeTable, "ValidatorSlashed")
        .withArgs(first.id, 800n * TOKENS, left, 1800n * TOKENS);
    }
  });

  it("REWARD-1: a stream that is accrued on its way goes on evenly", async () => {
    const { world, stakeTable, first, table } = await networkHelpers.loadFixture(twoPools);
    await table.reward(first.id, 400n * TOKENS);
    const start = BigInt(await time.latest());
    for (const quarter of [1n, 2n, 3n, 4n]) {
      await time.setNextBlockTimestamp(start + (quarter * DAY) / 4n);
      await stakeTable.accrue(first.id);
      expect((await world.stakeTable.pool(first.id)).assets).to.equal((1000n + 100n * quarter) * TOKENS);
    }
  });

  it("REWARD-1: a stream of the smallest amounts reaches pool and all active stake to the last", async () => {
    const { stakeTable, first, table } = await networkHelpers.loadFixture(twoPools);
    await table.reward(first.id, 2n);
    const start = BigInt(await time.latest());
    for (const streamed of [1n, 2n]) {
      await time.setNextBlockTimestamp(start + (streamed * DAY) / 2n);
      await stakeTable.accrue(first.id);
      expect((await stakeTable.pool(first.id)).assets).to.equal(1000n * TOKENS + streamed);
      expect(await stakeTable.activeStake()).to.equal(2000n * TOKENS + streamed);
    }
  });

  it("REWARD-1: a reward brings to the seat what streamed before it", async () => {
    const { stakeTable, first, table } = await networkHelpers.loadFixture(twoPools);
    await stakeTable.seal(first.key.packed);
    await stakeTable.connect(first.operator).takeSeat(first.id);
    await table.reward(first.id, 400n * TOKENS);
    await time.setNextBlockTimestamp(BigInt(await time.latest()) + DAY / 2n);
    await table.reward(first.id, 400n * TOKENS);
    expect((await stakeTable.seat(0n)).stake).to.equal(1200n * TOKENS);
  });

  it("sealing gives the nonce that names the page", async () => {
    const { world, stakeTable, first } = await networkHelpers.loadFixture(twoPools);
    const page = await stakeTable.seal.staticCall(first.key.packed);
    await expect(stakeTable.seal(first.key.packed)).to.emit(stakeTable, "PageSealed").withArgs(page, [first.keyHash]);
    expect(await world.ethers.provider.getCode(staking.createdBy(world, page))).not.to.equal("0x");
  });

  it("STAKE-1: delegation gives the shares that it minted, with a permit or without", async () => {
    const { stakeTable, first, table } = await networkHelpers.loadFixture(twoPools);
    await table.reward(first.id, 1000n * TOKENS);
    await time.increase(DAY);
    await stakeTable.accrue(first.id);
    const [amount, shares] = [8n * TOKENS, 4n * TOKENS];
    expect(await table.delegate.staticCall(first.id, amount, 0n)).to.equal(shares);
    expect(await table.delegateWithPermit.staticCall(first.id, amount, 0n, 0n, 27, ZeroHash, ZeroHash)).to.equal(
      shares,
    );
  });

  it("STAKE-10: STAKE-14: a seat and a rotation give their numbers", async () => {
    const { world, stakeTable, first, second } = await networkHelpers.loadFixture(twoPools);
    await stakeTable.seal(staking.concatKeys([first, second]));
    for (const [number, { id, operator }] of [first, second].entries()) {
      expect(await stakeTable.connect(operator).takeSeat.staticCall(id)).to.equal(number);
      await stakeTable.connect(operator).takeSeat(id);
    }
    for (const index of [2, 3]) {
      const { id, key, operator } = await staking.register(world, {
        operator: staking.accountAt(world, index),
        selfStake: 900n * TOKENS,
      });
      await stakeTable.seal(key.packed);
      await stakeTable.connect(operator).takeSeat(id);
    }
    for (const committee of [1n, 2n]) {
      expect(await stakeTable.rotate.staticCall()).to.equal(committee);
      await stakeTable.rotate();
      await time.increase(DAY);
    }
  });

  it("SLASH-6: a slash tells the seat that it vacates", async () => {
    const { world, stakeTable, first, second } = await networkHelpers.loadFixture(twoPools);
    await stakeTable.seal(staking.concatKeys([first, second]));
    for (const { id, operator } of [second, first]) await stakeTable.connect(operator).takeSeat(id);
    await expect(stakeTable.connect(world.slasher).slash(first.id))
      .to.emit(stakeTable, "SeatVacated")
      .withArgs(1, first.id);
  });

  it("TOKEN-3: a token that calls back finds the entry points closed while settlement burns", async () => {
    const world = await staking.deployStakeTable(created, {}, "ReentrantToken");
    const { stakeTable } = world;
    const { id, operator } = await staking.register(world, { selfStake: 1000n * TOKENS });
    const token = await world.ethers.getContractAt("ReentrantToken", world.token.target);
    const slasher = stakeTable.connect(world.slasher);
    await slasher.slash(id);
    await time.increase(ESCROW + 1n);
    await token.arm(stakeTable.target, stakeTable.interface.encodeFunctionData("redeem", [id, operator.address]));
    await slasher.settle(id, WAD / 2n);
    expect(await token.outcome()).to.equal(stakeTable.interface.encodeErrorResult("ReentrancyGuardReentrantCall"));
  });
});

describe("boundaries of the slasher", () => {
  /** As after the ramp; 5, 3 and 2 of 100 parts of the committee's stake, and the rest. */
  async function committee() {
    const world = await slashing.deploySlashing(created, {}, { launchPenalty: WAD });
    const stakes = [500n, 300n, 200n, 9000n].map((stake) => stake * TOKENS);
    const validators = await staking.seated(world, stakes);
    await staking.rotate(world);
    return { world, validators };
  }

  it("PENALTY-4: PENALTY-8: a fault of U ago raises the reporter's reward, one of a second more does not", async () => {
    const { world, validators } = await networkHelpers.loadFixture(committee);
    const [first, second, third] = validators;
    const reporter = staking.accountAt(world, 9);
    const slash = (offender: staking.TestValidator | undefined) => {
      if (offender === undefined) throw new Error("no such validator");
      const evidence = pairEvidence(world, offender.key, finalize(BLOCK_A), finalize(BLOCK_B));
      return world.slashing.connect(reporter).slash(evidence);
    };
    await slash(first);
    const start = BigInt(await time.latest());
    await time.setNextBlockTimestamp(start + ESCROW);
    // Three times 5 % and 3 % of 300, and half of that.
    await expect(slash(second))
      .to.emit(world.stakeTable, "ReporterRewarded")
      .withArgs(2, reporter.address, 36n * TOKENS);
    await time.setNextBlockTimestamp(start + 2n * ESCROW + 1n);
    // Three times 2 % of 200, and half of that.
    await expect(slash(third))
      .to.emit(world.stakeTable, "ReporterRewarded")
      .withArgs(3, reporter.address, 6n * TOKENS);
  });

  it("PENALTY-8: a reward is rounded down", async () => {
    const world = await slashing.deploySlashing(created, {}, { launchPenalty: WAD });
    const selfStake = 300n * TOKENS + 1n;
    const { key } = await staking.register(world, { operator: staking.accountAt(world, 0), selfStake });
    await staking.register(world, { operator: staking.accountAt(world, 1), selfStake: 9700n * TOKENS });
    const total = 10_000n * TOKENS + 1n;
    const doubled = selfStake * 3n * ((selfStake * WAD + total - 1n) / total);
    expect(doubled % (2n * WAD)).to.be.greaterThan(0);
    await expect(world.slashing.slash(pairEvidence(world, key, finalize(BLOCK_A), finalize(BLOCK_B))))
      .to.emit(world.stakeTable, "ReporterRewarded")
      .withArgs(1, world.admin.address, doubled / (2n * WAD));
  });

  it("SLASH-13: the ceiling may begin at the least penalty", async () => {
    const both = { minPenalty: WAD / 20n, launchPenalty: WAD / 20n };
    const { slashing: slasher } = await slashing.deploySlashing(created, {}, both);
    expect((await slasher.penalties()).launchPenalty).to.equal(WAD / 20n);
  });

  it("PENALTY-5: a ramp of no time is at its end from deployment on", async () => {
    const { slashing: slasher } = await slashing.deploySlashing(created, {}, { rampDuration: 0n });
    const receipt = await slasher.deploymentTransaction()?.wait();
    expect(await slasher.maxPenalty({ blockTag: receipt?.blockNumber ?? 0 })).to.equal(WAD);
  });
});

describe("boundaries of the light client", () => {
  async function deploy() {
    const world = await client.deployWorld(created.ethers);
    return { world, committee: await client.addCommittee(world, { weights: [10, 10, 10, 10] }) };
  }

  it("LC-35: the largest view that fits its place is taken", async () => {
    const { world, committee } = await networkHelpers.loadFixture(deploy);
    const viewNumber = 2n ** 32n - 1n;
    const header = await client.headerNow(world, { height: 1n, viewNumber });
    await world.lightClient.advance(header, client.finalization(world, committee, header));
    expect((await world.lightClient.status()).viewNumber).to.equal(viewNumber);
  });

  it("LC-40: a freeze ends trust in a committee of the very same second", async () => {
    const { world, committee } = await networkHelpers.loadFixture(deploy);
    const header = await client.headerNow(world, { height: 5n });
    const [one, other] = [header, makeHeader({ ...header, viewNumber: header.viewNumber + 1n })].map((each) => ({
      header: each,
      certificate: client.finalization(world, committee, each),
    }));
    const gasLimit = 8_000_000n;
    await created.provider.request({ method: "evm_setAutomine", params: [false] });
    const young = { ...committee, id: 2n };
    const sent = [
      await world.stakeTable.writeCommittee(young.id, encodeCode(young), { gasLimit }),
      await world.lightClient.freeze(one!, other!, ZeroHash, [], { gasLimit }),
    ];
    await networkHelpers.mine();
    await created.provider.request({ method: "evm_setAutomine", params: [true] });
    const [written, frozen] = await Promise.all(sent.map(async (each) => each.wait()));
    expect(written?.blockNumber).to.equal(frozen?.blockNumber);
    expect((await world.lightClient.status()).frozen).to.equal(true);
    expect(await world.lightClient.trustedUntil(young.id)).to.equal(0);
  });

  it("LC-40: in the second in which trust ends, a committee freezes nothing any more", async () => {
    const { world, committee } = await networkHelpers.loadFixture(deploy);
    const header = await client.headerNow(world, { height: 5n });
    const [one, other] = [header, makeHeader({ ...header, viewNumber: header.viewNumber + 1n })].map((each) => ({
      header: each,
      certificate: client.finalization(world, committee, each),
    }));
    const end = await world.lightClient.trustedUntil(committee.id);
    await time.setNextBlockTimestamp(end);
    await expect(world.lightClient.freeze(one!, other!, ZeroHash, [])).to.be.revertedWithCustomError(
      world.lightClient,
      "LightClientCommitteeNotTrusted",
    );
  });
});
