import { expect } from "chai";
import { keccak256 } from "ethers";

import * as staking from "./staking.ts";
import { ESCROW, TOKENS, WAD } from "./staking.ts";

/**
 * A handler-based campaign: random actions on a stake table, with a ghost account of what went in and came out. Handlers
 * compute on their own what each action must pay; `stakingInvariants.ts` has what holds after each.
 */
export interface Campaign {
  readonly world: staking.World;
  readonly validators: staking.TestValidator[];
  readonly ghost: Ghost;
}

export interface Ghost {
  paidIn: bigint;
  paidOut: bigint;
  burned: bigint;
  /** Given to the stake table by nobody in particular. */
  donated: bigint;
  /** Of all actors together, before the campaign. */
  readonly funds: bigint;
  /** Paid to reporters out of pools that are not settled yet. */
  readonly advanced: Map<bigint, bigint>;
  /** Assets and shares of each pool after the last action. */
  readonly prices: Map<bigint, readonly [bigint, bigint]>;
  readonly slashes: Map<bigint, number>;
  readonly window: Window;
  tickets: bigint;
  positions: bigint;
  /** Numbers up to these counts that were paid, and are nobody's for ever. */
  readonly paidTickets: Set<bigint>;
  readonly paidPositions: Set<bigint>;
}

/** The redelegation window that is running: stakes at its start, and what was redelegated in it. */
interface Window {
  number: bigint;
  total: bigint;
  spentTotal: bigint;
  starts: Map<bigint, bigint>;
  spent: Map<bigint, bigint>;
}

const OPERATORS = [0, 1, 2, 3, 4];
const DELEGATORS = [10, 11, 12];
/** Pays rewards. */
const PAYER = 15;
const VALIDATORS_MAX = 7;

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
  // Into a window that redelegation has a budget in.
  await staking.increase(world, ESCROW);
  const paidIn = stakes.reduce((sum, stake) => sum + stake);
  const ghost: Ghost = {
    paidIn,
    paidOut: 0n,
    burned: 0n,
    donated: 0n,
    funds: (await fundsOf(world)) + paidIn,
    advanced: new Map(),
    prices: new Map(),
    slashes: new Map(),
    window: { number: 0n, total: 0n, spentTotal: 0n, starts: new Map(), spent: new Map() },
    tickets: 0n,
    positions: 0n,
    paidTickets: new Set(),
    paidPositions: new Set(),
  };
  return { world, validators, ghost };
}

/** Everyone who may have shares or tickets. */
export function stakersOf(world: staking.World) {
  return [...DELEGATORS, ...OPERATORS].map((index) => staking.accountAt(world, index));
}

/** What all actors hold. */
export async function fundsOf(world: staking.World): Promise<bigint> {
  const actors = [...stakersOf(world), staking.accountAt(world, PAYER), world.slasher];
  const held = await Promise.all(actors.map(async ({ address }) => world.token.balanceOf(address)));
  return held.reduce((sum, balance) => sum + balance, 0n);
}

export const leastOf = (...values: readonly bigint[]): bigint =>
  values.reduce((least, value) => (value < least ? value : least));

/** Rounded up. */
const partOf = (value: bigint, part: bigint): bigint => (value * part + WAD - 1n) / WAD;

type Handler = (campaign: Campaign, action: Action) => Promise<void>;

function pick<T>(list: readonly T[], index: number): T {
  const chosen = list[index % list.length];
  if (chosen === undefined) throw new Error("nothing to pick from");
  return chosen;
}

function account(campaign: Campaign, index: number) {
  return staking.accountAt(campaign.world, pick([...OPERATORS, ...DELEGATORS], index));
}

/** Somebody who has shares of a pool, delegators first, or anybody. */
async function holderOf({ world }: Campaign, id: bigint, index: number) {
  const all = stakersOf(world);
  const held = await Promise.all(all.map(async ({ address }) => world.stakeTable.sharesOf(id, address)));
  const holders = all.filter((_, each) => held[each] !== 0n);
  return pick(holders.length === 0 ? all : holders, index);
}

/** One of the things numbered up to `count` whose time has come, or any. */
async function dueOr(
  world: staking.World,
  index: number,
  count: bigint,
  timeOf: (number: bigint) => Promise<bigint>,
): Promise<bigint> {
  const now = BigInt(await world.helpers.time.latest());
  const numbers = Array.from({ length: Number(count) }, (_, each) => BigInt(each) + 1n);
  const times = await Promise.all(numbers.map(timeOf));
  const due = numbers.filter((_, each) => times[each] !== 0n && (times[each] ?? 0n) <= now);
  return pick(due.length === 0 ? [1n, ...numbers] : due, index);
}

/** The penalty on what left `id` at `from` and was liable until `until`: INV-TICKET, by the rule itself. */
async function penaltyOn(world: staking.World, id: bigint, from: bigint, until: bigint): Promise<bigint> {
  const { slashedAt, penalty } = await world.stakeTable.validator(id);
  return slashedAt !== 0n && from <= slashedAt && slashedAt < until ? penalty : 0n;
}

const delegate: Handler = async ({ world, validators, ghost }, { a, b, amount }) => {
  const { id } = pick(validators, a);
  await world.stakeTable.connect(staking.accountAt(world, pick(DELEGATORS, b))).delegate(id, amount, 0n);
  ghost.paidIn += amount;
};

const undelegate: Handler = async (campaign, { a, b, amount }) => {
  const { world, validators, ghost } = campaign;
  const { id } = pick(validators, a);
  const owner = await holderOf(campaign, id, b);
  const held = await world.stakeTable.sharesOf(id, owner.address);
  await world.stakeTable.connect(owner).undelegate(id, leastOf(held, amount));
  ghost.tickets++;
};

const redelegate: Handler = async (campaign, { a, b, amount }) => {
  const { world, validators, ghost } = campaign;
  const [from, to] = [pick(validators, a), pick(validators, a + 1 + (b % 4))];
  const owner = await holderOf(campaign, from.id, b);
  const budget = await world.stakeTable.redelegationBudget(from.id);
  const held = await world.stakeTable.sharesOf(from.id, owner.address);
  const shares = leastOf(held, a % 2 === 0 ? budget : budget / 2n, amount);
  const receipt = await staking.receiptOf(world.stakeTable.connect(owner).redelegate(from.id, to.id, shares, 0n));
  const [event] = staking.eventsOf(world, receipt, "Redelegated");
  const moved = BigInt(String(event?.[4]));
  ghost.positions++;
  ghost.window.spentTotal += moved;
  ghost.window.spent.set(from.id, (ghost.window.spent.get(from.id) ?? 0n) + moved);
};

const withdraw: Handler = async ({ world, ghost }, { a }) => {
  const number = await dueOr(world, a, ghost.tickets, async (each) => (await world.stakeTable.ticket(each)).unlockAt);
  const { owner, id, openedAt, unlockAt, amount } = await world.stakeTable.ticket(number);
  const before = await world.token.balanceOf(owner);
  await world.stakeTable.withdraw(number);
  const lost = partOf(amount, await penaltyOn(world, id, openedAt, unlockAt));
  expect((await world.token.balanceOf(owner)) - before, "INV-TICKET").to.equal(amount - lost);
  ghost.paidOut += amount - lost;
  ghost.burned += lost;
};

const release: Handler = async ({ world, ghost }, { a }) => {
  const { stakeTable, token } = world;
  const number = await dueOr(world, a, ghost.positions, async (each) => (await stakeTable.position(each)).until);
  const { owner, from, to, openedAt, until, shares } = await stakeTable.position(number);
  const [held, dead] = [await stakeTable.sharesOf(to, owner), await token.balanceOf(staking.DEAD)];
  const supply = (await stakeTable.pool(to)).shares;
  await stakeTable.release(number);
  const lost = partOf(shares, await penaltyOn(world, from, openedAt, until));
  expect((await stakeTable.sharesOf(to, owner)) - held, "INV-TICKET").to.equal(shares - lost);
  const burned = (await token.balanceOf(staking.DEAD)) - dead;
  const { assets } = await stakeTable.pool(to);
  // What burns is what the lost shares were worth, rounded down: the price of those who stay does not fall.
  expect(burned * supply <= lost * (assets + burned), "INV-PENALTY").to.equal(true);
  expect(lost === 0n || (burned + 1n) * supply > lost * (assets + burned - 1n) - supply, "INV-PENALTY").to.equal(true);
  ghost.burned += burned;
};

const reward: Handler = async ({ world, validators, ghost }, { a, amount }) => {
  const { id } = pick(validators, a);
  const { commission } = await world.stakeTable.validator(id);
  await world.stakeTable.connect(staking.accountAt(world, PAYER)).reward(id, amount);
  ghost.paidIn += amount;
  ghost.paidOut += (amount * commission) / 10_000n;
};

const slash: Handler = async ({ world, validators, ghost }, { a, b, amount }) => {
  // Slashing is rare, or nothing else would happen.
  if (b % 3 !== 0) return;
  const { id } = pick(validators, a);
  const stakeTable = world.stakeTable.connect(world.slasher);
  const { assets } = await world.stakeTable.pool(id);
  await stakeTable.slash(id);
  ghost.slashes.set(id, (ghost.slashes.get(id) ?? 0) + 1);
  const asked = leastOf(amount, assets / 20n);
  await stakeTable.rewardReporter(id, world.slasher.address, asked);
  const paid = leastOf(asked, staking.PARAMETERS.reporterCap);
  ghost.advanced.set(id, paid);
  ghost.paidOut += paid;
};

const settle: Handler = async ({ world, validators, ghost }, { a, b }) => {
  const slashed = [...ghost.advanced.keys()];
  const id = slashed.length === 0 ? pick(validators, a).id : pick(slashed, a);
  // The slasher never settles for less than the reporter got: that was half of a part of the sure penalty.
  const penalty = WAD / 10n + (BigInt(b) * WAD * 9n) / 1000n;
  const { assets } = await world.stakeTable.pool(id);
  await world.stakeTable.connect(world.slasher).settle(id, penalty);
  ghost.burned += partOf(assets, penalty) - (ghost.advanced.get(id) ?? 0n);
  ghost.advanced.delete(id);
};

const redeem: Handler = async (campaign, { a, b }) => {
  const { world, validators, ghost } = campaign;
  const settled = [...ghost.slashes.keys()].filter((id) => !ghost.advanced.has(id));
  const id = settled.length === 0 ? pick(validators, a).id : pick(settled, a);
  const { operator } = pick(validators, Number(id) - 1);
  const owner = b % 2 === 0 ? operator : account(campaign, b);
  const { assets, shares } = await world.stakeTable.pool(id);
  const held = await world.stakeTable.sharesOf(id, owner.address);
  const before = await world.token.balanceOf(owner.address);
  await world.stakeTable.redeem(id, owner.address);
  const paid = (held * assets) / shares;
  expect((await world.token.balanceOf(owner.address)) - before, "INV-PENALTY").to.equal(paid);
  ghost.paidOut += paid;
};

/** Delegates and takes it back: at the price of a share nobody gains by going round. */
const roundTrip: Handler = async (campaign, { a, b, amount }) => {
  const { world, validators, ghost } = campaign;
  const { id } = pick(validators, a);
  const owner = staking.accountAt(world, pick(DELEGATORS, b));
  const table = world.stakeTable.connect(owner);
  const held = await table.sharesOf(id, owner.address);
  await table.delegate(id, amount, 0n);
  ghost.paidIn += amount;
  const shares = (await table.sharesOf(id, owner.address)) - held;
  const { streaming } = await world.stakeTable.pool(id);
  await table.undelegate(id, shares);
  ghost.tickets++;
  if (streaming !== 0n) return;
  expect((await table.ticket(ghost.tickets)).amount <= amount, "INV-ROUNDING").to.equal(true);
};

const rotateKey: Handler = async ({ world, validators }, { a }) => {
  const { id, operator } = pick(validators, a);
  const key = staking.freshKey();
  const table = world.stakeTable.connect(operator);
  await table.proveKey(id, key.packed, await staking.possession(world, key, operator.address));
  await world.stakeTable.seal(key.packed);
  await table.rotateKey(id, keccak256(key.packed));
};

const join: Handler = async ({ world, validators, ghost }, { a, amount }) => {
  if (validators.length >= VALIDATORS_MAX) return;
  const selfStake = staking.PARAMETERS.minSelfStake + amount;
  const joined = await staking.register(world, {
    operator: staking.accountAt(world, a % 5),
    selfStake,
    commission: 700n,
  });
  ghost.paidIn += selfStake;
  validators.push(joined);
  await world.stakeTable.seal(joined.key.packed);
};

const donate: Handler = async ({ world, ghost }, { amount }) => {
  await world.token.mint(world.stakeTable.target, amount);
  ghost.donated += amount;
};

const transferTicket: Handler = async (campaign, { a, b }) => {
  const { world, ghost } = campaign;
  const number = 1n + (ghost.tickets === 0n ? 0n : BigInt(a) % ghost.tickets);
  const { owner } = await world.stakeTable.ticket(number);
  const from = world.accounts.find(({ address }) => address === owner);
  if (from === undefined) return;
  await world.stakeTable.connect(from).transferTicket(number, account(campaign, b).address);
};

/** What the operator of a validator does about it. */
const operate = (
  act: (table: staking.World["stakeTable"], id: bigint, action: Action) => Promise<unknown>,
): Handler => {
  return async ({ world, validators }, action) => {
    const { id, operator } = pick(validators, action.a);
    await act(world.stakeTable.connect(operator), id, action);
  };
};

const HANDLERS: readonly Handler[] = [
  ...[delegate, delegate, undelegate, undelegate, redelegate, redelegate, withdraw, withdraw, release, release],
  ...[reward, slash, settle, settle, redeem, redeem, roundTrip, rotateKey, join, donate, transferTicket],
  operate((table, id) => table.accrue(id)),
  operate(async (table, id, { b }) => (b % 8 === 0 ? table.exit(id) : undefined)),
  operate((table, id) => table.takeSeat(id)),
  operate(async (table, id, { b }) => (b % 4 === 0 ? table.leaveSeat(id) : undefined)),
  operate((table, id, { b }) => table.setCommission(id, BigInt(b % 12) * 100n)),
  async ({ world }) => {
    await world.stakeTable.rotate();
  },
  async ({ world }, { a, b }) => {
    await staking.increase(world, b % 5 === 0 ? ESCROW / 2n : BigInt(a) * 3600n + 1n);
  },
  async ({ world }, { b }) => {
    await staking.increase(world, b % 3 === 0 ? ESCROW : ESCROW / 3n);
  },
];
export const HANDLER_COUNT = HANDLERS.length;
/** How many different ones there are. */
export const KINDS = new Set(HANDLERS).size;

/** What an action does, to tell kinds of action apart. */
export function kindOf({ handler }: Action): unknown {
  return pick(HANDLERS, handler);
}

/** Performs an action. One that the contract refuses with a typed error changes nothing; any other failure counts. */
export async function perform(campaign: Campaign, action: Action): Promise<boolean> {
  try {
    await pick(HANDLERS, action.handler)(campaign, action);
  } catch (error) {
    expect(String(error)).to.match(/custom error 'StakeTable\w+\(/);
    return false;
  }
  return true;
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
    for (const owner of stakersOf(world)) {
      const shares = await stakeTable.sharesOf(id, owner.address);
      if (shares === 0n) continue;
      if (await attempt(stakeTable.redeem(id, owner.address))) continue;
      if (await attempt(stakeTable.connect(owner).undelegate(id, shares))) ghost.tickets++;
    }
  }
  await staking.increase(world, ESCROW);
  for (let number = 1n; number <= ghost.tickets; number++) await attempt(stakeTable.withdraw(number));
  const left = (await world.token.balanceOf(stakeTable.target)) - ghost.donated;
  expect(left, "INV-SOLVENCY").to.be.within(0n, 1000n);
}
