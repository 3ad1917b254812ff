import type { Command } from "commander";

import { ConfigError } from "../config/configTable.ts";
import {
  addAccountOptions,
  addL1Options,
  approve,
  minedWith,
  withAccount,
  withL1,
  type Account,
  type AccountOptions,
  type Done,
  type L1Options,
} from "./account.ts";
import { l1Address, wholeNumber } from "./options.ts";
import { report, table, type Report } from "./report.ts";
import { stakeOf } from "./stakeView.ts";

interface Options extends AccountOptions {
  readonly validator: bigint;
  readonly amount: bigint;
  readonly minShares: bigint;
  readonly shares?: bigint;
  readonly all?: boolean;
  readonly from: bigint;
  readonly to: bigint;
  readonly ticket: bigint;
  readonly position: bigint;
  readonly owner?: string;
  readonly recipient: string;
}

/** What a command does with the account, and what it says then. */
type Act = (account: Account, options: Options) => Promise<Report>;

/** `crema stake`: everything that a delegator does. By any account, for itself; what is permissionless for anyone. */
export function addStake(program: Command): void {
  const stake = program.command("stake").description("delegate, move and withdraw stake");
  addDelegation(stake);
  addMoves(stake);
  addPayments(stake);
  addL1Options(stake.command("show"))
    .description("what an account has: shares, tickets that wait, positions that are held")
    .requiredOption("--owner <address>", "whose", l1Address)
    .action((options: L1Options & { readonly owner: string }) => show(options, options.owner));
}

function addDelegation(stake: Command): void {
  act(stake, "delegate", "stake with a validator", delegate)
    .requiredOption("--validator <id>", "number of the validator", wholeNumber)
    .requiredOption("--amount <amount>", "in the token's smallest unit", wholeNumber)
    .option("--min-shares <shares>", "refuse to take fewer shares", wholeNumber, 1n);
  sharesOptions(
    act(stake, "undelegate", "turn shares into a ticket, payable after the escrow period", undelegate),
  ).requiredOption("--validator <id>", "number of the validator", wholeNumber);
  act(stake, "withdraw", "pay a ticket to its owner; anyone may", withdraw).requiredOption(
    "--ticket <number>",
    "as `undelegate` or `show` told it",
    wholeNumber,
  );
}

function addMoves(stake: Command): void {
  sharesOptions(act(stake, "redelegate", "move stake to another validator at once, within the budget", redelegate))
    .requiredOption("--from <id>", "validator that it leaves", wholeNumber)
    .requiredOption("--to <id>", "validator that it joins", wholeNumber)
    .option("--min-shares <shares>", "refuse to take fewer shares", wholeNumber, 1n);
  act(
    stake,
    "release",
    "give the shares of a position to its owner when its time is over; anyone may",
    release,
  ).requiredOption("--position <number>", "as `redelegate` or `show` told it", wholeNumber);
  act(stake, "transfer-ticket", "give a ticket to another account", transferTicket)
    .requiredOption("--ticket <number>", "as `undelegate` or `show` told it", wholeNumber)
    .requiredOption("--recipient <address>", "who owns it then", l1Address);
}

function addPayments(stake: Command): void {
  act(stake, "redeem", "pay an owner's shares of a slashed and settled validator; anyone may", redeem)
    .requiredOption("--validator <id>", "number of the validator", wholeNumber)
    .option("--owner <address>", "whose; default the account's own", l1Address);
  act(stake, "reward", "pay a reward to a validator and its delegators", reward)
    .requiredOption("--validator <id>", "number of the validator", wholeNumber)
    .requiredOption("--amount <amount>", "in the token's smallest unit", wholeNumber);
}

function act(stake: Command, name: string, description: string, run: Act): Command {
  return addAccountOptions(stake.command(name).description(description)).action(async (options: Options) => {
    report(options, await withAccount(options, (account) => run(account, options)));
  });
}

function sharesOptions(command: Command): Command {
  return command.option("--shares <shares>", "how many", wholeNumber).option("--all", "all of the account's shares");
}

async function sharesOf({ table: stakes, wallet }: Account, id: bigint, { shares, all }: Options): Promise<bigint> {
  if ((shares === undefined) === (all !== true)) throw new ConfigError(["give either --shares or --all"]);
  return shares ?? stakes.sharesOf(id, wallet.address);
}

async function delegate(account: Account, { validator, amount, minShares }: Options): Promise<Report> {
  await approve(account, amount);
  const done = await minedWith(account.table.delegate(validator, amount, minShares), "StakeTable", "Delegated");
  return said(
    done,
    `${String(amount)} delegated to validator ${String(validator)} for ${value(done, "shares")} shares`,
  );
}

async function undelegate(account: Account, options: Options): Promise<Report> {
  const { validator } = options;
  const shares = await sharesOf(account, validator, options);
  const done = await minedWith(account.table.undelegate(validator, shares), "StakeTable", "Undelegated");
  const { unlockAt } = await account.table.ticket(BigInt(value(done, "ticket")));
  return said(
    done,
    `ticket ${value(done, "ticket")} over ${value(done, "amount")}, payable from ${time(unlockAt)} on`,
    { unlockAt },
  );
}

async function withdraw({ table: stakes }: Account, { ticket }: Options): Promise<Report> {
  const done = await minedWith(stakes.withdraw(ticket), "StakeTable", "Withdrawn");
  return said(done, `ticket ${String(ticket)}: ${value(done, "paid")} paid, ${value(done, "burned")} burned`);
}

async function transferTicket({ table: stakes }: Account, { ticket, recipient }: Options): Promise<Report> {
  const done = await minedWith(stakes.transferTicket(ticket, recipient), "StakeTable", "TicketTransferred");
  return said(done, `ticket ${String(ticket)} belongs to ${recipient}`);
}

async function redelegate(account: Account, options: Options): Promise<Report> {
  const { from, to, minShares } = options;
  const shares = await sharesOf(account, from, options);
  const done = await minedWith(account.table.redelegate(from, to, shares, minShares), "StakeTable", "Redelegated");
  const { until } = await account.table.position(BigInt(value(done, "position")));
  const sentence = `position ${value(done, "position")}: ${value(done, "amount")} moved to validator ${String(to)}`;
  return said(done, `${sentence}, held until ${time(until)}`, { until });
}

async function release({ table: stakes }: Account, { position }: Options): Promise<Report> {
  const done = await minedWith(stakes.release(position), "StakeTable", "PositionReleased");
  return said(done, `position ${String(position)}: ${value(done, "shares")} shares released`);
}

async function redeem(
  { table: stakes, wallet }: Account,
  { validator, owner = wallet.address }: Options,
): Promise<Report> {
  const done = await minedWith(stakes.redeem(validator, owner), "StakeTable", "Redeemed");
  return said(done, `${value(done, "paid")} paid to ${owner} for ${value(done, "shares")} shares`);
}

async function reward(account: Account, { validator, amount }: Options): Promise<Report> {
  await approve(account, amount);
  const done = await minedWith(account.table.reward(validator, amount), "StakeTable", "RewardPaid");
  return said(
    done,
    `${String(amount)} paid to validator ${String(validator)}, ${value(done, "commission")} of it commission`,
  );
}

async function show(options: L1Options, owner: string): Promise<void> {
  const found = await withL1(options, (l1) => stakeOf(l1, owner));
  const { holdings, tickets, positions } = found;
  const rows: (readonly [string, string])[] = [
    ...holdings.map(({ validator, shares, amount }): [string, string] => [
      `validator ${String(validator)}`,
      `${String(shares)} shares worth ${String(amount)}`,
    ]),
    ...tickets.map(({ ticket, validator, amount, unlockAt }): [string, string] => [
      `ticket ${String(ticket)}`,
      `${String(amount)} from validator ${String(validator)}, payable from ${time(unlockAt)} on`,
    ]),
    ...positions.map(({ position, from, to, shares, until }): [string, string] => [
      `position ${String(position)}`,
      `${String(shares)} shares of ${String(to)}, from ${String(from)}, held until ${time(until)}`,
    ]),
  ];
  report(options, { text: rows.length === 0 ? `${owner} has no stake` : table(rows), value: { ...found } });
}

/** The event's values and the transaction, with a sentence. */
export function said(done: Done, sentence: string, more: Readonly<Record<string, unknown>> = {}): Report {
  const { event, ...rest } = done;
  return { text: `${sentence} (${done.transaction})`, value: { ...event, ...more, ...rest } };
}

export function value(done: Done, name: string): string {
  return String(done.event[name]);
}

/** Seconds since 1970, for people. */
export function time(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString();
}
