import { z } from "zod";

import { toHash, type Hash } from "../../src/crypto/hash.ts";
import { L1DataError, L1UnavailableError } from "../../src/l1/l1Errors.ts";
import type { FinalityRule } from "../../src/l1/l1Client.ts";
import { classifyBroadcast, combineBroadcast, type BroadcastClass } from "../tx/broadcastErrors.ts";
import type { Chain, Simulation } from "../tx/chain.ts";
import type { Mined } from "../tx/records.ts";
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
export function fanoutChain(fanout: Fanout, chainId: bigint, endpoints: number, finality: FinalityRule): Chain {
  const quorum = quorumOf(endpoints);

  async function headBlock(age: "fresh" | "recent"): Promise<Block> {
    const number = await fanout.head(age);
    const found = await agreedBlock(`0x${number.toString(16)}`);
    if (found === undefined) throw new L1UnavailableError("eth_getBlockByNumber", []);
    return found;
  }

  async function agreedBlock(tag: string): Promise<Block | undefined> {
    const { answers, failures } = await fanout.askAll("eth_getBlockByNumber", [tag, false]);
    const blocks = answers.map((answer) => tryParse(blockSchema, answer.result));
    const index = agreedValue(
      blocks.map((found) => found?.hash ?? "none"),
      quorum,
    );
    if (index === undefined) {
      throw new L1UnavailableError("eth_getBlockByNumber", [
        ...failures,
        { endpoint: "quorum", reason: "no agreement" },
      ]);
    }
    return blocks[index];
  }

  async function finalNumber(tag: "safe" | "finalized", head: number): Promise<number> {
    if (finality.kind === "depth") return head - (tag === "safe" ? Math.ceil(finality.blocks / 2) : finality.blocks);
    const { answers } = await fanout.askAll("eth_getBlockByNumber", [tag, false]);
    const numbers = answers.map((answer) => Number(tryParse(blockSchema, answer.result)?.number ?? -1n));
    return [...numbers].sort((a, b) => b - a)[quorum - 1] ?? -1;
  }

  async function receipt(transaction: Hash, head: number): Promise<Mined | undefined> {
    const { answers } = await fanout.askAll("eth_getTransactionReceipt", [transaction]);
    const found = answers.map((answer) => toMined(answer, head));
    const index = agreedValue(
      found.map((mined) => (mined === undefined ? "none" : `${mined.blockHash} ${String(mined.succeeded)}`)),
      // Of one or two endpoints a receipt beats its absence: absence is what lagging looks like.
      quorum,
    );
    if (quorum > 1) return index === undefined ? undefined : found[index];
    return found.find((mined) => mined !== undefined);
  }

  async function receipts(hashes: readonly Hash[], head: number): Promise<Map<Hash, Mined>> {
    const found = new Map<Hash, Mined>();
    for (let start = 0; start < hashes.length; start += RECEIPTS_AT_ONCE) {
      const chunk = hashes.slice(start, start + RECEIPTS_AT_ONCE);
      const mined = await Promise.all(chunk.map((transaction) => receipt(transaction, head)));
      for (const entry of mined) if (entry !== undefined) found.set(entry.hash, entry);
    }
    return found;
  }

  return {
    chainId,
    look: async (address, hashes) => {
      const head = await headBlock("fresh");
      const number = Number(head.number);
      const [nonce, safeNumber, finalizedNumber, seen] = await Promise.all([
        fanout.read("eth_getTransactionCount", [address, `0x${number.toString(16)}`]),
        finalNumber("safe", number),
        finalNumber("finalized", number),
        receipts(hashes, number),
      ]);
      const latestNonce = Number(parse(quantity, nonce, "eth_getTransactionCount"));
      return { latestNonce, headNumber: number, headHash: head.hash, safeNumber, finalizedNumber, receipts: seen };
    },
    market: async () => {
      const head = await headBlock("recent");
      const { answers } = await fanout.askAll("eth_maxPriorityFeePerGas", []);
      const tips = answers.map((answer) => tryParse(quantity, answer.result)).filter((tip) => tip !== undefined);
      const sorted = tips.sort((a, b) => (a < b ? -1 : 1));
      return { baseFeePerGas: head.baseFeePerGas ?? 0n, tipPerGas: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0n };
    },
    simulate: async (call) => toSimulation(await fanout.ask("eth_estimateGas", [call, "latest"])),
    broadcast: (raw) => broadcast(fanout, raw),
    balance: async (address) =>
      parse(quantity, await fanout.read("eth_getBalance", [address, "latest"]), "eth_getBalance"),
  };
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
