import { secp256k1 } from "@noble/curves/secp256k1.js";

/** r and s of an ECDSA signature, 32 bytes each as 0x text; s is in the lower half of the order (EIP-2). */
export interface EcdsaSignature {
  readonly r: `0x${string}`;
  readonly s: `0x${string}`;
}

const { ORDER } = secp256k1.Point.Fn;

/**
 * Reads the DER form of a secp256k1 signature (SEC 1, X.690) and brings s to the lower half, as Ethereum demands. Undefined
 * when the bytes are not the one encoding of two numbers below the order.
 */
export function parseDerSignature(bytes: Uint8Array): EcdsaSignature | undefined {
  try {
    const { r, s } = secp256k1.Signature.fromBytes(bytes, "der");
    return { r: word(r), s: word(s > ORDER / 2n ? ORDER - s : s) };
  } catch {
    return undefined;
  }
}

function word(value: bigint): `0x${string}` {
  return `0x${value.toString(16).padStart(64, "0")}`;
}
