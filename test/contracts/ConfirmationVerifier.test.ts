import { expect } from "chai";
import { AbiCoder, concat, keccak256, toBeHex } from "ethers";
import fc from "fast-check";
import { network } from "hardhat";

import type { ConfirmationVerifier } from "../../types/ethers-contracts/index.js";
import { hashHeader, type TestHeader, word } from "./support/header.ts";
import * as client from "./support/lightClient.ts";
import { pathOf, rootOf } from "./support/merkle.ts";

interface Share {
  readonly namespace: bigint;
  readonly envelopes: readonly string[];
}

const HEIGHT = 9;
const LATEST = 64n;

function entryOf({ namespace, envelopes }: Share): { namespace: bigint; txCount: bigint; txRoot: string } {
  return { namespace, txCount: BigInt(envelopes.length), txRoot: rootOf(envelopes) };
}

function leafData(share: Share): string {
  const { namespace, txCount, txRoot } = entryOf(share);
  return AbiCoder.defaultAbiCoder().encode(["uint64", "uint64", "bytes32"], [namespace, txCount, txRoot]);
}

function namespacesOf(shares: readonly Share[]): string {
  return keccak256(concat(["0x02", toBeHex(shares.length, 8), rootOf(shares.map(leafData))]));
}

/** Envelopes of the parts of one bundle. */
function bundleOf(parts: readonly { readonly namespace: bigint; readonly data: string }[]): {
  id: string;
  envelopes: string[];
} {
  const id = keccak256(concat(parts.flatMap(({ namespace, data }) => [toBeHex(namespace, 8), keccak256(data)])));
  const envelopes = parts.map(({ data }, index) =>
    concat(["0x01", id, toBeHex(index, 1), toBeHex(parts.length, 1), data]),
  );
  return { id, envelopes };
}

describe("ConfirmationVerifier", () => {
  let verifier: ConfirmationVerifier;
  let world: client.LightClientWorld;
  let header: TestHeader;
  let tip: TestHeader;
  let blocks: string[];
  let checkpoint: ReturnType<typeof client.checkpointOf>;

  const parts = [
    { namespace: 20n, data: "0x0102" },
    { namespace: 40n, data: "0x" },
  ];
  const bundle = bundleOf(parts);
  const [firstPart = "", secondPart = ""] = bundle.envelopes;
  const shares: Share[] = [
    { namespace: 10n, envelopes: ["0x00aa"] },
    { namespace: 20n, envelopes: ["0x00bb", firstPart, "0x00cc"] },
    { namespace: 30n, envelopes: ["0x00dd", "0x00ee"] },
    { namespace: 40n, envelopes: [secondPart] },
  ];
  const shareAt = (index: number): Share => shares[index] ?? { namespace: 0n, envelopes: [] };

  before(async () => {
    const { ethers } = await network.create();
    world = await client.deployWorld(ethers);
    const committee = await client.addCommittee(world, { weights: [1, 1, 1, 1] });
    verifier = await ethers.deployContract("ConfirmationVerifier", [world.lightClient.target]);
    header = await client.headerNow(world, { height: BigInt(HEIGHT), namespaces: namespacesOf(shares) });
    blocks = Array.from({ length: 21 }, (_, height) =>
      height === HEIGHT ? hashHeader(header) : word(`b ${String(height)}`),
    );
    tip = await client.headerNow(world, { height: 21n, history: rootOf(blocks), namespaces: namespacesOf([]) });
    await world.lightClient.advance(tip, client.finalization(world, committee, tip));
    checkpoint = client.checkpointOf(tip, await client.now(world));
  });

  const blockProof = (fields: object = {}) => ({
    header,
    checkpoint,
    position: LATEST,
    history: pathOf(blocks, HEIGHT),
    ...fields,
  });
  const namespaceProof = (index: number, of: readonly Share[] = shares) => ({
    entry: entryOf(of[index] ?? shareAt(index)),
    index: BigInt(index),
    size: BigInt(of.length),
    proof: pathOf(of.map(leafData), index),
  });
  const transactionProof = (share: Share, index: number) => ({
    envelope: share.envelopes[index] ?? "0x",
    index: BigInt(index),
    proof: pathOf(share.envelopes, index),
  });
  const part = (shareIndex: number, index: number) => ({
    namespace: namespaceProof(shareIndex),
    transaction: transactionProof(shareAt(shareIndex), index),
  });
  const refused = async (attempt: Promise<unknown>, error: string, ...values: unknown[]): Promise<void> => {
    const assertion = expect(attempt).to.be.revertedWithCustomError(verifier, error);
    await (values.length === 0 ? assertion : assertion.withArgs(...values));
  };

  it("is deployed on a light client only", async () => {
    await expect(world.ethers.deployContract("ConfirmationVerifier", [verifier.target])).to.revert(world.ethers);
    expect(await verifier.lightClient()).to.equal(world.lightClient.target);
  });

  describe("verifyBlock", () => {
    it("LC-15: a block in a checkpoint's history is final, and so is the checkpoint itself", async () => {
      expect(await verifier.verifyBlock(blockProof())).to.equal(hashHeader(header));
      expect(await verifier.verifyBlock(blockProof({ header: tip, history: [] }))).to.equal(hashHeader(tip));
      const kept = (checkpoint.receivedAt / client.PARAMETERS.ringInterval) % 64n;
      expect(await verifier.verifyBlock(blockProof({ position: kept }))).to.equal(hashHeader(header));
    });

    it("LC-15: a checkpoint that the light client does not have at the position proves nothing", async () => {
      const wrong = { ...checkpoint, history: word("invented") };
      await refused(verifier.verifyBlock(blockProof({ checkpoint: wrong })), "ConfirmationUnknownCheckpoint");
      const kept = (checkpoint.receivedAt / client.PARAMETERS.ringInterval) % 64n;
      const elsewhere = blockProof({ position: (kept + 1n) % 64n });
      await refused(verifier.verifyBlock(elsewhere), "ConfirmationUnknownCheckpoint");
    });

    it("LC-15: a changed header, another height or a block above the checkpoint is refused", async () => {
      const changed = blockProof({ header: { ...header, proposer: 1n } });
      await refused(verifier.verifyBlock(changed), "ConfirmationNotInHistory");
      const moved = blockProof({ header: { ...header, height: 8n } });
      await refused(verifier.verifyBlock(moved), "ConfirmationNotInHistory");
      const above = blockProof({ header: { ...header, height: 21n } });
      await refused(verifier.verifyBlock(above), "MerkleIndexOutOfBounds", 21, 21);
    });
  });

  describe("verifyNamespace", () => {
    it("LC-11: every entry of the block is proven", async () => {
      for (const index of shares.keys()) await verifier.verifyNamespace(blockProof(), namespaceProof(index));
    });

    it("LC-11: a changed entry, index or size is refused", async () => {
      const right = namespaceProof(1);
      for (const wrong of [
        { ...right, entry: { ...right.entry, namespace: 21n } },
        { ...right, entry: { ...right.entry, txCount: 4n } },
        { ...right, entry: { ...right.entry, txRoot: word("x") } },
        { ...right, index: 2n },
        { ...right, index: 0n },
      ]) {
        await refused(verifier.verifyNamespace(blockProof(), wrong), "ConfirmationNotInBlock");
      }
      await refused(verifier.verifyNamespace(blockProof(), { ...right, size: 3n }), "ConfirmationNotInBlock");
      await refused(verifier.verifyNamespace(blockProof(), { ...right, size: 9n }), "MerkleProofLengthWrong");
    });
  });

  describe("verifyAbsence", () => {
    const none = { namespace: 0n, txCount: 0n, txRoot: word("none") };
    const absence = (namespace: bigint, next: number, fields: object = {}) => ({
      namespace,
      size: BigInt(shares.length),
      next: BigInt(next),
      before: next === 0 ? none : entryOf(shareAt(next - 1)),
      beforeProof: next === 0 ? [] : pathOf(shares.map(leafData), next - 1),
      after_: next === shares.length ? none : entryOf(shareAt(next)),
      afterProof: next === shares.length ? [] : pathOf(shares.map(leafData), next),
      ...fields,
    });

    it("LC-12: absent before the first, between two neighbours, after the last", async () => {
      for (const [namespace, next] of [
        [9n, 0],
        [11n, 1],
        [29n, 2],
        [31n, 3],
        [41n, 4],
      ] as const) {
        await verifier.verifyAbsence(blockProof(), absence(namespace, next));
      }
    });

    it("LC-12: absent from a block without namespaces", async () => {
      const empty = { ...absence(10n, 0), size: 0n };
      await verifier.verifyAbsence(blockProof({ header: tip, history: [] }), empty);
      await refused(verifier.verifyAbsence(blockProof(), empty), "ConfirmationNotInBlock");
    });

    it("LC-12: what is there is never absent", async () => {
      for (const [index, { namespace }] of shares.entries()) {
        await refused(verifier.verifyAbsence(blockProof(), absence(namespace, index)), "ConfirmationNotAbsent");
        await refused(verifier.verifyAbsence(blockProof(), absence(namespace, index + 1)), "ConfirmationNotAbsent");
      }
      await refused(verifier.verifyAbsence(blockProof(), absence(25n, 1)), "ConfirmationNotAbsent", 25, 20);
      await refused(verifier.verifyAbsence(blockProof(), absence(15n, 2)), "ConfirmationNotAbsent", 15, 20);
    });

    it("LC-12: neighbours are proven, and next is at most the size", async () => {
      const forged = absence(20n, 2, { before: { ...entryOf(shareAt(1)), namespace: 19n } });
      await refused(verifier.verifyAbsence(blockProof(), forged), "ConfirmationNotInBlock");
      const forgedAfter = absence(30n, 2, { after_: { ...entryOf(shareAt(2)), namespace: 31n } });
      await refused(verifier.verifyAbsence(blockProof(), forgedAfter), "ConfirmationNotInBlock");
      const beyond = { ...absence(50n, 4), next: 5n };
      await refused(verifier.verifyAbsence(blockProof(), beyond), "ConfirmationAbsenceOutOfBounds", 5, 4);
    });
  });

  describe("verifyTransaction", () => {
    it("LC-13: every transaction is proven at its index", async () => {
      for (const [shareIndex, share] of shares.entries()) {
        for (const index of share.envelopes.keys()) {
          await verifier.verifyTransaction(blockProof(), namespaceProof(shareIndex), transactionProof(share, index));
        }
      }
    });

    it("LC-13: other bytes, another index or another namespace's transaction is refused", async () => {
      const right = transactionProof(shareAt(2), 0);
      const attempt = (proof: typeof right) => verifier.verifyTransaction(blockProof(), namespaceProof(2), proof);
      await refused(attempt({ ...right, envelope: "0x00df" }), "ConfirmationNotInNamespace");
      await refused(attempt({ ...right, index: 1n }), "ConfirmationNotInNamespace");
      await refused(attempt({ ...right, index: 2n }), "MerkleIndexOutOfBounds", 2, 2);
      await refused(attempt(transactionProof(shareAt(0), 0)), "MerkleProofLengthWrong");
    });
  });

  describe("verifyAllTransactions", () => {
    it("LC-14: all of them in order, no fewer, no more, no others", async () => {
      const { envelopes } = shareAt(1);
      const attempt = (given: readonly string[]) =>
        verifier.verifyAllTransactions(blockProof(), namespaceProof(1), [...given]);
      await attempt(envelopes);
      await refused(attempt(envelopes.slice(1)), "ConfirmationTransactionCountWrong", 2, 3);
      await refused(attempt([...envelopes, "0x00"]), "ConfirmationTransactionCountWrong", 4, 3);
      await refused(attempt([...envelopes].reverse()), "ConfirmationNotInNamespace");
    });

    it("LC-14: agrees with an independent tree on random shares", async () => {
      const envelopes = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 40 });
      const committee = world.committees[0];
      if (committee === undefined) throw new Error("no committee");
      let height = 22n;
      await fc.assert(
        fc.asyncProperty(envelopes, fc.nat(), async (random, pick) => {
          const share = { namespace: 77n, envelopes: random.map((bytes) => concat([bytes])) };
          const block = await client.headerNow(world, {
            height,
            viewNumber: height,
            namespaces: namespacesOf([share]),
          });
          height++;
          await world.lightClient.advance(block, client.finalization(world, committee, block));
          const own = client.checkpointOf(block, await client.now(world));
          const proof = blockProof({ header: block, checkpoint: own, history: [] });
          await verifier.verifyAllTransactions(proof, namespaceProof(0, [share]), [...share.envelopes]);
          const chosen = transactionProof(share, pick % share.envelopes.length);
          await verifier.verifyTransaction(proof, namespaceProof(0, [share]), chosen);
        }),
        { numRuns: 15 },
      );
    });
  });

  describe("verifyBundle", () => {
    before(async () => {
      const committee = world.committees[0];
      if (committee === undefined) throw new Error("no committee");
      // The block with the bundle becomes a checkpoint in a world of its own.
      world = await client.deployWorld(world.ethers);
      const own = await client.addCommittee(world, { weights: [1, 1, 1, 1], keys: "bundle" });
      verifier = await world.ethers.deployContract("ConfirmationVerifier", [world.lightClient.target]);
      await world.lightClient.advance(header, client.finalization(world, own, header));
      checkpoint = client.checkpointOf(header, await client.now(world));
    });

    const own = () => blockProof({ history: [] });

    it("LC-18: all parts stand in one block, each in its namespace", async () => {
      expect(await verifier.verifyBundle(own(), [part(1, 1), part(3, 0)])).to.equal(bundle.id);
    });

    it("LC-18: no part is missing, doubled, or out of order", async () => {
      await refused(verifier.verifyBundle(own(), [part(1, 1)]), "ConfirmationBundleSizeOutOfBounds", 1, 2, 16);
      const many = Array.from({ length: 17 }, () => part(1, 1));
      await refused(verifier.verifyBundle(own(), many), "ConfirmationBundleSizeOutOfBounds", 17, 2, 16);
      const swapped = [part(3, 0), part(1, 1)];
      await refused(verifier.verifyBundle(own(), swapped), "ConfirmationNotBundlePart", 0, 2);
      await refused(verifier.verifyBundle(own(), [part(1, 1), part(1, 1)]), "ConfirmationNotBundlePart", 1, 2);
      const three = [part(1, 1), part(3, 0), part(3, 0)];
      await refused(verifier.verifyBundle(own(), three), "ConfirmationNotBundlePart", 0, 3);
    });

    it("LC-18: a plain transaction or a shortened envelope is no part", async () => {
      await refused(verifier.verifyBundle(own(), [part(1, 0), part(3, 0)]), "ConfirmationNotBundlePart", 0, 2);
      const short = { ...part(1, 1), transaction: { ...part(1, 1).transaction, envelope: firstPart.slice(0, 2 + 68) } };
      await refused(verifier.verifyBundle(own(), [short, part(3, 0)]), "ConfirmationNotBundlePart", 0, 2);
    });

    it("LC-18: the id commits to every part's namespace and data", async () => {
      const other = {
        ...part(1, 1),
        transaction: { ...part(1, 1).transaction, envelope: concat([firstPart, "0x03"]) },
      };
      await refused(verifier.verifyBundle(own(), [other, part(3, 0)]), "ConfirmationWrongBundle");
      const foreign = { namespace: namespaceProof(2), transaction: part(1, 1).transaction };
      await refused(verifier.verifyBundle(own(), [foreign, part(3, 0)]), "ConfirmationWrongBundle");
    });

    it("LC-18: each part is proven in its namespace, and each namespace in the block", async () => {
      const misplaced = { ...part(1, 1), transaction: { ...part(1, 1).transaction, index: 0n } };
      await refused(verifier.verifyBundle(own(), [misplaced, part(3, 0)]), "ConfirmationNotInNamespace");
      const wrong = { ...part(1, 1), namespace: { ...namespaceProof(1), index: 0n } };
      await refused(verifier.verifyBundle(own(), [wrong, part(3, 0)]), "ConfirmationNotInBlock");
    });
  });
});
