import { toHash, type Hash } from "../crypto/hash.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { createEndpoints } from "./endpoints.ts";
import { L1DataError } from "./l1Errors.ts";
import { RpcProvider } from "./rpcProvider.ts";

/** What counts as L1-finalized: the `finalized` tag, or a depth below the newest block (development chains only). */
export type FinalityRule = { readonly kind: "tag" } | { readonly kind: "depth"; readonly blocks: number };

export interface L1Block {
  readonly number: bigint;
  readonly hash: Hash;
  readonly parent: Hash;
  /** Seconds since the Unix epoch. */
  readonly timestamp: bigint;
  /** `prevrandao`. */
  readonly randomness: Hash;
}

/** One event as L1 keeps it. */
export interface L1Log {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: bigint;
  readonly blockHash: Hash;
  readonly transactionHash: Hash;
  readonly logIndex: number;
}

export interface LogFilter {
  readonly address: string;
  /** Any of these in first place; all events when empty. */
  readonly topics: readonly string[];
  readonly fromBlock: bigint;
  readonly toBlock: bigint;
}

export interface L1ClientOptions {
  readonly urls: readonly string[];
  readonly chainId: bigint;
  readonly finality: FinalityRule;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Longest block range of one `eth_getLogs`; default `LOG_RANGE_BLOCKS`. */
  readonly logRangeBlocks?: bigint;
}

/** The few questions that the layer asks L1. Every call throws `L1UnavailableError` when no endpoint answers. */
export interface L1Client {
  readonly chainId: bigint;
  /** For contract bindings (`contracts.ts`). */
  readonly provider: RpcProvider;
  latestBlock(): Promise<L1Block>;
  /** The newest L1-finalized block; undefined while the chain is too young to have one. */
  finalizedBlock(): Promise<L1Block | undefined>;
  blockByNumber(number: bigint): Promise<L1Block | undefined>;
  blockByHash(hash: Hash): Promise<L1Block | undefined>;
  /** Events of one bounded range, in chain order. The range is the caller's to bound: see `logRanges`. */
  logs(filter: LogFilter): Promise<readonly L1Log[]>;
  /** Cuts [fromBlock, toBlock] into ranges that endpoints accept. */
  logRanges(fromBlock: bigint, toBlock: bigint): Generator<{ readonly fromBlock: bigint; readonly toBlock: bigint }>;
  close(): void;
}

/** Blocks asked in one `eth_getLogs`: the smallest common limit of public endpoints is 10,000; this leaves room. */
export const LOG_RANGE_BLOCKS = 5_000n;
const PREFER_AGAIN_MS = 30_000;

export function createL1Client(options: L1ClientOptions): L1Client {
  const endpoints = createEndpoints({ ...options, preferAgainMs: PREFER_AGAIN_MS });
  const provider = new RpcProvider(endpoints, options.chainId);
  const step = options.logRangeBlocks ?? LOG_RANGE_BLOCKS;

  async function readBlock(method: string, params: readonly unknown[]): Promise<L1Block | undefined> {
    const answer: unknown = await provider.send(method, [...params]);
    return answer === null || answer === undefined ? undefined : parseBlock(answer);
  }

  async function latestBlock(): Promise<L1Block> {
    const block = await readBlock("eth_getBlockByNumber", ["latest", false]);
    if (block === undefined) throw new L1DataError("L1 has no latest block");
    return block;
  }

  const blockByNumber = (number: bigint): Promise<L1Block | undefined> =>
    readBlock("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);

  async function finalizedBlock(): Promise<L1Block | undefined> {
    if (options.finality.kind === "tag") return readBlock("eth_getBlockByNumber", ["finalized", false]);
    const latest = await latestBlock();
    const number = latest.number - BigInt(options.finality.blocks);
    return number < 0n ? undefined : blockByNumber(number);
  }

  return {
    chainId: options.chainId,
    provider,
    latestBlock,
    finalizedBlock,
    blockByNumber,
    blockByHash: (hash) => readBlock("eth_getBlockByHash", [hash, false]),
    logs: async (filter) => {
      const request = {
        address: filter.address,
        fromBlock: `0x${filter.fromBlock.toString(16)}`,
        toBlock: `0x${filter.toBlock.toString(16)}`,
        ...(filter.topics.length === 0 ? {} : { topics: [filter.topics] }),
      };
      const answer: unknown = await provider.send("eth_getLogs", [request]);
      if (!Array.isArray(answer)) throw new L1DataError("eth_getLogs was not answered with a list");
      return answer.map(parseLog).sort(inChainOrder);
    },
    *logRanges(fromBlock, toBlock) {
      for (let from = fromBlock; from <= toBlock; from += step) {
        const end = from + step - 1n;
        yield { fromBlock: from, toBlock: end < toBlock ? end : toBlock };
      }
    },
    close: () => {
      provider.destroy();
    },
  };
}

function inChainOrder(a: L1Log, b: L1Log): number {
  if (a.blockNumber !== b.blockNumber) return a.blockNumber < b.blockNumber ? -1 : 1;
  return a.logIndex - b.logIndex;
}

function parseBlock(answer: unknown): L1Block {
  const fields = record(answer, "block");
  return {
    number: quantity(fields, "number"),
    hash: hash(fields, "hash"),
    parent: hash(fields, "parentHash"),
    timestamp: quantity(fields, "timestamp"),
    randomness: hash(fields, "mixHash"),
  };
}

function parseLog(answer: unknown): L1Log {
  const fields = record(answer, "log");
  const { address, topics, data } = fields;
  if (typeof address !== "string" || typeof data !== "string" || !isStringList(topics)) {
    throw new L1DataError("a log lacks address, topics or data");
  }
  return {
    address,
    topics,
    data,
    blockNumber: quantity(fields, "blockNumber"),
    blockHash: hash(fields, "blockHash"),
    transactionHash: hash(fields, "transactionHash"),
    logIndex: Number(quantity(fields, "logIndex")),
  };
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new L1DataError(`L1 answered a ${what} that is no object`);
  return Object.fromEntries(Object.entries(value));
}

function quantity(fields: Readonly<Record<string, unknown>>, name: string): bigint {
  const value = fields[name];
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{1,64}$/.test(value)) {
    throw new L1DataError(`L1 answered ${name} = ${JSON.stringify(value)}, which is no number`);
  }
  return BigInt(value);
}

function hash(fields: Readonly<Record<string, unknown>>, name: string): Hash {
  const value = fields[name];
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{64}$/.test(value)) {
    throw new L1DataError(`L1 answered ${name} = ${JSON.stringify(value)}, which is no 32-byte hash`);
  }
  return toHash(value.toLowerCase());
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}
