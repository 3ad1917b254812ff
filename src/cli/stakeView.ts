import type { LogDescription } from "ethers";

import { contractInterface } from "../l1/contracts.ts";
import { L1DataError } from "../l1/l1Errors.ts";
import type { Readable } from "./account.ts";

/** Shares of one validator. */
export interface Holding {
  readonly validator: bigint;
  readonly shares: bigint;
  /** What they are worth now, in the token's smallest unit; after a slash only once it is settled. */
  readonly amount: bigint;
}

/** Undelegated stake that waits. */
export interface OpenTicket {
  readonly ticket: bigint;
  readonly validator: bigint;
  readonly amount: bigint;
  /** Seconds since 1970. */
  readonly unlockAt: bigint;
}

/** Redelegated stake that is liable for two validators. */
export interface OpenPosition {
  readonly position: bigint;
  readonly from: bigint;
  readonly to: bigint;
  readonly shares: bigint;
  /** Seconds since 1970. */
  readonly until: bigint;
}

export interface StakeOf {
  readonly owner: string;
  readonly holdings: readonly Holding[];
  readonly tickets: readonly OpenTicket[];
  readonly positions: readonly OpenPosition[];
}

/** Events after which an owner may have something somewhere. */
const EVENTS = ["Delegated", "Undelegated", "TicketTransferred", "Redelegated", "PositionReleased"] as const;

/** Everything that an account has in the stake table, at the newest L1 block: found by events, read from the contract. */
export async function stakeOf(l1: Readable, owner: string): Promise<StakeOf> {
  const validators = new Set<bigint>();
  const tickets = new Set<bigint>();
  const positions = new Set<bigint>();
  for await (const event of events(l1)) {
    const arg = (name: string): unknown => event.args.getValue(name);
    if (event.name === "TicketTransferred") {
      if (isOwner(arg("to"), owner)) tickets.add(number(arg("ticket")));
      continue;
    }
    if (!isOwner(arg("owner"), owner)) continue;
    if (event.name === "Undelegated") tickets.add(number(arg("ticket")));
    if (event.name === "Delegated") validators.add(number(arg("id")));
    if (event.name === "Redelegated") {
      positions.add(number(arg("position")));
      validators.add(number(arg("to")));
    }
  }
  return {
    owner,
    holdings: (await Promise.all([...validators].map((id) => holding(l1, id, owner)))).filter(
      ({ shares }) => shares > 0n,
    ),
    tickets: (await Promise.all([...tickets].map((id) => ticket(l1, id, owner)))).flatMap((found) => found ?? []),
    positions: (await Promise.all([...positions].map((id) => position(l1, id, owner)))).flatMap((found) => found ?? []),
  };
}

async function* events({ client, book }: Readable): AsyncGenerator<LogDescription> {
  const abi = contractInterface("StakeTable");
  const topics = EVENTS.flatMap((name) => abi.getEvent(name)?.topicHash ?? []);
  const { number: newest } = await client.latestBlock();
  for (const range of client.logRanges(BigInt(book.deployedAtBlock), newest)) {
    for (const { topics: given, data } of await client.logs({ address: book.stakeTable, topics, ...range })) {
      const parsed = abi.parseLog({ topics: [...given], data });
      if (parsed !== null) yield parsed;
    }
  }
}

function isOwner(value: unknown, owner: string): boolean {
  return typeof value === "string" && value.toLowerCase() === owner.toLowerCase();
}

function number(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  throw new L1DataError(`an event of the stake table names ${String(value)}, which is no number`);
}

async function holding({ table }: Readable, id: bigint, owner: string): Promise<Holding> {
  const [shares, pool] = await Promise.all([table.sharesOf(id, owner), table.pool(id)]);
  const amount = pool.shares === 0n ? 0n : (shares * pool.assets) / pool.shares;
  return { validator: id, shares, amount };
}

/** Undefined when it was paid, or belongs to someone else by now. */
async function ticket({ table }: Readable, id: bigint, owner: string): Promise<OpenTicket | undefined> {
  const found = await table.ticket(id);
  if (!isOwner(found.owner, owner)) return undefined;
  return { ticket: id, validator: found.id, amount: found.amount, unlockAt: found.unlockAt };
}

/** Undefined when it was released. */
async function position({ table }: Readable, id: bigint, owner: string): Promise<OpenPosition | undefined> {
  const found = await table.position(id);
  if (!isOwner(found.owner, owner)) return undefined;
  return { position: id, from: found.from, to: found.to, shares: found.shares, until: found.until };
}
