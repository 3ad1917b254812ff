import { expect } from "chai";
import { network } from "hardhat";
import { describe, it } from "mocha";

import { addCommittee, checkpointOf, DAY, deployWorld, finalization, headerNow, now } from "../support/lightClient.ts";

const TERMS = { entryAge: DAY, liveAge: DAY, armDelay: 3_600n };

describe("SequencedInbox, reviewed", () => {
  it("HATCH-20: while open, an entry queued just before a record delays nothing: the record takes all entries", async () => {
    const { ethers, networkHelpers } = await network.create();
    const world = await deployWorld(ethers);
    const committee = await addCommittee(world, { weights: [1, 1, 1, 1] });
    const inbox = await ethers.deployContract("SequencedInbox", [world.lightClient.target, 1n, 0n, TERMS]);
    await networkHelpers.time.increase(TERMS.liveAge + 1n);
    await inbox.openHatch();
    await inbox.enqueue("0x01");
    const header = await headerNow(world, { height: 5n });
    await world.lightClient.advance(header, finalization(world, committee, header));
    const checkpoint = checkpointOf(header, await now(world));
    const latest = await world.lightClient.LATEST_POSITION();
    // The recorder saw one entry; somebody else queues another one first.
    await inbox.enqueue("0x02");
    await inbox.record(checkpoint, latest, 1n);
    const [head, tail] = await inbox.hatch();
    expect([head, tail]).to.deep.equal([2n, 2n]);
    const [, height, entryCount] = await inbox.recordAt(2n);
    expect([height, entryCount]).to.deep.equal([5n, 2n]);
  });
});
