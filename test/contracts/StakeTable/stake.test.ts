import { expect } from "chai";
import { Signature } from "ethers";
import { network } from "hardhat";

import * as staking from "../support/staking.ts";
import { DEAD, ESCROW, TOKENS, WAD } from "../support/staking.ts";

const created = await network.create();
const { networkHelpers } = created;

/** Two validators of 1000 tokens each, and a delegator who has nothing staked. */
async function twoValidators() {
  const world = await staking.deployStakeTable(created);
  const first = await staking.register(world, { operator: world.accounts[0]!, selfStake: 1000n * TOKENS });
  const second = await staking.register(world, { operator: world.accounts[1]!, selfStake: 1000n * TOKENS });
  const delegator = world.accounts[5]!;
  const table = world.stakeTable.connect(delegator);
  return { world, stakeTable: world.stakeTable, first, second, delegator, table };
}

/** One delegator with 1000 tokens at the first validator since before this window, so that budgets are open. */
async function delegated() {
  const state = await twoValidators();
  await state.table.delegate(state.first.id, 1000n * TOKENS, 0n);
  await staking.increase(state.world, ESCROW);
  return state;
}

async function slashAndSettle(world: staking.World, id: bigint, penalty: bigint) {
  await world.stakeTable.connect(world.slasher).slash(id);
  await staking.increase(world, ESCROW + 1n);
  await world.stakeTable.connect(world.slasher).settle(id, penalty);
}

describe("StakeTable stake", () => {
  describe("delegate", () => {
    it("STAKE-1: mints shares at the pool's price, rounded down", async () => {
      const { stakeTable, world, first, delegator, table } = await networkHelpers.loadFixture(twoValidators);
      await expect(table.delegate(first.id, 3n * TOKENS, 3n * TOKENS))
        .to.emit(stakeTable, "Delegated")
        .withArgs(first.id, delegator.address, 3n * TOKENS, 3n * TOKENS);
      await stakeTable.connect(world.accounts[9]).reward(first.id, 1003n * TOKENS);
      await staking.increase(world, staking.DAY);
      await table.delegate(first.id, 3n * TOKENS, 0n);
      expect(await stakeTable.sharesOf(first.id, delegator.address)).to.equal(3n * TOKENS + (3n * TOKENS) / 2n);
      expect((await stakeTable.pool(first.id)).assets).to.equal(2009n * TOKENS);
      expect(await stakeTable.activeStake()).to.equal(3009n * TOKENS);
    });

    it("STAKE-1: refuses fewer shares than asked for, and less than the minimum", async () => {
      const { stakeTable, first, table } = await networkHelpers.loadFixture(twoValidators);
      await expect(table.delegate(first.id, TOKENS, TOKENS + 1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableSharesTooFew")
        .withArgs(TOKENS, TOKENS + 1n);
      await expect(table.delegate(first.id, TOKENS - 1n, 0n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableAmountTooLow")
        .withArgs(TOKENS - 1n, TOKENS);
      await expect(table.delegate(99n, TOKENS, 0n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableValidatorUnknown")
        .withArgs(99);
    });

    it("STAKE-1: refuses validators that exited or were slashed", async () => {
      const { stakeTable, world, first, second, table } = await networkHelpers.loadFixture(twoValidators);
      await stakeTable.connect(first.operator).exit(first.id);
      await stakeTable.connect(world.slasher).slash(second.id);
      await expect(table.delegate(first.id, TOKENS, 0n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableValidatorHasExited",
      );
      await expect(table.delegate(second.id, TOKENS, 0n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableValidatorIsSlashed",
      );
    });

    it("STAKE-2: a donation changes nothing", async () => {
      const { stakeTable, world, first, table } = await networkHelpers.loadFixture(twoValidators);
      await world.token.connect(world.accounts[9]).transfer(stakeTable.target, 10n ** 6n * TOKENS);
      await table.delegate(first.id, 3n * TOKENS, 3n * TOKENS);
      expect((await stakeTable.pool(first.id)).assets).to.equal(1003n * TOKENS);
    });

    it("STAKE-2: the first shares are locked, so their price cannot be inflated against who comes later", async () => {
      const { stakeTable, world, first, table, delegator } = await networkHelpers.loadFixture(twoValidators);
      // The operator keeps as few shares as he can, and gives a million tokens to the pool.
      const operated = stakeTable.connect(first.operator);
      await operated.undelegate(first.id, 900n * TOKENS);
      await expect(operated.undelegate(first.id, 1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableSelfStakeLocked")
        .withArgs(100n * TOKENS - 1n, 100n * TOKENS);
      await stakeTable.connect(world.accounts[9]).reward(first.id, 10n ** 6n * TOKENS);
      await staking.increase(world, staking.DAY);
      await table.delegate(first.id, TOKENS, 1n);
      const { assets, shares } = await stakeTable.pool(first.id);
      const mine = await stakeTable.sharesOf(first.id, delegator.address);
      expect(TOKENS - (mine * assets) / shares).to.be.lessThan(20_000n);
    });

    it("STAKE-3: a permit that fails is ignored when the allowance suffices", async () => {
      const { stakeTable, world, first, delegator, table } = await networkHelpers.loadFixture(twoValidators);
      const zero = "0x" + "00".repeat(32);
      await table.delegateWithPermit(first.id, TOKENS, 0n, 0n, 27, zero, zero);
      await world.token.connect(delegator).approve(stakeTable.target, 0n);
      await expect(table.delegateWithPermit(first.id, TOKENS, 0n, 0n, 27, zero, zero)).to.be.revertedWithCustomError(
        world.token,
        "ERC20InsufficientAllowance",
      );
      const { chainId } = await world.ethers.provider.getNetwork();
      const deadline = BigInt(await world.helpers.time.latest()) + 1000n;
      const signature = Signature.from(
        await delegator.signTypedData(
          { name: await world.token.name(), version: "1", chainId, verifyingContract: await world.token.getAddress() },
          {
            Permit: ["owner:address", "spender:address", "value:uint256", "nonce:uint256", "deadline:uint256"].map(
              (field) => ({ name: field.split(":")[0]!, type: field.split(":")[1]! }),
            ),
          },
          { owner: delegator.address, spender: await stakeTable.getAddress(), value: TOKENS, nonce: 0n, deadline },
        ),
      );
      const { v, r, s } = signature;
      await expect(table.delegateWithPermit(first.id, TOKENS, 0n, deadline, v, r, s)).to.emit(stakeTable, "Delegated");
    });
  });

  describe("undelegate and withdraw", () => {
    it("STAKE-4: a ticket pays its plain amount after U, to its owner, by anyone's push", async () => {
      const { stakeTable, world, first, delegator, table } = await networkHelpers.loadFixture(delegated);
      await expect(table.undelegate(first.id, 400n * TOKENS)).to.emit(stakeTable, "Undelegated");
      await table.undelegate(first.id, 100n * TOKENS);
      const ticket = await stakeTable.ticket(1n);
      expect(ticket.unlockAt).to.equal(ticket.openedAt + ESCROW);
      await world.helpers.time.setNextBlockTimestamp(ticket.unlockAt - 1n);
      await expect(stakeTable.withdraw(1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableTicketLocked")
        .withArgs(1n, ticket.unlockAt);
      await world.helpers.time.setNextBlockTimestamp(ticket.unlockAt);
      const before = await world.token.balanceOf(delegator.address);
      await expect(stakeTable.connect(world.accounts[15]).withdraw(1n))
        .to.emit(stakeTable, "Withdrawn")
        .withArgs(1n, delegator.address, 400n * TOKENS, 0n);
      expect((await world.token.balanceOf(delegator.address)) - before).to.equal(400n * TOKENS);
      await expect(stakeTable.withdraw(1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableTicketUnknown")
        .withArgs(1n);
    });

    it("STAKE-4: a ticket can be given away", async () => {
      const { stakeTable, world, first, delegator, table } = await networkHelpers.loadFixture(delegated);
      await table.undelegate(first.id, 400n * TOKENS);
      const heir = world.accounts[6]!;
      await expect(stakeTable.connect(heir).transferTicket(1n, heir.address))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableNotTicketOwner")
        .withArgs(heir.address, delegator.address);
      await expect(table.transferTicket(1n, stakeTable.target))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableRecipientInvalid")
        .withArgs(stakeTable.target);
      await table.transferTicket(1n, heir.address);
      await staking.increase(world, ESCROW);
      const before = await world.token.balanceOf(heir.address);
      await stakeTable.withdraw(1n);
      expect((await world.token.balanceOf(heir.address)) - before).to.equal(400n * TOKENS);
    });

    it("STAKE-4: refuses more than held, and what is worth nothing", async () => {
      const { stakeTable, first, table } = await networkHelpers.loadFixture(delegated);
      await expect(table.undelegate(first.id, 1001n * TOKENS))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableSharesExceeded")
        .withArgs(1001n * TOKENS, 1000n * TOKENS);
      await expect(table.undelegate(first.id, 0n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableAmountTooLow")
        .withArgs(0n, 1n);
    });

    it("STAKE-5: the minimum self-stake is locked until exit, and the last one takes what has not streamed", async () => {
      const { stakeTable, world, first } = await networkHelpers.loadFixture(twoValidators);
      await stakeTable.connect(world.accounts[9]).reward(first.id, 50n * TOKENS);
      const operated = stakeTable.connect(first.operator);
      await expect(operated.undelegate(first.id, 901n * TOKENS)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableSelfStakeLocked",
      );
      await operated.exit(first.id);
      await operated.undelegate(first.id, 1000n * TOKENS);
      expect((await stakeTable.ticket(1n)).amount).to.equal(1050n * TOKENS);
      expect(await stakeTable.activeStake()).to.equal(1000n * TOKENS);
    });
  });

  describe("redelegate and release", () => {
    it("STAKE-6: moves stake at once, held for U, then anyone releases it to its owner", async () => {
      const { stakeTable, world, first, second, delegator, table } = await networkHelpers.loadFixture(delegated);
      await expect(table.redelegate(first.id, second.id, 100n * TOKENS, 100n * TOKENS))
        .to.emit(stakeTable, "Redelegated")
        .withArgs(first.id, second.id, 1n, delegator.address, 100n * TOKENS, 100n * TOKENS, 100n * TOKENS);
      expect((await stakeTable.pool(second.id)).assets).to.equal(1100n * TOKENS);
      const { until } = await stakeTable.position(1n);
      await expect(table.undelegate(second.id, 1n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableSharesExceeded",
      );
      await expect(stakeTable.release(1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTablePositionHeld")
        .withArgs(1n, until);
      await staking.increase(world, ESCROW);
      await stakeTable.connect(world.accounts[15]).release(1n);
      expect(await stakeTable.sharesOf(second.id, delegator.address)).to.equal(100n * TOKENS);
      await expect(stakeTable.release(1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTablePositionUnknown")
        .withArgs(1n);
    });

    it("STAKE-7: a window admits a tenth of a pool; undelegation stays open", async () => {
      const { stakeTable, world, first, second, table } = await networkHelpers.loadFixture(delegated);
      expect(await stakeTable.redelegationBudget(first.id)).to.equal(200n * TOKENS);
      await table.redelegate(first.id, second.id, 150n * TOKENS, 0n);
      await expect(table.redelegate(first.id, second.id, 51n * TOKENS, 0n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableRedelegationBudgetSpent")
        .withArgs(51n * TOKENS, 50n * TOKENS);
      await table.undelegate(first.id, 51n * TOKENS);
      await staking.increase(world, ESCROW);
      expect(await stakeTable.redelegationBudget(first.id)).to.equal(((2000n - 150n - 51n) * TOKENS) / 10n);
    });

    it("STAKE-7: a window admits a tenth of all stake", async () => {
      const { stakeTable, world, first, second, table } = await networkHelpers.loadFixture(twoValidators);
      const third = await staking.register(world, { operator: world.accounts[2]! });
      await table.delegate(first.id, 9000n * TOKENS, 0n);
      await table.delegate(second.id, 1000n * TOKENS, 0n);
      await staking.increase(world, ESCROW);
      expect(await stakeTable.redelegationBudget(first.id)).to.equal(1000n * TOKENS);
      await table.redelegate(first.id, third.id, 1000n * TOKENS, 0n);
      // 12,100 in all: 1,210 in this window, of which 210 are left, more than a tenth of the second pool.
      expect(await stakeTable.redelegationBudget(second.id)).to.equal(200n * TOKENS);
      await table.redelegate(second.id, third.id, 200n * TOKENS, 0n);
      expect(await stakeTable.redelegationBudget(third.id)).to.equal(10n * TOKENS);
    });

    it("STAKE-6: refuses the same validator, exited targets and slashed sources", async () => {
      const { stakeTable, world, first, second, table } = await networkHelpers.loadFixture(delegated);
      await expect(table.redelegate(first.id, first.id, TOKENS, 0n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableRedelegationToSelf")
        .withArgs(first.id);
      await stakeTable.connect(second.operator).exit(second.id);
      await expect(table.redelegate(first.id, second.id, TOKENS, 0n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableValidatorHasExited",
      );
      await stakeTable.connect(world.slasher).slash(first.id);
      const third = await staking.register(world, { operator: world.accounts[2]! });
      await expect(table.redelegate(first.id, third.id, TOKENS, 0n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableValidatorIsSlashed",
      );
    });
  });

  describe("slashed stake", () => {
    it("SLASH-6: a slashed pool takes no delegate, undelegate, redelegate or reward until settle; then it redeems at once", async () => {
      const { stakeTable, world, first, second, delegator, table } = await networkHelpers.loadFixture(delegated);
      await stakeTable.connect(world.slasher).slash(first.id);
      const isSlashed = async (sent: Promise<unknown>) =>
        expect(sent).to.be.revertedWithCustomError(stakeTable, "StakeTableValidatorIsSlashed");
      await isSlashed(table.delegate(first.id, TOKENS, 0n));
      await isSlashed(table.undelegate(first.id, TOKENS));
      await isSlashed(table.redelegate(first.id, second.id, TOKENS, 0n));
      await isSlashed(table.redelegate(second.id, first.id, TOKENS, 0n));
      await isSlashed(table.reward(first.id, TOKENS));
      await isSlashed(table.accrue(first.id));
      await expect(stakeTable.redeem(first.id, delegator.address)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableNotSettled",
      );
      await stakeTable.connect(world.slasher).settle(first.id, WAD / 4n);
      const before = await world.token.balanceOf(delegator.address);
      await stakeTable.connect(world.accounts[15]).redeem(first.id, delegator.address);
      expect((await world.token.balanceOf(delegator.address)) - before).to.equal(750n * TOKENS);
      expect(await world.token.balanceOf(DEAD)).to.equal(500n * TOKENS);
      await expect(stakeTable.redeem(first.id, delegator.address))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableNothingToRedeem")
        .withArgs(first.id, delegator.address);
    });

    it("SLASH-7: a ticket is liable iff openedAt <= slashedAt < unlockAt: undelegating before a slash escapes nothing", async () => {
      const { stakeTable, world, first, table } = await networkHelpers.loadFixture(delegated);
      await table.undelegate(first.id, 100n * TOKENS);
      await table.undelegate(first.id, 100n * TOKENS);
      const { unlockAt } = await stakeTable.ticket(1n);
      // The slash happens when the first ticket is free and the second is not.
      await world.helpers.time.setNextBlockTimestamp(unlockAt);
      await stakeTable.connect(world.slasher).slash(first.id);
      await expect(stakeTable.withdraw(1n)).to.emit(stakeTable, "Withdrawn");
      await staking.increase(world, ESCROW + 1n);
      await expect(stakeTable.withdraw(2n)).to.be.revertedWithCustomError(stakeTable, "StakeTableNotSettled");
      await stakeTable.connect(world.slasher).settle(first.id, WAD / 3n);
      const lost = (100n * TOKENS * (WAD / 3n) + WAD - 1n) / WAD;
      await expect(stakeTable.withdraw(2n))
        .to.emit(stakeTable, "Withdrawn")
        .withArgs(2n, await stakeTable.ticket(2n).then(({ owner }) => owner), 100n * TOKENS - lost, lost);
    });

    it("SLASH-8: redelegating before a slash escapes nothing: the penalty of the source is taken from the position", async () => {
      const { stakeTable, world, first, second, delegator, table } = await networkHelpers.loadFixture(delegated);
      await table.redelegate(first.id, second.id, 100n * TOKENS, 0n);
      await stakeTable.connect(world.slasher).slash(first.id);
      await staking.increase(world, ESCROW + 1n);
      await expect(stakeTable.release(1n)).to.be.revertedWithCustomError(stakeTable, "StakeTableNotSettled");
      await stakeTable.connect(world.slasher).settle(first.id, WAD / 2n);
      await expect(stakeTable.release(1n))
        .to.emit(stakeTable, "PositionReleased")
        .withArgs(1n, delegator.address, 50n * TOKENS, 50n * TOKENS);
      expect((await stakeTable.pool(second.id)).assets).to.equal(1050n * TOKENS);
      expect(await stakeTable.activeStake()).to.equal(1050n * TOKENS);
    });

    it("SLASH-8: when both are slashed, the position waits for both and pays both", async () => {
      const { stakeTable, world, first, second, delegator, table } = await networkHelpers.loadFixture(delegated);
      await table.redelegate(first.id, second.id, 100n * TOKENS, 0n);
      await stakeTable.connect(world.slasher).slash(second.id);
      await slashAndSettle(world, first.id, WAD / 2n);
      await expect(stakeTable.release(1n)).to.be.revertedWithCustomError(stakeTable, "StakeTableNotSettled");
      await stakeTable.connect(world.slasher).settle(second.id, WAD / 4n);
      await stakeTable.release(1n);
      const before = await world.token.balanceOf(delegator.address);
      await stakeTable.redeem(second.id, delegator.address);
      expect((await world.token.balanceOf(delegator.address)) - before).to.equal((50n * TOKENS * 3n) / 4n);
    });

    it("SLASH-8: a position pays in full when its source is slashed after it ended, even if claimed late", async () => {
      const { stakeTable, world, first, second, delegator, table } = await networkHelpers.loadFixture(delegated);
      await table.redelegate(first.id, second.id, 100n * TOKENS, 0n);
      const { until } = await stakeTable.position(1n);
      await world.helpers.time.setNextBlockTimestamp(until);
      await stakeTable.connect(world.slasher).slash(first.id);
      await stakeTable.release(1n);
      expect(await stakeTable.sharesOf(second.id, delegator.address)).to.equal(100n * TOKENS);
    });

    it("SLASH-9: only the slasher slashes, settles and rewards; each once", async () => {
      const { stakeTable, world, first, second } = await networkHelpers.loadFixture(delegated);
      const stranger = world.accounts[9]!;
      const asStranger = stakeTable.connect(stranger);
      for (const send of [
        () => asStranger.slash(first.id),
        () => asStranger.settle(first.id, 0n),
        () => asStranger.rewardReporter(first.id, stranger.address, 1n),
      ]) {
        await expect(send())
          .to.be.revertedWithCustomError(stakeTable, "StakeTableNotSlasher")
          .withArgs(stranger.address, world.slasher.address);
      }
      const slasher = stakeTable.connect(world.slasher);
      await expect(slasher.settle(second.id, 0n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableNotSlashed")
        .withArgs(second.id);
      await expect(slasher.rewardReporter(second.id, stranger.address, 1n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableNotSlashed",
      );
      await slasher.slash(first.id);
      await expect(slasher.slash(first.id)).to.be.revertedWithCustomError(stakeTable, "StakeTableValidatorIsSlashed");
      await expect(slasher.settle(first.id, WAD + 1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTablePenaltyTooHigh")
        .withArgs(WAD + 1n, WAD);
      await slasher.rewardReporter(first.id, stranger.address, 600n * TOKENS);
      await slasher.rewardReporter(first.id, stranger.address, 600n * TOKENS);
      await slasher.settle(first.id, WAD);
      await expect(slasher.settle(first.id, WAD))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableAlreadySettled")
        .withArgs(first.id);
      // The cap is 1000: that went to the reporter, the rest of 2000 burned.
      expect(await world.token.balanceOf(DEAD)).to.equal(1000n * TOKENS);
      expect(await world.token.balanceOf(stakeTable.target)).to.equal(1000n * TOKENS);
    });
  });

  describe("reward", () => {
    it("REWARD-1: commission at once, the rest streams over a rotation interval", async () => {
      const { stakeTable, world, first } = await networkHelpers.loadFixture(twoValidators);
      await stakeTable.connect(first.operator).setCommission(first.id, 500n);
      await staking.increase(world, ESCROW);
      const before = await world.token.balanceOf(first.operator.address);
      await stakeTable.connect(world.accounts[9]).reward(first.id, 1000n * TOKENS);
      expect((await world.token.balanceOf(first.operator.address)) - before).to.equal(50n * TOKENS);
      await staking.increase(world, staking.DAY / 2n);
      const half = await stakeTable.pool(first.id);
      expect(half.assets).to.equal(1475n * TOKENS);
      expect(half.streaming).to.equal(475n * TOKENS);
      await staking.increase(world, staking.DAY);
      await stakeTable.accrue(first.id);
      expect((await stakeTable.pool(first.id)).assets).to.equal(1950n * TOKENS);
      expect(await stakeTable.activeStake()).to.equal(2950n * TOKENS);
    });

    it("REWARD-2: many small payments cannot put off a large one", async () => {
      const { stakeTable, world, first } = await networkHelpers.loadFixture(twoValidators);
      const payer = stakeTable.connect(world.accounts[9]);
      await payer.reward(first.id, 1000n * TOKENS);
      const { streamEndsAt } = await stakeTable.pool(first.id);
      for (let i = 0; i < 20; i++) {
        await staking.increase(world, 3000n);
        await payer.reward(first.id, 1n);
      }
      expect((await stakeTable.pool(first.id)).streamEndsAt).to.be.lessThan(streamEndsAt + 30n);
    });

    it("REWARD-3: refuses exited and slashed validators, and nothing", async () => {
      const { stakeTable, world, first, second } = await networkHelpers.loadFixture(twoValidators);
      const payer = stakeTable.connect(world.accounts[9]);
      await expect(payer.reward(first.id, 0n)).to.be.revertedWithCustomError(stakeTable, "StakeTableAmountTooLow");
      await stakeTable.connect(first.operator).exit(first.id);
      await stakeTable.connect(world.slasher).slash(second.id);
      await expect(payer.reward(first.id, 1n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableValidatorHasExited",
      );
      await expect(payer.reward(second.id, 1n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableValidatorIsSlashed",
      );
    });
  });
});
