import { expect } from "chai";
import { AbiCoder, concat, type HDNodeWallet, keccak256, Wallet } from "ethers";
import fc from "fast-check";
import { network } from "hardhat";
import { beforeEach, describe, it } from "mocha";

import type { TestCommittee } from "../support/committee.ts";
import { word } from "../support/header.ts";
import { namespaceProof, namespacesRoot, type TestNamespace, transactionProof } from "../support/inclusion.ts";
import {
  addCommittee,
  checkpointOf,
  DAY,
  deployWorld,
  finalization,
  headerNow,
  type LightClientWorld,
  now,
  PARAMETERS,
} from "../support/lightClient.ts";

const NAMESPACE = 10n;
const CHALLENGE_TIME = 7n * DAY;
const TERMS = { entryAge: DAY, liveAge: 30n * DAY, armDelay: 3_600n };
const GENESIS = word("rollup genesis");
const BATCH = "tuple(uint64 number,bytes32 parent,uint64 entryCount,bytes32 data)";

interface Batch {
  readonly number: bigint;
  readonly parent: string;
  readonly entryCount: bigint;
  readonly data: string;
}

async function deploy() {
  const { ethers, networkHelpers } = await network.create();
  const world = await deployWorld(ethers);
  const committee = await addCommittee(world, { weights: [1, 1, 1, 1] });
  const verifier = await ethers.deployContract("ConfirmationVerifier", [world.lightClient.target]);
  const sequencer = Wallet.createRandom();
  const terms = [verifier.target, NAMESPACE, sequencer.address, GENESIS, CHALLENGE_TIME, TERMS] as const;
  const inbox = await ethers.deployContract("ConfirmedInbox", [...terms]);
  return { world, committee, sequencer, inbox, networkHelpers };
}

type Fixture = Awaited<ReturnType<typeof deploy>>;

describe("ConfirmedInbox", () => {
  let fixture: Fixture;
  let world: LightClientWorld;
  let committee: TestCommittee;
  let inbox: Fixture["inbox"];
  let sequencer: HDNodeWallet;
  let height: bigint;

  beforeEach(async () => {
    fixture = await deploy();
    ({ world, committee, inbox, sequencer } = fixture);
    height = 0n;
  });

  const hashOf = (batch: Batch): Promise<string> => inbox.hashBatch(batch);

  async function envelopeOf(batch: Batch, signer = sequencer): Promise<string> {
    const domain = {
      name: "ConfirmedInbox",
      version: "1",
      chainId: world.domain.chainId,
      verifyingContract: await inbox.getAddress(),
    };
    const types = [
      { name: "number", type: "uint64" },
      { name: "parent", type: "bytes32" },
      { name: "entryCount", type: "uint64" },
      { name: "data", type: "bytes32" },
    ];
    const signature = await signer.signTypedData(domain, { Batch: types }, batch);
    return concat(["0x00", AbiCoder.defaultAbiCoder().encode([BATCH, "bytes"], [batch, signature])]);
  }

  /** Finalizes a block with these envelopes in the namespace, and gives the arguments of `post` for each. */
  async function confirm(...envelopes: string[]) {
    height += 1n;
    const payload: TestNamespace[] = [
      { namespace: 1n, envelopes: ["0x00ff"] },
      { namespace: NAMESPACE, envelopes },
    ];
    const header = await headerNow(world, { height, namespaces: namespacesRoot(payload) });
    await world.lightClient.advance(header, finalization(world, committee, header));
    // Every block lands in the ring, so that it can be proven later on its own.
    const time = await now(world);
    const position = (time / PARAMETERS.ringInterval) % (await world.lightClient.RING_SIZE());
    const checkpoint = checkpointOf(header, time);
    await fixture.networkHelpers.time.increase(601n);
    const block = { header, checkpoint, position, history: [] };
    return envelopes.map(
      (_, index) => [block, namespaceProof(payload, 1), transactionProof(payload[1]!, index)] as const,
    );
  }

  const batchOf = (number: bigint, parent: string, data = `data ${String(number)}`, entryCount = 0n): Batch => ({
    number,
    parent,
    entryCount,
    data: word(data),
  });

  const hatch = async () => [...(await inbox.hatch())];

  it("INBOX-4: takes confirmed batches in order, each with the hash of the one before", async () => {
    const first = batchOf(1n, GENESIS);
    const second = batchOf(2n, await hashOf(first));
    const [a, b] = await confirm(await envelopeOf(first), await envelopeOf(second));
    await expect(inbox.post(...b!))
      .to.be.revertedWithCustomError(inbox, "InboxNumberOutOfBounds")
      .withArgs(2n, 1n);
    await expect(inbox.post(...a!))
      .to.emit(inbox, "BatchAccepted")
      .withArgs(1n, await hashOf(first), 1n, 0n, 0n);
    await inbox.post(...b!);
    expect(await inbox.tip()).to.equal(2n);
    const orphan = batchOf(3n, word("no such batch"));
    const [c] = await confirm(await envelopeOf(orphan));
    await expect(inbox.post(...c!)).to.be.revertedWithCustomError(inbox, "InboxWrongParent");
  });

  it("INBOX-5: of two batches with one number and parent, the one confirmed first counts, whichever is posted first", async () => {
    const early = batchOf(1n, GENESIS, "what users were told");
    const late = batchOf(1n, GENESIS, "what the sequencer wants now");
    const [told] = await confirm(await envelopeOf(early));
    const [wanted] = await confirm(await envelopeOf(late));
    const after = batchOf(2n, await hashOf(late));
    const [follower] = await confirm(await envelopeOf(after));
    await inbox.post(...wanted!);
    await inbox.post(...follower!);
    await expect(inbox.post(...told!))
      .to.emit(inbox, "BatchesDropped")
      .withArgs(1n, 2n);
    expect(await inbox.tip()).to.equal(1n);
    expect((await inbox.acceptedBatch(1n)).batchHash).to.equal(await hashOf(early));
    expect((await inbox.acceptedBatch(2n)).batchHash).to.equal(`0x${"00".repeat(32)}`);
    await expect(inbox.post(...wanted!))
      .to.be.revertedWithCustomError(inbox, "InboxNotEarlier")
      .withArgs(2n, 0n, 1n, 0n);
    await expect(inbox.post(...told!)).to.be.revertedWithCustomError(inbox, "InboxSameBatch");
  });

  it("INBOX-6: inside one block the lower index counts", async () => {
    const [first, second] = await confirm(
      await envelopeOf(batchOf(1n, GENESIS, "first")),
      await envelopeOf(batchOf(1n, GENESIS, "second")),
    );
    await inbox.post(...second!);
    await inbox.post(...first!);
    expect((await inbox.acceptedBatch(1n)).index).to.equal(0n);
    await expect(inbox.post(...second!)).to.be.revertedWithCustomError(inbox, "InboxNotEarlier");
  });

  it("INBOX-7: a batch is final after the challenge time, and can then not be replaced", async () => {
    const [told] = await confirm(await envelopeOf(batchOf(1n, GENESIS, "told")));
    const [wanted] = await confirm(await envelopeOf(batchOf(1n, GENESIS, "wanted")));
    await inbox.post(...wanted!);
    expect(await inbox.isFinal(1n)).to.equal(false);
    await fixture.networkHelpers.time.increase(CHALLENGE_TIME);
    expect(await inbox.isFinal(1n)).to.equal(true);
    await expect(inbox.post(...told!)).to.be.revertedWithCustomError(inbox, "InboxFinal");
    expect(await inbox.isFinal(2n)).to.equal(false);
  });

  it("INBOX-8: only the sequencer's signature counts, in a plain envelope of the rollup's own namespace", async () => {
    const stranger = Wallet.createRandom();
    const good = await envelopeOf(batchOf(1n, GENESIS));
    const [forged, bundled, empty] = await confirm(
      await envelopeOf(batchOf(1n, GENESIS), stranger),
      concat(["0x01", `0x${good.slice(4)}`]),
      "0x",
    );
    await expect(inbox.post(...forged!))
      .to.be.revertedWithCustomError(inbox, "InboxNotTheSequencer")
      .withArgs(stranger.address, sequencer.address);
    await expect(inbox.post(...bundled!)).to.be.revertedWithCustomError(inbox, "InboxMalformedEnvelope");
    await expect(inbox.post(...empty!))
      .to.be.revertedWithCustomError(inbox, "InboxMalformedEnvelope")
      .withArgs(0n);
    const [block, inNamespace, transaction] = forged!;
    const elsewhere = { ...inNamespace, entry: { ...inNamespace.entry, namespace: 1n } };
    await expect(inbox.post(block, elsewhere, transaction))
      .to.be.revertedWithCustomError(inbox, "InboxWrongNamespace")
      .withArgs(1n, NAMESPACE);
  });

  it("INBOX-9: a batch takes queued entries along, never more than are queued", async () => {
    const first = batchOf(1n, GENESIS, "with entries", 2n);
    const [posted] = await confirm(await envelopeOf(first));
    const [next] = await confirm(await envelopeOf(batchOf(2n, await hashOf(first), "with more", 3n)));
    await inbox.enqueue("0x01");
    await inbox.enqueue("0x02");
    await inbox.enqueue("0x03");
    await inbox.post(...posted!);
    expect(await hatch()).to.deep.equal([2n, 3n, false, 0n]);
    await inbox.post(...next!);
    expect(await hatch()).to.deep.equal([3n, 3n, false, 0n]);
    expect((await inbox.acceptedBatch(1n)).entryCount).to.equal(2n);
    expect((await inbox.acceptedBatch(2n)).entryCount).to.equal(3n);
    expect(await inbox.entryHash(0n)).to.not.equal(await inbox.entryHash(1n));
  });

  it("INBOX-20: a sequencer cannot take a batch back by having it name more entries than are queued", async () => {
    const told = batchOf(1n, GENESIS, "told", 2n ** 64n - 1n);
    const wanted = batchOf(1n, GENESIS, "wanted");
    const [early] = await confirm(await envelopeOf(told));
    const [late] = await confirm(await envelopeOf(wanted));
    await inbox.enqueue("0x01");
    await inbox.post(...late!);
    await inbox.post(...early!);
    expect((await inbox.acceptedBatch(1n)).batchHash).to.equal(await hashOf(told));
    expect(await hatch()).to.deep.equal([1n, 1n, false, 0n]);
  });

  it("HATCH-10: while open, queued entries come behind posted batches and before new ones, and stay so for ever", async () => {
    const told = batchOf(1n, GENESIS, "told");
    const wanted = batchOf(1n, GENESIS, "wanted");
    const [early] = await confirm(await envelopeOf(told));
    const [late] = await confirm(await envelopeOf(wanted));
    await inbox.post(...late!);
    await inbox.enqueue("0x01");
    await fixture.networkHelpers.time.increase(TERMS.entryAge + 1n);
    await inbox.openHatch();
    const [next] = await confirm(await envelopeOf(batchOf(2n, await hashOf(wanted))));
    await inbox.post(...next!);
    expect((await inbox.acceptedBatch(1n)).entryCount).to.equal(1n);
    await inbox.post(...early!);
    expect((await inbox.acceptedBatch(1n)).batchHash).to.equal(await hashOf(told));
    expect((await inbox.acceptedBatch(1n)).entryCount).to.equal(1n);
    expect(await hatch()).to.deep.equal([1n, 1n, true, 0n]);
  });

  it("HATCH-11: users go on without any sequencer", async () => {
    await confirm("0x00");
    await inbox.enqueue("0x01");
    await expect(inbox.includeQueue()).to.be.revertedWithCustomError(inbox, "HatchNotOpen");
    await fixture.networkHelpers.time.increase(TERMS.entryAge + 1n);
    await inbox.openHatch();
    await inbox.includeQueue();
    expect((await inbox.acceptedBatch(0n)).entryCount).to.equal(1n);
    await inbox.armHatch();
    await fixture.networkHelpers.time.increase(TERMS.armDelay);
    await inbox.closeHatch();
    expect(await hatch()).to.deep.equal([1n, 1n, false, 0n]);
  });

  it("INBOX-21: whatever the order of posting, the batches that count are each the first confirmed upon its parent", async () => {
    const random = fc.record({
      // Each batch extends the genesis or an earlier one; the confirmations come in an order of their own.
      parents: fc.array(fc.nat({ max: 99 }), { minLength: 6, maxLength: 9 }),
      order: fc.infiniteStream(fc.nat({ max: 99 })),
    });
    await fc.assert(
      fc.asyncProperty(random, async ({ parents, order }) => {
        fixture = await deploy();
        ({ world, committee, inbox, sequencer } = fixture);
        height = 0n;
        const shuffled = <T>(list: readonly T[]): T[] => {
          const left = [...list];
          return list.flatMap(() => left.splice((order.next().value ?? 0) % left.length, 1));
        };
        const batches: { batch: Batch; hash: string }[] = [];
        for (const [index, choice] of parents.entries()) {
          const parent = batches[choice % (batches.length + 1)];
          const number = (parent?.batch.number ?? 0n) + 1n;
          const batch = batchOf(number, parent?.hash ?? GENESIS, `batch ${String(index)}`);
          batches.push({ batch, hash: await hashOf(batch) });
        }
        const confirmed = shuffled(batches);
        const posts: Awaited<ReturnType<typeof confirm>>[number][] = [];
        for (let at = 0; at < confirmed.length; at += 2) {
          const envelopes = await Promise.all(confirmed.slice(at, at + 2).map(({ batch }) => envelopeOf(batch)));
          posts.push(...(await confirm(...envelopes)));
        }
        // What every honest watcher does: post what it has, again and again, until nothing changes.
        for (let isMoving = true; isMoving;) {
          isMoving = false;
          for (const post of shuffled(posts))
            isMoving = (await inbox.post(...post).catch(() => undefined)) !== undefined || isMoving;
        }
        const canonical: string[] = [];
        for (
          let parent = GENESIS, next;
          (next = confirmed.find(({ batch }) => batch.parent === parent));
          parent = next.hash
        ) {
          canonical.push(next.hash);
        }
        expect(await inbox.tip()).to.equal(canonical.length);
        for (const [index, hash] of canonical.entries()) {
          expect((await inbox.acceptedBatch(index + 1)).batchHash).to.equal(hash);
        }
      }),
      { numRuns: 8, seed: 4 },
    );
  });

  it("INBOX-10: the batch hash is its EIP-712 struct hash", async () => {
    const batch = batchOf(7n, GENESIS, "x", 3n);
    const typeHash = keccak256(
      new TextEncoder().encode("Batch(uint64 number,bytes32 parent,uint64 entryCount,bytes32 data)"),
    );
    const encoded = AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "uint64", "bytes32", "uint64", "bytes32"],
      [typeHash, batch.number, batch.parent, batch.entryCount, batch.data],
    );
    expect(await hashOf(batch)).to.equal(keccak256(encoded));
  });
});
