import { readFileSync } from "node:fs";

import type { Command } from "commander";

import { ConfigError } from "../config/configTable.ts";
import { parseRegistrationFile, type RegistrationFile } from "../node/registration.ts";
import {
  addAccountOptions,
  addL1Options,
  minedWith,
  withAccount,
  withL1,
  type Account,
  type AccountOptions,
  type L1Options,
  type Readable,
} from "./account.ts";
import { keyHashText, wholeNumber } from "./options.ts";
import { report, table, type Report } from "./report.ts";
import { said, time, value } from "./stake.ts";

interface Options extends AccountOptions {
  readonly validator: bigint;
  readonly commission: bigint;
  readonly metadata: string;
  readonly registration: string;
  readonly keyHash: string;
}

type Act = (account: Account, options: Options) => Promise<Report>;

/** `crema validator`: everything that an operator changes after `register`. By the account that registered it. */
export function addValidator(program: Command): void {
  const validator = program.command("validator").description("look at a validator and manage it");
  addL1Options(validator.command("show"))
    .description("a validator as L1 has it now")
    .requiredOption("--validator <id>", "its number", wholeNumber)
    .action(async (options: L1Options & { readonly validator: bigint }) => {
      report(options, await withL1(options, (l1) => show(l1, options.validator)));
    });
  act(
    validator,
    "set-commission",
    "lower it at once, or raise it after the escrow period",
    setCommission,
  ).requiredOption(
    "--commission <basis points>",
    "share of rewards that the operator keeps; at most 500 more than now",
    wholeNumber,
  );
  act(validator, "set-network", "change where other nodes reach it", setNetwork).requiredOption(
    "--registration <file>",
    "written by `crema register sign` with the new address",
  );
  act(validator, "set-metadata", "change where it describes itself", setMetadata).requiredOption(
    "--metadata <uri>",
    "the new URI",
  );
  act(validator, "prove-key", "register a further key; then `crema seal`, then `rotate-key`", proveKey).requiredOption(
    "--registration <file>",
    "written by `crema register sign` with the new keys",
  );
  act(validator, "rotate-key", "vote with a sealed key from the next committee on", rotateKey).requiredOption(
    "--key-hash <hash>",
    "of the new key (crema keygen)",
    keyHashText,
  );
  act(validator, "exit", "leave for good: the seat is given up, the own stake unlocked after the escrow period", exit);
}

function act(validator: Command, name: string, description: string, run: Act): Command {
  return addAccountOptions(validator.command(name).description(description))
    .requiredOption("--validator <id>", "its number (crema register send)", wholeNumber)
    .action(async (options: Options) => {
      report(options, await withAccount(options, (account) => run(account, options)));
    });
}

async function setCommission({ table: stakes }: Account, { validator, commission }: Options): Promise<Report> {
  const done = await minedWith(stakes.setCommission(validator, commission), "StakeTable", "CommissionChanged");
  const since = time(BigInt(value(done, "effectiveAt")));
  return said(
    done,
    `commission of validator ${String(validator)}: ${String(commission)} basis points from ${since} on`,
  );
}

async function setNetwork({ table: stakes, book }: Account, { validator, registration }: Options): Promise<Report> {
  const { network } = readRegistration(registration, book);
  const done = await minedWith(stakes.setNetwork(validator, network), "StakeTable", "NetworkChanged");
  return said(done, `validator ${String(validator)} is reached at its new address once L1 has finalized this`);
}

async function setMetadata({ table: stakes }: Account, { validator, metadata }: Options): Promise<Report> {
  const done = await minedWith(stakes.setMetadata(validator, metadata), "StakeTable", "MetadataChanged");
  return said(done, `validator ${String(validator)} describes itself at ${metadata}`);
}

async function proveKey(account: Account, { validator, registration }: Options): Promise<Report> {
  const { key, keyHash, possession, operator } = readRegistration(registration, account.book);
  if (operator !== account.wallet.address.toLowerCase()) {
    throw new ConfigError([`the key was proven to ${operator}, the account is ${account.wallet.address}`]);
  }
  const done = await minedWith(account.table.proveKey(validator, key, [...possession]), "StakeTable", "KeyProven");
  return said(done, `key ${keyHash} of validator ${String(validator)} waits for \`crema seal\``);
}

async function rotateKey({ table: stakes }: Account, { validator, keyHash }: Options): Promise<Report> {
  const { seat } = await stakes.validator(validator);
  const event = seat === 0n ? "KeyRotated" : "KeyRotationQueued";
  const done = await minedWith(stakes.rotateKey(validator, keyHash), "StakeTable", event);
  const since = seat === 0n ? "now" : "the next committee";
  return said(done, `validator ${String(validator)} votes with key ${keyHash} from ${since} on; keep both until then`);
}

async function exit({ table: stakes }: Account, { validator }: Options): Promise<Report> {
  const done = await minedWith(stakes.exit(validator), "StakeTable", "ValidatorExited");
  return said(done, `validator ${String(validator)} has left; its keys stay liable for the escrow period`);
}

function readRegistration(
  path: string,
  book: { readonly chainId: number; readonly stakeTable: string },
): RegistrationFile {
  const registration = parseRegistrationFile(readFileSync(path, "utf8"), path);
  if (registration.stakeTable === book.stakeTable && registration.l1ChainId === book.chainId) return registration;
  throw new ConfigError([`${path} was signed for another stake table or chain`]);
}

async function show({ table: stakes }: Readable, id: bigint): Promise<Report> {
  const [found, pool, budget] = await Promise.all([
    stakes.validator(id),
    stakes.pool(id),
    stakes.redelegationBudget(id),
  ]);
  const key = await stakes.keyOf(found.keyHash);
  const shown = {
    ...{ validator: id, operator: found.operator, keyHash: found.keyHash, keySealed: key.page !== 0n },
    nextKeyHash: BigInt(found.nextKeyHash) === 0n ? null : found.nextKeyHash,
    seat: found.seat === 0n ? null : found.seat - 1n,
    commission: found.commission,
    nextCommission: found.nextCommissionAt === 0n ? null : found.nextCommission,
    nextCommissionAt: whenOf(found.nextCommissionAt),
    ...{ stake: pool.assets, shares: pool.shares, streaming: pool.streaming, streamEndsAt: whenOf(pool.streamEndsAt) },
    ...{ lockedShares: found.lockedShares, redelegationBudget: budget },
    ...{ exitedAt: whenOf(found.exitedAt), slashedAt: whenOf(found.slashedAt), settled: found.settled },
    penalty: found.penalty,
  };
  return { text: table(Object.entries(shown).map(([name, each]) => [name, each ?? "-"])), value: shown };
}

/** Null for "not"; ISO 8601 text otherwise. */
function whenOf(seconds: bigint): string | null {
  return seconds === 0n ? null : time(seconds);
}
