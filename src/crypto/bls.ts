import { keccakHash, type Hash } from "./hash.ts";

/**
 * BLS12-381 multi-signatures in the minimal-signature-size form: signatures in G1, public keys in G2
 * (draft-irtf-cfrg-bls-signature, proof-of-possession scheme; hashing by RFC 9380).
 *
 * Encodings. Public key: 192 bytes x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1, 48 bytes big-endian each (the order of EIP-2537; ZCash
 * and noble put c1 first). Signature: 48 bytes, ZCash compressed. Secret key: 32 bytes big-endian, 0 < key < r.
 */

export const SECRET_KEY_BYTES = 32;
export const PUBLIC_KEY_BYTES = 192;
export const SIGNATURE_BYTES = 48;
/** A G1 point as EIP-2537 takes it: x and y, 64 bytes each, the top 16 zero. */
export const L1_SIGNATURE_BYTES = 128;

/** What a signature is for; each has a domain separation tag of its own. */
export type Purpose = "vote" | "possession";

export const DOMAIN_SEPARATION_TAG: Readonly<Record<Purpose, string>> = {
  vote: "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_",
  possession: "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_",
};

/** The modulus of the base field. */
export const FIELD_MODULUS = BigInt(
  "0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
);
/** The order r of G1 and G2. */
export const GROUP_ORDER = BigInt("0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");

/**
 * One implementation of the scheme. Nothing throws on foreign bytes: an invalid key or signature (malformed,
 * non-canonical, off the curve, outside the subgroup, or the identity) verifies as false and aggregates to undefined.
 */
export interface Bls {
  readonly name: string;
  /** The public key of a secret key. Throws `BlsSecretKeyError` on a key out of range. */
  publicKey(secretKey: Uint8Array): Uint8Array;
  /** Signs a 32-byte digest. Throws `BlsSecretKeyError` on a key out of range. */
  sign(secretKey: Uint8Array, digest: Uint8Array, purpose: Purpose): Uint8Array;
  /** Whether `key` is a canonical point of the subgroup other than the identity. */
  isValidKey(key: Uint8Array): boolean;
  /** Whether `signature` is a canonical point of the subgroup other than the identity. */
  isValidSignature(signature: Uint8Array): boolean;
  /** The sum of one or more signatures; undefined if one is invalid, there is none, or the sum is the identity. */
  aggregate(signatures: readonly Uint8Array[]): Uint8Array | undefined;
  verify(key: Uint8Array, digest: Uint8Array, signature: Uint8Array, purpose: Purpose): boolean;
  /**
   * Whether `signature` is the sum of one signature over `digest` by each of `keys`. Sound against rogue keys only
   * for keys whose possession was proven; repeated keys count as often as they stand.
   */
  verifyAggregate(keys: readonly Uint8Array[], digest: Uint8Array, signature: Uint8Array, purpose: Purpose): boolean;
  /**
   * The sum of `signatures`, one over `digest` by each of `keys`, if it verifies; undefined otherwise. It says nothing of
   * one alone: differences that cancel in the sum stay unseen, as they do in every aggregate.
   */
  verifiedSum(
    keys: readonly Uint8Array[],
    digest: Uint8Array,
    signatures: readonly Uint8Array[],
    purpose: Purpose,
  ): Uint8Array | undefined;
  /** A valid signature as EIP-2537 G1 point (128 bytes); undefined for an invalid one. */
  signatureToL1(signature: Uint8Array): Uint8Array | undefined;
}

/** A secret key that is not 32 bytes in 0 < key < r. */
export class BlsSecretKeyError extends Error {
  override readonly name = "BlsSecretKeyError";
}

/** keccak256 of the 192 bytes of a public key: what L1 stores of a key that is not yet sealed. */
export function keyHash(key: Uint8Array): Hash {
  return keccakHash(key);
}

export function secretScalar(secretKey: Uint8Array): bigint {
  const scalar = bigEndian(secretKey);
  if (secretKey.length !== SECRET_KEY_BYTES || scalar === 0n || scalar >= GROUP_ORDER) {
    throw new BlsSecretKeyError("a BLS secret key is 32 bytes with 0 < key < r");
  }
  return scalar;
}

/** Big-endian bytes as an integer. */
export function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** An integer as big-endian bytes of fixed length. */
export function toBigEndian(value: bigint, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out;
}

const FIELD_BYTES = 48;
const PADDED_FIELD_BYTES = 64;

/** The four field elements of a key, or undefined where the length or one of them is not canonical. */
export function keyCoordinates(key: Uint8Array): readonly [bigint, bigint, bigint, bigint] | undefined {
  if (key.length !== PUBLIC_KEY_BYTES) return undefined;
  const at = (index: number): bigint => bigEndian(key.subarray(index * FIELD_BYTES, (index + 1) * FIELD_BYTES));
  const coordinates = [at(0), at(1), at(2), at(3)] as const;
  return coordinates.every((value) => value < FIELD_MODULUS) ? coordinates : undefined;
}

/** Affine G1 coordinates in EIP-2537 form. */
export function paddedPoint(x: bigint, y: bigint): Uint8Array {
  const out = new Uint8Array(L1_SIGNATURE_BYTES);
  out.set(toBigEndian(x, PADDED_FIELD_BYTES), 0);
  out.set(toBigEndian(y, PADDED_FIELD_BYTES), PADDED_FIELD_BYTES);
  return out;
}

const COMPRESSED = 0x80;
const INFINITY = 0x40;
const SIGN = 0x20;

/** Whether 48 bytes are a canonical ZCash encoding of something other than the identity, before any curve check. */
export function isCanonicalSignature(signature: Uint8Array): boolean {
  const [flags = 0] = signature;
  if (signature.length !== SIGNATURE_BYTES || (flags & COMPRESSED) === 0 || (flags & INFINITY) !== 0) return false;
  const x = signature.slice();
  x[0] = flags & ~(COMPRESSED | SIGN);
  return bigEndian(x) < FIELD_MODULUS;
}
