import { getAddress, Transaction } from "ethers";
import { z } from "zod";

import type { Signer, UnsignedTransaction } from "../tx/signer.ts";
import { KeyError } from "./localSigner.ts";

const answerSchema = z.object({
  result: z
    .string()
    .regex(/^0x[0-9a-fA-F]+$/)
    .optional(),
  error: z.object({ message: z.string() }).optional(),
});

/**
 * PURSE-3: a remote signer that speaks Ethereum JSON-RPC `eth_signTransaction` (Web3Signer, clef, Consensys EthSigner). What
 * comes back is checked to be the transaction that was asked for, signed by the account: a signer cannot swap it.
 */
export function web3Signer(url: string, account: string, timeoutMs: number): Signer {
  const address = getAddress(account);
  return {
    address,
    sign: async (unsigned) => {
      const raw = await ask(
        url,
        { jsonrpc: "2.0", id: 1, method: "eth_signTransaction", params: [toRpc(address, unsigned)] },
        timeoutMs,
      );
      const signed = Transaction.from(raw);
      const asked = Transaction.from({ ...unsigned, type: 2 });
      if (signed.unsignedHash !== asked.unsignedHash || signed.from !== address) {
        throw new KeyError(`the signer at ${new URL(url).origin} signed another transaction than it was asked to`);
      }
      return raw;
    },
  };
}

async function ask(url: string, body: object, timeoutMs: number): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const answer = answerSchema.safeParse(await response.json());
  if (answer.data?.result !== undefined) return answer.data.result;
  throw new KeyError(
    `the signer at ${new URL(url).origin} refused: ${answer.data?.error?.message ?? `HTTP ${String(response.status)}`}`,
  );
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
