import { expect } from "chai";
import { ZeroAddress } from "ethers";

import * as staking from "./staking.ts";
import { DEAD, ESCROW, STAKE_UNIT } from "./staking.ts";
import { type Campaign, fundsOf, stakersOf } from "./stakingModel.ts";

/** What holds after every action of a campaign, by the names in `docs/spec/invariants.md`. */
export async function checkInvariants(campaign: Campaign): Promise<void> {
  const pools = await checkPools(campaign);
  await checkBudgets(campaign);

  const { stakeTable, token } = campaign.world;
  const { ghost } = campaign;
  // INV-SOLVENCY: the balance is all that is owed: pools, streams and tickets, less what reporters got in advance.
  const tickets = await open(ghost.tickets, ghost.paidTickets, async (number) => stakeTable.ticket(number));
  const owed = tickets.reduce((sum, { amount }) => sum + amount, 0n);
  const advanced = [...ghost.advanced.values()].reduce((sum, amount) => sum + amount, 0n);
  const balance = (await token.balanceOf(stakeTable.target)) - ghost.donated;
  expect(balance, "INV-SOLVENCY").to.equal(pools + owed - advanced);

  // INV-PENALTY: what was burned, paid and is still held is what was received, each counted by the rule for it.
  expect(await token.balanceOf(DEAD), "INV-PENALTY").to.equal(ghost.burned);
  expect(await fundsOf(campaign.world), "INV-PENALTY").to.equal(ghost.funds - ghost.paidIn + ghost.paidOut);
  expect(ghost.burned + ghost.paidOut + balance, "INV-PENALTY").to.equal(ghost.paidIn);
}

/** Tickets or positions that are somebody's. One that is nobody's stays so: its number is never given again. */
async function open<T extends { readonly owner: string }>(
  count: bigint,
  paid: Set<bigint>,
  read: (number: bigint) => Promise<T>,
): Promise<T[]> {
  const numbers = Array.from({ length: Number(count) }, (_, index) => BigInt(index) + 1n);
  const asked = numbers.filter((number) => !paid.has(number));
  const found = await Promise.all(asked.map(read));
  for (const [index, number] of asked.entries()) if (found[index]?.owner === ZeroAddress) paid.add(number);
  return found;
}

/** Of each pool, and their sum. */
async function checkPools({ world, validators, ghost }: Campaign): Promise<bigint> {
  const { stakeTable } = world;
  let pools = 0n;
  let active = 0n;
  const positions = await open(ghost.positions, ghost.paidPositions, async (number) => stakeTable.position(number));
  for (const { id, operator } of validators) {
    const [pool, validator] = [await stakeTable.pool(id), await stakeTable.validator(id)];
    pools += pool.assets + pool.streaming;

    // INV-SHARES: every share belongs to an owner or to a position.
    const held = await Promise.all(stakersOf(world).map(async (owner) => stakeTable.sharesOf(id, owner.address)));
    const locked = positions.filter(({ to }) => to === id).reduce((sum, { shares }) => sum + shares, 0n);
    expect(held.reduce((sum, shares) => sum + shares, 0n) + locked, "INV-SHARES").to.equal(pool.shares);

    // INV-PRICE: the price of a share falls by a penalty only, so no share comes from nothing and rounding takes from nobody.
    const [assets, shares] = ghost.prices.get(id) ?? [pool.assets, pool.shares];
    if (!validator.settled && shares !== 0n && pool.shares !== 0n) {
      expect(pool.assets * shares >= assets * pool.shares, "INV-PRICE").to.equal(true);
    }
    ghost.prices.set(id, [pool.assets, pool.shares]);

    // INV-ONCE: an id is slashed at most once, never comes back, and has no seat from then on.
    expect(ghost.slashes.get(id) ?? 0, "INV-ONCE").to.be.lessThanOrEqual(1);
    expect(ghost.slashes.has(id), "INV-ONCE").to.equal(validator.slashedAt !== 0n);
    if (validator.slashedAt !== 0n) expect(validator.seat, "INV-ONCE").to.equal(0n);

    // INV-LOCKED: an operator that serves keeps what he registered with as minimum.
    if (validator.exitedAt === 0n && validator.slashedAt === 0n) {
      const own = await stakeTable.sharesOf(id, operator.address);
      expect(own >= staking.PARAMETERS.minSelfStake, "INV-LOCKED").to.equal(true);
    }

    // INV-SEAT: a seat counts the stake of its validator's pool, as of its last change.
    if (validator.slashedAt === 0n) active += pool.assets;
    if (validator.seat !== 0n) {
      const [occupant, stake] = await stakeTable.seat(validator.seat - 1n);
      expect(occupant, "INV-SEAT").to.equal(id);
      expect(stake <= (pool.assets / STAKE_UNIT) * STAKE_UNIT, "INV-SEAT").to.equal(true);
      if (pool.streaming === 0n && pool.streamEndsAt === 0n) {
        expect(stake, "INV-SEAT").to.equal((pool.assets / STAKE_UNIT) * STAKE_UNIT);
      }
    }
  }
  // INV-ACTIVE: active stake is the sum of the pools that are not slashed, without what streamed since they changed.
  expect((await stakeTable.activeStake()) <= active, "INV-ACTIVE").to.equal(true);
  return pools;
}

/** INV-BUDGET: a window sees at most a tenth of each pool and of all stake redelegated, as they were at its start. */
async function checkBudgets({ world, validators, ghost: { window } }: Campaign): Promise<void> {
  const number = BigInt(await world.helpers.time.latest()) / ESCROW;
  for (const [id, spent] of window.spent) {
    expect(spent * 10n <= (window.starts.get(id) ?? 0n), "INV-BUDGET").to.equal(true);
  }
  expect(window.spentTotal * 10n <= window.total || window.spentTotal === 0n, "INV-BUDGET").to.equal(true);
  if (number === window.number) return;
  const pools = await Promise.all(
    validators.map(async ({ id }) => [id, (await world.stakeTable.pool(id)).assets] as const),
  );
  window.number = number;
  window.starts = new Map(pools);
  window.total = pools.reduce((sum, [, assets]) => sum + assets, 0n);
  window.spent = new Map();
  window.spentTotal = 0n;
}

/** INV-WEIGHT: right after a rotation the weights are those of the seats' stakes, scaled to the largest. */
export async function checkCommittee({ world }: Campaign): Promise<void> {
  const stakes: bigint[] = [];
  for (let number = 0; number < 8; number++) {
    const [id, stake] = await world.stakeTable.seat(number);
    if (id !== 0n) stakes.push(stake);
  }
  const largest = stakes.reduce((most, stake) => (stake > most ? stake : most), 0n);
  const { description, stake } = await staking.newestCommittee(world);
  expect(await world.stakeTable.seatsTaken(), "INV-WEIGHT").to.equal(stakes.length);
  expect(staking.weightsOf(description), "INV-WEIGHT").to.deep.equal(
    stakes.map((given) => Number((given * 65_535n) / largest)),
  );
  expect(stake, "INV-WEIGHT").to.equal(stakes.reduce((sum, given) => sum + given, 0n));
}
