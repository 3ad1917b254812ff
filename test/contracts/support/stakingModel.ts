import { expect } from "chai";

import * as staking from "./staking.ts";
import { ESCROW, STAKE_UNIT, TOKENS, WAD } from "./staking.ts";

/**
 * A handler-based campaign: random actions on a stake table, with a ghost account of what went in and came out, and
 * the invariants that hold after each action.
 */
export interface Campaign {
  readonly world: staking.World;
  readonly validators: staking.TestValidator[];
  readonly ghost: Ghost;
}

interface Ghost {
  paidIn: bigint;
  paidOut: bigint;
  burned: bigint;
  /** Paid to reporters out of pools that are not settled yet. */
  readonly advanced: Map<bigint, bigint>;
  /** Assets and shares of each pool after the last action. */
  readonly prices: Map<bigint, readonly [bigint, bigint]>;
  readonly slashes: Map<bigint, number>;
  tickets: bigint;
  positions: bigint;
}

const DELEGATORS = [10, 11, 12];

/** An action: an index into the handlers, and numbers that choose its arguments. */
export interface Action {
  readonly handler: number;
  readonly a: number;
  readonly b: number;
  readonly amount: bigint;
}

export async function startCampaign(world: staking.World): Promise<Campaign> {
  const stakes = [1000n, 1200n, 900n, 1500n, 800n].map((stake) => stake * TOKENS);
  const validators = await staking.seated(world, stakes);
  const ghost: Ghost = {
    paidIn: stakes.reduce((sum, stake) => sum + stake),
    paidOut: 0n,
    burned: 0n,
    advanced: new Map(),
    prices: new Map(),
    slashes: new Map(),
    tickets: 0n,
    positions: 0n,
  };
  return { world, validators, ghost };
}

type Handler = (campaign: Campaign, action: Action) => Promise<void>;

function pick<T>(list: readonly T[], index: number): T {
  const chosen = list[index % list.length];
  if (chosen === undefined) throw new Error("nothing to pick from");
  return chosen;
}

function account(campaign: Campaign, index: number) {
  return staking.accountAt(campaign.world, pick([0, 1, 2, 3, 4, ...DELEGATORS], index));
}

const HANDLERS: readonly Handler[] = [
  async ({ world, validators, ghost }, { a, b, amount }) => {
    const { id } = pick(validators, a);
    await world.stakeTable.connect(staking.accountAt(world, pick(DELEGATORS, b))).delegate(id, amount, 0n);
    ghost.paidIn += amount;
  },
  async (campaign, { a, b, amount }) => {
    const { world, validators, ghost } = campaign;
    const [{ id }, owner] = [pick(validators, a), account(campaign, b)];
    const held = await world.stakeTable.sharesOf(id, owner.address);
    await world.stakeTable.connect(owner).undelegate(id, held < amount ? held : amount);
    ghost.tickets++;
  },
  async (campaign, { a, b, amount }) => {
    const { world, validators, ghost } = campaign;
    const [from, to, owner] = [pick(validators, a), pick(validators, b), account(campaign, a + b)];
    const budget = await world.stakeTable.redelegationBudget(from.id);
    const held = await world.stakeTable.sharesOf(from.id, owner.address);
    const shares = [held, budget / 2n, amount].reduce((least, value) => (value < least ? value : least));
    await world.stakeTable.connect(owner).redelegate(from.id, to.id, shares, 0n);
    ghost.positions++;
  },
  async ({ world }, { a }) => {
    await world.stakeTable.withdraw(BigInt(a) + 1n);
  },
  async ({ world }, { a }) => {
    await world.stakeTable.release(BigInt(a) + 1n);
  },
  async ({ world, validators, ghost }, { a, amount }) => {
    await world.stakeTable.connect(staking.accountAt(world, 15)).reward(pick(validators, a).id, amount);
    ghost.paidIn += amount;
  },
  async ({ world, validators }, { a }) => {
    await world.stakeTable.accrue(pick(validators, a).id);
  },
  async ({ world, validators, ghost }, { a, b, amount }) => {
    // Slashing is rare, or nothing else would happen.
    if (b % 4 !== 0) return;
    const { id } = pick(validators, a);
    const stakeTable = world.stakeTable.connect(world.slasher);
    const { assets } = await world.stakeTable.pool(id);
    await stakeTable.slash(id);
    ghost.slashes.set(id, (ghost.slashes.get(id) ?? 0) + 1);
    const reward = [amount, assets / 20n].reduce((least, value) => (value < least ? value : least));
    await stakeTable.rewardReporter(id, world.slasher.address, reward);
    const cap = staking.PARAMETERS.reporterCap;
    ghost.advanced.set(id, reward < cap ? reward : cap);
  },
  async ({ world, validators, ghost }, { a, b }) => {
    const { id } = pick(validators, a);
    // The slasher never settles for less than the reporter got: that was half of a part of the sure penalty.
    await world.stakeTable.connect(world.slasher).settle(id, WAD / 10n + (BigInt(b) * WAD * 9n) / 1000n);
    ghost.advanced.delete(id);
  },
  async (campaign, { a, b }) => {
    const { id } = pick(campaign.validators, a);
    await campaign.world.stakeTable.redeem(id, account(campaign, b).address);
  },
  async ({ world, validators }, { a, b }) => {
    if (b % 8 !== 0) return;
    const { id, operator } = pick(validators, a);
    await world.stakeTable.connect(operator).exit(id);
  },
  async ({ world, validators }, { a }) => {
    const { id, operator } = pick(validators, a);
    await world.stakeTable.connect(operator).takeSeat(id);
  },
  async ({ world }) => {
    await world.stakeTable.rotate();
  },
  async ({ world }, { amount }) => {
    // A donation, which is nobody's.
    await world.token.mint(staking.DEAD, amount);
  },
  async ({ world }, { a, b }) => {
    await staking.increase(world, b % 5 === 0 ? ESCROW / 2n : BigInt(a) * 3600n + 1n);
  },
];
export const HANDLER_COUNT = HANDLERS.length;

/** Performs an action. One that the contract refuses with a typed error changes nothing; any other failure counts. */
export async function perform(campaign: Campaign, action: Action): Promise<boolean> {
  const { world, ghost } = campaign;
  const before = await outside(world);
  const minted = action.handler === 13 ? action.amount : 0n;
  try {
    await pick(HANDLERS, action.handler)(campaign, action);
  } catch (error) {
    expect(String(error)).to.match(/custom error 'StakeTable\w+\(/);
    return false;
  }
  const after = await outside(world);
  ghost.burned += after.dead - before.dead - minted;
  return true;
}

async function outside(world: staking.World) {
  return { dead: await world.token.balanceOf(staking.DEAD) };
}

/** The invariants by their names in `docs/spec/invariants.md`. */
export async function checkInvariants({ world, validators, ghost }: Campaign): Promise<void> {
  const { stakeTable, token } = world;
  const owners = world.accounts;
  let pools = 0n;
  let active = 0n;
  const positions = await Promise.all(
    Array.from({ length: Number(ghost.positions) }, (_, index) => stakeTable.position(BigInt(index) + 1n)),
  );
  for (const { id } of validators) {
    const [pool, validator] = [await stakeTable.pool(id), await stakeTable.validator(id)];
    pools += pool.assets + pool.streaming;

    // INV-SHARES: every share belongs to an owner or to a position.
    const held = await Promise.all(owners.map(async (owner) => stakeTable.sharesOf(id, owner.address)));
    const locked = positions.filter(({ to }) => to === id).reduce((sum, { shares }) => sum + shares, 0n);
    expect(held.reduce((sum, shares) => sum + shares, 0n) + locked, "INV-SHARES").to.equal(pool.shares);

    // INV-PRICE: the price of a share falls by a penalty only, so rounding takes from nobody who stays.
    const [assets, shares] = ghost.prices.get(id) ?? [pool.assets, pool.shares];
    if (!validator.settled && shares !== 0n && pool.shares !== 0n) {
      expect(pool.assets * shares >= assets * pool.shares, "INV-PRICE").to.equal(true);
    }
    ghost.prices.set(id, [pool.assets, pool.shares]);

    // INV-ONCE: an id is slashed at most once.
    expect(ghost.slashes.get(id) ?? 0, "INV-ONCE").to.be.lessThanOrEqual(1);

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

  // INV-SOLVENCY: the balance is all that is owed: pools, streams and tickets, less what reporters got in advance.
  const tickets = await Promise.all(
    Array.from({ length: Number(ghost.tickets) }, (_, index) => stakeTable.ticket(BigInt(index) + 1n)),
  );
  const owed = tickets.reduce((sum, { amount }) => sum + amount, 0n);
  const advanced = [...ghost.advanced.values()].reduce((sum, amount) => sum + amount, 0n);
  expect(await token.balanceOf(stakeTable.target), "INV-SOLVENCY").to.equal(pools + owed - advanced);
}

/** INV-WEIGHT: right after a rotation the weights are those of the seats' stakes, scaled to the largest. */
export async function checkCommittee({ world }: Campaign): Promise<void> {
  const stakes: bigint[] = [];
  for (let number = 0; number < 100; number++) {
    const [id, stake] = await world.stakeTable.seat(number);
    if (id !== 0n) stakes.push(stake);
  }
  const largest = stakes.reduce((most, stake) => (stake > most ? stake : most), 0n);
  const { description, stake } = await staking.newestCommittee(world);
  expect(staking.weightsOf(description), "INV-WEIGHT").to.deep.equal(
    stakes.map((given) => Number((given * 65_535n) / largest)),
  );
  expect(stake, "INV-WEIGHT").to.equal(stakes.reduce((sum, given) => sum + given, 0n));
}

/** Everyone leaves with what is theirs: nothing stays owed, and dust at most stays behind. */
export async function drain(campaign: Campaign): Promise<void> {
  const { world, validators, ghost } = campaign;
  const { stakeTable } = world;
  const attempt = async (sent: Promise<unknown>) =>
    sent.then(
      () => true,
      () => false,
    );
  await staking.increase(world, 2n * ESCROW);
  for (const { id, operator } of validators) {
    await attempt(stakeTable.connect(world.slasher).settle(id, WAD / 2n));
    ghost.advanced.delete(id);
    await attempt(stakeTable.connect(operator).exit(id));
  }
  for (let number = 1n; number <= ghost.positions; number++) await attempt(stakeTable.release(number));
  for (const { id } of validators) {
    for (const owner of world.accounts) {
      const shares = await stakeTable.sharesOf(id, owner.address);
      if (shares === 0n) continue;
      if (await attempt(stakeTable.redeem(id, owner.address))) continue;
      if (await attempt(stakeTable.connect(owner).undelegate(id, shares))) ghost.tickets++;
    }
  }
  await staking.increase(world, ESCROW);
  for (let number = 1n; number <= ghost.tickets; number++) await attempt(stakeTable.withdraw(number));
  expect(await world.token.balanceOf(stakeTable.target), "INV-SOLVENCY").to.be.lessThan(1000n);
}
