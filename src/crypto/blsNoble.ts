import { bls12_381 } from "@noble/curves/bls12-381.js";

import { assert } from "../runtime/assert.ts";
import {
  DOMAIN_SEPARATION_TAG,
  isCanonicalSignature,
  keyCoordinates,
  paddedPoint,
  PUBLIC_KEY_BYTES,
  secretScalar,
  toBigEndian,
  type Bls,
  type Purpose,
} from "./bls.ts";
import { concatBytes } from "../codec/hex.ts";

const { G1, G2, shortSignatures, fields } = bls12_381;
type G1Point = ReturnType<typeof shortSignatures.hash>;
type G2Point = typeof G2.Point.BASE;

const FIELD_BYTES = 48;

function hash(digest: Uint8Array, purpose: Purpose): G1Point {
  return shortSignatures.hash(digest, DOMAIN_SEPARATION_TAG[purpose]);
}

function decodeSignature(bytes: Uint8Array): G1Point | undefined {
  if (!isCanonicalSignature(bytes)) return undefined;
  try {
    const point = G1.Point.fromBytes(bytes);
    point.assertValidity();
    return point.is0() ? undefined : point;
  } catch {
    return undefined;
  }
}

function decodeKey(bytes: Uint8Array): G2Point | undefined {
  const coordinates = keyCoordinates(bytes);
  if (coordinates === undefined) return undefined;
  const [x0, x1, y0, y1] = coordinates;
  try {
    const point = G2.Point.fromAffine({
      x: fields.Fp2.fromBigTuple([x0, x1]),
      y: fields.Fp2.fromBigTuple([y0, y1]),
    });
    point.assertValidity();
    return point.is0() ? undefined : point;
  } catch {
    return undefined;
  }
}

function encodeKey(point: G2Point): Uint8Array {
  const { x, y } = point.toAffine();
  const bytes = concatBytes(...[x.c0, x.c1, y.c0, y.c1].map((value) => toBigEndian(value, FIELD_BYTES)));
  assert(bytes.length === PUBLIC_KEY_BYTES, "a key has four field elements");
  return bytes;
}

function sum<P extends { add(other: P): P; is0(): boolean }>(points: readonly (P | undefined)[]): P | undefined {
  let total: P | undefined;
  for (const point of points) {
    if (point === undefined) return undefined;
    total = total === undefined ? point : total.add(point);
  }
  return total === undefined || total.is0() ? undefined : total;
}

function verifyAggregate(
  keys: readonly Uint8Array[],
  digest: Uint8Array,
  signature: Uint8Array,
  purpose: Purpose,
): boolean {
  const key = sum(keys.map(decodeKey));
  const point = decodeSignature(signature);
  if (key === undefined || point === undefined) return false;
  return shortSignatures.verify(point, hash(digest, purpose), key);
}

/** @noble/curves: portable, and the oracle that every other implementation is tested against. */
export const nobleBls: Bls = {
  name: "noble",
  publicKey: (secretKey) => encodeKey(G2.Point.BASE.multiply(secretScalar(secretKey))),
  sign: (secretKey, digest, purpose) => hash(digest, purpose).multiply(secretScalar(secretKey)).toBytes(true),
  isValidKey: (key) => decodeKey(key) !== undefined,
  isValidSignature: (signature) => decodeSignature(signature) !== undefined,
  aggregate: (signatures) => sum(signatures.map(decodeSignature))?.toBytes(true),
  verify: (key, digest, signature, purpose) => verifyAggregate([key], digest, signature, purpose),
  verifyAggregate,
  verifiedSum: (keys, digest, signatures, purpose) => {
    const total = sum(signatures.map(decodeSignature))?.toBytes(true);
    return total !== undefined && verifyAggregate(keys, digest, total, purpose) ? total : undefined;
  },
  signatureToL1: (signature) => {
    const point = decodeSignature(signature)?.toAffine();
    return point === undefined ? undefined : paddedPoint(point.x, point.y);
  },
};
