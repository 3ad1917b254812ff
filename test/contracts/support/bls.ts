import { bls12_381 } from "@noble/curves/bls12-381.js";
import { concat, dataSlice, getBytes, keccak256, toBeHex, toUtf8Bytes } from "ethers";

/**
 * BLS12-381 by noble alone, in the encodings of L1: the oracle that contract tests compare with. It shares no code with
 * `src/crypto`.
 */

export type G1Point = typeof bls12_381.G1.Point.BASE;
export type G2Point = typeof bls12_381.G2.Point.BASE;
/** A point of G1 as EIP-2537 takes it. */
export type G1Words = [string, string, string, string];
/** A point of G2 as EIP-2537 takes it. */
export type G2Words = [string, string, string, string, string, string, string, string];

export const SIGNATURE_TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
export const POSSESSION_TAG = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
export const FIELD_MODULUS = bls12_381.fields.Fp.ORDER;
export const GROUP_ORDER = bls12_381.fields.Fr.ORDER;
export const G1_BASE: G1Point = bls12_381.G1.Point.BASE;
export const G2_BASE: G2Point = bls12_381.G2.Point.BASE;
export const G1_IDENTITY: G1Words = ["0x", "0x", "0x", "0x"].map((word) => word + "00".repeat(32)) as G1Words;

export interface KeyPair {
  readonly secret: bigint;
  readonly point: G2Point;
  /** 192 bytes. */
  readonly packed: string;
}

/** A key pair that depends on the seed only. */
export function keyPair(seed: string): KeyPair {
  const secret = (BigInt(keccak256(toUtf8Bytes(seed))) % (GROUP_ORDER - 1n)) + 1n;
  const point = G2_BASE.multiply(secret);
  return { secret, point, packed: pack(point) };
}

export function hashToG1(message: Uint8Array, tag: string): G1Point {
  return bls12_381.G1.Point.fromAffine(bls12_381.G1.hashToCurve(message, { DST: tag }).toAffine());
}

/** The signature of the sum of keys: what aggregating one signature by each gives. Nobody's sum is the identity. */
export function sign(secret: bigint, digest: string, tag = SIGNATURE_TAG): G1Words {
  if (secret === 0n) return G1_IDENTITY;
  return g1Words(hashToG1(getBytes(digest), tag).multiply(secret));
}

export function sumOfSecrets(keys: readonly { readonly secret: bigint }[]): bigint {
  return keys.reduce((sum, key) => (sum + key.secret) % GROUP_ORDER, 0n);
}

/** A coordinate as 64 bytes. */
export function coordinate(value: bigint): [string, string] {
  const bytes = toBeHex(value, 64);
  return [dataSlice(bytes, 0, 32), dataSlice(bytes, 32, 64)];
}

export function g1Words(point: G1Point): G1Words {
  const { x, y } = point.toAffine();
  return [...coordinate(x), ...coordinate(y)];
}

export function g2Words(point: G2Point): G2Words {
  const { x, y } = point.toAffine();
  return [...coordinate(x.c0), ...coordinate(x.c1), ...coordinate(y.c0), ...coordinate(y.c1)];
}

/** x.c0, x.c1, y.c0, y.c1 of 48 bytes each. */
export function pack(point: G2Point): string {
  const { x, y } = point.toAffine();
  return concat([x.c0, x.c1, y.c0, y.c1].map((value) => toBeHex(value, 48)));
}
