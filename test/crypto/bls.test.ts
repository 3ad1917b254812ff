import { bls12_381 } from "@noble/curves/bls12-381.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { concatBytes, fromHex, toHex } from "../../src/codec/hex.ts";
import {
  bigEndian,
  BlsSecretKeyError,
  FIELD_MODULUS,
  GROUP_ORDER,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  toBigEndian,
  type Bls,
} from "../../src/crypto/bls.ts";
import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { nobleBls } from "../../src/crypto/blsNoble.ts";

const mcl = await createMclBls();
const secret = (seed: number): Uint8Array => toBigEndian(BigInt(seed) + 1n, 32);
const digest = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);
const RUNS = { numRuns: 12 };

/** A point of the curve that is not in the subgroup: the first x with a root whose point r does not annihilate. */
function outsideSubgroup(): Uint8Array {
  const { Fp } = bls12_381.fields;
  for (let x = 1n; x < 100n; x++) {
    try {
      const y = Fp.sqrt(Fp.add(Fp.pow(x, 3n), 4n));
      if (bls12_381.G1.Point.fromAffine({ x, y }).isTorsionFree()) continue;
    } catch {
      continue;
    }
    const bytes = toBigEndian(x, SIGNATURE_BYTES);
    bytes[0] = 0x80;
    return bytes;
  }
  throw new Error("no such point below 100");
}

function g2OutsideSubgroup(): Uint8Array {
  const { Fp2 } = bls12_381.fields;
  for (let x = 1n; x < 100n; x++) {
    const point = { x: Fp2.fromBigTuple([x, 0n]), y: Fp2.ZERO };
    const square = Fp2.add(Fp2.mul(Fp2.sqr(point.x), point.x), Fp2.fromBigTuple([4n, 4n]));
    try {
      const y = Fp2.sqrt(square);
      const candidate = bls12_381.G2.Point.fromAffine({ x: point.x, y });
      if (!candidate.isTorsionFree()) return concatBytes(...[x, 0n, y.c0, y.c1].map((value) => toBigEndian(value, 48)));
    } catch {
      continue;
    }
  }
  throw new Error("no such point below 100");
}

const signature = nobleBls.sign(secret(1), digest(1), "vote");
const key = nobleBls.publicKey(secret(1));
const identity = Uint8Array.of(0xc0, ...new Uint8Array(47));

const negated = signature.slice();
negated[0] = negated[0]! ^ 0x20;
const overModulus = toBigEndian(
  bigEndian(Uint8Array.of(signature[0]! & 0x1f, ...signature.slice(1))) + FIELD_MODULUS,
  48,
);
overModulus[0] = overModulus[0]! | (signature[0]! & 0xe0);

const BAD_SIGNATURES: readonly (readonly [string, Uint8Array])[] = [
  ["empty", new Uint8Array(0)],
  ["too short", signature.slice(1)],
  ["too long", concatBytes(signature, Uint8Array.of(0))],
  ["all zero", new Uint8Array(48)],
  ["all ones", new Uint8Array(48).fill(0xff)],
  ["the identity", identity],
  ["without the compressed flag", Uint8Array.of(signature[0]! & 0x7f, ...signature.slice(1))],
  ["with the infinity flag", Uint8Array.of(signature[0]! | 0x40, ...signature.slice(1))],
  ["with a coordinate at or above the modulus", overModulus],
  ["outside the subgroup", outsideSubgroup()],
];

const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
const BAD_KEYS: readonly (readonly [string, Uint8Array])[] = [
  ["empty", new Uint8Array(0)],
  ["too short", key.slice(1)],
  ["too long", concatBytes(key, Uint8Array.of(0))],
  ["the identity as zeros", new Uint8Array(PUBLIC_KEY_BYTES)],
  ["off the curve", flip(key, 191)],
  [
    "coordinates swapped (the order of ZCash)",
    concatBytes(key.slice(48, 96), key.slice(0, 48), key.slice(144), key.slice(96, 144)),
  ],
  ["with a coordinate at or above the modulus", concatBytes(toBigEndian(FIELD_MODULUS, 48), key.slice(48))],
  ["outside the subgroup", g2OutsideSubgroup()],
];

function suite(bls: Bls): void {
  it.each(BAD_SIGNATURES)("BLS-3: refuses a signature that is %s", (_, bad) => {
    expect(bls.isValidSignature(bad)).toBe(false);
    expect(bls.verify(key, digest(1), bad, "vote")).toBe(false);
    expect(bls.aggregate([signature, bad])).toBeUndefined();
    expect(bls.verifiedSum([key, key], digest(1), [signature, bad], "vote")).toBeUndefined();
    expect(bls.signatureToL1(bad)).toBeUndefined();
  });

  it.each(BAD_KEYS)("BLS-4: refuses a key that is %s", (_, bad) => {
    expect(bls.isValidKey(bad)).toBe(false);
    expect(bls.verify(bad, digest(1), signature, "vote")).toBe(false);
    expect(bls.verifyAggregate([key, bad], digest(1), signature, "vote")).toBe(false);
  });

  it("BLS-5: refuses the identity as aggregate signature and as aggregate key, and no signers at all", () => {
    expect(bls.aggregate([])).toBeUndefined();
    expect(bls.aggregate([signature, negated])).toBeUndefined();
    expect(bls.verifyAggregate([], digest(1), signature, "vote")).toBe(false);
    const opposite = bls.publicKey(toBigEndian(GROUP_ORDER - bigEndian(secret(1)), 32));
    expect(bls.isValidKey(opposite)).toBe(true);
    expect(bls.verifyAggregate([key, opposite], digest(1), signature, "vote")).toBe(false);
  });

  it("BLS-6: a signature counts for its key, digest and purpose only", () => {
    expect(bls.verify(key, digest(1), signature, "vote")).toBe(true);
    expect(bls.verify(key, digest(2), signature, "vote")).toBe(false);
    expect(bls.verify(key, digest(1), signature, "possession")).toBe(false);
    expect(bls.verify(bls.publicKey(secret(2)), digest(1), signature, "vote")).toBe(false);
    expect(bls.verify(key, digest(1), negated, "vote")).toBe(false);
  });

  it("refuses secret keys out of range", () => {
    for (const bad of [new Uint8Array(32), toBigEndian(GROUP_ORDER, 32), new Uint8Array(31).fill(1)]) {
      expect(() => bls.publicKey(bad)).toThrow(BlsSecretKeyError);
      expect(() => bls.sign(bad, digest(1), "vote")).toThrow(BlsSecretKeyError);
    }
  });
}

describe("noble", () => suite(nobleBls));
describe("mcl", () => suite(mcl));

describe("the fast path agrees with the oracle", () => {
  it("BLS-1: on keys and signatures of any secret and digest", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: GROUP_ORDER - 1n }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (k, d) => {
          const sk = toBigEndian(k, 32);
          expect(toHex(mcl.publicKey(sk))).toBe(toHex(nobleBls.publicKey(sk)));
          for (const purpose of ["vote", "possession"] as const) {
            const signed = mcl.sign(sk, d, purpose);
            expect(toHex(signed)).toBe(toHex(nobleBls.sign(sk, d, purpose)));
            expect(nobleBls.verify(mcl.publicKey(sk), d, signed, purpose)).toBe(true);
            expect(toHex(mcl.signatureToL1(signed)!)).toBe(toHex(nobleBls.signatureToL1(signed)!));
          }
        },
      ),
      RUNS,
    );
  });

  it("BLS-2: on aggregates of any signers, right or with one missing", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(50), { minLength: 2, maxLength: 6 }), (seeds) => {
        const keys = seeds.map((seed) => mcl.publicKey(secret(seed)));
        const all = seeds.map((seed) => mcl.sign(secret(seed), digest(9), "vote"));
        const aggregate = mcl.aggregate(all)!;
        expect(toHex(aggregate)).toBe(toHex(nobleBls.aggregate(all)!));
        for (const bls of [mcl, nobleBls]) {
          expect(bls.verifyAggregate(keys, digest(9), aggregate, "vote")).toBe(true);
          expect(bls.verifyAggregate(keys.slice(1), digest(9), aggregate, "vote")).toBe(false);
          expect(bls.verifiedSum(keys, digest(9), all, "vote")).toEqual(aggregate);
          expect(bls.verifiedSum(keys, digest(9), all.slice(1), "vote")).toBeUndefined();
          expect(bls.verifiedSum(keys, digest(8), all, "vote")).toBeUndefined();
        }
      }),
      RUNS,
    );
  });

  it("BLS-7: on damaged signatures and keys", () => {
    fc.assert(
      fc.property(fc.nat(47), fc.nat(191), fc.integer({ min: 1, max: 255 }), (s, k, mask) => {
        const badSignature = signature.map((byte, i) => (i === s ? byte ^ mask : byte));
        const badKey = key.map((byte, i) => (i === k ? byte ^ mask : byte));
        expect(mcl.isValidSignature(badSignature)).toBe(nobleBls.isValidSignature(badSignature));
        expect(mcl.isValidKey(badKey)).toBe(nobleBls.isValidKey(badKey));
        expect(mcl.verify(key, digest(1), badSignature, "vote")).toBe(false);
        expect(mcl.verify(badKey, digest(1), signature, "vote")).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it("BLS-8: a rogue key without its proof of possession would forge an aggregate, which is why proofs are demanded", () => {
    const attacker = bls12_381.G2.Point.BASE.multiply(77n);
    const victim = bls12_381.G2.Point.BASE.multiply(bigEndian(secret(1)));
    const { x, y } = attacker.add(victim.negate()).toAffine();
    const rogue = concatBytes(...[x.c0, x.c1, y.c0, y.c1].map((value) => toBigEndian(value, 48)));
    const forged = mcl.sign(toBigEndian(77n, 32), digest(3), "vote");
    expect(mcl.verifyAggregate([key, rogue], digest(3), forged, "vote")).toBe(true);
    expect(mcl.verify(rogue, digest(3), mcl.sign(toBigEndian(77n, 32), digest(3), "possession"), "possession")).toBe(
      false,
    );
  });
});

describe("RFC 9380 appendix J.9.1", () => {
  // The suite BLS12381G1_XMD:SHA-256_SSWU_RO_ with its own tag, through the hash that both implementations use.
  it("hash to G1 of the empty message", () => {
    const point = bls12_381.G1.hashToCurve(new Uint8Array(0), {
      DST: "QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_",
    });
    expect(point.toAffine().x).toBe(
      bigEndian(
        fromHex("0x052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fac349612b759e79a1"),
      ),
    );
  });
});
