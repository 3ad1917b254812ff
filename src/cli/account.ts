import {
  isCallException,
  isError,
  Wallet,
  type BaseWallet,
  type ContractTransactionReceipt,
  type ContractTransactionResponse,
} from "ethers";
import type { Command } from "commander";

import { ConfigError } from "../config/configTable.ts";
import { readAddressBook, type AddressBook } from "../l1/addressBook.ts";
import {
  contractInterface,
  developmentTokenAt,
  slasherAt,
  stakeTableAt,
  type ContractName,
  type Slasher,
  type StakeTable,
} from "../l1/contracts.ts";
import { createL1Client, type L1Client } from "../l1/l1Client.ts";
import { systemClock } from "../runtime/clock.ts";
import { silentLogger } from "../runtime/logger.ts";
import { addJsonOption, type ReportOptions } from "./report.ts";
import { describeRevert } from "./revert.ts";
import { readPasswordFile } from "../signer/keystore.ts";
import { nodeFileSystem } from "../storage/nodeFileSystem.ts";

const L1_TIMEOUT_MS = 30_000;

/** What every command takes that reads L1. */
export interface L1Options extends ReportOptions {
  readonly addressBook: string;
  readonly l1Url: string;
}

/** What every command takes that sends a transaction. */
export interface AccountOptions extends L1Options {
  readonly accountKeyFile: string;
  readonly accountPasswordFile?: string;
}

export function addL1Options(command: Command): Command {
  return addJsonOption(command)
    .requiredOption("--address-book <file>", "addresses of the contracts")
    .requiredOption("--l1-url <url>", "L1 endpoint");
}

export function addAccountOptions(command: Command): Command {
  return addL1Options(command)
    .requiredOption(
      "--account-key-file <file>",
      "L1 account that pays: private key in hexadecimal, or encrypted JSON keystore; chmod 600",
    )
    .option("--account-password-file <file>", "password of an encrypted keystore; chmod 600");
}

/** The contracts, to read from. */
export interface Readable {
  readonly client: L1Client;
  readonly book: AddressBook;
  readonly table: StakeTable;
  readonly slasher: Slasher;
}

/** An account of this machine, and the contracts that it calls. */
export interface Account extends Readable {
  readonly wallet: BaseWallet;
}

/** Does some reading; the connection to L1 ends with it. */
export async function withL1<T>(options: L1Options, work: (l1: Readable) => Promise<T>): Promise<T> {
  const book = readAddressBook(options.addressBook);
  const client = createL1Client({
    urls: [options.l1Url],
    chainId: BigInt(book.chainId),
    finality: { kind: "tag" },
    timeoutMs: L1_TIMEOUT_MS,
    clock: systemClock,
    logger: silentLogger,
  });
  try {
    const { provider } = client;
    return await work({
      ...{ client, book },
      table: stakeTableAt(book.stakeTable, provider),
      slasher: slasherAt(book.slasher, provider),
    });
  } finally {
    client.close();
  }
}

/** Does some work with the account; the connection to L1 ends with it. */
export async function withAccount<T>(options: AccountOptions, work: (account: Account) => Promise<T>): Promise<T> {
  const wallet = await openWallet(options);
  return withL1(options, ({ client, book }) => {
    const connected = wallet.connect(client.provider);
    return work({
      ...{ client, book, wallet: connected },
      table: stakeTableAt(book.stakeTable, connected),
      slasher: slasherAt(book.slasher, connected),
    });
  });
}

async function openWallet({ accountKeyFile, accountPasswordFile }: AccountOptions): Promise<BaseWallet> {
  const secret = (await readPasswordFile(nodeFileSystem, accountKeyFile)).trim();
  try {
    if (!secret.startsWith("{")) return new Wallet(secret);
  } catch {
    throw new ConfigError([`accountKeyFile ${accountKeyFile} holds no private key`]);
  }
  if (accountPasswordFile === undefined) throw new ConfigError(["an encrypted keystore needs accountPasswordFile"]);
  const password = await readPasswordFile(nodeFileSystem, accountPasswordFile);
  try {
    return await Wallet.fromEncryptedJson(secret, password);
  } catch {
    throw new ConfigError([`${accountKeyFile} does not open with the password of ${accountPasswordFile}`]);
  }
}

/** L1 refused a transaction, or it failed there. */
export class TransactionError extends Error {
  override readonly name = "TransactionError";
}

/** Waits until a transaction is in a block; what the contract refuses is told by the name of its error. */
export async function mined(sending: Promise<ContractTransactionResponse>): Promise<ContractTransactionReceipt> {
  try {
    const receipt = await (await sending).wait();
    if (receipt?.status === 1) return receipt;
    throw new TransactionError(`L1 transaction ${receipt?.hash ?? "(unknown)"} failed`);
  } catch (error) {
    if (isCallException(error)) {
      throw new TransactionError(`L1 refuses: ${describeRevert(error.data) ?? error.shortMessage}`);
    }
    if (isError(error, "INSUFFICIENT_FUNDS"))
      throw new TransactionError("the account has too little ether for the gas");
    if (isError(error, "NONCE_EXPIRED")) throw new TransactionError("another sender uses the account at the same time");
    throw error;
  }
}

/** A mined transaction and the values of one of the stake table's events in it. */
export interface Done {
  readonly transaction: string;
  readonly block: number;
  readonly gasUsed: bigint;
  readonly event: Readonly<Record<string, unknown>>;
}

/** As `mined`, with the first event of that name, of any contract that is known. */
export async function minedWith(
  sending: Promise<ContractTransactionResponse>,
  contract: ContractName,
  event: string,
): Promise<Done> {
  const receipt = await mined(sending);
  const abi = contractInterface(contract);
  const found = receipt.logs.map((log) => abi.parseLog(log)).find((log) => log?.name === event);
  if (found === undefined || found === null) {
    throw new TransactionError(`L1 transaction ${receipt.hash} has no event ${event}`);
  }
  const values = found.fragment.inputs.map((input, index): [string, unknown] => [input.name, found.args[index]]);
  return {
    transaction: receipt.hash,
    block: receipt.blockNumber,
    gasUsed: receipt.gasUsed,
    event: Object.fromEntries(values),
  };
}

/** Lets the stake table take `amount` of the account's tokens, unless it may already. */
export async function approve({ wallet, book }: Account, amount: bigint): Promise<void> {
  const erc20 = developmentTokenAt(book.token, wallet);
  if ((await erc20.allowance(wallet.address, book.stakeTable)) >= amount) return;
  await mined(erc20.approve(book.stakeTable, amount));
}
