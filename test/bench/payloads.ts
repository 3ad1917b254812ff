const SIZES: Readonly<Record<string, number>> = { "0": 0, "100k": 100_000, "1m": 1_000_000, "4m": 4_000_000 };
const TRANSACTION_BYTES = 100_000;

/** Bytes of the payload that `--payload` names. */
export function payloadSize(name: string): number {
  const bytes = SIZES[name];
  if (bytes === undefined) throw new Error(`--payload is one of ${Object.keys(SIZES).join(", ")}`);
  return bytes;
}

/** Bytes of one transaction: several fill a block. */
export function transactionBytes(payloadBytes: number): number {
  return Math.min(TRANSACTION_BYTES, Math.ceil(payloadBytes / 4));
}
