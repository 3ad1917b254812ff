import { expect } from "chai";
import { dataLength, dataSlice, getCreateAddress, keccak256, toNumber } from "ethers";
import { network } from "hardhat";
import { describe, it } from "mocha";

import { campaignOf } from "../support/campaign.ts";
import { type G2Point, type KeyPair, pack } from "../support/bls.ts";
import {
  accountAt,
  concatKeys,
  deployStakeTable,
  freshKey,
  possession,
  register,
  rotate,
  STAKE_UNIT,
  TOKENS,
  type World,
} from "../support/staking.ts";

const { actions: ROUNDS, seed: SEED } = campaignOf(1, 30);
const ACTORS_MAX = 24;

/** Deterministic: the same walk each run. */
function makeRandom(seed: number): (below: number) => number {
  let state = BigInt(seed);
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    return Number((state >> 33n) % BigInt(below));
  };
}

interface Actor {
  readonly id: bigint;
  readonly index: number;
  keys: KeyPair[];
}

/** Committee code, read by its layout and nothing else. */
async function readCode(world: World, nonce: bigint) {
  const from = await world.stakeTable.getAddress();
  const code = await world.ethers.provider.getCode(getCreateAddress({ from, nonce }));
  const uint = (offset: number, size: number) => toNumber(dataSlice(code, offset, offset + size));
  return { code, uint, size: uint(1, 1), pageCount: uint(2, 1), totalWeight: uint(3, 4), roster: uint(7, 3) };
}

/** Compares the newest committee's code with the seats, in every part. */
async function check(world: World, keys: ReadonlyMap<string, KeyPair>): Promise<void> {
  const { stakeTable } = world;
  const record = await stakeTable.committee(await stakeTable.newestCommittee());
  const committee = await readCode(world, record.nonce);
  const root = committee.roster === 0 ? committee : await readCode(world, BigInt(committee.roster));
  const seats = (await Promise.all(Array.from({ length: 100 }, (_, seat) => stakeTable.seat(seat)))).filter(
    ([id]) => id !== 0n,
  );
  const units = seats.map(([, stake]) => stake / STAKE_UNIT);
  const largest = units.reduce((most, unit) => (unit > most ? unit : most));
  const weights = units.map((unit) => Number((unit * 65_535n) / largest));
  expect([committee.size, root.size, committee.pageCount]).to.deep.equal([seats.length, seats.length, root.pageCount]);
  expect(committee.totalWeight).to.equal(weights.reduce((sum, weight) => sum + weight));
  let sum: G2Point | undefined;
  const start = 10 + 2 * root.size;
  for (const [index, [id]] of seats.entries()) {
    expect(committee.uint(10 + 2 * index, 2)).to.equal(weights[index]);
    const { keyHash } = await stakeTable.validator(id);
    const key = keys.get(keyHash);
    if (key === undefined) throw new Error("a key that nobody made");
    sum = sum === undefined ? key.point : sum.add(key.point);
    const { page, slot } = await stakeTable.keyOf(keyHash);
    const place = start + 192 + 2 * index;
    const table = start + 192 + 2 * root.size + 3 * root.uint(place, 1);
    expect([BigInt(root.uint(table, 3)), BigInt(root.uint(place + 1, 1))]).to.deep.equal([page, slot]);
  }
  if (sum === undefined) throw new Error("no seats");
  expect(dataSlice(root.code, start, start + 192)).to.equal(pack(sum));
  expect(dataLength(root.code)).to.equal(start + 192 + 2 * root.size + 3 * root.pageCount);
  expect(await stakeTable.committeeStake()).to.equal(units.reduce((total, unit) => total + unit) * STAKE_UNIT);
}

describe("Committee code, reviewed", () => {
  it("ROTATE-2: after any walk of seats, keys and stakes, the code has the seats' weights, keys, places and their sum", async () => {
    // Few seats, so that some are taken from others, and what was written there stays behind.
    const world = await deployStakeTable(await network.create(), { rotationInterval: 60n, seats: 9n });
    const { stakeTable } = world;
    const random = makeRandom(SEED);
    const keys = new Map<string, KeyPair>();
    const actors: Actor[] = [];
    const prove = async (actor: Actor) => {
      const key = freshKey();
      const operator = accountAt(world, actor.index);
      await stakeTable.connect(operator).proveKey(actor.id, key.packed, await possession(world, key, operator.address));
      await stakeTable.seal(concatKeys([{ key }]));
      keys.set(keccak256(key.packed), key);
      actor.keys.push(key);
    };
    const join = async (selfStake: bigint) => {
      const index = actors.length;
      const key = freshKey();
      const { id } = await register(world, {
        operator: accountAt(world, index),
        key,
        selfStake,
      });
      await stakeTable.seal(concatKeys([{ key }]));
      keys.set(keccak256(key.packed), key);
      actors.push({ id, index, keys: [] });
      return { id, table: stakeTable.connect(accountAt(world, index)) };
    };
    for (let index = 0; index < 9; index++) {
      const { id, table } = await join(BigInt(300 + 50 * index) * TOKENS);
      await table.takeSeat(id);
    }
    await rotate(world);
    await check(world, keys);
    for (let round = 0; round < ROUNDS; round++) {
      for (let step = random(5); step >= 0; step--) {
        const actor = actors[random(actors.length)];
        if (actor === undefined) continue;
        const table = stakeTable.connect(accountAt(world, actor.index));
        const { seat, slashedAt } = await stakeTable.validator(actor.id);
        if (slashedAt !== 0n) continue;
        const [isSeated, isRoom] = [seat !== 0n, (await stakeTable.seatsTaken()) > 5n];
        const action = random(8);
        if (action <= 2) {
          await prove(actor);
          const key = actor.keys.at(-1);
          if (key !== undefined) await table.rotateKey(actor.id, keccak256(key.packed));
        } else if (action === 3 && isSeated && isRoom) await table.leaveSeat(actor.id);
        else if (action === 4 && !isSeated) await table.takeSeat(actor.id).catch(() => undefined);
        else if (action === 5 && isSeated && isRoom && actors.length > 12) {
          await stakeTable.connect(world.slasher).slash(actor.id);
        } else if (action >= 6 && actors.length < ACTORS_MAX) {
          const joined = await join(BigInt(300 + random(600)) * TOKENS);
          await joined.table.takeSeat(joined.id).catch(() => undefined);
        } else await table.delegate(actor.id, BigInt(1 + random(40)) * TOKENS, 0n);
      }
      await rotate(world);
      await check(world, keys);
    }
  });
});
