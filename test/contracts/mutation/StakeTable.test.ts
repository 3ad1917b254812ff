import { expect } from "chai";
import { network } from "hardhat";

import * as staking from "../support/staking.ts";
import { DAY, ESCROW, METADATA, NETWORK, STAKE_UNIT, TOKENS, WAD } from "../support/staking.ts";

const created = await network.create();
const { networkHelpers } = created;

/** Tokens, in tenths. */
const tenths = (count: number): bigint => (BigInt(count) * TOKENS) / 10n;

/**
 * A pool in which a share is worth 1.135 tokens: 1000 of the operator's, 1000 of a delegator's, and 270 of a reward of 300
 * with a tenth of commission, streamed to its end. Another validator's shares are worth one token.
 */
async function earned() {
  const world = await staking.deployStakeTable(created);
  const [operator, other, , , , delegator] = world.accounts;
  if (operator === undefined || other === undefined || delegator === undefined) throw new Error("no accounts");
  const first = await staking.register(world, { operator, selfStake: 1000n * TOKENS, commission: 1000n });
  const second = await staking.register(world, { operator: other, selfStake: 1000n * TOKENS });
  await world.stakeTable.seal(staking.concatKeys([first, second]));
  for (const { id, operator: owner } of [first, second]) await world.stakeTable.connect(owner).takeSeat(id);
  const table = world.stakeTable.connect(delegator);
  await table.delegate(first.id, 1000n * TOKENS, 0n);
  await table.reward(first.id, 300n * TOKENS);
  await staking.increase(world, ESCROW);
  await table.accrue(first.id);
  return { world, stakeTable: world.stakeTable, first, second, delegator, table };
}

describe("StakeTable at its edges", () => {
  describe("what it tells", () => {
    it("KEY-1: registration tells operator, commission, key, network, metadata and the first shares", async () => {
      const { world, stakeTable } = await networkHelpers.loadFixture(earned);
      const [, , operator] = world.accounts;
      if (operator === undefined) throw new Error("no account");
      const key = staking.freshKey();
      const proof = await staking.possession(world, key, operator.address);
      const call = stakeTable.connect(operator).register(key.packed, proof, 700n, NETWORK, METADATA, 111n * TOKENS);
      await expect(call).to.emit(stakeTable, "ValidatorRegistered").withArgs(3, operator.address, 700);
      await expect(call).to.emit(stakeTable, "NetworkChanged").withArgs(3, NETWORK);
      await expect(call).to.emit(stakeTable, "MetadataChanged").withArgs(3, METADATA);
      await expect(call)
        .to.emit(stakeTable, "Delegated")
        .withArgs(3, operator.address, 111n * TOKENS, 111n * TOKENS);
    });

    it("REWARD-1: a reward tells who paid, the commission and when its stream ends", async () => {
      const { world, stakeTable, first, delegator, table } = await networkHelpers.loadFixture(earned);
      const now = BigInt(await world.helpers.time.latest()) + 10n;
      await world.helpers.time.setNextBlockTimestamp(now);
      await expect(table.reward(first.id, 50n * TOKENS))
        .to.emit(stakeTable, "RewardPaid")
        .withArgs(1, delegator.address, 50n * TOKENS, 5n * TOKENS, now + DAY);
    });

    it("STAKE-1: STAKE-4: STAKE-6: delegation, tickets and positions tell amounts and shares apart", async () => {
      const { world, stakeTable, first, second, delegator, table } = await networkHelpers.loadFixture(earned);
      await expect(table.delegate(first.id, 227n * TOKENS, 0n))
        .to.emit(stakeTable, "Delegated")
        .withArgs(1, delegator.address, 227n * TOKENS, 200n * TOKENS);
      await expect(table.undelegate(first.id, 100n * TOKENS))
        .to.emit(stakeTable, "Undelegated")
        .withArgs(1, delegator.address, 1, tenths(1135), 100n * TOKENS);
      await expect(table.redelegate(first.id, second.id, 40n * TOKENS, 0n))
        .to.emit(stakeTable, "Redelegated")
        .withArgs(1, 2, 1, delegator.address, tenths(454), 40n * TOKENS, tenths(454));
      const heir = staking.accountAt(world, 8);
      await expect(table.transferTicket(1n, heir.address))
        .to.emit(stakeTable, "TicketTransferred")
        .withArgs(1, delegator.address, heir.address);
      await staking.increase(world, ESCROW);
      await expect(stakeTable.withdraw(1n)).to.emit(stakeTable, "Withdrawn").withArgs(1, heir.address, tenths(1135), 0);
      await expect(stakeTable.release(1n))
        .to.emit(stakeTable, "PositionReleased")
        .withArgs(1, delegator.address, tenths(454), 0);
    });

    it("SLASH-6: SLASH-7: SLASH-8: a slash tells stake, what left and all stake; what follows tells paid and lost", async () => {
      const { world, stakeTable, first, second, delegator, table } = await networkHelpers.loadFixture(earned);
      const slasher = stakeTable.connect(world.slasher);
      await table.undelegate(first.id, 100n * TOKENS);
      await table.redelegate(first.id, second.id, 40n * TOKENS, 0n);
      // 2270 in the pool, of which 113.5 and 45.4 left; another 1000 and those 45.4 elsewhere.
      await expect(slasher.slash(first.id))
        .to.emit(stakeTable, "ValidatorSlashed")
        .withArgs(1, tenths(22_700 - 1135 - 454), tenths(1135 + 454), tenths(32_700 - 1135));
      const reporter = staking.accountAt(world, 9);
      await expect(slasher.rewardReporter(first.id, reporter.address, 7n * TOKENS))
        .to.emit(stakeTable, "ReporterRewarded")
        .withArgs(1, reporter.address, 7n * TOKENS);
      await staking.increase(world, ESCROW + 1n);
      const lost = tenths(22_700 - 1135 - 454) / 5n;
      await expect(slasher.settle(first.id, WAD / 5n))
        .to.emit(stakeTable, "ValidatorSettled")
        .withArgs(1, WAD / 5n, lost - 7n * TOKENS);
      await expect(stakeTable.withdraw(1n))
        .to.emit(stakeTable, "Withdrawn")
        .withArgs(1, delegator.address, tenths(908), tenths(227));
      await expect(stakeTable.release(1n))
        .to.emit(stakeTable, "PositionReleased")
        .withArgs(1, delegator.address, (tenths(454) * 4n) / 5n, tenths(454) / 5n);
      const shares = 860n * TOKENS;
      const paid = (shares * 1135n * 4n) / 5_000n;
      await expect(stakeTable.redeem(first.id, delegator.address))
        .to.emit(stakeTable, "Redeemed")
        .withArgs(1, delegator.address, shares, paid);
    });

    it("exit tells the validator, and leaves its seat", async () => {
      const { stakeTable, first } = await networkHelpers.loadFixture(earned);
      const call = stakeTable.connect(first.operator).exit(first.id);
      await expect(call).to.emit(stakeTable, "ValidatorExited").withArgs(1);
      await expect(call).to.emit(stakeTable, "SeatVacated").withArgs(0, 1);
    });
  });

  describe("seats follow pools", () => {
    async function expectSeats(world: staking.World): Promise<void> {
      for (const number of [0n, 1n]) {
        const { id, stake } = await world.stakeTable.seat(number);
        const { assets } = await world.stakeTable.pool(id);
        expect(stake).to.equal(assets - (assets % STAKE_UNIT));
      }
    }

    it("a seat has its pool's stake after every action that moves it", async () => {
      const { world, stakeTable, first, second, table } = await networkHelpers.loadFixture(earned);
      await expectSeats(world);
      await table.delegate(first.id, 100n * TOKENS, 0n);
      await expectSeats(world);
      await table.undelegate(first.id, 50n * TOKENS);
      await expectSeats(world);
      await table.redelegate(first.id, second.id, 40n * TOKENS, 0n);
      await expectSeats(world);
      await table.reward(second.id, 20n * TOKENS);
      await staking.increase(world, 3n * DAY);
      await stakeTable.accrue(second.id);
      await expectSeats(world);
    });

    it("SLASH-8: a penalty that a position brings along lowers the seat that it came to", async () => {
      const { world, stakeTable, first, second, table } = await networkHelpers.loadFixture(earned);
      await table.redelegate(first.id, second.id, 40n * TOKENS, 0n);
      await stakeTable.connect(world.slasher).slash(first.id);
      await staking.increase(world, ESCROW + 1n);
      await stakeTable.connect(world.slasher).settle(first.id, WAD / 2n);
      const before = (await stakeTable.seat(1n)).stake;
      const active = await stakeTable.activeStake();
      await stakeTable.release(1n);
      expect((await stakeTable.seat(1n)).stake).to.equal(before - tenths(227));
      expect(await stakeTable.activeStake()).to.equal(active - tenths(227));
    });
  });

  describe("to the second", () => {
    it("STAKE-4: STAKE-6: tickets and positions open at U, not a second sooner", async () => {
      const { world, stakeTable, first, second, table } = await networkHelpers.loadFixture(earned);
      await table.undelegate(first.id, 100n * TOKENS);
      const { unlockAt } = await stakeTable.ticket(1n);
      await table.redelegate(first.id, second.id, 40n * TOKENS, 0n);
      const { until } = await stakeTable.position(1n);
      await world.helpers.time.setNextBlockTimestamp(unlockAt - 1n);
      await expect(stakeTable.withdraw(1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableTicketLocked")
        .withArgs(1, unlockAt);
      await world.helpers.time.setNextBlockTimestamp(unlockAt);
      await stakeTable.withdraw(1n);
      expect(until).to.equal(unlockAt + 1n);
      await expect(stakeTable.release.staticCall(1n, { blockTag: "latest" }))
        .to.be.revertedWithCustomError(stakeTable, "StakeTablePositionHeld")
        .withArgs(1, until);
      await world.helpers.time.setNextBlockTimestamp(until);
      await stakeTable.release(1n);
    });

    it("rotation waits for its interval, to the second", async () => {
      const { world, stakeTable } = await networkHelpers.loadFixture(earned);
      for (const operator of [2, 3]) {
        const validator = await staking.register(world, {
          operator: staking.accountAt(world, operator),
          selfStake: 900n * TOKENS,
        });
        await stakeTable.seal(validator.key.packed);
        await stakeTable.connect(validator.operator).takeSeat(validator.id);
      }
      expect(await stakeTable.nextRotationAt()).to.equal(0);
      await stakeTable.rotate();
      const due = BigInt(await world.helpers.time.latest()) + DAY;
      expect(await stakeTable.nextRotationAt()).to.equal(due);
      await world.helpers.time.setNextBlockTimestamp(due - 1n);
      await expect(stakeTable.rotate())
        .to.be.revertedWithCustomError(stakeTable, "StakeTableRotationTooEarly")
        .withArgs(due - 1n, due);
      await world.helpers.time.setNextBlockTimestamp(due);
      await stakeTable.rotate();
    });
  });
});
