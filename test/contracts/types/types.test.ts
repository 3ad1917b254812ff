import { readFileSync } from "node:fs";

import { expect } from "chai";
import { keccak256, toUtf8Bytes } from "ethers";
import fc from "fast-check";
import { network } from "hardhat";

import type { TypesHarness } from "../../../types/ethers-contracts/index.js";
import { hashHeader, structHash, type TestHeader, word } from "../support/header.ts";

/** The vectors that the TypeScript tests read too. */
interface Row<V> {
  readonly value: V;
  readonly hash: string;
  readonly digest: string;
}

interface VoteValue {
  readonly kind: "notarize" | "nullify" | "finalize";
  readonly epoch: string;
  readonly view: string;
  readonly block: string;
}

interface DomainValue {
  readonly chainId: string;
  readonly stakeTable: string;
  readonly salt?: string;
}

function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"));
}

const KIND = { notarize: 0, nullify: 1, finalize: 2, resume: 3 } as const;
type Kind = keyof typeof KIND;
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const bytes32 = fc
  .bigInt({ min: 0n, max: 2n ** 256n - 1n })
  .map((value) => `0x${value.toString(16).padStart(64, "0")}`);

describe("types", () => {
  let harness: TypesHarness;
  let separator: string;

  before(async () => {
    const { ethers } = await network.create();
    harness = await ethers.deployContract("TypesHarness");
    const domains = readVectors("domain") as { value: DomainValue; separator: string }[];
    separator = domains.find(({ value }) => value.salt !== undefined)?.separator ?? "";
  });

  it("domain separators are those of the vectors", async () => {
    for (const { value, separator: expected } of readVectors("domain") as { value: DomainValue; separator: string }[]) {
      const { chainId, stakeTable, salt } = value;
      const given =
        salt === undefined
          ? harness.registrationSeparator(chainId, stakeTable)
          : harness.domainSeparator(chainId, stakeTable, salt);
      expect(await given).to.equal(expected);
    }
  });

  it("header hashes are those of the vectors", async () => {
    for (const { value, hash } of readVectors("header") as Row<TestHeader>[]) {
      expect(await harness.hashHeader(value)).to.equal(hash);
    }
  });

  it("vote hashes and digests are those of the vectors", async () => {
    for (const { value, hash, digest } of readVectors("vote") as Row<VoteValue>[]) {
      const { kind, epoch, view: viewNumber, block: blockHash } = value;
      const message = { epoch, viewNumber, blockHash };
      const given = {
        notarize: () => harness.hashNotarize(message),
        finalize: () => harness.hashFinalize(message),
        nullify: () => harness.hashNullify({ epoch, viewNumber }),
      }[kind];
      expect(await given()).to.equal(hash);
      expect(await harness.digest(separator, hash)).to.equal(digest);
    }
  });

  it("resume and registration hashes are those of the vectors", async () => {
    for (const { value, hash } of readVectors("resume") as Row<{ epoch: string; block: string; committee: string }>[]) {
      const { epoch, block: blockHash, committee } = value;
      expect(await harness.hashResume({ epoch, blockHash, committee })).to.equal(hash);
    }
    for (const { value, hash } of readVectors("registration") as Row<{ validator: string; keyHash: string }>[]) {
      expect(await harness.hashRegister(value)).to.equal(hash);
    }
  });

  it("hashes agree with ethers on random headers, votes and checkpoints", async () => {
    const headers = fc.record({
      height: uint64,
      epoch: uint64,
      viewNumber: uint64,
      committee: uint64,
      timestamp: uint64,
      parent: bytes32,
      history: bytes32,
      payload: bytes32,
      namespaces: bytes32,
      l1Number: uint64,
      l1Hash: bytes32,
      nextCommittee: uint64,
      proposer: fc.bigInt({ min: 0n, max: 65_535n }),
    });
    await fc.assert(
      fc.asyncProperty(headers, async (header) => {
        expect(await harness.hashHeader(header)).to.equal(hashHeader(header));
        const { height, epoch, viewNumber, timestamp, history, parent: blockHash, l1Number: receivedAt } = header;
        const vote = { epoch, viewNumber, block: blockHash };
        expect(await harness.hashNotarize({ epoch, viewNumber, blockHash })).to.equal(structHash("Notarize", vote));
        expect(await harness.hashFinalize({ epoch, viewNumber, blockHash })).to.equal(structHash("Finalize", vote));
        expect(await harness.hashNullify({ epoch, viewNumber })).to.equal(structHash("Nullify", { epoch, viewNumber }));
        const checkpoint = { history, height, epoch, viewNumber, timestamp, receivedAt };
        expect(await harness.hashCheckpoint({ blockHash, ...checkpoint })).to.equal(
          structHash("Checkpoint", { block: blockHash, ...checkpoint }),
        );
      }),
      { numRuns: 30 },
    );
  });

  it("CERT-1: the quorum is floor(2W/3) + 1", async () => {
    for (const total of [1n, 2n, 3n, 4n, 99n, 100n, 101n, 6_553_500n]) {
      expect(await harness.quorum(total)).to.equal((2n * total) / 3n + 1n);
    }
  });

  describe("Message", () => {
    const blockHash = word("block");
    const message = (kind: Kind, fields: object = {}) => ({
      kind: KIND[kind],
      epoch: 3n,
      viewNumber: kind === "resume" ? 0n : 7n,
      blockHash: kind === "nullify" ? `0x${"00".repeat(32)}` : blockHash,
      committee: kind === "resume" ? 5n : 0n,
      ...fields,
    });

    it("a message hashes as the message of its kind", async () => {
      const block = blockHash;
      const view = { epoch: 3n, viewNumber: 7n };
      expect(await harness.hashMessage(message("notarize"))).to.equal(structHash("Notarize", { ...view, block }));
      expect(await harness.hashMessage(message("finalize"))).to.equal(structHash("Finalize", { ...view, block }));
      expect(await harness.hashMessage(message("nullify"))).to.equal(structHash("Nullify", view));
      expect(await harness.hashMessage(message("resume"))).to.equal(
        structHash("Resume", { epoch: 3n, block, committee: 5n }),
      );
    });

    it("a message has one form only: a member that its kind does not have is zero", async () => {
      for (const wrong of [
        message("nullify", { blockHash }),
        message("nullify", { committee: 1n }),
        message("notarize", { committee: 1n }),
        message("finalize", { committee: 1n }),
        message("resume", { viewNumber: 1n }),
      ]) {
        await expect(harness.hashMessage(wrong)).to.be.revertedWithCustomError(harness, "MessageNotCanonical");
      }
    });

    it("SLASH-1: the slashable pairs are S1 to S5 and no others", async () => {
      const other = { blockHash: word("another block") };
      const pairs: [ReturnType<typeof message>, ReturnType<typeof message>, boolean][] = [
        [message("notarize"), message("notarize", other), true], // S1
        [message("finalize"), message("finalize", other), true], // S2
        [message("nullify"), message("finalize"), true], // S3
        [message("notarize"), message("finalize", other), true], // S4
        [message("resume"), message("resume", other), true], // S5
        [message("resume"), message("resume", { committee: 6n }), true], // S5
        [message("notarize"), message("nullify"), false],
        [message("notarize"), message("finalize"), false],
        [message("notarize"), message("notarize"), false],
        [message("nullify"), message("nullify"), false],
        [message("resume"), message("resume"), false],
        [message("resume"), message("finalize", other), false],
        [message("notarize"), message("notarize", { ...other, viewNumber: 8n }), false],
        [message("finalize"), message("finalize", { ...other, viewNumber: 8n }), false],
        [message("finalize"), message("finalize", { ...other, epoch: 4n }), false],
        [message("resume"), message("resume", { ...other, epoch: 4n }), false],
      ];
      for (const [first, second, expected] of pairs) {
        expect(await harness.conflicts(first, second)).to.equal(expected);
        expect(await harness.conflicts(second, first)).to.equal(expected);
      }
    });
  });

  it("the namespace leaf is that of abi.encode(uint64, uint64, bytes32)", async () => {
    const txRoot = keccak256(toUtf8Bytes("root"));
    const data = `0x${[7n, 9n].map((value) => value.toString(16).padStart(64, "0")).join("")}${txRoot.slice(2)}`;
    expect(await harness.namespaceLeaf({ namespace: 7n, txCount: 9n, txRoot })).to.equal(
      await harness.merkleLeaf(data),
    );
  });
});
