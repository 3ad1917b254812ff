import { parseEther, Wallet, type TransactionRequest } from "ethers";

import type { Hash } from "../../crypto/hash.ts";
import { Height, type NamespaceId } from "../../protocol/scalars.ts";
import * as Transaction from "../../protocol/Transaction.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import type { Client } from "../../sdk/client.ts";
import { signEthereum } from "../../sdk/ethereum.ts";
import { SdkError } from "../../sdk/errors.ts";
import { StartError } from "./options.ts";

/** A transaction of a rollup's user, from its signing to its place in the chain. */
export interface UserTransaction {
  readonly hash: Hash;
  /** The signed Ethereum transaction. */
  readonly data: Uint8Array;
  submittedAtMs: number;
  /** Heights of all blocks that hold it; more than one would be a fault of the layer. */
  readonly heights: Height[];
}

/** A rollup whose users submit to its namespace, and which reads back every block of it. */
export interface Rollup {
  readonly name: string;
  readonly namespace: NamespaceId;
  readonly transactions: ReadonlyMap<Hash, UserTransaction>;
  /** Newest height of which it has read everything. */
  readonly height: () => Height;
  /** Submits until `stopTraffic`, follows until the signal. Rejects on what cannot be waited out. */
  run(signal: AbortSignal): Promise<void>;
  stopTraffic(): void;
}

export interface RollupOptions {
  readonly name: string;
  readonly namespace: NamespaceId;
  readonly users: number;
  readonly intervalMs: number;
  readonly client: Client;
  /** Called for each block that holds something of this rollup. */
  readonly onContent: (height: Height, count: number) => void;
}

/** Transactions of one run that are remembered; a live network forgets none before it ends. */
export const TRANSACTIONS_MAX = 1_000_000;
/** Without finality after so long a user submits the same bytes again, as wallets do. */
const RESUBMIT_MS = 6_000;
const RETRY_MS = 300;
const GAS_LIMIT = 21_000n;
const MAX_FEE = 2_000_000_000n;
const TIP = 1_000_000n;

export function createRollup(options: RollupOptions): Rollup {
  const { client, namespace } = options;
  const users = Array.from({ length: options.users }, () => ({ wallet: Wallet.createRandom(), nonce: 0 }));
  const transactions = new Map<Hash, UserTransaction>();
  let height = Height(0n);
  let trafficEnded = false;

  async function nextTransaction(turn: number): Promise<UserTransaction> {
    const user = users[turn % users.length];
    const recipient = users[(turn + 1) % users.length];
    if (user === undefined || recipient === undefined) throw new StartError(`${options.name} has no users`);
    const request: TransactionRequest = {
      chainId: namespace,
      nonce: user.nonce++,
      to: recipient.wallet.address,
      value: parseEther("0.001"),
      gasLimit: GAS_LIMIT,
      maxFeePerGas: MAX_FEE,
      maxPriorityFeePerGas: TIP,
    };
    const { data } = await signEthereum(user.wallet, request);
    const hash = Transaction.hash(Transaction.plain(namespace, data));
    return { hash, data, submittedAtMs: systemClock.monotonicMs(), heights: [] };
  }

  /** Until an endpoint took it: a user whose validator is gone tries the next one. */
  async function submit(transaction: UserTransaction, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        transaction.submittedAtMs = systemClock.monotonicMs();
        const { hash } = await client.submit(namespace, transaction.data);
        if (hash !== transaction.hash) throw new StartError(`${options.name}: the API gave ${hash} another hash`);
        return;
      } catch (error) {
        if (!(error instanceof SdkError) || signal.aborted) throw error;
        await sleep(systemClock, RETRY_MS);
      }
    }
  }

  async function submitAll(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !trafficEnded && !signal.aborted && transactions.size < TRANSACTIONS_MAX; turn++) {
      const transaction = await nextTransaction(turn);
      transactions.set(transaction.hash, transaction);
      await submit(transaction, signal);
      await sleep(systemClock, options.intervalMs);
    }
  }

  async function resubmitLost(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const before = systemClock.monotonicMs() - RESUBMIT_MS;
      for (const transaction of transactions.values()) {
        if (transaction.heights.length === 0 && transaction.submittedAtMs < before) await submit(transaction, signal);
      }
      await sleep(systemClock, RETRY_MS);
    }
  }

  async function follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const block of client.follow(namespace, { from: Height(height + 1n), signal })) {
          for (const { hash } of block.transactions) transactions.get(hash)?.heights.push(block.header.height);
          height = block.header.height;
          if (block.transactions.length > 0) options.onContent(height, block.transactions.length);
        }
      } catch (error) {
        if (!(error instanceof SdkError)) throw error;
        await sleep(systemClock, RETRY_MS);
      }
    }
  }

  return {
    name: options.name,
    namespace,
    transactions,
    height: () => height,
    run: async (signal) => {
      await Promise.all([submitAll(signal), resubmitLost(signal), follow(signal)]);
    },
    stopTraffic: () => {
      trafficEnded = true;
    },
  };
}
