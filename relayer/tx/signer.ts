/** An unsigned EIP-1559 transaction, in the form every signer takes. */
export interface UnsignedTransaction {
  readonly chainId: bigint;
  readonly nonce: number;
  readonly to: string;
  readonly data: string;
  readonly value: bigint;
  readonly gasLimit: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** One key, wherever it lives. */
export interface Signer {
  /** Checksummed 0x address. */
  readonly address: string;
  /** Raw signed bytes, 0x text. Rejects when the key's keeper is not reachable; nothing was sent then. */
  sign(transaction: UnsignedTransaction): Promise<string>;
}
