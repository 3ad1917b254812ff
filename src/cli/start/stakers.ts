import { parseEther, Wallet, type JsonRpcSigner } from "ethers";

import type { AddressBook } from "../../l1/addressBook.ts";
import { developmentTokenAt, stakeTableAt, type StakeTable } from "../../l1/contracts.ts";
import type { RpcProvider } from "../../l1/rpcProvider.ts";
import type { RegistrationFile } from "../../node/registration.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { mined } from "../account.ts";
import { sealKeys } from "../sealKeys.ts";

/** Ether for the gas of an account. */
const GAS_MONEY = parseEther("100");
/** What every validator stakes itself. */
export const SELF_STAKE = parseEther("1000");
/** What the delegator adds to each validator, times its number: weights are to differ. */
const DELEGATION_STEP = parseEther("100");
/** Together longer than the rotation interval of the local parameters. */
const ROTATE_ATTEMPTS = 40;
const ROTATE_RETRY_MS = 500;
const COMMISSION_BASIS_POINTS = 500;

/** Accounts and their stake on the local L1. */
export interface Stakers {
  /** A fresh account with ether for gas. */
  fundedWallet(): Promise<Wallet>;
  /** Registers a validator with its own stake; its id. */
  register(operator: Wallet, registration: RegistrationFile): Promise<bigint>;
  /** Writes waiting keys to a key page, unless somebody else did. */
  seal(registrations: readonly RegistrationFile[]): Promise<void>;
  takeSeat(operator: Wallet, id: bigint): Promise<void>;
  /** Delegates to validators from an account that is none of theirs. */
  delegate(ids: readonly bigint[]): Promise<void>;
  /** Has a new committee made from the present seats, by ourselves or whoever comes first. */
  rotate(): Promise<void>;
  newestCommittee(): Promise<bigint>;
}

export async function createStakers(provider: RpcProvider, book: AddressBook): Promise<Stakers> {
  const bank: JsonRpcSigner = await provider.getSigner(0);
  const bankTable = stakeTableAt(book.stakeTable, bank);
  const token = developmentTokenAt(book.token, bank);

  async function fundedWallet(): Promise<Wallet> {
    const wallet = new Wallet(Wallet.createRandom().privateKey, provider);
    const transfer = await bank.sendTransaction({ to: wallet.address, value: GAS_MONEY });
    await transfer.wait();
    return wallet;
  }

  return {
    fundedWallet,
    register: async (operator, registration) => {
      await mined(token.mint(operator.address, SELF_STAKE));
      await mined(developmentTokenAt(book.token, operator).approve(book.stakeTable, SELF_STAKE));
      const { key, possession, network } = registration;
      const table = stakeTableAt(book.stakeTable, operator);
      await mined(table.register(key, [...possession], COMMISSION_BASIS_POINTS, network, "", SELF_STAKE));
      return (await bankTable.keyOf(registration.keyHash)).id;
    },
    seal: async (registrations) => {
      await sealKeys(bankTable, registrations);
    },
    takeSeat: async (operator, id) => {
      await mined(stakeTableAt(book.stakeTable, operator).takeSeat(id));
    },
    delegate: async (ids) => {
      const delegator = await fundedWallet();
      const amounts = ids.map((_, index) => DELEGATION_STEP * BigInt(index + 1));
      const total = amounts.reduce((sum, amount) => sum + amount, 0n);
      await mined(token.mint(delegator.address, total));
      await mined(developmentTokenAt(book.token, delegator).approve(book.stakeTable, total));
      const table = stakeTableAt(book.stakeTable, delegator);
      for (const [index, id] of ids.entries()) await mined(table.delegate(id, amounts[index] ?? 0n, 1n));
    },
    rotate: () => rotate(bankTable),
    newestCommittee: () => bankTable.newestCommittee(),
  };
}

async function rotate(table: StakeTable): Promise<void> {
  const before = await table.newestCommittee();
  for (let attempt = 1; (await table.newestCommittee()) <= before; attempt++) {
    try {
      await mined(table.rotate());
    } catch (error) {
      // Too early after the last one, or somebody was faster.
      if (attempt === ROTATE_ATTEMPTS) throw error;
      await sleep(systemClock, ROTATE_RETRY_MS);
    }
  }
}
