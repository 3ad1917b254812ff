import { expect } from "chai";
import { network } from "hardhat";
import { beforeEach, describe, it } from "mocha";

import {
  addCommittee,
  checkpointOf,
  DAY,
  deployWorld,
  finalization,
  headerNow,
  type LightClientWorld,
  now,
} from "../support/lightClient.ts";
import type { TestCommittee } from "../support/committee.ts";

const NAMESPACE = 42_161n;
const TERMS = { entryAge: DAY, liveAge: DAY, armDelay: 3_600n };
const START = 3n;

async function deploy() {
  const { ethers, networkHelpers } = await network.create();
  const world = await deployWorld(ethers);
  const committee = await addCommittee(world, { weights: [1, 1, 1, 1] });
  const inbox = await ethers.deployContract("SequencedInbox", [world.lightClient.target, NAMESPACE, START, TERMS]);
  return { world, committee, inbox, networkHelpers };
}

type Fixture = Awaited<ReturnType<typeof deploy>>;

describe("SequencedInbox", () => {
  let fixture: Fixture;
  let world: LightClientWorld;
  let committee: TestCommittee;
  let inbox: Fixture["inbox"];
  let latest: bigint;

  beforeEach(async () => {
    fixture = await deploy();
    ({ world, committee, inbox } = fixture);
    latest = await world.lightClient.LATEST_POSITION();
  });

  /** Posts a finalization at `height` and gives the checkpoint that L1 now has. */
  async function advance(height: bigint) {
    const header = await headerNow(world, { height });
    await world.lightClient.advance(header, finalization(world, committee, header));
    return checkpointOf(header, await now(world));
  }

  const recordAt = async (index: bigint) => {
    const [blockHash, height, recorded] = await inbox.recordAt(index);
    return [blockHash, height, recorded];
  };

  const hatch = async () => [...(await inbox.hatch())];

  it("INBOX-1: records checkpoints of increasing height, each with the entries taken along", async () => {
    const first = await advance(5n);
    await inbox.enqueue("0x01");
    await expect(inbox.record(first, latest, 1n))
      .to.emit(inbox, "Recorded")
      .withArgs(1n, 5n, first.blockHash, 1n);
    expect(await recordAt(1n)).to.deep.equal([first.blockHash, 5n, 1n]);
    await expect(inbox.record(first, latest, 1n)).to.be.revertedWithCustomError(inbox, "InboxHeightNotIncreasing");
    const second = await advance(6n);
    await inbox.record(second, latest, 1n);
    expect(await inbox.recordCount()).to.equal(3n);
  });

  it("INBOX-2: only what the light client has as checkpoint is recorded", async () => {
    const checkpoint = await advance(5n);
    const invented = { ...checkpoint, height: 6n };
    await expect(inbox.record(invented, latest, 0n))
      .to.be.revertedWithCustomError(inbox, "InboxNotACheckpoint")
      .withArgs(6n, checkpoint.blockHash, latest);
    await expect(
      inbox.record({ ...checkpoint, blockHash: checkpoint.history }, latest, 0n),
    ).to.be.revertedWithCustomError(inbox, "InboxNotACheckpoint");
  });

  it("INBOX-3: nothing at or below the start height is recorded", async () => {
    const checkpoint = await advance(START);
    await expect(inbox.record(checkpoint, latest, 0n))
      .to.be.revertedWithCustomError(inbox, "InboxHeightNotIncreasing")
      .withArgs(START, START);
  });

  it("HATCH-1: entries are taken in order, never given back and never beyond the queue", async () => {
    const checkpoint = await advance(5n);
    await inbox.enqueue("0x01");
    await inbox.enqueue("0x02");
    await expect(inbox.record(checkpoint, latest, 3n))
      .to.be.revertedWithCustomError(inbox, "HatchIndexOutOfBounds")
      .withArgs(3n, 0n, 2n);
    await inbox.record(checkpoint, latest, 2n);
    const next = await advance(6n);
    await expect(inbox.record(next, latest, 1n))
      .to.be.revertedWithCustomError(inbox, "HatchIndexOutOfBounds")
      .withArgs(1n, 2n, 2n);
  });

  it("HATCH-2: is not forced open while the layer is live and entries are young", async () => {
    await advance(5n);
    await expect(inbox.openHatch()).to.be.revertedWithCustomError(inbox, "HatchNotDue");
    await inbox.enqueue("0x01");
    await expect(inbox.openHatch()).to.be.revertedWithCustomError(inbox, "HatchNotDue");
    await expect(inbox.includeQueue()).to.be.revertedWithCustomError(inbox, "HatchNotOpen");
    await expect(inbox.armHatch()).to.be.revertedWithCustomError(inbox, "HatchNotOpen");
    await expect(inbox.closeHatch()).to.be.revertedWithCustomError(inbox, "HatchNotOpen");
  });

  it("HATCH-3: opens when the oldest entry is older than D, though the layer is live", async () => {
    await inbox.enqueue("0x01");
    await fixture.networkHelpers.time.increase(TERMS.entryAge - 10n);
    await advance(5n);
    await expect(inbox.openHatch()).to.be.revertedWithCustomError(inbox, "HatchNotDue");
    await fixture.networkHelpers.time.increase(20n);
    await advance(6n);
    await expect(inbox.openHatch()).to.emit(inbox, "HatchOpened");
    expect(await hatch()).to.deep.equal([0n, 1n, true, 0n]);
  });

  it("HATCH-4: opens when the light client is not live, with nothing queued", async () => {
    await advance(5n);
    await fixture.networkHelpers.time.increase(TERMS.liveAge + 1n);
    await inbox.openHatch();
    expect(await hatch()).to.deep.equal([0n, 0n, true, 0n]);
  });

  it("HATCH-5: while open, queued entries come behind what is recorded and before new transactions", async () => {
    const recorded = await advance(5n);
    await inbox.record(recorded, latest, 0n);
    await inbox.enqueue("0x01");
    await fixture.networkHelpers.time.increase(TERMS.liveAge + 1n);
    await inbox.openHatch();
    await inbox.enqueue("0x02");
    const revived = await advance(9n);
    await inbox.record(revived, latest, 2n);
    const records = await Promise.all([1n, 2n, 3n].map((index) => recordAt(index)));
    expect(records).to.deep.equal([
      [recorded.blockHash, 5n, 0n],
      [recorded.blockHash, 5n, 2n],
      [revived.blockHash, 9n, 2n],
    ]);
  });

  it("HATCH-6: closes only when armed while live, long enough ago, live now, and then takes the queue itself", async () => {
    await fixture.networkHelpers.time.increase(TERMS.liveAge + 1n);
    await inbox.openHatch();
    await expect(inbox.armHatch()).to.be.revertedWithCustomError(inbox, "HatchNotLive").withArgs(TERMS.liveAge);
    await expect(inbox.closeHatch()).to.be.revertedWithCustomError(inbox, "HatchNotArmed");
    await advance(5n);
    await inbox.armHatch();
    await expect(inbox.armHatch()).to.be.revertedWithCustomError(inbox, "HatchAlreadyArmed");
    await expect(inbox.closeHatch()).to.be.revertedWithCustomError(inbox, "HatchArmedTooShortly");
    await fixture.networkHelpers.time.increase(TERMS.armDelay);
    await inbox.enqueue("0x01");
    await inbox.closeHatch();
    expect(await hatch()).to.deep.equal([1n, 1n, false, 0n]);
  });

  it("HATCH-7: an opening in between disarms, and a layer that died again is not closed over", async () => {
    await fixture.networkHelpers.time.increase(TERMS.liveAge + 1n);
    await inbox.openHatch();
    await advance(5n);
    await inbox.armHatch();
    await fixture.networkHelpers.time.increase(TERMS.liveAge + 1n);
    await expect(inbox.closeHatch()).to.be.revertedWithCustomError(inbox, "HatchNotLive");
    await inbox.openHatch();
    await advance(6n);
    await expect(inbox.closeHatch()).to.be.revertedWithCustomError(inbox, "HatchNotArmed");
  });

  it("HATCH-8: an old finalization posted late does not make a dead layer look live", async () => {
    const header = await headerNow(world, { height: 5n });
    const certificate = finalization(world, committee, header);
    await fixture.networkHelpers.time.increase(TERMS.liveAge + 1n);
    await inbox.openHatch();
    await world.lightClient.advance(header, certificate);
    await expect(inbox.armHatch()).to.be.revertedWithCustomError(inbox, "HatchNotLive");
  });

  it("HATCH-9: an entry is bounded, kept as hash and named with its sender", async () => {
    const most = 65_536;
    await expect(inbox.enqueue(new Uint8Array(most + 1)))
      .to.be.revertedWithCustomError(inbox, "HatchEntryTooLarge")
      .withArgs(most + 1, most);
    const [sender] = await world.ethers.getSigners();
    await expect(inbox.enqueue(new Uint8Array(most))).to.emit(inbox, "EntryQueued");
    const content = world.ethers.AbiCoder.defaultAbiCoder().encode(
      ["address", "bytes"],
      [await sender!.getAddress(), new Uint8Array(most)],
    );
    expect(await inbox.entryHash(0n)).to.equal(world.ethers.keccak256(content));
  });
});
