import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { toHex } from "../../src/codec/hex.ts";
import { keccak256, keccak256Portable } from "../../src/crypto/hash.ts";
import * as merkle from "../../src/crypto/merkle.ts";

/** RFC 9162 section 2.1.1, word for word and slowly: the oracle. */
function mth(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return keccak256Portable(new Uint8Array(0));
  if (leaves.length === 1) return keccak256Portable(Uint8Array.of(0, ...leaves[0]!));
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return keccak256Portable(Uint8Array.of(1, ...mth(leaves.slice(0, split)), ...mth(leaves.slice(split))));
}

const leavesArbitrary = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 40 });

describe("keccak256", () => {
  it("agrees with the portable implementation on any input, in parts or whole", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(600), (bytes, cut) => {
        const expected = toHex(keccak256Portable(bytes));
        expect(toHex(keccak256(bytes))).toBe(expected);
        expect(toHex(keccak256(bytes.subarray(0, cut), bytes.subarray(cut)))).toBe(expected);
      }),
    );
  });

  it("agrees with it on long inputs, which another implementation may take", () => {
    for (const length of [2_047, 2_048, 2_049, 10_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i % 251);
      expect(toHex(keccak256(Uint8Array.of(1), bytes))).toBe(toHex(keccak256Portable(Uint8Array.of(1, ...bytes))));
      expect(toHex(keccak256(bytes))).toBe(toHex(keccak256Portable(bytes)));
    }
  });

  it("gives the empty hash that Ethereum knows", () => {
    expect(toHex(keccak256())).toBe("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  });
});

describe("merkle", () => {
  it("TREE-1: the root is RFC 9162's tree hash over keccak-256", () => {
    fc.assert(
      fc.property(leavesArbitrary, (leaves) => {
        expect(toHex(merkle.root(leaves))).toBe(toHex(mth(leaves)));
      }),
    );
  });

  it("TREE-2: every leaf has a proof that verifies at its own place only", () => {
    fc.assert(
      fc.property(leavesArbitrary, fc.nat(), fc.nat(), (leaves, pick, other) => {
        fc.pre(leaves.length > 0);
        const index = pick % leaves.length;
        const size = BigInt(leaves.length);
        const root = merkle.root(leaves);
        const path = merkle.proof(leaves.map(merkle.leafHash), index);
        const leaf = leaves[index]!;
        expect(merkle.verify(root, leaf, BigInt(index), size, path)).toBe(true);
        const wrong = other % leaves.length;
        if (toHex(leaves[wrong]!) !== toHex(leaf)) {
          expect(merkle.verify(root, leaf, BigInt(wrong), size, path)).toBe(false);
        }
        expect(merkle.verify(root, leaf, BigInt(index), size, [...path, root])).toBe(false);
        if (path.length > 0) expect(merkle.verify(root, leaf, BigInt(index), size, path.slice(1))).toBe(false);
        expect(merkle.verify(root, Uint8Array.of(...leaf, 0), BigInt(index), size, path)).toBe(false);
      }),
    );
  });

  it("TREE-3: an index at or beyond the size proves nothing, nor does a path longer than any tree", () => {
    const leaf = Uint8Array.of(1);
    const root = merkle.root([leaf]);
    expect(merkle.verify(root, leaf, 0n, 1n, [])).toBe(true);
    expect(merkle.verify(root, leaf, 1n, 1n, [])).toBe(false);
    expect(merkle.verify(root, leaf, -1n, 1n, [])).toBe(false);
    expect(merkle.verify(root, leaf, 0n, 0n, [])).toBe(false);
    const long = Array.from({ length: merkle.PROOF_LENGTH_MAX + 1 }, () => root);
    expect(merkle.rootFromProof(root, 0n, (1n << 64n) - 1n, long)).toBeUndefined();
    expect(merkle.rootFromProof(root, 0n, (1n << 64n) - 1n, long.slice(1))).toBeDefined();
  });

  it("TREE-4: a sized root binds the size", () => {
    const root = merkle.root([Uint8Array.of(1)]);
    expect(toHex(merkle.sizedRoot(1n, root))).not.toBe(toHex(merkle.sizedRoot(2n, root)));
    expect(toHex(merkle.sizedRoot(1n, root))).toBe(
      toHex(keccak256Portable(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 1, ...root))),
    );
  });
});
