import { dataSlice, toNumber } from "ethers";

import { certify, type TestCommittee } from "../../test/contracts/support/committee.ts";
import { makeHeader, type TestHeader, word } from "../../test/contracts/support/header.ts";
import { finalizeDigest } from "../../test/contracts/support/lightClient.ts";
import * as staking from "../../test/contracts/support/staking.ts";
import { TOKENS } from "../../test/contracts/support/staking.ts";
import type { LightClient } from "../../types/ethers-contracts/index.js";
import { type Connection, gasOf, type Measurements, type Price } from "./measurement.ts";

const EPOCH_LENGTH = 1_000_000n;
const RING_INTERVAL = 600n;
const GENESIS = word("genesis");

/** How many members are absent, by committee size. */
const CASES = [
  { size: 4, absences: [0, 1] },
  { size: 20, absences: [0, 6] },
  { size: 100, absences: [0, 10, 33] },
] as const;

interface Chain {
  readonly connection: Connection;
  readonly world: staking.World;
  readonly lightClient: LightClient;
  committee: TestCommittee;
  epoch: bigint;
  height: bigint;
}

/** `advance` on a committee of the real stake table, whose keys stand by turns in `pages` key pages. */
export async function measure(connection: Connection): Promise<Measurements> {
  const result: Measurements = {};
  for (const { size, absences } of CASES) {
    const chain = await start(connection, size, 2);
    const shape = `LightClient.advance/validators=${String(size)}`;
    result[`${shape}/first`] = await advance(chain, []);
    for (const count of absences)
      result[`${shape}/absent=${String(count)}`] = await advance(chain, spread(size, count));
    for (const count of absences) {
      await connection.networkHelpers.time.increase(RING_INTERVAL);
      result[`${shape}/absent=${String(count)}/ring`] = await advance(chain, spread(size, count));
    }
  }
  // Without absent members no page is read.
  for (const pages of [1, 4]) {
    const chain = await start(connection, 100, pages);
    await advance(chain, []);
    for (const count of [10, 33]) {
      const name = `LightClient.advance/validators=100/absent=${String(count)}/pages=${String(pages)}`;
      result[name] = await advance(chain, spread(100, count));
    }
  }
  return { ...result, ...(await measureHandover(connection)) };
}

/** A handover to a committee with other weights, whose code names the roster of the one before. */
async function measureHandover(connection: Connection): Promise<Measurements> {
  const chain = await start(connection, 100, 2);
  const { stakeTable } = chain.world;
  await advance(chain, []);
  const shape = "LightClient.advance/validators=100";
  const last = chain.committee.members.at(-1);
  if (last === undefined) throw new Error("no member");
  await stakeTable.connect(staking.accountAt(chain.world, 1)).delegate(last.validator, 5000n * TOKENS, 0n);
  await staking.rotate(chain.world);
  const result: Measurements = {};
  result[`${shape}/absent=0/handover`] = await advance(chain, [], 2n);
  const [created] = (await stakeTable.queryFilter(stakeTable.filters.CommitteeCreated())).slice(-1);
  const description = created?.args.description ?? "0x";
  const weightAt = (index: number): number => toNumber(dataSlice(description, 10 + 2 * index, 12 + 2 * index));
  const members = chain.committee.members.map((member, index) => ({ ...member, weight: weightAt(index) }));
  chain.committee = { id: 2n, members };
  chain.epoch = 2n;
  for (const count of [0, 10, 33]) {
    result[`${shape}/absent=${String(count)}/roster=older`] = await advance(chain, spread(100, count));
  }
  return result;
}

/** Members evenly over the committee, and so over the pages. */
function spread(size: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.floor(((size - 1) * index) / count));
}

async function start(connection: Connection, size: number, pages: number): Promise<Chain> {
  const world = await staking.deployStakeTable(connection);
  const { stakeTable, ethers } = world;
  const validators: staking.TestValidator[] = [];
  for (let index = 0; index < size; index++) {
    const selfStake = BigInt(10_000 - index) * TOKENS;
    validators.push(await staking.register(world, { operator: staking.accountAt(world, index), selfStake }));
  }
  for (let page = 0; page < pages; page++) {
    await stakeTable.seal(staking.concatKeys(validators.filter((_, index) => index % pages === page)));
  }
  for (const { id, operator } of validators) await stakeTable.connect(operator).takeSeat(id);
  await staking.rotate(world);
  const parameters = {
    epochLength: EPOCH_LENGTH,
    margin: 7n * staking.DAY,
    l1Drift: 130n,
    ringInterval: RING_INTERVAL,
  };
  const lightClient = await ethers.deployContract("LightClient", [
    stakeTable.target,
    GENESIS,
    { ...parameters, resumeDelay: 2n * staking.DAY },
  ]);
  // Stakes fall with the seat number, so seat order is registration order and every weight is its share of the first.
  const weight = (index: number): number => Number((BigInt(10_000 - index) * 65_535n) / 10_000n);
  const members = validators.map(({ key, id }, index) => {
    return { ...key, weight: weight(index), page: 0, slot: 0, validator: Number(id) };
  });
  return { connection, world, lightClient, committee: { id: 1n, members }, epoch: 1n, height: 0n };
}

/** Posts the next finalization with these members absent. */
async function advance(chain: Chain, absent: readonly number[], nextCommittee = 0n): Promise<Price> {
  const { world, lightClient, committee } = chain;
  chain.height = nextCommittee === 0n ? chain.height + 1000n : chain.epoch * EPOCH_LENGTH;
  const header = await nextHeader(chain, nextCommittee);
  const { chainId } = await world.ethers.provider.getNetwork();
  const domain = { chainId, verifyingContract: await world.stakeTable.getAddress(), salt: GENESIS };
  const certificate = certify(committee, finalizeDigest(domain, header), header.viewNumber, absent);
  return gasOf(chain.connection, lightClient.advance(header, certificate));
}

async function nextHeader(chain: Chain, nextCommittee: bigint): Promise<TestHeader> {
  const { connection, world, committee, epoch, height } = chain;
  const time = BigInt(await connection.networkHelpers.time.latest());
  return makeHeader({
    height,
    epoch,
    committee: committee.id,
    nextCommittee,
    timestamp: time * 1000n + 123n,
    l1Number: BigInt(await world.ethers.provider.getBlockNumber()),
    l1Hash: word(`l1 ${String(height)}`),
    proposer: 7n,
  });
}
