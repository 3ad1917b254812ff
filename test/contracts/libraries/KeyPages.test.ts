import { expect } from "chai";
import { concat, getCreateAddress, hexlify, toBeHex } from "ethers";
import { network } from "hardhat";

import type { KeyPagesHarness, StakeTableHarness } from "../../../types/ethers-contracts/index.js";
import { g2Words } from "../support/bls.ts";
import { memberKey } from "../support/committee.ts";

const ENTRY_BYTES = 196;
const CODE_BYTES_MAX = 24_576;

describe("KeyPages", () => {
  let harness: KeyPagesHarness;
  let stakeTable: StakeTableHarness;
  let address: string;

  before(async () => {
    const { ethers } = await network.create();
    harness = await ethers.deployContract("KeyPagesHarness");
    stakeTable = await ethers.deployContract("StakeTableHarness", [21n * 86_400n]);
    address = await stakeTable.getAddress();
  });

  describe("pageAt", () => {
    it("KEY-7: names the account of every nonce of 24 bits, at each length of its encoding", async () => {
      for (const nonce of [1n, 0x7fn, 0x80n, 0xffn, 0x100n, 0xffffn, 0x10000n, 0xffffffn]) {
        expect(await harness.pageAt(address, nonce)).to.equal(getCreateAddress({ from: address, nonce }));
      }
    });

    it("KEY-7: names none beyond", async () => {
      for (const nonce of [1n << 24n, 2n ** 256n - 1n]) {
        await expect(harness.pageAt(address, nonce))
          .to.be.revertedWithCustomError(harness, "KeyPageNonceTooHigh")
          .withArgs(nonce);
      }
    });
  });

  describe("load", () => {
    it("KEY-7: reads each entry of a page, and nothing where none is", async () => {
      const keys = ["one", "two", "three"].map((name) => memberKey(`page ${name}`));
      await stakeTable.writePage(concat(keys.map(({ packed }) => packed)), 7);
      const page = getCreateAddress({ from: address, nonce: 1 });
      for (const [slot, { point }] of keys.entries()) {
        const [key, id] = await harness.load(page, slot);
        expect([...key]).to.deep.equal(g2Words(point.negate()));
        expect(id).to.equal(7 + slot);
      }
      for (const slot of [3, 124, 255]) {
        await expect(harness.load(page, slot))
          .to.be.revertedWithCustomError(harness, "KeyPageSlotEmpty")
          .withArgs(page, slot);
      }
      await expect(harness.load(address, 200)).to.be.revertedWithCustomError(harness, "KeyPageSlotEmpty");
      const nobody = getCreateAddress({ from: address, nonce: 99 });
      await expect(harness.load(nobody, 0))
        .to.be.revertedWithCustomError(harness, "KeyPageSlotEmpty")
        .withArgs(nobody, 0);
    });
  });

  describe("isNegatable", () => {
    it("KEY-9: a key is, unless half of its y is zero: p - 0 is no canonical coordinate", async () => {
      const key = [...g2Words(memberKey("negatable").point)];
      expect(await harness.isNegatable(key)).to.equal(true);
      const zero = `0x${"00".repeat(32)}`;
      const without = (...places: readonly number[]) => key.map((value, at) => (places.includes(at) ? zero : value));
      for (const one of [4, 5, 6, 7]) expect(await harness.isNegatable(without(one))).to.equal(true);
      expect(await harness.isNegatable(without(4, 5))).to.equal(false);
      expect(await harness.isNegatable(without(6, 7))).to.equal(false);
    });
  });

  describe("create", () => {
    it("KEY-7: makes an account of the most code that EIP-170 takes, and says so when it cannot", async () => {
      const { ethers } = await network.create();
      const creator = await ethers.deployContract("KeyPagesHarness");
      const code = concat(["0x00", hexlify(new Uint8Array(CODE_BYTES_MAX - 1).fill(0xab))]);
      const account = await creator.create.staticCall(code);
      await creator.create(code);
      expect(await ethers.provider.getCode(account)).to.equal(code);
      await expect(creator.create(concat([code, "0x00"])))
        .to.be.revertedWithCustomError(creator, "KeyPageCreationFailed")
        .withArgs(CODE_BYTES_MAX + 1);
    });

    it("KEY-7: a page of 125 entries fits and one of 126 would not", () => {
      expect(1 + 125 * ENTRY_BYTES).to.be.at.most(CODE_BYTES_MAX);
      expect(1 + 126 * ENTRY_BYTES).to.be.greaterThan(CODE_BYTES_MAX);
      expect(toBeHex(CODE_BYTES_MAX, 2)).to.equal("0x6000");
    });
  });
});
