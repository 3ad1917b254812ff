import { anyValue } from "@nomicfoundation/hardhat-ethers-chai-matchers/withArgs";
import { expect } from "chai";
import { ZeroHash } from "ethers";
import { network } from "hardhat";

import { certify, type TestCommittee } from "../support/committee.ts";
import { digestOf, hashHeader, makeHeader, type TestHeader } from "../support/header.ts";
import * as client from "../support/lightClient.ts";

const EQUAL = [65_535, 65_535, 65_535, 65_535];

/** Edges that the other suites go past. */
describe("LightClient at its edges", () => {
  let connection: Awaited<ReturnType<typeof network.create>>;
  let world: client.LightClientWorld;
  let committee: TestCommittee;

  before(async () => {
    connection = await network.create();
  });

  beforeEach(async () => {
    world = await client.deployWorld(connection.ethers);
    committee = await client.addCommittee(world, { weights: EQUAL });
  });

  async function advance(fields: Partial<TestHeader>, by: TestCommittee = committee) {
    const header = await client.headerNow(world, fields);
    return world.lightClient.advance(header, client.finalization(world, by, header));
  }

  async function markSlashed(by: TestCommittee, seats: readonly number[]): Promise<void> {
    for (const seat of seats) await world.stakeTable.setSlashed(by.members[seat]!.validator);
  }

  it("LC-33: deployment tells the genesis as the checkpoint at height, epoch, view and time zero", async () => {
    await expect(world.lightClient.deploymentTransaction())
      .to.emit(world.lightClient, "CheckpointAdvanced")
      .withArgs(0, client.GENESIS_HASH, 0, 0, 0);
  });

  it("LC-34: a handover may be anchored at the very block that it is posted in", async () => {
    const l1Number = BigInt(await connection.ethers.provider.getBlockNumber()) + 1n;
    await advance({ height: 100n, nextCommittee: 1n, l1Number });
    expect((await world.lightClient.status()).height).to.equal(100);
  });

  it("LC-34: a handover to the same committee installs nothing; one to the next names it, the epoch and its trust", async () => {
    await advance({ height: 1n });
    await expect(advance({ height: 100n, nextCommittee: 1n })).not.to.emit(world.lightClient, "CommitteeInstalled");
    const next = await client.addCommittee(world, { weights: EQUAL });
    const { createdAt } = await world.stakeTable.committee(next.id);
    await expect(advance({ height: 200n, epoch: 2n, nextCommittee: next.id }))
      .to.emit(world.lightClient, "CommitteeInstalled")
      .withArgs(next.id, 3, createdAt + client.TRUST_PERIOD);
  });

  it("LC-41: all seats of a committee may be reported at once", async () => {
    await markSlashed(committee, [0, 1, 2, 3]);
    await expect(world.lightClient.reportSlashed(1, [0, 1, 2, 3]))
      .to.emit(world.lightClient, "SlashedWeightReported")
      .withArgs(1, 4 * 65_535, 4 * 65_535);
  });

  it("LC-41: a quarter of the weight expires nothing, a third does, exactly", async () => {
    await markSlashed(committee, [0]);
    await expect(world.lightClient.reportSlashed(1, [0])).not.to.emit(world.lightClient, "CommitteeExpired");
    const three = await client.addCommittee(world, { weights: [10, 10, 10] });
    await markSlashed(three, [2]);
    await expect(world.lightClient.reportSlashed(three.id, [2]))
      .to.emit(world.lightClient, "CommitteeExpired")
      .withArgs(three.id);
  });

  it("LC-41: when another committee expires, the installed one stays trusted", async () => {
    await advance({ height: 1n });
    const other = await client.addCommittee(world, { weights: EQUAL });
    await markSlashed(other, [0, 1]);
    await expect(world.lightClient.reportSlashed(other.id, [0, 1]))
      .to.emit(world.lightClient, "CommitteeExpired")
      .withArgs(other.id);
    const { createdAt } = await world.stakeTable.committee(1);
    expect((await world.lightClient.status()).trustedUntil).to.equal(createdAt + client.TRUST_PERIOD);
    await expect(advance({ height: 2n }))
      .to.emit(world.lightClient, "CheckpointAdvanced")
      .withArgs(2, anyValue, 1, 2, anyValue);
  });

  it("LC-33: LC-40: LC-50: LC-51: events tell height, block, epoch, view and committee apart, from advance to resume", async () => {
    const { lightClient } = world;
    await advance({ height: 100n, viewNumber: 70n, nextCommittee: 1n });
    await connection.networkHelpers.time.increase(client.PARAMETERS.ringInterval);
    const header = await client.headerNow(world, { height: 107n, epoch: 2n, viewNumber: 9n });
    const call = lightClient.advance(header, client.finalization(world, committee, header));
    await expect(call)
      .to.emit(lightClient, "CheckpointAdvanced")
      .withArgs(107, hashHeader(header), 2, 9, header.timestamp);
    const position = ((await client.now(world)) / client.PARAMETERS.ringInterval) % 64n;
    await expect(call)
      .to.emit(lightClient, "CheckpointKept")
      .withArgs(107, position, await lightClient.checkpointAt(position));
    const latest = client.checkpointOf(header, await client.now(world));

    const fork = [11n, 12n].map((viewNumber) => makeHeader({ ...header, height: 108n, viewNumber }));
    const [one, other] = fork.map((each) => ({
      header: each,
      certificate: client.finalization(world, committee, each),
    }));
    await expect(lightClient.freeze(one!, other!, ZeroHash, []))
      .to.emit(lightClient, "LightClientFroze")
      .withArgs(2, 1, hashHeader(one!.header), hashHeader(other!.header));

    await connection.networkHelpers.time.increase(1n);
    const newer = await client.addCommittee(world, { weights: EQUAL });
    const { createdAt } = await world.stakeTable.committee(newer.id);
    await connection.networkHelpers.time.increase(2n * client.DAY);
    const message = { epoch: 5n, blockHash: hashHeader(header), committee: newer.id };
    const digest = digestOf(world.domain, "Resume", { ...message, block: message.blockHash });
    const due = (await client.now(world)) + 1n + client.PARAMETERS.resumeDelay;
    await expect(lightClient.resume(message, certify(newer, digest, 0n), header, latest, []))
      .to.emit(lightClient, "ResumeProposed")
      .withArgs(5, newer.id, hashHeader(header), due);
    await connection.networkHelpers.time.increaseTo(due);
    await expect(lightClient.applyResume())
      .to.emit(lightClient, "CommitteeInstalled")
      .withArgs(newer.id, 5, createdAt + client.TRUST_PERIOD)
      .to.emit(lightClient, "ResumeApplied")
      .withArgs(5, newer.id, hashHeader(header));
  });

  it("LC-30: a committee that does not exist is trusted until no time", async () => {
    expect(await world.lightClient.trustedUntil(99)).to.equal(0);
  });

  it("LC-40: finalizations of one epoch that name two committees are no fork of one committee", async () => {
    const [one, other] = await Promise.all(
      [1n, 2n].map(async (id) => {
        const header = await client.headerNow(world, { height: 5n, committee: id });
        return { header, certificate: client.finalization(world, committee, header) };
      }),
    );
    await expect(world.lightClient.freeze(one!, other!, ZeroHash, []))
      .to.be.revertedWithCustomError(world.lightClient, "LightClientForkAcrossEpochs")
      .withArgs(1, 1, 1, 2);
  });

  it("LC-50: a second resume of one epoch and block, but to another committee, bars the epoch", async () => {
    const { lightClient } = world;
    await advance({ height: 10n });
    const header = await client.headerNow(world, { height: 11n });
    await lightClient.advance(header, client.finalization(world, committee, header));
    const latest = client.checkpointOf(header, await client.now(world));
    const fork = [12n, 13n].map((viewNumber) => makeHeader({ ...header, height: 12n, viewNumber }));
    const [one, other] = fork.map((each) => ({
      header: each,
      certificate: client.finalization(world, committee, each),
    }));
    await lightClient.freeze(one!, other!, ZeroHash, []);
    const newer = [
      await client.addCommittee(world, { weights: EQUAL }),
      await client.addCommittee(world, { weights: EQUAL }),
    ];
    await connection.networkHelpers.time.increase(2n * client.DAY);
    const resume = (by: TestCommittee) => {
      const message = { epoch: 2n, blockHash: hashHeader(header), committee: by.id };
      const digest = digestOf(world.domain, "Resume", { ...message, block: message.blockHash });
      return lightClient.resume(message, certify(by, digest, 0n), header, latest, []);
    };
    await resume(newer[0]!);
    await expect(resume(newer[1]!))
      .to.emit(lightClient, "ResumeBarred")
      .withArgs(2, hashHeader(header), hashHeader(header));
    expect(await lightClient.isBarred(2)).to.equal(true);
  });

  it("LC-31: a header's age counts from its last full second", async () => {
    const seconds = await client.now(world);
    await advance({ height: 1n, timestamp: seconds * 1000n - 1n });
    expect((await world.lightClient.status()).freshAt).to.equal(seconds - 1n);
  });
});
