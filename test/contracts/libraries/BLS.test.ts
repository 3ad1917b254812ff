import { readFileSync } from "node:fs";

import { bls12_381 } from "@noble/curves/bls12-381.js";
import { expect } from "chai";
import { concat, dataLength, dataSlice, getBytes, hexlify, keccak256, toBeHex, toUtf8Bytes, ZeroHash } from "ethers";
import fc from "fast-check";
import { network } from "hardhat";

import type { BLSHarness } from "../../../types/ethers-contracts/index.js";
import * as bls from "../support/bls.ts";

interface Rfc9380 {
  readonly tag: string;
  readonly vectors: readonly { readonly message: string; readonly x: string; readonly y: string }[];
}

interface Addition {
  readonly name: string;
  readonly input: string;
  readonly expected: string;
}

interface Additions {
  readonly g1Add: readonly Addition[];
  readonly g1AddFail: readonly Omit<Addition, "expected">[];
  readonly g2Add: readonly Addition[];
  readonly g2AddFail: readonly Omit<Addition, "expected">[];
}

/** Points that the pairing refuses. */
interface Pairing {
  readonly g1: readonly { readonly name: string; readonly point: string }[];
  readonly g2: readonly { readonly name: string; readonly point: string }[];
}

/**
 * Of what EIP-2537 and RFC 9380 publish, all that the library can be given is here: additions of both groups, each point
 * that the pairing refuses, and the five messages of the suite (RFC 9380 J.9.1), which contain its expansion to 128
 * bytes, its map and its sum. Nothing here multiplies a point or maps to G2, and a field element comes from the hash
 * alone, so the vectors of those precompiles have nothing to be given to; nor has an input of the wrong length.
 */
function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../vectors/external/${name}`, import.meta.url), "utf8"));
}

const PAIRING = 0x0fn;
const G1_ADD = 0x0bn;
const G2_ADD = 0x0dn;
const G1_COFACTOR = bls12_381.G1.Point.CURVE().h;
const { Fp } = bls12_381.fields;

function words(data: string): string[] {
  return Array.from({ length: dataLength(data) / 32 }, (_, index) => dataSlice(data, 32 * index, 32 * index + 32));
}

function g1(data: string): bls.G1Words {
  const [a = "", b = "", c = "", d = ""] = words(data);
  return [a, b, c, d];
}

function g2(data: string): bls.G2Words {
  const [a = "", b = "", c = "", d = "", e = "", f = "", g = "", h = ""] = words(data);
  return [a, b, c, d, e, f, g, h];
}

/** A point of the curve outside the prime-order subgroup: (x, y) for the least x that has one. */
function g1OutsideSubgroup(): bls.G1Words {
  for (let x = 1n; ; x++) {
    const square = Fp.add(Fp.pow(x, 3n), 4n);
    let y: bigint;
    try {
      y = Fp.sqrt(square);
    } catch {
      continue;
    }
    const point = bls12_381.G1.Point.fromAffine({ x, y });
    if (!point.isTorsionFree()) return [...bls.coordinate(x), ...bls.coordinate(y)];
  }
}

/** A point of order dividing the cofactor of G1. */
function g1LowOrder(): bls.G1Words {
  const [x0, x1, y0, y1] = g1OutsideSubgroup();
  const point = bls12_381.G1.Point.fromAffine({ x: BigInt(concat([x0, x1])), y: BigInt(concat([y0, y1])) });
  // Times the group order: what is left has an order that divides the cofactor.
  let left = point.multiplyUnsafe(bls.GROUP_ORDER - 1n).add(point);
  for (const prime of [3n, 11n]) {
    const candidate = left.multiplyUnsafe((G1_COFACTOR / prime) % bls.GROUP_ORDER);
    if (!candidate.is0()) left = candidate;
  }
  return bls.g1Words(left);
}

const seeds = fc.string({ minLength: 1, maxLength: 8 });
const digests = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => hexlify(bytes));

describe("BLS", () => {
  let harness: BLSHarness;
  const key = bls.keyPair("a validator");
  const keyWords = bls.g2Words(key.point);
  const digest = keccak256(toUtf8Bytes("a message"));
  const identityKey: bls.G2Words = g2(`0x${"00".repeat(256)}`);

  before(async () => {
    const { ethers } = await network.create();
    harness = await ethers.deployContract("BLSHarness");
  });

  describe("hashToG1", () => {
    const { tag, vectors } = readVectors("rfc9380-bls12381g1.json") as Rfc9380;
    for (const vector of vectors) {
      it(`BLS-9: is hash_to_curve of RFC 9380 J.9.1 for "${vector.message.slice(0, 16)}"`, async () => {
        const point = await harness.hashToG1(toUtf8Bytes(vector.message), toUtf8Bytes(tag));
        expect([...point]).to.deep.equal([...bls.coordinate(BigInt(vector.x)), ...bls.coordinate(BigInt(vector.y))]);
      });
    }

    it("BLS-9: agrees with noble on random messages and tags", async () => {
      const tags = fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 255 });
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), tags, async (message, randomTag) => {
          const expected = bls.g1Words(bls.hashToG1(message, randomTag));
          expect([...(await harness.hashToG1(message, toUtf8Bytes(randomTag)))]).to.deep.equal(expected);
        }),
        { numRuns: 40 },
      );
    });

    it("takes a tag of 255 bytes and refuses one of 256", async () => {
      const message = toUtf8Bytes("m");
      const longest = "t".repeat(255);
      expect([...(await harness.hashToG1(message, toUtf8Bytes(longest)))]).to.deep.equal(
        bls.g1Words(bls.hashToG1(message, longest)),
      );
      await expect(harness.hashToG1(message, toUtf8Bytes(`${longest}t`)))
        .to.be.revertedWithCustomError(harness, "BlsTagTooLong")
        .withArgs(256);
    });
  });

  describe("g1Add and g2Add", () => {
    const additions = readVectors("eip2537-additions.json") as Additions;
    for (const { name, input, expected } of additions.g1Add) {
      it(`EIP-2537: ${name}`, async () => {
        const sum = await harness.g1Add(g1(dataSlice(input, 0, 128)), g1(dataSlice(input, 128)));
        expect(concat([...sum])).to.equal(expected);
      });
    }
    for (const { name, input, expected } of additions.g2Add) {
      it(`EIP-2537: ${name}`, async () => {
        const sum = await harness.g2Add(g2(dataSlice(input, 0, 256)), g2(dataSlice(input, 256)));
        expect(concat([...sum])).to.equal(expected);
      });
    }
    for (const { name, input } of additions.g1AddFail) {
      it(`EIP-2537: refuses ${name} of G1`, async () => {
        await expect(harness.g1Add(g1(dataSlice(input, 0, 128)), g1(dataSlice(input, 128))))
          .to.be.revertedWithCustomError(harness, "BlsPrecompileFailed")
          .withArgs(G1_ADD);
      });
    }
    for (const { name, input } of additions.g2AddFail) {
      it(`EIP-2537: refuses ${name} of G2`, async () => {
        await expect(harness.g2Add(g2(dataSlice(input, 0, 256)), g2(dataSlice(input, 256))))
          .to.be.revertedWithCustomError(harness, "BlsPrecompileFailed")
          .withArgs(G2_ADD);
      });
    }
  });

  describe("verify", () => {
    it("BLS-6: accepts the signature of the key and of no other", async () => {
      const signature = bls.sign(key.secret, digest);
      expect(await harness.verify(keyWords, digest, signature)).to.equal(true);
      const other = bls.keyPair("another validator");
      expect(await harness.verify(bls.g2Words(other.point), digest, signature)).to.equal(false);
      expect(await harness.verify(keyWords, keccak256(digest), signature)).to.equal(false);
    });

    it("BLS-7: agrees with noble on random keys, digests and aggregates", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(seeds, { minLength: 1, maxLength: 4 }), digests, async (names, random) => {
          const pairs = names.map(bls.keyPair);
          const sum = pairs.reduce((point, pair) => point.add(pair.point), bls12_381.G2.Point.ZERO);
          const parts = pairs.map((pair) => bls.hashToG1(getBytes(random), bls.SIGNATURE_TAG).multiply(pair.secret));
          const aggregate = parts.reduce((point, part) => point.add(part), bls12_381.G1.Point.ZERO);
          const message = bls12_381.shortSignatures.hash(getBytes(random), bls.SIGNATURE_TAG);
          const isValid = bls12_381.shortSignatures.verify(aggregate, message, sum);
          expect(await harness.verify(bls.g2Words(sum), random, bls.g1Words(aggregate))).to.equal(isValid);
        }),
        { numRuns: 20 },
      );
    });

    it("BLS-5: the identity is no key and no signature, though the pairing equation holds", async () => {
      const signature = bls.sign(key.secret, digest);
      expect(await harness.verify(identityKey, digest, bls.G1_IDENTITY)).to.equal(false);
      expect(await harness.verify(identityKey, digest, signature)).to.equal(false);
      expect(await harness.verify(keyWords, digest, bls.G1_IDENTITY)).to.equal(false);
      expect(await harness.verifyPossession(identityKey, digest, bls.G1_IDENTITY)).to.equal(false);
      expect(await harness.verifyPair(identityKey, digest, ZeroHash, bls.G1_IDENTITY)).to.equal(false);
    });

    it("BLS-3: a signature outside the subgroup fails the pairing", async () => {
      for (const point of [g1OutsideSubgroup(), g1LowOrder()]) {
        await expect(harness.verify(keyWords, digest, point))
          .to.be.revertedWithCustomError(harness, "BlsPrecompileFailed")
          .withArgs(PAIRING);
      }
    });

    it("BLS-3: a low-order point added to a valid signature fails the pairing", async () => {
      const sum = await harness.g1Add(bls.sign(key.secret, digest), g1LowOrder());
      const [a, b, c, d] = sum;
      await expect(harness.verify(keyWords, digest, [a, b, c, d])).to.be.revertedWithCustomError(
        harness,
        "BlsPrecompileFailed",
      );
    });

    it("BLS-3: a coordinate plus the modulus is not canonical and is refused", async () => {
      const [x0, x1, y0, y1] = bls.sign(key.secret, digest);
      const x = bls.coordinate(BigInt(concat([x0, x1])) + bls.FIELD_MODULUS);
      await expect(harness.verify(keyWords, digest, [...x, y0, y1])).to.be.revertedWithCustomError(
        harness,
        "BlsPrecompileFailed",
      );
      const top = toBeHex(BigInt(x0) | (1n << 255n), 32);
      await expect(harness.verify(keyWords, digest, [top, x1, y0, y1])).to.be.revertedWithCustomError(
        harness,
        "BlsPrecompileFailed",
      );
    });

    it("BLS-4: a key off the curve is refused", async () => {
      const wrong = g2(concat([...keyWords.slice(0, -1), toBeHex(5n, 32)]));
      await expect(harness.verifyPossession(wrong, digest, bls.sign(key.secret, digest, bls.POSSESSION_TAG)))
        .to.be.revertedWithCustomError(harness, "BlsPrecompileFailed")
        .withArgs(PAIRING);
    });
  });

  describe("points that EIP-2537 refuses", () => {
    const refused = readVectors("eip2537-pairing.json") as Pairing;
    for (const { name, point } of refused.g1) {
      it(`BLS-3: as a signature: ${name}`, async () => {
        await expect(harness.verify(keyWords, digest, g1(point)))
          .to.be.revertedWithCustomError(harness, "BlsPrecompileFailed")
          .withArgs(PAIRING);
      });
    }
    for (const { name, point } of refused.g2) {
      it(`BLS-4: as a key: ${name}`, async () => {
        const proof = bls.sign(key.secret, digest, bls.POSSESSION_TAG);
        await expect(harness.verifyPossession(g2(point), digest, proof))
          .to.be.revertedWithCustomError(harness, "BlsPrecompileFailed")
          .withArgs(PAIRING);
      });
    }
  });

  describe("verifyPossession", () => {
    it("BLS-6: proofs and signatures have tags of their own", async () => {
      const proof = bls.sign(key.secret, digest, bls.POSSESSION_TAG);
      expect(await harness.verifyPossession(keyWords, digest, proof)).to.equal(true);
      expect(await harness.verify(keyWords, digest, proof)).to.equal(false);
      expect(await harness.verifyPossession(keyWords, digest, bls.sign(key.secret, digest))).to.equal(false);
    });

    it("BLS-8: a rogue key has no proof of possession", async () => {
      // key' = own - victim: the sum with the victim's key is the attacker's own, but nobody knows its secret.
      const own = bls.keyPair("an attacker");
      const rogue = own.point.subtract(key.point);
      const forged = bls.sign(own.secret, digest);
      const sum = g2(concat([...(await harness.g2Add(bls.g2Words(rogue), keyWords))]));
      expect(await harness.verify(sum, digest, forged)).to.equal(true);
      for (const secret of [own.secret, bls.GROUP_ORDER - own.secret]) {
        const proof = bls.sign(secret, digest, bls.POSSESSION_TAG);
        expect(await harness.verifyPossession(bls.g2Words(rogue), digest, proof)).to.equal(false);
      }
    });
  });

  describe("verifyPair", () => {
    const second = keccak256(digest);

    it("BLS-10: the sum of two signatures proves both", async () => {
      const sum = await harness.g1Add(bls.sign(key.secret, digest), bls.sign(key.secret, second));
      const [a, b, c, d] = sum;
      expect(await harness.verifyPair(keyWords, digest, second, [a, b, c, d])).to.equal(true);
      expect(await harness.verifyPair(keyWords, digest, keccak256(second), [a, b, c, d])).to.equal(false);
    });

    it("BLS-10: one signature, or two of different keys, prove nothing", async () => {
      const one = bls.sign(key.secret, digest);
      expect(await harness.verifyPair(keyWords, digest, second, one)).to.equal(false);
      const foreign = bls.sign(bls.keyPair("another validator").secret, second);
      const [a, b, c, d] = await harness.g1Add(one, foreign);
      expect(await harness.verifyPair(keyWords, digest, second, [a, b, c, d])).to.equal(false);
    });
  });

  describe("keys", () => {
    it("pack leaves the zeros of each coordinate out, and unpack puts them back", async () => {
      await fc.assert(
        fc.asyncProperty(seeds, async (seed) => {
          const { point, packed } = bls.keyPair(seed);
          expect(await harness.pack(bls.g2Words(point))).to.equal(packed);
          expect([...(await harness.unpack(packed))]).to.deep.equal(bls.g2Words(point));
          expect(await harness.keyHash(bls.g2Words(point))).to.equal(keccak256(packed));
        }),
        { numRuns: 10 },
      );
    });

    it("unpack refuses any length but 192", async () => {
      for (const length of [0, 191, 193]) {
        await expect(harness.unpack(new Uint8Array(length)))
          .to.be.revertedWithCustomError(harness, "BlsKeyLengthWrong")
          .withArgs(length);
      }
    });

    it("g2Negate is the inverse of addition, with borrows between the words and for zero coordinates", async () => {
      await fc.assert(
        fc.asyncProperty(seeds, async (seed) => {
          const { point } = bls.keyPair(seed);
          expect([...(await harness.g2Negate(bls.g2Words(point)))]).to.deep.equal(bls.g2Words(point.negate()));
        }),
        { numRuns: 20 },
      );
      const low = 2n ** 256n - 1n;
      for (const value of [0n, 1n, low, low + 1n, bls.FIELD_MODULUS - 1n]) {
        const coordinate = bls.coordinate(value);
        const expected = bls.coordinate(value === 0n ? 0n : bls.FIELD_MODULUS - value);
        const x = bls.coordinate(7n);
        const negated = await harness.g2Negate([...x, ...x, ...coordinate, ...x]);
        expect(negated.slice(0, 6)).to.deep.equal([...x, ...x, ...expected]);
      }
    });
  });
});
