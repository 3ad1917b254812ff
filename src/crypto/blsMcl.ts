import { hash_to_field } from "@noble/curves/abstract/hash-to-curve.js";
import { sha256 } from "@noble/hashes/sha2.js";
import mcl from "mcl-wasm";

import { concatBytes, toHex } from "../codec/hex.ts";
import {
  bigEndian,
  DOMAIN_SEPARATION_TAG,
  FIELD_MODULUS,
  isCanonicalSignature,
  keyCoordinates,
  paddedPoint,
  secretScalar,
  toBigEndian,
  type Bls,
  type Purpose,
} from "./bls.ts";

type G1 = InstanceType<typeof mcl.G1>;
type G2 = InstanceType<typeof mcl.G2>;
type Fp = InstanceType<typeof mcl.Fp>;
type Fr = InstanceType<typeof mcl.Fr>;

const FIELD_BYTES = 48;
const HEX_BASE = 16;
const SECURITY_BITS = 128;
/** RFC 9380's map (SSWU) among the maps that mcl knows. */
const MAP_TO_MODE_RFC9380 = 5;
/** A key is parsed and checked once; the cache holds several committees. */
const KEY_CACHE_MAX = 1024;
/** A digest is hashed to the curve once: votes and certificates of a view share it. */
const HASH_CACHE_MAX = 64;

function field(value: bigint): Fp {
  const element = new mcl.Fp();
  element.setLittleEndian(toBigEndian(value, FIELD_BYTES).reverse());
  return element;
}

function scalar(secretKey: Uint8Array): Fr {
  const element = new mcl.Fr();
  element.setStr(secretScalar(secretKey).toString(HEX_BASE), HEX_BASE);
  return element;
}

/** RFC 9380 hash_to_curve: hash_to_field by noble, the two maps, the addition and the cofactor by mcl. */
function hash(digest: Uint8Array, purpose: Purpose): G1 {
  const [first, second] = hash_to_field(digest, 2, {
    DST: DOMAIN_SEPARATION_TAG[purpose],
    p: FIELD_MODULUS,
    m: 1,
    k: SECURITY_BITS,
    expand: "xmd",
    hash: sha256,
  });
  return mcl.add(field(first?.[0] ?? 0n).mapToG1(), field(second?.[0] ?? 0n).mapToG1());
}

/** A point of the curve other than the identity; which subgroup it is in was not looked at. */
function decodePoint(bytes: Uint8Array): G1 | undefined {
  if (!isCanonicalSignature(bytes)) return undefined;
  const point = new mcl.G1();
  try {
    point.deserialize(bytes);
  } catch {
    return undefined;
  }
  return point.isZero() || !point.isValid() ? undefined : point;
}

function decodeSignature(bytes: Uint8Array): G1 | undefined {
  const point = decodePoint(bytes);
  return point?.isValidOrder() === true ? point : undefined;
}

function parseKey(bytes: Uint8Array): G2 | undefined {
  const coordinates = keyCoordinates(bytes);
  if (coordinates === undefined || coordinates.every((value) => value === 0n)) return undefined;
  const [x0, x1, y0, y1] = coordinates;
  const extension = (a: bigint, b: bigint): InstanceType<typeof mcl.Fp2> => {
    const element = new mcl.Fp2();
    element.set_a(field(a));
    element.set_b(field(b));
    return element;
  };
  const point = new mcl.G2();
  point.setX(extension(x0, x1));
  point.setY(extension(y0, y1));
  point.setZ(extension(1n, 0n));
  return point.isValid() && point.isValidOrder() && !point.isZero() ? point : undefined;
}

function encodeKey(point: G2): Uint8Array {
  point.normalize();
  const [, ...coordinates] = point.getStr(HEX_BASE).split(" ");
  return concatBytes(...coordinates.map((text) => toBigEndian(BigInt(`0x${text}`), FIELD_BYTES)));
}

function sum<P extends G1 | G2>(points: readonly (P | undefined)[]): P | undefined {
  let total: P | undefined;
  for (const point of points) {
    if (point === undefined) return undefined;
    total = total === undefined ? point : mcl.add(total, point);
  }
  return total === undefined || total.isZero() ? undefined : total;
}

/** `make` with its newest answers kept; what it cannot make is not remembered. */
function cached<T>(max: number, make: (bytes: Uint8Array) => T | undefined): typeof make {
  const known = new Map<string, T>();
  return (bytes) => {
    const name = toHex(bytes);
    const found = known.get(name);
    if (found !== undefined) return found;
    const made = make(bytes);
    if (made === undefined) return undefined;
    const [oldest] = known.keys();
    if (known.size >= max && oldest !== undefined) known.delete(oldest);
    known.set(name, made);
    return made;
  };
}

/** mcl in WebAssembly: the fast path. Loads once per process (or worker thread). */
export async function createMclBls(): Promise<Bls> {
  await mcl.init(mcl.BLS12_381);
  mcl.setMapToMode(MAP_TO_MODE_RFC9380);
  mcl.setETHserialization(true);
  // Else every decoding multiplies by the group's order three times over; `decodeSignature` does it once.
  mcl.verifyOrderG1(false);
  const generator = new mcl.G2();
  generator.deserialize(GENERATOR_G2);
  const negatedGenerator = new mcl.PrecomputedG2(mcl.neg(generator));
  const decodeKey = cached(KEY_CACHE_MAX, parseKey);
  const hashes: Readonly<Record<Purpose, (digest: Uint8Array) => G1 | undefined>> = {
    vote: cached(HASH_CACHE_MAX, (digest) => hash(digest, "vote")),
    possession: cached(HASH_CACHE_MAX, (digest) => hash(digest, "possession")),
  };

  // e(signature, -g2) · e(H(digest), key) = 1, with one final exponentiation.
  const isSum = (keys: readonly Uint8Array[], digest: Uint8Array, point: G1 | undefined, purpose: Purpose): boolean => {
    const key = sum(keys.map(decodeKey));
    const message = hashes[purpose](digest);
    if (key === undefined || point === undefined || message === undefined) return false;
    return mcl.finalExp(mcl.precomputedMillerLoop2mixed(message, key, point, negatedGenerator)).isOne();
  };
  const verifyAggregate: Bls["verifyAggregate"] = (keys, digest, signature, purpose) =>
    isSum(keys, digest, decodeSignature(signature), purpose);

  return {
    name: "mcl",
    publicKey: (secretKey) => encodeKey(mcl.mul(generator, scalar(secretKey))),
    sign: (secretKey, digest, purpose) => mcl.mul(hash(digest, purpose), scalar(secretKey)).serialize(),
    isValidKey: (key) => decodeKey(key) !== undefined,
    isValidSignature: (signature) => decodeSignature(signature) !== undefined,
    aggregate: (signatures) => sum(signatures.map(decodeSignature))?.serialize(),
    verify: (key, digest, signature, purpose) => verifyAggregate([key], digest, signature, purpose),
    verifyAggregate,
    verifiedSum: (keys, digest, signatures, purpose) => {
      const point = sum(signatures.map(decodePoint));
      if (point?.isValidOrder() !== true) return undefined;
      return isSum(keys, digest, point, purpose) ? point.serialize() : undefined;
    },
    signatureToL1: (signature) => {
      const point = decodeSignature(signature);
      if (point === undefined) return undefined;
      point.normalize();
      const [, x, y] = point.getStr(HEX_BASE).split(" ");
      return paddedPoint(BigInt(`0x${x ?? ""}`), BigInt(`0x${y ?? ""}`));
    },
  };
}

/** The standard generator of G2, ZCash compressed (x.c1 first). */
const GENERATOR_G2 = concatBytes(
  toBigEndian(
    (bigEndian(Uint8Array.of(0x80)) << 376n) |
      0x13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7en,
    FIELD_BYTES,
  ),
  toBigEndian(
    0x024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8n,
    FIELD_BYTES,
  ),
);
