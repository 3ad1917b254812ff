import { expect } from "chai";
import { concat, keccak256 } from "ethers";
import { network } from "hardhat";

import * as slashing from "../support/slashing.ts";
import { BLOCK_A, BLOCK_B, finalize, pairEvidence } from "../support/slashing.ts";
import * as staking from "../support/staking.ts";
import { DAY, ESCROW, PARAMETER, TOKENS, WAD } from "../support/staking.ts";

const created = await network.create();
const { networkHelpers } = created;

async function fourSeats() {
  const world = await staking.deployStakeTable(created);
  const validators = await staking.seated(
    world,
    [1000n, 900n, 800n, 700n].map((amount) => amount * TOKENS),
  );
  const [validator] = validators;
  if (validator === undefined) throw new Error("no validator");
  return { world, stakeTable: world.stakeTable, validator, operated: world.stakeTable.connect(validator.operator) };
}

/** Sets the time of the next block. */
async function nextTime(): Promise<bigint> {
  const time = BigInt(await networkHelpers.time.latest()) + 10n;
  await networkHelpers.time.setNextBlockTimestamp(time);
  return time;
}

/** What a reader of the log must be able to follow without reading storage. */
describe("StakeTable announces", () => {
  it("STAKE-8: a commission and from when it holds", async () => {
    const { stakeTable, validator, operated } = await networkHelpers.loadFixture(fourSeats);
    const time = await nextTime();
    await expect(operated.setCommission(validator.id, 500n))
      .to.emit(stakeTable, "CommissionChanged")
      .withArgs(validator.id, 500n, time + ESCROW);
    await networkHelpers.time.increase(ESCROW);
    const later = await nextTime();
    await expect(operated.setCommission(validator.id, 100n))
      .to.emit(stakeTable, "CommissionChanged")
      .withArgs(validator.id, 100n, later);
    await expect(operated.exit(validator.id))
      .to.emit(stakeTable, "ValidatorExited")
      .withArgs(validator.id)
      .to.emit(stakeTable, "SeatVacated")
      .withArgs(0n, validator.id);
  });

  it("KEY-6: a key that waits for the next rotation", async () => {
    const { world, stakeTable, validator, operated } = await networkHelpers.loadFixture(fourSeats);
    const key = staking.freshKey();
    const keyHash = keccak256(key.packed);
    const proof = await staking.possession(world, key, validator.operator.address);
    await expect(operated.proveKey(validator.id, key.packed, proof))
      .to.emit(stakeTable, "KeyProven")
      .withArgs(validator.id, keyHash, key.packed);
    await expect(stakeTable.seal(concat([key.packed])))
      .to.emit(stakeTable, "PageSealed")
      .withArgs(2n, [keyHash]);
    await expect(operated.rotateKey(validator.id, keyHash))
      .to.emit(stakeTable, "KeyRotationQueued")
      .withArgs(validator.id, keyHash)
      .not.to.emit(stakeTable, "KeyRotated");
    expect((await stakeTable.validator(validator.id)).nextKeyHash).to.equal(keyHash);
  });

  it("REWARD-1: a reward, its commission and the end of its stream", async () => {
    const { world, stakeTable, validator, operated } = await networkHelpers.loadFixture(fourSeats);
    await operated.setCommission(validator.id, 500n);
    await networkHelpers.time.increase(ESCROW);
    const payer = staking.accountAt(world, 9);
    const time = await nextTime();
    await expect(stakeTable.connect(payer).reward(validator.id, 1001n))
      .to.emit(stakeTable, "RewardPaid")
      .withArgs(validator.id, payer.address, 1001n, 50n, time + DAY);
    // All of it as commission leaves nothing to stream.
    const other = await staking.register(world, { operator: staking.accountAt(world, 8), commission: 10_000n });
    await expect(stakeTable.connect(payer).reward(other.id, 7n))
      .to.emit(stakeTable, "RewardPaid")
      .withArgs(other.id, payer.address, 7n, 7n, 0n);
  });

  it("STAKE-4: whose a ticket is", async () => {
    const { world, stakeTable, validator, operated } = await networkHelpers.loadFixture(fourSeats);
    await expect(operated.undelegate(validator.id, TOKENS))
      .to.emit(stakeTable, "Undelegated")
      .withArgs(validator.id, validator.operator.address, 1n, TOKENS, TOKENS);
    const heir = staking.accountAt(world, 9).address;
    await expect(operated.transferTicket(1n, heir))
      .to.emit(stakeTable, "TicketTransferred")
      .withArgs(1n, validator.operator.address, heir);
  });

  it("GOV-1: GOV-2: what governance queues, cancels, applies and pauses", async () => {
    const { world, stakeTable } = await networkHelpers.loadFixture(fourSeats);
    const governed = stakeTable.connect(world.admin);
    const time = await nextTime();
    await expect(governed.queueParameter(PARAMETER.seats, 50n))
      .to.emit(stakeTable, "ParameterQueued")
      .withArgs(PARAMETER.seats, 50n, time + ESCROW);
    expect(await stakeTable.queuedParameter(PARAMETER.seats)).to.deep.equal([50n, time + ESCROW]);
    await expect(governed.cancelParameter(PARAMETER.seats))
      .to.emit(stakeTable, "ParameterCancelled")
      .withArgs(PARAMETER.seats);
    expect(await stakeTable.queuedParameter(PARAMETER.seats)).to.deep.equal([0n, 0n]);
    await governed.queueParameter(PARAMETER.minDelegation, 5n);
    await networkHelpers.time.increase(ESCROW);
    await expect(stakeTable.applyParameter(PARAMETER.minDelegation))
      .to.emit(stakeTable, "ParameterApplied")
      .withArgs(PARAMETER.minDelegation, 5n);
    const paused = await nextTime();
    await expect(governed.pause(DAY))
      .to.emit(stakeTable, "Paused")
      .withArgs(paused + DAY);
    expect(await stakeTable.pausedUntil()).to.equal(paused + DAY);
    await expect(governed.unpause()).to.emit(stakeTable, "Unpaused");
    expect(await stakeTable.pausedUntil()).to.equal(0n);
  });

  it("SLASH-4: SLASH-17: a slash, its reward and its settlement, with all that decides them", async () => {
    const world = await slashing.deploySlashing(created, {}, { launchPenalty: WAD });
    const { stakeTable } = world;
    const [offender] = await staking.seated(
      world,
      [1000n, 1000n, 1000n, 7000n].map((amount) => amount * TOKENS),
    );
    if (offender === undefined) throw new Error("no validator");
    await staking.rotate(world);
    await stakeTable.connect(offender.operator).undelegate(offender.id, 100n * TOKENS);
    const [reporter] = world.accounts.slice(9);
    if (reporter === undefined) throw new Error("no account");
    const evidence = pairEvidence(world, offender.key, finalize(BLOCK_A), finalize(BLOCK_B));
    // A tenth of the stake costs three tenths; the reporter gets half of what the self-stake loses at once.
    const reward = (900n * TOKENS * 3n) / 20n;
    await expect(world.slashing.connect(reporter).slash(evidence))
      .to.emit(stakeTable, "ValidatorSlashed")
      .withArgs(offender.id, 900n * TOKENS, 100n * TOKENS, 10_000n * TOKENS)
      .to.emit(stakeTable, "ReporterRewarded")
      .withArgs(offender.id, reporter.address, reward)
      .to.emit(world.slashing, "Slashed")
      .withArgs(offender.id, offender.keyHash, reporter.address, WAD / 10n, WAD);
    await networkHelpers.time.increase(ESCROW + 1n);
    await expect(world.slashing.settle(offender.id))
      .to.emit(world.slashing, "Settled")
      .withArgs(offender.id, WAD / 10n, (3n * WAD) / 10n)
      .to.emit(stakeTable, "ValidatorSettled")
      .withArgs(offender.id, (3n * WAD) / 10n, 270n * TOKENS - reward);
    await expect(stakeTable.redeem(offender.id, offender.operator.address))
      .to.emit(stakeTable, "Redeemed")
      .withArgs(offender.id, offender.operator.address, 900n * TOKENS, 630n * TOKENS);
  });
});
