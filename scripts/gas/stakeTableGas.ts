import { keccak256 } from "ethers";

import * as staking from "../../test/contracts/support/staking.ts";
import { TOKENS } from "../../test/contracts/support/staking.ts";
import { type Connection, gasOf, type Measurements } from "./measurement.ts";

const SEATS = 100;
const CHANGED = 10;
const SEALED = 40;

/** `StakeTable` with 100 seats, all keys in two pages. */
export async function measure(connection: Connection): Promise<Measurements> {
  const world = await staking.deployStakeTable(connection);
  const { stakeTable } = world;
  const stake = (index: number): bigint => BigInt(10_000 - index) * TOKENS;
  const result: Measurements = {};

  // Neither the first registration nor the first page: those also fill the slots that all later ones share.
  const validators: staking.TestValidator[] = [];
  for (let index = 0; index < SEATS + CHANGED; index++) {
    const operator = staking.accountAt(world, index);
    const key = staking.freshKey();
    const proof = await staking.possession(world, key, operator.address);
    result["StakeTable.register"] = await gasOf(
      stakeTable.connect(operator).register(key.packed, proof, 500n, staking.NETWORK, staking.METADATA, stake(index)),
    );
    validators.push({ id: BigInt(index + 1), operator, key, keyHash: keccak256(key.packed) });
  }
  await stakeTable.seal(staking.concatKeys(validators.slice(SEALED)));
  const seal = await gasOf(stakeTable.seal(staking.concatKeys(validators.slice(0, SEALED))));
  result[`StakeTable.seal/keys=${String(SEALED)}`] = Math.ceil(seal / SEALED);
  const [first] = validators;
  if (first === undefined) throw new Error("no validator");
  const delegator = staking.accountAt(world, 1);

  for (const { id, operator: owner } of validators.slice(0, SEATS)) {
    result["StakeTable.takeSeat"] = await gasOf(stakeTable.connect(owner).takeSeat(id));
  }
  const rotate = async (): Promise<number> => Number((await staking.rotate(world)).gasUsed);
  const shape = `validators=${String(SEATS)}`;
  result[`StakeTable.rotate/${shape}/first`] = await rotate();
  result[`StakeTable.rotate/${shape}/changed=0`] = await rotate();
  result["StakeTable.delegate"] = await gasOf(stakeTable.connect(delegator).delegate(first.id, 50n * TOKENS, 0n));
  result["StakeTable.delegate/again"] = await gasOf(stakeTable.connect(delegator).delegate(first.id, TOKENS, 0n));
  result[`StakeTable.rotate/${shape}/changed=0/weights`] = await rotate();
  for (const { id, operator: owner } of validators.slice(SEATS)) {
    await stakeTable.connect(delegator).delegate(id, 1000n * TOKENS, 0n);
    result["StakeTable.takeSeat/displacing"] = await gasOf(stakeTable.connect(owner).takeSeat(id));
  }
  result[`StakeTable.rotate/${shape}/changed=${String(CHANGED)}`] = await rotate();
  result["StakeTable.undelegate"] = await gasOf(stakeTable.connect(delegator).undelegate(first.id, TOKENS));
  return result;
}
