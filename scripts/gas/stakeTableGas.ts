import { keccak256, Signature } from "ethers";

import * as staking from "../../test/contracts/support/staking.ts";
import { TOKENS } from "../../test/contracts/support/staking.ts";
import { type Connection, gasOf, type Measurements, type Price, share } from "./measurement.ts";

const SEATS = 100;
const CHANGED = 10;
const stakeOf = (index: number): bigint => BigInt(10_000 - index) * TOKENS;

/** `StakeTable`: keys, seats, committees, stake, operators and governance. */
export async function measure(connection: Connection): Promise<Measurements> {
  const result: Measurements = {};
  for (const size of [4, 20]) Object.assign(result, await measureSmall(connection, size));
  Object.assign(result, await measureSeals(connection));
  const world = await staking.deployStakeTable(connection);
  Object.assign(result, await measureCommittees(connection, world));
  Object.assign(result, await measureStake(connection, world));
  Object.assign(result, await measureOperators(connection, world));
  Object.assign(result, await measureGovernance(connection, world));
  return result;
}

async function rotate(connection: Connection, world: staking.World): Promise<Price> {
  const due = await world.stakeTable.nextRotationAt();
  const now = BigInt(await connection.networkHelpers.time.latest());
  if (due > now + 1n) await connection.networkHelpers.time.setNextBlockTimestamp(due);
  return gasOf(connection, world.stakeTable.rotate());
}

async function measureSmall(connection: Connection, size: number): Promise<Measurements> {
  const world = await staking.deployStakeTable(connection);
  await staking.seated(
    world,
    Array.from({ length: size }, (_, index) => stakeOf(index)),
  );
  const shape = `StakeTable.rotate/validators=${String(size)}`;
  return {
    [`${shape}/first`]: await rotate(connection, world),
    [`${shape}/changed=0`]: await rotate(connection, world),
  };
}

/** What is shared by the keys of a page, divided among them. */
async function measureSeals(connection: Connection): Promise<Measurements> {
  const world = await staking.deployStakeTable(connection);
  const result: Measurements = {};
  // Not the first page: that also fills slots that all others share.
  for (const count of [1, 1, 10, 40, 100]) {
    const validators: staking.TestValidator[] = [];
    for (let index = 0; index < count; index++) {
      validators.push(await staking.register(world, { operator: staking.accountAt(world, index) }));
    }
    const sealed = gasOf(connection, world.stakeTable.seal(staking.concatKeys(validators)));
    result[`StakeTable.seal/keys=${String(count)}`] = share(await sealed, count);
  }
  return result;
}

async function measureCommittees(connection: Connection, world: staking.World): Promise<Measurements> {
  const { stakeTable } = world;
  const result: Measurements = {};
  const validators: staking.TestValidator[] = [];
  for (let index = 0; index < SEATS + CHANGED; index++) {
    const operator = staking.accountAt(world, index);
    const key = staking.freshKey();
    const proof = await staking.possession(world, key, operator.address);
    result["StakeTable.register"] = await gasOf(
      connection,
      stakeTable.connect(operator).register(key.packed, proof, 500n, staking.NETWORK, staking.METADATA, stakeOf(index)),
    );
    validators.push({ id: BigInt(index + 1), operator, key, keyHash: keccak256(key.packed) });
  }
  await stakeTable.seal(staking.concatKeys(validators.slice(0, 40)));
  await stakeTable.seal(staking.concatKeys(validators.slice(40)));
  for (const { id, operator } of validators.slice(0, SEATS)) {
    result["StakeTable.takeSeat"] = await gasOf(connection, stakeTable.connect(operator).takeSeat(id));
  }
  const shape = `StakeTable.rotate/validators=${String(SEATS)}`;
  result[`${shape}/first`] = await rotate(connection, world);
  result[`${shape}/changed=0`] = await rotate(connection, world);
  const delegator = staking.accountAt(world, 1);
  await stakeTable.connect(delegator).delegate(1n, 50n * TOKENS, 0n);
  result[`${shape}/changed=0/weights`] = await rotate(connection, world);
  for (const { id, operator } of validators.slice(SEATS)) {
    await stakeTable.connect(delegator).delegate(id, 1000n * TOKENS, 0n);
    result["StakeTable.takeSeat/displacing"] = await gasOf(connection, stakeTable.connect(operator).takeSeat(id));
  }
  // The record of a committee is in a new slot, as every other one's.
  result[`${shape}/changed=${String(CHANGED)}`] = await rotate(connection, world);
  return result;
}

/** Stakers, on validators 1 to 4, all seated. */
async function measureStake(connection: Connection, world: staking.World): Promise<Measurements> {
  const staker = staking.accountAt(world, 12);
  const table = world.stakeTable.connect(staker);
  const result: Measurements = {};
  const measured = async (name: string, sent: Parameters<typeof gasOf>[1]): Promise<void> => {
    result[`StakeTable.${name}`] = await gasOf(connection, sent);
  };
  // Redelegation is out of what a window began with. Its first action on a pool rolls the counters; these are not the first.
  await connection.networkHelpers.time.increase(staking.ESCROW);
  for (const id of [1n, 2n, 3n]) await world.stakeTable.connect(world.admin).accrue(id);
  await measured("delegate", table.delegate(1n, 50n * TOKENS, 0n));
  await measured("delegate/again", table.delegate(1n, 50n * TOKENS, 0n));
  // A permit that is refused or used up counts for nothing when the allowance suffices.
  const { v, r, s } = Signature.from(await staker.signMessage("no permit"));
  await measured("delegateWithPermit", table.delegateWithPermit(1n, TOKENS, 0n, 0n, v, r, s));
  await measured("undelegate/first", table.undelegate(1n, TOKENS));
  await measured("undelegate", table.undelegate(1n, TOKENS));
  await measured("transferTicket", table.transferTicket(2n, staking.accountAt(world, 13).address));
  await measured("redelegate/first", table.redelegate(1n, 2n, 10n * TOKENS, 0n));
  await measured("redelegate", table.redelegate(1n, 2n, 10n * TOKENS, 0n));
  await measured("reward/first", table.reward(3n, 10n * TOKENS));
  await measured("reward", table.reward(3n, 10n * TOKENS));
  await measured("accrue", table.accrue(3n));
  await connection.networkHelpers.time.increase(staking.ESCROW);
  await measured("withdraw", table.withdraw(1n));
  await measured("release/first", table.release(1n));
  await measured("release", table.release(2n));
  return result;
}

/** Operators, on validators 5 and 6, both seated. */
async function measureOperators(connection: Connection, world: staking.World): Promise<Measurements> {
  const operator = staking.accountAt(world, 4);
  const table = world.stakeTable.connect(operator);
  const result: Measurements = {};
  const measured = async (name: string, sent: Parameters<typeof gasOf>[1]): Promise<void> => {
    result[`StakeTable.${name}`] = await gasOf(connection, sent);
  };
  const key = staking.freshKey();
  await measured("setCommission/decrease", table.setCommission(5n, 100n));
  await measured("setCommission/increase", table.setCommission(5n, 600n));
  await measured("setNetwork", table.setNetwork(5n, staking.NETWORK));
  await measured("setMetadata", table.setMetadata(5n, staking.METADATA));
  await measured("proveKey", table.proveKey(5n, key.packed, await staking.possession(world, key, operator.address)));
  await table.seal(key.packed);
  await measured("rotateKey", table.rotateKey(5n, keccak256(key.packed)));
  await measured("exit", table.exit(5n));
  await measured("leaveSeat", world.stakeTable.connect(staking.accountAt(world, 5)).leaveSeat(6n));
  return result;
}

async function measureGovernance(connection: Connection, world: staking.World): Promise<Measurements> {
  const governed = world.stakeTable.connect(world.admin);
  const result: Measurements = {};
  const measured = async (name: string, sent: Parameters<typeof gasOf>[1]): Promise<void> => {
    result[`StakeTable.${name}`] = await gasOf(connection, sent);
  };
  const { seats, minDelegation } = staking.PARAMETER;
  await measured("queueParameter", governed.queueParameter(seats, 90n));
  await governed.queueParameter(minDelegation, 2n * TOKENS);
  await measured("cancelParameter", governed.cancelParameter(minDelegation));
  await connection.networkHelpers.time.increase(staking.ESCROW);
  await measured("applyParameter", governed.applyParameter(seats));
  await measured("pause", governed.pause(staking.DAY));
  await measured("unpause", governed.unpause());
  return result;
}
