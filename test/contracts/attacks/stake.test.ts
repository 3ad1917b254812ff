import { expect } from "chai";
import fc from "fast-check";
import { network } from "hardhat";

import * as slashing from "../support/slashing.ts";
import { BLOCK_A, BLOCK_B, finalize, pairEvidence } from "../support/slashing.ts";
import * as staking from "../support/staking.ts";
import { DAY, ESCROW, type TestValidator, TOKENS, WAD } from "../support/staking.ts";

const created = await network.create();
const { networkHelpers } = created;

/** Five seated validators of 1000 tokens, their committee, and the real slasher after its ramp. */
async function fiveSeats() {
  const world = await slashing.deploySlashing(created, {}, { launchPenalty: WAD });
  const validators = await staking.seated(
    world,
    [1000n, 1000n, 1000n, 1000n, 1000n].map((stake) => stake * TOKENS),
  );
  await staking.rotate(world);
  const whale = staking.accountAt(world, 12);
  return { world, stakeTable: world.stakeTable, validators, whale, asWhale: world.stakeTable.connect(whale) };
}

function at(validators: readonly TestValidator[], index: number): TestValidator {
  const found = validators[index];
  if (found === undefined) throw new Error("no such validator");
  return found;
}

/** To the first second of the next redelegation window. */
async function nextWindow(): Promise<void> {
  const now = BigInt(await networkHelpers.time.latest());
  await networkHelpers.time.increaseTo((now / ESCROW + 1n) * ESCROW);
}

async function slash(world: slashing.SlashingWorld, { key }: TestValidator): Promise<void> {
  await world.slashing.slash(pairEvidence(world, key, finalize(BLOCK_A), finalize(BLOCK_B)));
}

/** Several transactions in one block, in this order. */
async function inOneBlock(world: staking.World, send: readonly (() => Promise<unknown>)[]): Promise<void> {
  await world.ethers.provider.send("evm_setAutomine", [false]);
  try {
    for (const each of send) await each();
    await networkHelpers.mine();
  } finally {
    await world.ethers.provider.send("evm_setAutomine", [true]);
  }
}

describe("attacks with stake", () => {
  describe("a seat by stake that is there for a moment", () => {
    it("STAKE-15: STAKE-7: one sum seats one validator: it cannot hop by undelegating, by a ticket or by redelegating", async () => {
      const { world, stakeTable, whale, asWhale } = await networkHelpers.loadFixture(fiveSeats);
      const dust: TestValidator[] = [];
      for (const index of [5, 6, 7]) {
        const validator = await staking.register(world, { operator: staking.accountAt(world, index) });
        await stakeTable.seal(validator.key.packed);
        dust.push(validator);
      }
      const [first, second] = [at(dust, 0), at(dust, 1)];
      const sum = await world.token.balanceOf(whale.address);
      await asWhale.delegate(first.id, sum, 0n);
      await stakeTable.connect(first.operator).takeSeat(first.id);
      // A new pool has no budget in its first window; and the sum is gone once it is undelegated.
      await expect(asWhale.redelegate(first.id, second.id, TOKENS, 0n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableRedelegationBudgetSpent")
        .withArgs(TOKENS, 0n);
      await asWhale.undelegate(first.id, sum);
      expect(await world.token.balanceOf(whale.address)).to.equal(0n);
      await expect(stakeTable.withdraw(1n)).to.be.revertedWithCustomError(stakeTable, "StakeTableTicketLocked");
      await asWhale.transferTicket(1n, second.operator.address);
      await expect(stakeTable.connect(second.operator).takeSeat(second.id)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableSeatStakeTooLow",
      );
      // What is left of the first one is dust, which the rotation drops.
      await staking.rotate(world);
      expect((await stakeTable.validator(first.id)).seat).to.equal(0n);
    });
  });

  describe("doomed stake", () => {
    it("STAKE-7: SLASH-8: what a validator moves out before its slash is a tenth a window, and burns where it went", async () => {
      const { world, stakeTable, validators, asWhale } = await networkHelpers.loadFixture(fiveSeats);
      const [doomed, refuge] = [at(validators, 0), at(validators, 1)];
      await asWhale.delegate(doomed.id, 9000n * TOKENS, 0n);
      await nextWindow();
      // The fault is done, the evidence not yet out: as much as can be goes to another seat, over the edge of a window.
      await nextWindow();
      const before = await stakeTable.pool(refuge.id);
      await networkHelpers.time.increase(ESCROW - 100n);
      let moved = 0n;
      for (const isNext of [false, true]) {
        if (isNext) await nextWindow();
        const budget = await stakeTable.redelegationBudget(doomed.id);
        await asWhale.redelegate(doomed.id, refuge.id, budget, 0n);
        moved += budget;
        await expect(asWhale.redelegate(doomed.id, refuge.id, TOKENS, 0n)).to.be.revertedWithCustomError(
          stakeTable,
          "StakeTableRedelegationBudgetSpent",
        );
      }
      // Of 10,000: a tenth, then a tenth of the rest.
      expect(moved).to.equal(1900n * TOKENS);
      await slash(world, doomed);
      await expect(asWhale.redelegate(doomed.id, refuge.id, 1n, 0n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableValidatorIsSlashed",
      );
      await staking.rotate(world);
      const { stake } = await staking.newestCommittee(world);
      expect(stake).to.equal((1000n + 1900n + 3n * 1000n) * TOKENS);
      await networkHelpers.time.increase(ESCROW + 1n);
      await world.slashing.settle(doomed.id);
      expect((await stakeTable.validator(doomed.id)).penalty).to.equal(WAD);
      for (const number of [1n, 2n]) await stakeTable.release(number);
      expect((await stakeTable.pool(refuge.id)).assets).to.equal(before.assets);
      expect((await stakeTable.seat(1))[1]).to.equal(1000n * TOKENS);
    });
  });

  describe("a sandwich of a slash", () => {
    it("SLASH-7: SLASH-8: in the block of the slash, stake that leaves before it is liable, and none leaves after it", async () => {
      const { world, stakeTable, validators, whale, asWhale } = await networkHelpers.loadFixture(fiveSeats);
      const [offender, other] = [at(validators, 0), at(validators, 1)];
      await asWhale.delegate(offender.id, 9000n * TOKENS, 0n);
      await nextWindow();
      const evidence = pairEvidence(world, offender.key, finalize(BLOCK_A), finalize(BLOCK_B));
      const gasLimit = 1_000_000n;
      const sent: { wait(): Promise<unknown> }[] = [];
      await inOneBlock(world, [
        () => asWhale.undelegate(offender.id, 4000n * TOKENS, { gasLimit }),
        () => asWhale.redelegate(offender.id, other.id, 500n * TOKENS, 0n, { gasLimit }),
        () => world.slashing.slash(evidence, { gasLimit }),
        async () => sent.push(await asWhale.undelegate(offender.id, 4000n * TOKENS, { gasLimit })),
        async () => sent.push(await asWhale.redelegate(offender.id, other.id, 100n * TOKENS, 0n, { gasLimit })),
        async () => sent.push(await asWhale.delegate(offender.id, TOKENS, 0n, { gasLimit })),
      ]);
      const [block, ticket] = [await networkHelpers.time.latest(), await stakeTable.ticket(1n)];
      expect([ticket.openedAt, await stakeTable.slashedAt(offender.id)]).to.deep.equal([BigInt(block), BigInt(block)]);
      for (const each of sent) {
        const outcome = await each.wait().then(
          () => "went through",
          () => "reverted",
        );
        expect(outcome).to.equal("reverted");
      }
      // The pool with what left it is most of the stake: everything is lost, wherever it went.
      await networkHelpers.time.increase(ESCROW + 1n);
      await world.slashing.settle(offender.id);
      const balance = await world.token.balanceOf(whale.address);
      await stakeTable.withdraw(1n);
      await stakeTable.release(1n);
      expect(await stakeTable.sharesOf(other.id, whale.address)).to.equal(0n);
      await stakeTable.redeem(offender.id, whale.address);
      expect(await world.token.balanceOf(whale.address)).to.equal(balance);
    });

    it("SLASH-6: nobody buys into a slashed pool below its worth, nor into a settled one", async () => {
      const { world, stakeTable, validators, asWhale } = await networkHelpers.loadFixture(fiveSeats);
      const offender = at(validators, 0);
      await slash(world, offender);
      const refused = async () => {
        await expect(asWhale.delegate(offender.id, TOKENS, 0n)).to.be.revertedWithCustomError(
          stakeTable,
          "StakeTableValidatorIsSlashed",
        );
      };
      await refused();
      await networkHelpers.time.increase(ESCROW + 1n);
      await world.slashing.settle(offender.id);
      await refused();
      await expect(asWhale.redelegate(at(validators, 1).id, offender.id, 1n, 0n)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableValidatorIsSlashed",
      );
    });
  });

  describe("rewards", () => {
    it("REWARD-1: stake that comes for a payment and goes after it takes what streamed meanwhile, and no more", async () => {
      const { world, stakeTable, validators, whale, asWhale } = await networkHelpers.loadFixture(fiveSeats);
      const { id } = at(validators, 0);
      const payer = stakeTable.connect(staking.accountAt(world, 15));
      const shares = await asWhale.delegate.staticCall(id, 1_000_000n * TOKENS, 0n);
      const gasLimit = 1_000_000n;
      await inOneBlock(world, [
        () => asWhale.delegate(id, 1_000_000n * TOKENS, 0n, { gasLimit }),
        () => payer.reward(id, 1000n * TOKENS, { gasLimit }),
        () => asWhale.undelegate(id, shares, { gasLimit }),
      ]);
      const ticket = await stakeTable.ticket(1n);
      expect(ticket.owner).to.equal(whale.address);
      expect(ticket.amount).to.equal(1_000_000n * TOKENS);
      await networkHelpers.time.increase(DAY);
      expect((await stakeTable.pool(id)).assets).to.equal(2000n * TOKENS);
    });
  });

  describe("the price of a share", () => {
    it("STAKE-2: whatever an operator pays into its own pool first, the next delegator loses less than one share's price", async () => {
      const { world, stakeTable, whale, asWhale } = await networkHelpers.loadFixture(fiveSeats);
      const operator = staking.accountAt(world, 6);
      const inflation = fc.bigInt({ min: 1n, max: 10n ** 8n * TOKENS });
      const amounts = fc.bigInt({ min: TOKENS, max: 1000n * TOKENS });
      await fc.assert(
        fc.asyncProperty(inflation, amounts, async (paid, amount) => {
          const { id } = await staking.register(world, { operator, commission: 0n });
          await world.token.mint(operator.address, paid);
          await stakeTable.connect(operator).reward(id, paid);
          await networkHelpers.time.increase(DAY + 1n);
          await stakeTable.accrue(id);
          await asWhale.delegate(id, amount, 1n);
          const { assets, shares } = await stakeTable.pool(id);
          const held = await stakeTable.sharesOf(id, whale.address);
          const worth = (held * assets) / shares;
          const price = assets / shares + 1n;
          expect(amount - worth <= price, `${String(amount)} is worth ${String(worth)}`).to.equal(true);
          // The attacker's first shares are locked: a price of p costs him p for each of 10^20 of them.
          expect(price * staking.PARAMETERS.minSelfStake >= paid).to.equal(true);
        }),
        { numRuns: 12, seed: 5 },
      );
    });
  });

  describe("a token that calls back", () => {
    it("TOKEN-3: what it may enter finds everything accounted for, and gets nothing twice", async () => {
      const world = await staking.deployStakeTable(created, {}, "ReentrantToken");
      const { stakeTable } = world;
      const token = await world.ethers.getContractAt("ReentrantToken", world.token.target);
      const face = stakeTable.interface;
      const [first, second] = [
        await staking.register(world, { operator: staking.accountAt(world, 0), selfStake: 1000n * TOKENS }),
        await staking.register(world, { operator: staking.accountAt(world, 1), selfStake: 1000n * TOKENS }),
      ];
      const stranger = staking.accountAt(world, 9);
      const during = async (callee: unknown, data: string, trigger: () => Promise<unknown>) => {
        await token.arm(String(callee), data);
        await trigger();
        return token.outcome();
      };
      const transfer = () => world.token.connect(stranger).transfer(stranger.address, 1n);
      // The token itself becomes a delegator.
      await world.token.mint(token.target, 500n * TOKENS);
      await during(
        token.target,
        token.interface.encodeFunctionData("approve", [stakeTable.target, 2n ** 256n - 1n]),
        transfer,
      );
      await during(stakeTable.target, face.encodeFunctionData("delegate", [first.id, 500n * TOKENS, 0n]), transfer);
      const self = await token.getAddress();
      expect(await stakeTable.sharesOf(first.id, self)).to.equal(500n * TOKENS);
      await nextWindow();
      const delegate = () => stakeTable.connect(stranger).delegate(first.id, 100n * TOKENS, 0n);
      const calls = [
        face.encodeFunctionData("undelegate", [first.id, 200n * TOKENS]),
        face.encodeFunctionData("redelegate", [first.id, second.id, 100n * TOKENS, 0n]),
        face.encodeFunctionData("transferTicket", [1n, stranger.address]),
      ];
      for (const data of calls) await during(stakeTable.target, data, delegate);
      expect(await stakeTable.sharesOf(first.id, self)).to.equal(200n * TOKENS);
      expect((await stakeTable.ticket(1n)).owner).to.equal(stranger.address);
      const pools = (await stakeTable.pool(first.id)).assets + (await stakeTable.pool(second.id)).assets;
      expect(await world.token.balanceOf(stakeTable.target)).to.equal(pools + 200n * TOKENS);
      // While a ticket is paid, it is gone already.
      await networkHelpers.time.increase(ESCROW);
      const again = await during(stakeTable.target, face.encodeFunctionData("transferTicket", [1n, self]), () =>
        stakeTable.withdraw(1n),
      );
      expect(again).to.equal(face.encodeErrorResult("StakeTableTicketUnknown", [1n]));
    });
  });

  describe("what is paid once", () => {
    it("STAKE-4: STAKE-6: SLASH-6: a ticket, a position and a share are each paid once, whoever asks and how often", async () => {
      const { world, stakeTable, validators, whale, asWhale } = await networkHelpers.loadFixture(fiveSeats);
      const [first, second] = [at(validators, 0), at(validators, 1)];
      await asWhale.delegate(first.id, 1000n * TOKENS, 0n);
      await nextWindow();
      await asWhale.undelegate(first.id, 100n * TOKENS);
      await asWhale.redelegate(first.id, second.id, 100n * TOKENS, 0n);
      await networkHelpers.time.increase(ESCROW);
      await slash(world, first);
      await networkHelpers.time.increase(ESCROW + 1n);
      await world.slashing.settle(first.id);
      const gasLimit = 500_000n;
      const before = await world.token.balanceOf(whale.address);
      await inOneBlock(world, [
        () => stakeTable.withdraw(1n, { gasLimit }),
        () => asWhale.withdraw(1n, { gasLimit }),
        () => stakeTable.release(1n, { gasLimit }),
        () => asWhale.release(1n, { gasLimit }),
        () => stakeTable.redeem(first.id, whale.address, { gasLimit }),
        () => asWhale.redeem(first.id, whale.address, { gasLimit }),
      ]);
      const { penalty } = await stakeTable.validator(first.id);
      const kept = 800n * TOKENS - (800n * TOKENS * penalty) / WAD;
      const paid = (await world.token.balanceOf(whale.address)) - before;
      expect(paid - 100n * TOKENS - kept).to.be.within(-1n, 0n);
      expect(await stakeTable.sharesOf(second.id, whale.address)).to.equal(100n * TOKENS);
    });
  });
});
