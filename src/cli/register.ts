import { readFileSync, writeFileSync } from "node:fs";

import { Wallet } from "ethers";
import type { Command } from "commander";

import { isHex, type Hex } from "../codec/hex.ts";
import { createMclBls } from "../crypto/blsMcl.ts";
import { readAddressBook } from "../l1/addressBook.ts";
import { developmentTokenAt, stakeTableAt } from "../l1/contracts.ts";
import { createL1Client } from "../l1/l1Client.ts";
import { ConfigError } from "../config/configTable.ts";
import { readKeys } from "../node/identity.ts";
import { parseRegistrationFile, signRegistration } from "../node/registration.ts";
import { systemClock } from "../runtime/clock.ts";
import { silentLogger } from "../runtime/logger.ts";
import { print } from "./terminal.ts";

const L1_TIMEOUT_MS = 30_000;

interface SignOptions {
  readonly keyDir: string;
  readonly keyPasswordFile: string;
  readonly operator: string;
  readonly address: string;
  readonly addressBook: string;
  readonly out: string;
}

interface SendOptions {
  readonly registration: string;
  readonly addressBook: string;
  readonly l1Url: string;
  readonly accountKeyFile: string;
  readonly commission: string;
  readonly metadata: string;
  readonly selfStake: string;
}

/**
 * `crema register`: `sign` runs where the consensus key is, offline; `send` runs where the account is. The two keys need
 * never be on one machine.
 */
export function addRegister(program: Command): void {
  const register = program.command("register").description("register a validator on L1");
  register
    .command("sign")
    .description("prove possession of the consensus key to an account; needs no network")
    .requiredOption("--key-dir <directory>", "keys of the validator (crema keygen)")
    .requiredOption("--key-password-file <file>", "file whose first line is their password")
    .requiredOption("--operator <address>", "L1 account that will register, and manage the validator")
    .requiredOption("--address <multiaddr>", "where other nodes reach this validator, e.g. /dns4/v.example/tcp/7000")
    .requiredOption("--address-book <file>", "addresses of the contracts")
    .requiredOption("--out <file>", "registration to write")
    .action(sign);
  register
    .command("send")
    .description("stake and register with a signed registration")
    .requiredOption("--registration <file>", "written by `crema register sign`")
    .requiredOption("--address-book <file>", "addresses of the contracts")
    .requiredOption("--l1-url <url>", "L1 endpoint")
    .requiredOption("--account-key-file <file>", "private key of the operator's L1 account, hexadecimal")
    .requiredOption("--self-stake <amount>", "own stake, in the token's smallest unit")
    .option("--commission <basis points>", "share of rewards that the operator keeps", "500")
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
  print(`registration for key ${registration.keyHash} written to ${options.out}`);
}

async function send(options: SendOptions): Promise<void> {
  const book = readAddressBook(options.addressBook);
  const registration = parseRegistrationFile(readFileSync(options.registration, "utf8"), options.registration);
  if (registration.stakeTable !== book.stakeTable || registration.l1ChainId !== book.chainId) {
    throw new ConfigError([`${options.registration} was signed for another stake table or chain`]);
  }
  const client = createL1Client({
    urls: [options.l1Url],
    chainId: BigInt(book.chainId),
    finality: { kind: "tag" },
    timeoutMs: L1_TIMEOUT_MS,
    clock: systemClock,
    logger: silentLogger,
  });
  const wallet = new Wallet(readFileSync(options.accountKeyFile, "utf8").trim(), client.provider);
  if (wallet.address.toLowerCase() !== registration.operator) {
    throw new ConfigError([`the registration is for ${registration.operator}, the account is ${wallet.address}`]);
  }
  const table = stakeTableAt(book.stakeTable, wallet);
  await approve(wallet, book.token, book.stakeTable, BigInt(options.selfStake));
  const { key, possession, network } = registration;
  const sent = await table.register(
    key,
    [...possession],
    BigInt(options.commission),
    network,
    options.metadata,
    BigInt(options.selfStake),
  );
  await sent.wait();
  const { id } = await table.keyOf(registration.keyHash);
  print(`validator ${String(id)} registered in ${sent.hash}`);
  client.close();
}

async function approve(wallet: Wallet, token: string, spender: string, amount: bigint): Promise<void> {
  const erc20 = developmentTokenAt(token, wallet);
  if ((await erc20.allowance(wallet.address, spender)) >= amount) return;
  await (await erc20.approve(spender, amount)).wait();
}

function isAddress(value: string): value is Hex {
  return isHex(value) && value.length === 42;
}
