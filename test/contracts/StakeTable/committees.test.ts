import { expect } from "chai";
import { concat, keccak256, toBeHex } from "ethers";
import { network } from "hardhat";

import { G2_BASE, pack, sumOfSecrets } from "../support/bls.ts";
import * as staking from "../support/staking.ts";
import { PARAMETER, TOKENS } from "../support/staking.ts";

const created = await network.create();
const { networkHelpers } = created;

async function empty(): Promise<staking.World> {
  return staking.deployStakeTable(created);
}

/** Four seats of 1000, 900, 800, 700 tokens, keys in two pages. */
async function fourSeats() {
  const world = await staking.deployStakeTable(created, { seats: 4n });
  const validators = await staking.seated(
    world,
    [1000n, 900n, 800n, 700n].map((stake) => stake * TOKENS),
    2,
  );
  return { world, validators };
}

function weights(stakes: readonly bigint[]): number[] {
  const largest = stakes.reduce((most, stake) => (stake > most ? stake : most));
  return stakes.map((stake) => Number((stake * 65_535n) / largest));
}

describe("StakeTable committees", () => {
  describe("rotate", () => {
    it("STAKE-10: writes weights scaled to the largest seat, the sum of keys, and where each key stands", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      const receipt = await staking.rotate(world);
      const block = await world.ethers.provider.getBlock(receipt.blockNumber);
      const raw = (await world.ethers.provider.send("eth_getBlockByHash", [receipt.blockHash, false])) as {
        mixHash: string;
      };
      const { nonce, description, stake, randomness } = await staking.newestCommittee(world);
      const record = await world.stakeTable.committee(1n);
      expect(record.code).to.equal(staking.createdBy(world, nonce));
      expect(record.createdAt).to.equal(block?.timestamp);
      expect(record.createdBlock).to.equal(receipt.blockNumber);
      expect(record.nonce).to.equal(nonce);
      expect(await world.ethers.provider.getCode(record.code)).to.equal(description);
      expect(randomness).to.equal(raw.mixHash);
      expect(stake).to.equal(3400n * TOKENS);
      expect(await world.stakeTable.committeeStake()).to.equal(3400n * TOKENS);
      expect(description).to.equal(await staking.expectedCode(world, validators, weights([1000n, 900n, 800n, 700n])));
    });

    it("STAKE-10: a committee that did not change has the code of the one before, and a new id", async () => {
      const { world } = await networkHelpers.loadFixture(fourSeats);
      await staking.rotate(world);
      await staking.rotate(world);
      const [first, second] = [await world.stakeTable.committee(1n), await world.stakeTable.committee(2n)];
      expect(second.code).to.equal(first.code);
      expect(second.createdAt).to.equal(first.createdAt + staking.DAY);
      expect(await world.stakeTable.newestCommittee()).to.equal(2n);
      expect((await world.stakeTable.committee(3n)).code).to.equal("0x0000000000000000000000000000000000000000");
    });

    it("STAKE-10: other weights with the same keys refer to the roster that holds these", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      await staking.rotate(world);
      const first = await staking.newestCommittee(world);
      await world.stakeTable.connect(world.accounts[9]).delegate(validators[3]!.id, 500n * TOKENS, 0n);
      await staking.rotate(world);
      const second = await staking.newestCommittee(world);
      const expected = weights([1000n, 900n, 800n, 1200n]);
      const total = expected.reduce((sum, weight) => sum + weight);
      expect(second.description).to.equal(
        concat([
          "0x00",
          "0x04",
          "0x02",
          toBeHex(total, 4),
          toBeHex(first.nonce, 3),
          ...expected.map((w) => toBeHex(w, 2)),
        ]),
      );
      expect(second.nonce).to.equal(first.nonce + 1n);
    });

    it("STAKE-10: keys that came and went are added to and taken from the sum", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      await staking.rotate(world);
      const fifth = await staking.register(world, { operator: world.accounts[4]!, selfStake: 950n * TOKENS });
      await world.stakeTable.seal(fifth.key.packed);
      await expect(world.stakeTable.connect(fifth.operator).takeSeat(fifth.id))
        .to.emit(world.stakeTable, "SeatVacated")
        .withArgs(3, validators[3]!.id);
      await staking.rotate(world);
      const members = [...validators.slice(0, 3), fifth];
      const { description } = await staking.newestCommittee(world);
      // Patched in place: the page of the displaced key stays in the table until a roster is rebuilt.
      const sum = pack(G2_BASE.multiply(sumOfSecrets(members.map(({ key }) => key))));
      expect(description.slice(2 + 2 * 18, 2 + 2 * (18 + 192))).to.equal(sum.slice(2));
      expect(staking.weightsOf(description)).to.deep.equal(weights([1000n, 900n, 800n, 950n]));
    });

    it("STAKE-10: a roster with other seats is rebuilt, with the pages that it needs and no others", async () => {
      const world = await networkHelpers.loadFixture(empty);
      const stakes = [1000n, 900n, 800n, 700n, 600n, 500n].map((stake) => stake * TOKENS);
      const validators = await staking.seated(world, stakes, 2);
      await staking.rotate(world);
      for (const { id, operator } of validators.slice(0, 2)) await world.stakeTable.connect(operator).exit(id);
      await staking.rotate(world);
      const { description } = await staking.newestCommittee(world);
      expect(description).to.equal(await staking.expectedCode(world, validators.slice(2), weights(stakes.slice(2))));
    });

    it("STAKE-11: drops the seats below the minimum", async () => {
      const world = await networkHelpers.loadFixture(empty);
      const validators = await staking.seated(
        world,
        [900n, 900n, 900n, 900n, 250n].map((stake) => stake * TOKENS),
      );
      const last = validators[4]!;
      await world.stakeTable.connect(last.operator).undelegate(last.id, 100n * TOKENS);
      await expect(world.stakeTable.rotate()).to.emit(world.stakeTable, "SeatVacated").withArgs(4, last.id);
      expect(await world.stakeTable.seatsTaken()).to.equal(4n);
      expect((await world.stakeTable.validator(last.id)).seat).to.equal(0n);
    });

    it("STAKE-11: drops a seat whose weight would be zero", async () => {
      const world = await networkHelpers.loadFixture(empty);
      const large = 20_000_000n * TOKENS;
      const validators = await staking.seated(world, [large, large, large, large, 300n * TOKENS, 310n * TOKENS]);
      await expect(world.stakeTable.rotate()).to.emit(world.stakeTable, "SeatVacated").withArgs(4, validators[4]!.id);
      const { description } = await staking.newestCommittee(world);
      expect(staking.weightsOf(description)).to.deep.equal([65_535, 65_535, 65_535, 65_535, 1]);
    });

    it("STAKE-11: a seat counts no more units than fit, so the largest ones may count alike", async () => {
      const world = await networkHelpers.loadFixture(empty);
      const saturated = (2n ** 31n - 2n) * staking.STAKE_UNIT;
      await staking.seated(world, [saturated * 2n, saturated, saturated / 2n, saturated / 4n]);
      await world.stakeTable.rotate();
      const { description } = await staking.newestCommittee(world);
      expect(staking.weightsOf(description)).to.deep.equal(weights([4n, 4n, 2n, 1n]));
    });

    it("STAKE-11: refuses to make a committee of fewer than four", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      await world.stakeTable.connect(validators[0]!.operator).exit(validators[0]!.id);
      await expect(world.stakeTable.rotate())
        .to.be.revertedWithCustomError(world.stakeTable, "StakeTableSeatsTooFew")
        .withArgs(3, 4);
    });

    it("STAKE-11: refuses to make a committee of less than the minimum stake", async () => {
      const world = await staking.deployStakeTable(created, { minCommitteeStake: 4000n * TOKENS });
      await staking.seated(
        world,
        [1000n, 900n, 800n, 700n].map((stake) => stake * TOKENS),
      );
      await expect(world.stakeTable.rotate())
        .to.be.revertedWithCustomError(world.stakeTable, "StakeTableCommitteeStakeTooLow")
        .withArgs(3400n * TOKENS, 4000n * TOKENS);
    });

    it("STAKE-12: is open to anyone, once an interval", async () => {
      const { world } = await networkHelpers.loadFixture(fourSeats);
      await world.stakeTable.connect(world.accounts[15]).rotate();
      const due = await world.stakeTable.nextRotationAt();
      await expect(world.stakeTable.rotate()).to.be.revertedWithCustomError(
        world.stakeTable,
        "StakeTableRotationTooEarly",
      );
      await world.helpers.time.setNextBlockTimestamp(due - 1n);
      await expect(world.stakeTable.rotate())
        .to.be.revertedWithCustomError(world.stakeTable, "StakeTableRotationTooEarly")
        .withArgs(due - 1n, due);
      await world.helpers.time.setNextBlockTimestamp(due);
      await expect(world.stakeTable.rotate()).to.emit(world.stakeTable, "CommitteeCreated");
    });

    it("STAKE-13: 100 seats with a page for each key, the worst that sealing one by one does, stay far below a block", async function () {
      this.timeout(120_000);
      const world = await networkHelpers.loadFixture(empty);
      const validators = await staking.seated(
        world,
        Array.from({ length: 100 }, () => 300n * TOKENS),
        1,
      );
      const receipt = await staking.rotate(world);
      expect(receipt.gasUsed).to.be.lessThan(2_000_000n);
      const { description } = await staking.newestCommittee(world);
      expect(description).to.equal(await staking.expectedCode(world, validators, weights(validators.map(() => 1n))));
    });
  });

  describe("takeSeat", () => {
    it("STAKE-14: takes the lowest free seat", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      const second = validators[1]!;
      await world.stakeTable.connect(second.operator).leaveSeat(second.id);
      await expect(world.stakeTable.connect(second.operator).takeSeat(second.id))
        .to.emit(world.stakeTable, "SeatTaken")
        .withArgs(1, second.id);
      expect(await world.stakeTable.seat(1)).to.deep.equal([second.id, 900n * TOKENS]);
      expect(await world.stakeTable.seat(100)).to.deep.equal([0n, 0n]);
    });

    it("STAKE-14: displaces the lowest seat, by strictly more, and among equals the one with the highest number", async () => {
      const world = await staking.deployStakeTable(created, { seats: 4n });
      const validators = await staking.seated(
        world,
        [700n, 900n, 700n, 800n].map((stake) => stake * TOKENS),
      );
      const candidate = await staking.register(world, { operator: world.accounts[4]!, selfStake: 700n * TOKENS });
      await world.stakeTable.seal(candidate.key.packed);
      await expect(world.stakeTable.connect(candidate.operator).takeSeat(candidate.id))
        .to.be.revertedWithCustomError(world.stakeTable, "StakeTableSeatStakeTooLow")
        .withArgs(700n * TOKENS, 700n * TOKENS + staking.STAKE_UNIT);
      await world.stakeTable.connect(world.accounts[9]).delegate(candidate.id, TOKENS, 0n);
      await expect(world.stakeTable.connect(candidate.operator).takeSeat(candidate.id))
        .to.emit(world.stakeTable, "SeatVacated")
        .withArgs(2, validators[2]!.id);
    });

    it("STAKE-14: never evicts a high seat while a lower one exists", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      const rich = await staking.register(world, { operator: world.accounts[4]!, selfStake: 5000n * TOKENS });
      await world.stakeTable.seal(rich.key.packed);
      await world.stakeTable.connect(rich.operator).takeSeat(rich.id);
      for (const { id } of validators.slice(0, 3)) expect((await world.stakeTable.validator(id)).seat).to.not.equal(0n);
      expect((await world.stakeTable.validator(validators[3]!.id)).seat).to.equal(0n);
    });

    it("KEY-4: only a sealed key is seated", async () => {
      const world = await networkHelpers.loadFixture(empty);
      const { id, operator, keyHash } = await staking.register(world, { selfStake: 500n * TOKENS });
      await expect(world.stakeTable.connect(operator).takeSeat(id))
        .to.be.revertedWithCustomError(world.stakeTable, "StakeTableKeyNotSealed")
        .withArgs(keyHash);
    });

    it("STAKE-14: refuses dust, a second seat, and anyone but the operator", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      const poor = await staking.register(world, { operator: world.accounts[4]! });
      await world.stakeTable.seal(poor.key.packed);
      const { stakeTable } = world;
      await expect(stakeTable.connect(poor.operator).takeSeat(poor.id))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableSeatStakeTooLow")
        .withArgs(100n * TOKENS, 200n * TOKENS);
      const first = validators[0]!;
      await expect(stakeTable.connect(first.operator).takeSeat(first.id))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableSeatHeld")
        .withArgs(first.id, 0);
      await expect(stakeTable.connect(world.accounts[9]).takeSeat(poor.id))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableNotOperator")
        .withArgs(world.accounts[9]!.address, poor.operator.address);
      await expect(stakeTable.connect(poor.operator).leaveSeat(poor.id))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableSeatNotHeld")
        .withArgs(poor.id);
    });

    it("STAKE-15: stake that took a seat cannot leave in less than U", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      const flash = await staking.register(world, { operator: world.accounts[4]! });
      await world.stakeTable.seal(flash.key.packed);
      const whale = world.accounts[9]!;
      await world.stakeTable.connect(whale).delegate(flash.id, 5000n * TOKENS, 0n);
      await world.stakeTable.connect(flash.operator).takeSeat(flash.id);
      await world.stakeTable.connect(whale).undelegate(flash.id, 5000n * TOKENS);
      await expect(world.stakeTable.connect(whale).withdraw(1n)).to.be.revertedWithCustomError(
        world.stakeTable,
        "StakeTableTicketLocked",
      );
      // The seat counts what is left, so it is dropped at the next rotation, and the one that it displaced comes back.
      expect(await world.stakeTable.seat(3)).to.deep.equal([flash.id, 100n * TOKENS]);
      await world.stakeTable.connect(validators[3]!.operator).takeSeat(validators[3]!.id);
      await expect(world.stakeTable.rotate()).to.emit(world.stakeTable, "CommitteeCreated");
    });

    it("STAKE-16: a smaller limit drops the lowest seats at the next rotation", async () => {
      const world = await staking.deployStakeTable(created, { seats: 6n });
      const validators = await staking.seated(
        world,
        [600n, 400n, 800n, 300n, 700n, 500n].map((stake) => stake * TOKENS),
      );
      await world.stakeTable.connect(world.admin).queueParameter(PARAMETER.seats, 4n);
      await staking.increase(world, staking.ESCROW);
      await world.stakeTable.applyParameter(PARAMETER.seats);
      await staking.rotate(world);
      const left = await Promise.all(
        validators.map(async ({ id }) => (await world.stakeTable.validator(id)).seat !== 0n),
      );
      expect(left).to.deep.equal([true, false, true, false, true, true]);
    });
  });

  describe("key rotation", () => {
    it("KEY-6: a seated validator's next key is current from the next rotation on", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      await staking.rotate(world);
      const first = validators[0]!;
      const key = staking.freshKey();
      const proof = await staking.possession(world, key, first.operator.address);
      const table = world.stakeTable.connect(first.operator);
      await table.proveKey(first.id, key.packed, proof);
      await world.stakeTable.seal(key.packed);
      await table.rotateKey(first.id, keccak256(key.packed));
      expect((await world.stakeTable.validator(first.id)).keyHash).to.equal(first.keyHash);
      const receipt = await staking.rotate(world);
      const names = receipt.logs.map((log) => world.stakeTable.interface.parseLog(log)?.name);
      expect(names).to.deep.equal(["KeyRotated", "CommitteeCreated"]);
      expect((await world.stakeTable.validator(first.id)).keyHash).to.equal(keccak256(key.packed));
      const { description } = await staking.newestCommittee(world);
      const sum = pack(
        G2_BASE.multiply(sumOfSecrets([{ secret: key.secret }, ...validators.slice(1).map((v) => v.key)])),
      );
      expect(description.slice(2 + 2 * 18, 2 + 2 * (18 + 192))).to.equal(sum.slice(2));
    });

    it("KEY-6: a queued key becomes current when its validator loses the seat", async () => {
      const { world, validators } = await networkHelpers.loadFixture(fourSeats);
      const last = validators[3]!;
      const key = staking.freshKey();
      const table = world.stakeTable.connect(last.operator);
      await table.proveKey(last.id, key.packed, await staking.possession(world, key, last.operator.address));
      await world.stakeTable.seal(key.packed);
      await table.rotateKey(last.id, keccak256(key.packed));
      await expect(table.leaveSeat(last.id))
        .to.emit(world.stakeTable, "KeyRotated")
        .withArgs(last.id, keccak256(key.packed));
    });
  });
});
