import { z } from "zod";

import { toHash, type Hash } from "../../src/crypto/hash.ts";
import { L1DataError, L1UnavailableError } from "../../src/l1/l1Errors.ts";
import type { FinalityRule } from "../../src/l1/l1Client.ts";
import { classifyBroadcast, combineBroadcast, type BroadcastClass } from "../tx/broadcastErrors.ts";
import type { Call, Chain, Simulation } from "../tx/chain.ts";
import type { Market } from "../tx/feePolicy.ts";
import type { Mined } from "../tx/records.ts";
import type { Sight } from "../tx/sendState.ts";
import { agreedValue, quorumOf } from "./agreement.ts";
import type { Fanout, RpcAnswer } from "./fanout.ts";

const quantity = z
  .string()
  .regex(/^0x[0-9a-fA-F]{1,64}$/)
  .transform((text) => BigInt(text));
const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/)
  .transform((text) => toHash(text.toLowerCase()));
const blockSchema = z.object({ number: quantity, hash, baseFeePerGas: quantity.optional(), timestamp: quantity });
const receiptSchema = z.object({
  transactionHash: hash,
  blockNumber: quantity,
  blockHash: hash,
  status: quantity,
  gasUsed: quantity,
  effectiveGasPrice: quantity.optional(),
});

type Block = z.output<typeof blockSchema>;
/** Receipts asked for at once. */
const RECEIPTS_AT_ONCE = 32;

/** The `Chain` port over several endpoints. */
export class FanoutChain implements Chain {
  readonly chainId: bigint;
  readonly #fanout: Fanout;
  readonly #quorum: number;
  readonly #finality: FinalityRule;

  constructor(fanout: Fanout, chainId: bigint, endpoints: number, finality: FinalityRule) {
    this.chainId = chainId;
    this.#fanout = fanout;
    this.#quorum = quorumOf(endpoints);
    this.#finality = finality;
  }

  async look(address: string, hashes: readonly Hash[]): Promise<Sight> {
    const head = await this.#headBlock("fresh");
    const number = Number(head.number);
    const [nonce, safeNumber, finalizedNumber, receipts] = await Promise.all([
      this.#fanout.read("eth_getTransactionCount", [address, `0x${number.toString(16)}`]),
      this.#finalNumber("safe", number),
      this.#finalNumber("finalized", number),
      this.#receipts(hashes, number),
    ]);
    const latestNonce = Number(parse(quantity, nonce, "eth_getTransactionCount"));
    return { latestNonce, headNumber: number, headHash: head.hash, safeNumber, finalizedNumber, receipts };
  }

  /** The highest that a quorum has reached: pools differ, and one endpoint alone says nothing. */
  async pendingNonce(address: string): Promise<number> {
    const { answers } = await this.#fanout.askAll("eth_getTransactionCount", [address, "pending"]);
    const nonces = answers.map((answer) => Number(tryParse(quantity, answer.result) ?? 0n));
    return [...nonces].sort((a, b) => b - a)[this.#quorum - 1] ?? 0;
  }

  /** The tip is the lower median: one endpoint cannot drive it. */
  async market(): Promise<Market> {
    const head = await this.#headBlock("recent");
    const { answers } = await this.#fanout.askAll("eth_maxPriorityFeePerGas", []);
    const tips = answers.map((answer) => tryParse(quantity, answer.result)).filter((tip) => tip !== undefined);
    const sorted = tips.sort((a, b) => (a < b ? -1 : 1));
    return { baseFeePerGas: head.baseFeePerGas ?? 0n, tipPerGas: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0n };
  }

  async simulate(call: Call): Promise<Simulation> {
    return toSimulation(await this.#fanout.ask("eth_estimateGas", [call, "latest"]));
  }

  broadcast(raw: string): ReturnType<Chain["broadcast"]> {
    return broadcast(this.#fanout, raw);
  }

  async balance(address: string): Promise<bigint> {
    return parse(quantity, await this.#fanout.read("eth_getBalance", [address, "latest"]), "eth_getBalance");
  }

  async #headBlock(age: "fresh" | "recent"): Promise<Block> {
    const number = await this.#fanout.head(age);
    const { answers, failures } = await this.#fanout.askAll("eth_getBlockByNumber", [
      `0x${number.toString(16)}`,
      false,
    ]);
    const blocks = answers.map((answer) => tryParse(blockSchema, answer.result));
    const index = agreedValue(
      blocks.map((found) => found?.hash ?? "none"),
      this.#quorum,
    );
    const block = blocks[index ?? -1] ?? (this.#quorum === 1 ? blocks.find((found) => found !== undefined) : undefined);
    if (block !== undefined) return block;
    throw new L1UnavailableError("eth_getBlockByNumber", [...failures, { endpoint: "quorum", reason: "no agreement" }]);
  }

  /** The newest block under the finality rule; -1 on a chain too young to have one. */
  async #finalNumber(tag: "safe" | "finalized", head: number): Promise<number> {
    const finality = this.#finality;
    if (finality.kind === "depth") return head - (tag === "safe" ? Math.ceil(finality.blocks / 2) : finality.blocks);
    const { answers } = await this.#fanout.askAll("eth_getBlockByNumber", [tag, false]);
    const numbers = answers.map((answer) => Number(tryParse(blockSchema, answer.result)?.number ?? -1n));
    return [...numbers].sort((a, b) => b - a)[this.#quorum - 1] ?? -1;
  }

  async #receipts(hashes: readonly Hash[], head: number): Promise<Map<Hash, Mined>> {
    const found = new Map<Hash, Mined>();
    for (let start = 0; start < hashes.length; start += RECEIPTS_AT_ONCE) {
      const chunk = hashes.slice(start, start + RECEIPTS_AT_ONCE);
      const mined = await Promise.all(chunk.map((transaction) => this.#receipt(transaction, head)));
      for (const entry of mined) if (entry !== undefined) found.set(entry.hash, entry);
    }
    return found;
  }

  /** Of one or two endpoints a receipt beats its absence: absence is what lagging looks like. */
  async #receipt(transaction: Hash, head: number): Promise<Mined | undefined> {
    const { answers } = await this.#fanout.askAll("eth_getTransactionReceipt", [transaction]);
    const found = answers.map((answer) => toMined(answer, head));
    if (this.#quorum === 1) return found.find((mined) => mined !== undefined);
    const texts = found.map((mined) =>
      mined === undefined ? "none" : `${mined.hash} ${mined.blockHash} ${String(mined.succeeded)}`,
    );
    return found[agreedValue(texts, this.#quorum) ?? -1];
  }
}

async function broadcast(
  fanout: Fanout,
  raw: string,
): Promise<{ readonly outcome: BroadcastClass | "accepted"; readonly messages: readonly string[] }> {
  try {
    const { answers, failures } = await fanout.askAll("eth_sendRawTransaction", [raw]);
    const messages = [
      ...answers.flatMap((answer) => (answer.error === undefined ? [] : [answer.error.message])),
      ...failures.map(({ endpoint, reason }) => `${endpoint}: ${reason}`),
    ];
    const outcomes = answers.map((answer) =>
      answer.error === undefined ? ("accepted" as const) : classifyBroadcast(answer.error.message),
    );
    return { outcome: combineBroadcast(outcomes), messages };
  } catch (error) {
    if (!(error instanceof L1UnavailableError)) throw error;
    return { outcome: "transport", messages: [error.message] };
  }
}

function toSimulation(answer: RpcAnswer): Simulation {
  if (answer.error === undefined) return { kind: "ok", gas: parse(quantity, answer.result, "eth_estimateGas") };
  const { data, message } = answer.error;
  if (data !== undefined) return { kind: "revert", revertData: data, message };
  if (/revert/i.test(message)) return { kind: "revert", revertData: "0x", message };
  throw new L1DataError(`eth_estimateGas: ${message}`);
}

function toMined(answer: RpcAnswer, head: number): Mined | undefined {
  const receipt = tryParse(receiptSchema, answer.result);
  if (receipt === undefined || receipt.blockNumber > BigInt(head)) return undefined;
  return {
    hash: receipt.transactionHash,
    blockNumber: Number(receipt.blockNumber),
    blockHash: receipt.blockHash,
    succeeded: receipt.status === 1n,
    gasUsed: receipt.gasUsed,
    feePerGas: receipt.effectiveGasPrice ?? 0n,
  };
}

function tryParse<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = tryParse(schema, value);
  if (parsed === undefined)
    throw new L1DataError(`L1 answered ${what} with ${JSON.stringify(value ?? null).slice(0, 200)}`);
  return parsed;
}
