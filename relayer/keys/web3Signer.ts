import { getAddress, Transaction } from "ethers";
import { z } from "zod";

import { readBoundedText } from "../../src/runtime/boundedBody.ts";
import { sleep, type Clock } from "../../src/runtime/clock.ts";
import type { Signer, UnsignedTransaction } from "../tx/signer.ts";
import { KeyError, SignerUnavailableError } from "./keyErrors.ts";
import { toTransaction } from "./localSigner.ts";

export interface Web3SignerOptions {
  readonly url: string;
  readonly account: string;
  /** Longest wait for one answer, ms. */
  readonly timeoutMs: number;
  /** Tries of one request, the first included. */
  readonly attempts: number;
  readonly clock: Clock;
}

/** A signed transaction is a calldata and some hundred bytes: more is no answer. */
export const ANSWER_BYTES_MAX = 1024 * 1024;
const RETRY_FIRST_MS = 100;

const answerSchema = z.union([
  z.object({ result: z.string().regex(/^0x([0-9a-fA-F]{2})+$/) }),
  z.object({ error: z.object({ message: z.string() }) }),
]);

/**
 * PURSE-3: a remote signer that speaks Ethereum JSON-RPC `eth_signTransaction` (Web3Signer, clef, Consensys EthSigner). What
 * comes back is checked to be the transaction that was asked for, signed by the account: a signer cannot swap it. Rejects
 * with `KeyError` when the signer refuses or signs something else, with `SignerUnavailableError` when it does not answer.
 */
export function web3Signer(options: Web3SignerOptions): Signer {
  const address = getAddress(options.account);
  const { origin } = new URL(options.url);
  return {
    address,
    sign: async (unsigned) => {
      const params = [toRpc(address, unsigned)];
      const raw = await askPatiently(options, { jsonrpc: "2.0", id: 1, method: "eth_signTransaction", params });
      const signed = parseSigned(raw);
      const asked = toTransaction(unsigned);
      if (signed === undefined) throw new KeyError(`the signer at ${origin} answered with no signed transaction`);
      if (signed.unsignedHash !== asked.unsignedHash || signed.from !== address) {
        throw new KeyError(`the signer at ${origin} signed another transaction than it was asked to`);
      }
      return raw;
    },
  };
}

function parseSigned(raw: string): Transaction | undefined {
  try {
    return Transaction.from(raw);
  } catch {
    return undefined;
  }
}

/** Signing twice is harmless: the same transaction in the same nonce. */
async function askPatiently(options: Web3SignerOptions, body: object): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(options, body);
    } catch (error) {
      if (!(error instanceof SignerUnavailableError) || attempt >= options.attempts) throw error;
    }
    await sleep(options.clock, RETRY_FIRST_MS * 2 ** (attempt - 1));
  }
}

async function ask({ url, timeoutMs }: Web3SignerOptions, body: object): Promise<string> {
  const { origin } = new URL(url);
  const answer = answerSchema.safeParse(await post(url, body, timeoutMs));
  if (!answer.success) throw new SignerUnavailableError(`the signer at ${origin} answered with something else`);
  if ("result" in answer.data) return answer.data.result;
  throw new KeyError(`the signer at ${origin} refused: ${answer.data.error.message.slice(0, 300)}`);
}

/** The parsed body of the answer. A status that speaks of load or of the server is no answer. */
async function post(url: string, body: object, timeoutMs: number): Promise<unknown> {
  const { origin } = new URL(url);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readBoundedText(response, ANSWER_BYTES_MAX);
    if (text === undefined) throw new SignerUnavailableError(`the signer at ${origin} gave too long an answer`);
    if (response.ok) return JSON.parse(text);
    if (response.status < 500 && response.status !== 429) {
      throw new KeyError(`the signer at ${origin} refused: HTTP ${String(response.status)}`);
    }
    throw new SignerUnavailableError(`the signer at ${origin} answered HTTP ${String(response.status)}`);
  } catch (error) {
    if (error instanceof KeyError || error instanceof SignerUnavailableError) throw error;
    // The cause may name the whole address with its credentials: only its kind is told.
    const kind = error instanceof Error ? error.name : "unknown";
    throw new SignerUnavailableError(`the signer at ${origin} does not answer (${kind})`);
  }
}

function toRpc(from: string, unsigned: UnsignedTransaction): Record<string, string> {
  const quantity = (value: bigint | number): string => `0x${value.toString(16)}`;
  return {
    from,
    to: unsigned.to,
    data: unsigned.data,
    value: quantity(unsigned.value),
    gas: quantity(unsigned.gasLimit),
    nonce: quantity(unsigned.nonce),
    chainId: quantity(unsigned.chainId),
    maxFeePerGas: quantity(unsigned.maxFeePerGas),
    maxPriorityFeePerGas: quantity(unsigned.maxPriorityFeePerGas),
  };
}
