import { BLOCK_A, BLOCK_B, finalize, pairEvidence, singleStatement } from "../../test/contracts/support/slashing.ts";
import * as slashing from "../../test/contracts/support/slashing.ts";
import {
  accountAt,
  DAY,
  ESCROW,
  rotate,
  seated,
  TOKENS,
  type TestValidator,
} from "../../test/contracts/support/staking.ts";
import { type Connection, gasOf, type Measurements, type Price, total } from "./measurement.ts";

/** Most signers that one call slashes. */
const SIGNERS_MAX = 32;

/** `Slasher` on the real stake table; the reporter already holds tokens. */
export async function measure(connection: Connection): Promise<Measurements> {
  return { ...(await measurePairs(connection)), ...(await measureCertificates(connection)) };
}

async function measurePairs(connection: Connection): Promise<Measurements> {
  const world = await slashing.deploySlashing(connection);
  const { slashing: slasher, stakeTable } = world;
  const validators = await seated(
    world,
    [6000n, 5000n, 4000n, 3000n, 2000n, 1000n].map((stake) => stake * TOKENS),
  );
  await rotate(world);
  const [, one, two, three, four] = validators;
  if (one === undefined || two === undefined || three === undefined || four === undefined) throw new Error("too few");
  const staker = accountAt(world, 9);
  await stakeTable.connect(staker).delegate(four.id, 100n * TOKENS, 0n);
  await stakeTable.connect(staker).undelegate(four.id, 40n * TOKENS);

  const result: Measurements = {};
  // The first fills slots that all others share. From then on every other record is in a slot with the one before.
  const names = ["first", "pair", "pair/shared", "pair/left"];
  for (const [index, { key }] of [one, two, three, four].entries()) {
    const evidence = pairEvidence(world, key, finalize(BLOCK_A), finalize(BLOCK_B));
    result[`Slasher.slash/${names[index] ?? ""}`] = await gasOf(connection, slasher.slash(evidence));
  }
  await connection.networkHelpers.time.increase(ESCROW + DAY);
  for (const { id } of [one, four]) result["Slasher.settle"] = await gasOf(connection, slasher.settle(id));
  result["StakeTable.redeem"] = await gasOf(connection, stakeTable.redeem(four.id, staker.address));
  result["StakeTable.withdraw/slashed"] = await gasOf(connection, stakeTable.withdraw(1n));
  return result;
}

/** Certificates of 100 members, in as many calls as it takes. */
async function measureCertificates(connection: Connection): Promise<Measurements> {
  const world = await slashing.deploySlashing(connection);
  const validators = await seated(
    world,
    Array.from({ length: 100 }, (_, index) => BigInt(2000 - index) * TOKENS),
  );
  await rotate(world);
  const result: Measurements = {};
  const last = validators.at(-1);
  if (last === undefined) throw new Error("no validator");
  const keys = validators.map(({ key }) => key);
  const snapshot = await connection.networkHelpers.takeSnapshot();
  const certificate = slashing.statement(world, 1n, keys, finalize(BLOCK_A));
  const single = singleStatement(world, last.key, finalize(BLOCK_B));
  result["Slasher.slashSigner/validators=100"] = await gasOf(
    connection,
    world.slashing.slashSigner(certificate, 99, single),
  );
  for (const signers of [34, 100]) {
    await snapshot.restore();
    const prices = await slashSigners(connection, world, validators, signers);
    result[`Slasher.slashSigners/signers=${String(signers)}`] = total(prices);
    const [first] = prices;
    if (first !== undefined) result[`Slasher.slashSigners/signers=${String(SIGNERS_MAX)}`] = first;
  }
  return result;
}

/** Two finalizations of one view: `count` members signed both, the others only the first. */
async function slashSigners(
  connection: Connection,
  world: slashing.SlashingWorld,
  validators: readonly TestValidator[],
  count: number,
): Promise<Price[]> {
  const keys = validators.map(({ key }) => key);
  const absent = Array.from({ length: validators.length - count }, (_, index) => count + index);
  const first = slashing.statement(world, 1n, keys, finalize(BLOCK_A));
  const second = slashing.statement(world, 1n, keys, finalize(BLOCK_B), absent);
  const prices: Price[] = [];
  for (let from = 0; from < count; from += SIGNERS_MAX) {
    const signers = Array.from({ length: Math.min(SIGNERS_MAX, count - from) }, (_, index) => from + index);
    prices.push(await gasOf(connection, world.slashing.slashSigners(first, second, signers, signers)));
  }
  return prices;
}
