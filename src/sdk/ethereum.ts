import { Transaction, type TransactionRequest } from "ethers";

import { fromHex } from "../codec/hex.ts";
import { NamespaceId, U64_MAX } from "../protocol/scalars.ts";
import { SubmissionError } from "./errors.ts";

/** An EIP-1559 transaction as ethers takes it: complete, with chain id, nonce, gas limit and fees. */
export type EthereumTransaction = TransactionRequest;

/** The part of an ethers signer that is needed. */
export interface TransactionSigner {
  signTransaction(transaction: TransactionRequest): Promise<string>;
}

const EIP_1559 = 2;

/** Signs and serializes: the bytes are what `eth_sendRawTransaction` would take, the namespace is the chain id. */
export async function signEthereum(
  signer: TransactionSigner,
  transaction: EthereumTransaction,
): Promise<{ readonly namespace: NamespaceId; readonly data: Uint8Array }> {
  const raw = await signer.signTransaction({ ...transaction, type: EIP_1559 });
  const signed = Transaction.from(raw);
  if (signed.type !== EIP_1559)
    throw new SubmissionError(`expected an EIP-1559 transaction, got type ${String(signed.type)}`);
  if (!signed.isSigned()) throw new SubmissionError("the signer returned an unsigned transaction");
  if (signed.chainId === 0n || signed.chainId > U64_MAX) {
    throw new SubmissionError(`chain id ${signed.chainId.toString()} is no namespace`);
  }
  return { namespace: NamespaceId(signed.chainId), data: fromHex(raw) };
}
