import { expect } from "chai";
import { concat, hexlify, keccak256, toBeHex } from "ethers";
import fc from "fast-check";
import { network } from "hardhat";

import type { TypesHarness } from "../../../types/ethers-contracts/index.js";
import { leafOf, pathOf, rootOf } from "../support/merkle.ts";

const leaves = fc.array(
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => hexlify(bytes)),
  {
    minLength: 1,
    maxLength: 70,
  },
);

describe("Merkle", () => {
  let harness: TypesHarness;
  const tree = Array.from({ length: 7 }, (_, index) => toBeHex(index, 32));
  const at = (index: number): string => tree[index] ?? "0x";

  before(async () => {
    const { ethers } = await network.create();
    harness = await ethers.deployContract("TypesHarness");
  });

  it("TREE-1: TREE-4: leaves have prefix 0x00, nodes 0x01, size-bound roots 0x02; the empty root is keccak256 of nothing", async () => {
    expect(await harness.merkleLeaf("0x1234")).to.equal(keccak256("0x001234"));
    expect(await harness.merkleRootOfAll([])).to.equal(keccak256("0x"));
    const root = keccak256("0x01");
    expect(await harness.merkleSized(5, root)).to.equal(keccak256(concat(["0x02", toBeHex(5, 8), root])));
  });

  it("TREE-2: every leaf of every tree is proven by its path: RFC 9162 section 2.1", async () => {
    await fc.assert(
      fc.asyncProperty(leaves, fc.nat(), async (data, pick) => {
        const index = pick % data.length;
        const leaf = leafOf(data[index] ?? "0x");
        expect(await harness.merkleRootOf(leaf, index, data.length, pathOf(data, index))).to.equal(rootOf(data));
        expect(await harness.merkleRootOfAll(data.map(leafOf))).to.equal(rootOf(data));
      }),
      { numRuns: 60 },
    );
  });

  it("TREE-2: all leaves of all sizes up to 17", async () => {
    const data = Array.from({ length: 17 }, (_, index) => toBeHex(index, 32));
    for (let size = 1; size <= data.length; size++) {
      const slice = data.slice(0, size);
      for (const [index, leaf] of slice.entries()) {
        const root = await harness.merkleRootOf(leafOf(leaf), index, size, pathOf(slice, index));
        expect(root).to.equal(rootOf(slice));
      }
    }
  });

  it("TREE-2: a changed leaf, index, size or sibling gives another root or none", async () => {
    const path = pathOf(tree, 3);
    const right = rootOf(tree);
    expect(await harness.merkleRootOf(leafOf(at(2)), 3, 7, path)).not.to.equal(right);
    expect(await harness.merkleRootOf(leafOf(at(3)), 2, 7, path)).not.to.equal(right);
    const [first = "", ...rest] = path;
    expect(await harness.merkleRootOf(leafOf(at(3)), 3, 7, [keccak256(first), ...rest])).not.to.equal(right);
  });

  it("TREE-2: an inner node is no leaf", async () => {
    // The left subtree's root, offered as a leaf of a tree of two.
    const inner = rootOf(tree.slice(0, 4));
    const sibling = rootOf(tree.slice(4));
    expect(await harness.merkleRootOf(inner, 0, 2, [sibling])).to.equal(rootOf(tree));
    expect(await harness.merkleRootOf(leafOf(inner), 0, 2, [sibling])).not.to.equal(rootOf(tree));
    await expect(harness.merkleRootOf(inner, 0, 7, [sibling])).to.be.revertedWithCustomError(
      harness,
      "MerkleProofLengthWrong",
    );
  });

  it("TREE-2: the proof has exactly the nodes of the path", async () => {
    const path = pathOf(tree, 6);
    await expect(harness.merkleRootOf(leafOf(at(6)), 6, 7, path.slice(1)))
      .to.be.revertedWithCustomError(harness, "MerkleProofLengthWrong")
      .withArgs(path.length - 1, 6, 7);
    await expect(harness.merkleRootOf(leafOf(at(6)), 6, 7, [...path, at(0)]))
      .to.be.revertedWithCustomError(harness, "MerkleProofLengthWrong")
      .withArgs(path.length + 1, 6, 7);
  });

  it("TREE-3: the index is below the size", async () => {
    await expect(harness.merkleRootOf(leafOf(at(0)), 7, 7, []))
      .to.be.revertedWithCustomError(harness, "MerkleIndexOutOfBounds")
      .withArgs(7, 7);
    await expect(harness.merkleRootOf(leafOf(at(0)), 0, 0, []))
      .to.be.revertedWithCustomError(harness, "MerkleIndexOutOfBounds")
      .withArgs(0, 0);
  });
});
