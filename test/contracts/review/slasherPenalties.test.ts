import { expect } from "chai";
import { network } from "hardhat";
import { describe, it } from "mocha";

import { DAY, DEAD, ESCROW, rotate, seated, TOKENS, type TestValidator, WAD } from "../support/staking.ts";
import * as slashing from "../support/slashing.ts";
import { BLOCK_A, BLOCK_B, finalize, pairEvidence, PENALTIES } from "../support/slashing.ts";

const created = await network.create();
const { networkHelpers } = created;
const { time } = networkHelpers;
/** Of 10,000 tokens: 5 %, 3 %, 2 %, 40 %, 50 %. */
const STAKES = [500n, 300n, 200n, 4000n, 5000n].map((stake) => stake * TOKENS);
const TOTAL = STAKES.reduce((sum, stake) => sum + stake);

async function deployWith(penalties: Partial<slashing.TestPenalties>) {
  const world = await slashing.deploySlashing(created, {}, penalties);
  const validators = await seated(world, STAKES);
  await rotate(world);
  return { world, validators };
}

async function deploy() {
  return deployWith({});
}

/** As after the ramp. */
async function deployRamped() {
  return deployWith({ launchPenalty: WAD });
}

function at(validators: readonly TestValidator[], index: number): TestValidator {
  const validator = validators[index];
  if (validator === undefined) throw new Error("no such validator");
  return validator;
}

async function slash(world: slashing.SlashingWorld, offender: TestValidator, reporter = world.admin): Promise<bigint> {
  const evidence = pairEvidence(world, offender.key, finalize(BLOCK_A), finalize(BLOCK_B));
  await world.slashing.connect(reporter).slash(evidence);
  return world.stakeTable.slashedAt(offender.id);
}

/** Settles as early as possible, and gives the penalty. */
async function settle(world: slashing.SlashingWorld, offender: TestValidator): Promise<bigint> {
  const due = await world.slashing.settleableAt(offender.id);
  if (BigInt(await time.latest()) < due) await time.setNextBlockTimestamp(due);
  await world.slashing.settle(offender.id);
  return (await world.stakeTable.validator(offender.id)).penalty;
}

/** The part of the committee's stake that a stake is, rounded up. */
function partOf(stake: bigint): bigint {
  return (stake * WAD + TOTAL - 1n) / TOTAL;
}

describe("Slasher: penalties", () => {
  it("PENALTY-1: a lone fault of a part s costs 3s, and the shares redeem for the rest", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deployRamped);
    const offender = at(validators, 0);
    await slash(world, offender, world.accounts[9]);
    expect(await settle(world, offender)).to.equal(3n * partOf(500n * TOKENS));
    const before = await world.token.balanceOf(offender.operator.address);
    await world.stakeTable.redeem(offender.id, offender.operator.address);
    expect((await world.token.balanceOf(offender.operator.address)) - before).to.equal(425n * TOKENS);
  });

  it("PENALTY-2: a small fault costs p0 at least", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deployRamped);
    const small = at(validators, 2);
    const bigFloor = await slashing.deploySlashing(created, {}, { minPenalty: WAD / 10n, launchPenalty: WAD });
    expect(3n * partOf(200n * TOKENS)).to.be.greaterThan(PENALTIES.minPenalty);
    await slash(world, small);
    expect(await settle(world, small)).to.equal(3n * partOf(200n * TOKENS));
    const others = await seated(bigFloor, STAKES);
    await rotate(bigFloor);
    await slash(bigFloor, at(others, 2));
    expect(await settle(bigFloor, at(others, 2))).to.equal(WAD / 10n);
  });

  it("PENALTY-3: a third of the stake together loses everything, even in one slash", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deployRamped);
    await slash(world, at(validators, 3));
    expect(await settle(world, at(validators, 3))).to.equal(WAD);
    const { operator, id } = at(validators, 3);
    await expect(world.stakeTable.redeem(id, operator.address))
      .to.emit(world.stakeTable, "Redeemed")
      .withArgs(id, operator.address, 4000n * TOKENS, 0n);
  });

  it("PENALTY-4: slashes within U before and after count, those outside by a second do not", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deployRamped);
    const [first, second, third] = [at(validators, 0), at(validators, 1), at(validators, 2)];
    const start = await slash(world, first);
    await time.setNextBlockTimestamp(start + ESCROW);
    const middle = await slash(world, second);
    await time.setNextBlockTimestamp(middle + ESCROW + 1n);
    await slash(world, third);
    const [a, b, c] = [500n, 300n, 200n].map((stake) => partOf(stake * TOKENS));
    if (a === undefined || b === undefined || c === undefined) throw new Error("unreachable");
    expect(await settle(world, first)).to.equal(3n * (a + b));
    expect(await settle(world, second)).to.equal(3n * (a + b));
    expect(await settle(world, third)).to.equal(3n * c);
  });

  it("PENALTY-4: several slashes of one second count for each other, in either order of settlement", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deployRamped);
    const signers = validators.map(({ key }) => key);
    const first = slashing.statement(world, 1n, signers, finalize(BLOCK_A));
    const second = slashing.statement(world, 1n, signers, finalize(BLOCK_B));
    await world.slashing.slashSigners(first, second, [0, 1, 2], [0, 1, 2]);
    const expected = 3n * (partOf(500n * TOKENS) + partOf(300n * TOKENS) + partOf(200n * TOKENS));
    for (const index of [2, 0, 1]) expect(await settle(world, at(validators, index))).to.equal(expected);
  });

  it("PENALTY-5: pMax is read at the slash, and ramps to all in the time fixed at deployment", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deploy);
    const slashedAt = await slash(world, at(validators, 3));
    const [event] = await world.slashing.queryFilter(world.slashing.filters.Slashed());
    const ceiling = event?.args.maxPenalty ?? 0n;
    expect(ceiling)
      .to.be.greaterThanOrEqual(PENALTIES.launchPenalty)
      .and.lessThan(PENALTIES.launchPenalty + WAD / 100n);
    await time.increaseTo(slashedAt + PENALTIES.rampDuration / 2n);
    const half = await world.slashing.maxPenalty();
    expect(half)
      .to.be.greaterThan((54n * WAD) / 100n)
      .and.lessThan((57n * WAD) / 100n);
    await time.increaseTo(slashedAt + PENALTIES.rampDuration);
    expect(await world.slashing.maxPenalty()).to.equal(WAD);
    expect(await settle(world, at(validators, 3))).to.equal(ceiling);
  });

  it("PENALTY-6: settles once, when now > slashedAt + U and not a second sooner", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deploy);
    const offender = at(validators, 0);
    await expect(world.slashing.settle(offender.id)).to.be.revertedWithCustomError(world.slashing, "SlasherNotSlashed");
    const slashedAt = await slash(world, offender);
    await time.setNextBlockTimestamp(slashedAt + ESCROW);
    await expect(world.slashing.settle(offender.id))
      .to.be.revertedWithCustomError(world.slashing, "SlasherSettlementTooEarly")
      .withArgs(offender.id, slashedAt + ESCROW, slashedAt + ESCROW + 1n);
    await time.setNextBlockTimestamp(slashedAt + ESCROW + 1n);
    await world.slashing.settle(offender.id);
    await expect(world.slashing.settle(offender.id)).to.be.revertedWithCustomError(
      world.stakeTable,
      "StakeTableAlreadySettled",
    );
  });

  it("PENALTY-7: stake that left in this window and the one before counts for the fraction", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deployRamped);
    const offender = at(validators, 0);
    await world.stakeTable.connect(offender.operator).undelegate(offender.id, 400n * TOKENS);
    await time.increase(ESCROW - DAY);
    await slash(world, offender);
    expect(await settle(world, offender)).to.equal(3n * partOf(500n * TOKENS));
    const before = await world.token.balanceOf(offender.operator.address);
    await world.stakeTable.withdraw(1n);
    expect((await world.token.balanceOf(offender.operator.address)) - before).to.equal(340n * TOKENS);
  });

  it("PENALTY-8: the reporter gets half of what the self-stake loses at once; the rest burns", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deployRamped);
    const [offender, delegator, reporter] = [at(validators, 0), world.accounts[7], world.accounts[8]];
    if (delegator === undefined || reporter === undefined) throw new Error("no accounts");
    await world.stakeTable.connect(delegator).delegate(offender.id, 500n * TOKENS, 0n);
    const before = await world.token.balanceOf(reporter.address);
    await slash(world, offender, reporter);
    // The pool is a tenth of the committee's stake: the penalty is 30 %, and the self-stake half of the pool.
    expect((await world.token.balanceOf(reporter.address)) - before).to.equal(75n * TOKENS);
    await settle(world, offender);
    expect(await world.token.balanceOf(DEAD)).to.equal(225n * TOKENS);
    expect((await world.stakeTable.pool(offender.id)).assets).to.equal(700n * TOKENS);
  });

  it("PENALTY-9: the reward is capped, and slashing oneself for it loses at least as much again", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deployRamped);
    const offender = at(validators, 4);
    const { address } = offender.operator;
    const before = await world.token.balanceOf(address);
    await slash(world, offender, offender.operator);
    expect((await world.token.balanceOf(address)) - before).to.equal(1000n * TOKENS);
    const lone = at(validators, 1);
    const had = (await world.token.balanceOf(lone.operator.address)) + 300n * TOKENS;
    await slash(world, lone, lone.operator);
    const penalty = await settle(world, lone);
    await world.stakeTable.redeem(lone.id, lone.operator.address);
    const lost = had - (await world.token.balanceOf(lone.operator.address));
    expect(lost).to.be.greaterThanOrEqual((300n * TOKENS * penalty) / WAD / 2n);
  });

  it("PENALTY-10: a fraction is at most one, and nothing of a slashed pool moves before settle", async () => {
    const { world, validators } = await networkHelpers.loadFixture(deployRamped);
    const offender = at(validators, 0);
    const whale = world.accounts[7];
    if (whale === undefined) throw new Error("no account");
    await world.stakeTable.connect(whale).delegate(offender.id, 20_000n * TOKENS, 0n);
    await slash(world, offender);
    expect(await world.slashing.correlated(0n, 10n ** 12n)).to.equal(WAD);
    const table = world.stakeTable.connect(whale);
    await expect(table.delegate(offender.id, TOKENS, 0n)).to.be.revertedWithCustomError(
      table,
      "StakeTableValidatorIsSlashed",
    );
    await expect(table.undelegate(offender.id, TOKENS)).to.be.revertedWithCustomError(
      table,
      "StakeTableValidatorIsSlashed",
    );
    await expect(table.redelegate(offender.id, 2n, TOKENS, 0n)).to.be.revertedWithCustomError(
      table,
      "StakeTableValidatorIsSlashed",
    );
    await expect(table.redelegate(2n, offender.id, TOKENS, 0n)).to.be.revertedWithCustomError(
      table,
      "StakeTableValidatorIsSlashed",
    );
    await expect(table.reward(offender.id, TOKENS)).to.be.revertedWithCustomError(
      table,
      "StakeTableValidatorIsSlashed",
    );
    await expect(table.redeem(offender.id, whale.address)).to.be.revertedWithCustomError(table, "StakeTableNotSettled");
    await expect(world.stakeTable.slash(offender.id)).to.be.revertedWithCustomError(table, "StakeTableNotSlasher");
    await expect(world.stakeTable.settle(offender.id, WAD)).to.be.revertedWithCustomError(
      table,
      "StakeTableNotSlasher",
    );
    await expect(world.stakeTable.rewardReporter(offender.id, whale.address, 1n)).to.be.revertedWithCustomError(
      table,
      "StakeTableNotSlasher",
    );
  });
});
