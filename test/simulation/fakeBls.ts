import { concatBytes, equalBytes } from "../../src/codec/hex.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type Bls, type Purpose } from "../../src/crypto/bls.ts";
import { keccak256 } from "../../src/crypto/hash.ts";

const TEXT = new TextEncoder();

/**
 * A signature scheme with the interface of BLS and none of its cost. It binds key, message and purpose, and sums like
 * BLS does, but anyone can forge: adversaries of the simulation keep to their own keys by agreement, not by mathematics.
 */
export const fakeBls: Bls = {
  name: "fake",
  publicKey: keyOf,
  sign: (secretKey, digest, purpose) => signatureOf(keyOf(secretKey), digest, purpose),
  isValidKey: (key) => key.length === PUBLIC_KEY_BYTES,
  isValidSignature: (signature) => signature.length === SIGNATURE_BYTES,
  aggregate: (signatures) => (signatures.length === 0 ? undefined : sum(signatures)),
  verify: (key, digest, signature, purpose) => equalBytes(signatureOf(key, digest, purpose), signature),
  verifyAggregate: (keys, digest, signature, purpose) =>
    keys.length > 0 && equalBytes(sum(keys.map((key) => signatureOf(key, digest, purpose))), signature),
  verifiedSum: (keys, digest, signatures, purpose) => {
    const total = sum(signatures);
    return fakeBls.verifyAggregate(keys, digest, total, purpose) ? total : undefined;
  },
  signatureToL1: () => undefined,
};

function keyOf(secretKey: Uint8Array): Uint8Array {
  const blocks = Array.from({ length: PUBLIC_KEY_BYTES / 32 }, (_, i) => keccak256(secretKey, Uint8Array.of(i)));
  return concatBytes(...blocks);
}

function signatureOf(key: Uint8Array, digest: Uint8Array, purpose: Purpose): Uint8Array {
  const head = keccak256(TEXT.encode(purpose), key, digest);
  return concatBytes(head, keccak256(head).slice(0, SIGNATURE_BYTES - head.length));
}

function sum(signatures: readonly Uint8Array[]): Uint8Array {
  const total = new Uint8Array(SIGNATURE_BYTES);
  for (const signature of signatures) {
    for (let i = 0; i < total.length; i++) total[i] = (total[i] ?? 0) ^ (signature[i] ?? 0);
  }
  return total;
}
