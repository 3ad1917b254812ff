import { readFileSync, writeFileSync } from "node:fs";

import type { Command } from "commander";

import { isHex, type Hex } from "../codec/hex.ts";
import { createMclBls } from "../crypto/blsMcl.ts";
import { readAddressBook } from "../l1/addressBook.ts";
import { ConfigError } from "../config/configTable.ts";
import { readKeys } from "../node/identity.ts";
import { parseRegistrationFile, signRegistration } from "../node/registration.ts";
import { addAccountOptions, approve, minedWith, withAccount, type AccountOptions } from "./account.ts";
import { wholeNumber } from "./options.ts";
import { addJsonOption, report, type ReportOptions } from "./report.ts";
import { said, value } from "./stake.ts";

interface SignOptions extends ReportOptions {
  readonly keyDir: string;
  readonly keyPasswordFile: string;
  readonly operator: string;
  readonly address: string;
  readonly addressBook: string;
  readonly out: string;
}

interface SendOptions extends AccountOptions {
  readonly registration: string;
  readonly commission: bigint;
  readonly metadata: string;
  readonly selfStake: bigint;
}

/**
 * `crema register`: `sign` runs where the consensus key is, offline; `send` runs where the account is. The two keys need
 * never be on one machine.
 */
export function addRegister(program: Command): void {
  const register = program.command("register").description("register a validator on L1");
  addJsonOption(register.command("sign"))
    .description("prove possession of the consensus key to an account; needs no network")
    .requiredOption("--key-dir <directory>", "keys of the validator (crema keygen)")
    .requiredOption("--key-password-file <file>", "file whose first line is their password")
    .requiredOption("--operator <address>", "L1 account that will register, and manage the validator")
    .requiredOption("--address <multiaddr>", "where other nodes reach this validator, e.g. /dns4/v.example/tcp/7000")
    .requiredOption("--address-book <file>", "addresses of the contracts")
    .requiredOption("--out <file>", "registration to write")
    .action(sign);
  addAccountOptions(register.command("send"))
    .description("stake and register with a signed registration")
    .requiredOption("--registration <file>", "written by `crema register sign`")
    .requiredOption("--self-stake <amount>", "own stake, in the token's smallest unit", wholeNumber)
    .option("--commission <basis points>", "share of rewards that the operator keeps", wholeNumber, 500n)
    .option("--metadata <uri>", "where the validator describes itself", "")
    .action(send);
}

async function sign(options: SignOptions): Promise<void> {
  const operator = options.operator.toLowerCase();
  if (!isAddress(operator)) throw new ConfigError([`operator ${options.operator} is no L1 address`]);
  const book = readAddressBook(options.addressBook);
  const registration = signRegistration(await createMclBls(), {
    keys: await readKeys(options),
    operator,
    l1ChainId: book.chainId,
    stakeTable: book.stakeTable,
    address: options.address,
  });
  writeFileSync(options.out, `${JSON.stringify(registration, null, 2)}\n`);
  const { keyHash } = registration;
  report(options, {
    text: `registration for key ${keyHash} written to ${options.out}`,
    value: { keyHash, operator, file: options.out },
  });
}

async function send(options: SendOptions): Promise<void> {
  const registration = parseRegistrationFile(readFileSync(options.registration, "utf8"), options.registration);
  const done = await withAccount(options, async (account) => {
    const { wallet, book, table } = account;
    if (registration.stakeTable !== book.stakeTable || registration.l1ChainId !== book.chainId) {
      throw new ConfigError([`${options.registration} was signed for another stake table or chain`]);
    }
    if (wallet.address.toLowerCase() !== registration.operator) {
      throw new ConfigError([`the registration is for ${registration.operator}, the account is ${wallet.address}`]);
    }
    const { commission, metadata, selfStake } = options;
    await approve(account, selfStake);
    const { key, possession, network } = registration;
    const sending = table.register(key, [...possession], commission, network, metadata, selfStake);
    return minedWith(sending, "StakeTable", "ValidatorRegistered");
  });
  report(options, said(done, `validator ${value(done, "id")} registered`));
}

function isAddress(value: string): value is Hex {
  return isHex(value) && value.length === 42;
}
