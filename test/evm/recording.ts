import type { network } from "hardhat";
import { Transaction } from "ethers";

/** Everything that a chain did, so that other implementations can do it again. */

export interface RecordedTransaction {
  /** Signed, as sent. */
  readonly raw: string;
  readonly outcome: Outcome;
}

/** What two implementations must agree on. */
export interface Outcome {
  readonly succeeded: boolean;
  readonly gasUsed: bigint;
  /** Address, topics and data of each log. */
  readonly logs: readonly string[];
}

export interface RecordedBlock {
  readonly number: bigint;
  readonly timestamp: bigint;
  readonly gasLimit: bigint;
  readonly baseFee: bigint;
  readonly coinbase: string;
  readonly randomness: string;
  readonly transactions: readonly RecordedTransaction[];
}

/** A question about the state after the last block. */
export interface RecordedCall {
  readonly what: string;
  readonly to: string;
  readonly data: string;
  /** What comes back; undefined if it is refused. */
  readonly result: string | undefined;
}

export interface Recording {
  /** Block 0 first. */
  readonly blocks: readonly RecordedBlock[];
  readonly calls: readonly RecordedCall[];
  /** Accounts with their wei before the first block. */
  readonly balances: ReadonlyMap<string, bigint>;
}

export interface RpcLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

interface RpcBlock {
  readonly timestamp: string;
  readonly gasLimit: string;
  readonly baseFeePerGas: string;
  readonly miner: string;
  readonly mixHash: string;
  readonly transactions: readonly RpcTransaction[];
}

interface RpcTransaction {
  readonly hash: string;
  readonly to: string | null;
  readonly nonce: string;
  readonly gas: string;
  readonly value: string;
  readonly input: string;
  readonly chainId: string;
  readonly type: string;
  readonly maxFeePerGas: string;
  readonly maxPriorityFeePerGas: string;
  readonly r: string;
  readonly s: string;
  /** Parity of y, in transactions of this kind. */
  readonly v: string;
}

export interface RpcReceipt {
  readonly status: string;
  readonly gasUsed: string;
  readonly logs: readonly RpcLog[];
}

type Provider = Pick<Awaited<ReturnType<typeof network.create>>["provider"], "request">;

export function logText({ address, topics, data }: RpcLog): string {
  return [address, ...topics, data].join(" ").toLowerCase();
}

export function outcomeOf({ status, gasUsed, logs }: RpcReceipt): Outcome {
  return { succeeded: BigInt(status) === 1n, gasUsed: BigInt(gasUsed), logs: logs.map(logText) };
}

function serialize(tx: RpcTransaction): string {
  const { to, nonce, gas, value, input, chainId, maxFeePerGas, maxPriorityFeePerGas, r, s, v } = tx;
  const transaction = Transaction.from({
    type: Number(tx.type),
    to,
    nonce: Number(nonce),
    gasLimit: gas,
    value,
    data: input,
    chainId,
    maxFeePerGas,
    maxPriorityFeePerGas,
    signature: { r: pad(r), s: pad(s), yParity: BigInt(v) === 1n ? 1 : 0 },
  });
  if (transaction.hash !== tx.hash) throw new Error(`${tx.hash} is not the hash of what was recorded`);
  return transaction.serialized;
}

function pad(quantity: string): string {
  return `0x${quantity.slice(2).padStart(64, "0")}`;
}

/** All blocks of a chain. */
export async function recordBlocks(provider: Provider): Promise<RecordedBlock[]> {
  const ask = async <T>(method: string, ...params: unknown[]): Promise<T> =>
    (await provider.request({ method, params })) as T;
  const blocks: RecordedBlock[] = [];
  const newest = BigInt(await ask<string>("eth_blockNumber"));
  for (let number = 0n; number <= newest; number++) {
    const block = await ask<RpcBlock>("eth_getBlockByNumber", `0x${number.toString(16)}`, true);
    const transactions: RecordedTransaction[] = [];
    for (const tx of block.transactions) {
      const receipt = await ask<RpcReceipt>("eth_getTransactionReceipt", tx.hash);
      transactions.push({ raw: serialize(tx), outcome: outcomeOf(receipt) });
    }
    blocks.push({
      number,
      timestamp: BigInt(block.timestamp),
      gasLimit: BigInt(block.gasLimit),
      baseFee: BigInt(block.baseFeePerGas),
      coinbase: block.miner,
      randomness: block.mixHash,
      transactions,
    });
  }
  return blocks;
}

/** Asks the chain itself, after its last block. */
export async function recordCall(provider: Provider, what: string, to: string, data: string): Promise<RecordedCall> {
  try {
    return {
      what,
      to,
      data,
      result: (await provider.request({ method: "eth_call", params: [{ to, data }, "latest"] })) as string,
    };
  } catch {
    return { what, to, data, result: undefined };
  }
}
