import { anyValue } from "@nomicfoundation/hardhat-ethers-chai-matchers/withArgs";
import { expect } from "chai";
import { network } from "hardhat";

import type { TestCommittee } from "../support/committee.ts";
import type { TestHeader } from "../support/header.ts";
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
});
