import { parseEther, Wallet, type HDNodeWallet } from "ethers";

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
  const state: State = { ...options, transactions: new Map(), height: Height(0n), hasTraffic: true };
  return {
    name: options.name,
    namespace: options.namespace,
    transactions: state.transactions,
    height: () => state.height,
    run: async (signal) => {
      await Promise.all([submitAll(state, signal), resubmitLost(state, signal), follow(state, signal)]);
    },
    stopTraffic: () => {
      state.hasTraffic = false;
    },
  };
}

interface State extends RollupOptions {
  readonly transactions: Map<Hash, UserTransaction>;
  height: Height;
  hasTraffic: boolean;
}

interface User {
  readonly wallet: HDNodeWallet;
  nonce: number;
}

/** A transfer between two of the rollup's users, signed as for any Ethereum chain. */
async function signTransfer(namespace: NamespaceId, from: User, to: User): Promise<UserTransaction> {
  const { data } = await signEthereum(from.wallet, {
    chainId: namespace,
    nonce: from.nonce++,
    to: to.wallet.address,
    value: parseEther("0.001"),
    gasLimit: GAS_LIMIT,
    maxFeePerGas: MAX_FEE,
    maxPriorityFeePerGas: TIP,
  });
  const hash = Transaction.hash(Transaction.plain(namespace, data));
  return { hash, data, submittedAtMs: systemClock.monotonicMs(), heights: [] };
}

async function submitAll(state: State, signal: AbortSignal): Promise<void> {
  const users: User[] = Array.from({ length: state.users }, () => ({ wallet: Wallet.createRandom(), nonce: 0 }));
  for (let turn = 0; state.hasTraffic && !signal.aborted && state.transactions.size < TRANSACTIONS_MAX; turn++) {
    const from = users[turn % users.length];
    const to = users[(turn + 1) % users.length];
    if (from === undefined || to === undefined) throw new StartError(`${state.name} has no users`);
    const transaction = await signTransfer(state.namespace, from, to);
    state.transactions.set(transaction.hash, transaction);
    await submit(state, transaction, signal);
    await sleep(systemClock, state.intervalMs);
  }
}

/** Until an endpoint took it: a user whose validator is gone tries the next one. */
async function submit(state: State, transaction: UserTransaction, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      transaction.submittedAtMs = systemClock.monotonicMs();
      const { hash } = await state.client.submit(state.namespace, transaction.data);
      if (hash !== transaction.hash) throw new StartError(`${state.name}: the API gave ${hash} another hash`);
      return;
    } catch (error) {
      if (!(error instanceof SdkError) || signal.aborted) throw error;
      await sleep(systemClock, RETRY_MS);
    }
  }
}

async function resubmitLost(state: State, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const before = systemClock.monotonicMs() - RESUBMIT_MS;
    for (const transaction of state.transactions.values()) {
      if (transaction.heights.length === 0 && transaction.submittedAtMs < before) {
        await submit(state, transaction, signal);
      }
    }
    await sleep(systemClock, RETRY_MS);
  }
}

async function follow(state: State, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const from = Height(state.height + 1n);
      for await (const block of state.client.follow(state.namespace, { from, signal })) {
        const { height } = block.header;
        for (const { hash } of block.transactions) state.transactions.get(hash)?.heights.push(height);
        state.height = height;
        if (block.transactions.length > 0) state.onContent(height, block.transactions.length);
      }
    } catch (error) {
      if (!(error instanceof SdkError)) throw error;
      await sleep(systemClock, RETRY_MS);
    }
  }
}
