import { isCallException, Wallet, type ContractTransactionReceipt, type ContractTransactionResponse } from "ethers";
import type { Command } from "commander";

import { ConfigError } from "../config/configTable.ts";
import { readAddressBook, type AddressBook } from "../l1/addressBook.ts";
import { contractInterface, stakeTableAt, type StakeTable } from "../l1/contracts.ts";
import { createL1Client, type L1Client } from "../l1/l1Client.ts";
import { systemClock } from "../runtime/clock.ts";
import { silentLogger } from "../runtime/logger.ts";
import { readPasswordFile } from "../signer/keystore.ts";
import { nodeFileSystem } from "../storage/nodeFileSystem.ts";

const L1_TIMEOUT_MS = 30_000;

/** What every command takes that sends a transaction. */
export interface AccountOptions {
  readonly addressBook: string;
  readonly l1Url: string;
  readonly accountKeyFile: string;
}

export function addAccountOptions(command: Command): Command {
  return command
    .requiredOption("--address-book <file>", "addresses of the contracts")
    .requiredOption("--l1-url <url>", "L1 endpoint")
    .requiredOption("--account-key-file <file>", "private key of the L1 account that pays, hexadecimal; chmod 600");
}

/** An account of this machine, and the contracts that it calls. */
export interface Account {
  readonly wallet: Wallet;
  readonly client: L1Client;
  readonly book: AddressBook;
  readonly table: StakeTable;
}

/** Does some work with the account; the connection to L1 ends with it. */
export async function withAccount(options: AccountOptions, work: (account: Account) => Promise<void>): Promise<void> {
  const book = readAddressBook(options.addressBook);
  const secret = await readPasswordFile(nodeFileSystem, options.accountKeyFile);
  const client = createL1Client({
    urls: [options.l1Url],
    chainId: BigInt(book.chainId),
    finality: { kind: "tag" },
    timeoutMs: L1_TIMEOUT_MS,
    clock: systemClock,
    logger: silentLogger,
  });
  try {
    const wallet = openWallet(secret, options.accountKeyFile).connect(client.provider);
    await work({ wallet, client, book, table: stakeTableAt(book.stakeTable, wallet) });
  } finally {
    client.close();
  }
}

function openWallet(secret: string, path: string): Wallet {
  try {
    return new Wallet(secret.trim());
  } catch {
    throw new ConfigError([`accountKeyFile ${path} holds no private key`]);
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
    if (!isCallException(error)) throw error;
    throw new TransactionError(`L1 refuses: ${refusal(error.data) ?? error.shortMessage}`);
  }
}

/** A contract's error with its values. */
function refusal(data: string | null): string | undefined {
  if (data === null) return undefined;
  for (const name of ["StakeTable", "DevelopmentToken"] as const) {
    const known = contractInterface(name).parseError(data);
    if (known !== null) return `${known.name}(${known.args.map(String).join(", ")})`;
  }
  return undefined;
}
