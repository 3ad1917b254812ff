import { expect } from "chai";
import { network } from "hardhat";
import { describe, it } from "mocha";

import { addCommittee, deployWorld } from "../support/lightClient.ts";

describe("LightClient reportSlashed, reviewed", () => {
  it("LC-54: a report is not spoiled by who reports one of its seats first; a seat still counts once", async () => {
    const { ethers } = await network.create();
    const world = await deployWorld(ethers);
    await addCommittee(world, { weights: [3, 3, 3, 3, 3, 3] });
    const { lightClient, stakeTable } = world;
    for (const validator of [1, 2]) await stakeTable.setSlashed(validator);
    await lightClient.reportSlashed(1, [0]);
    expect(await lightClient.trustedUntil(1)).to.not.equal(0n);
    await lightClient.reportSlashed(1, [0, 1, 1, 0]);
    expect(await lightClient.slashedWeight(1)).to.equal(6n);
    expect(await lightClient.trustedUntil(1)).to.equal(0n);
    await expect(lightClient.reportSlashed(1, [1, 0]))
      .to.be.revertedWithCustomError(lightClient, "LightClientSeatAlreadyReported")
      .withArgs(1n, 1n);
    await expect(lightClient.reportSlashed(1, [0, 0, 0, 0, 0, 0, 0]))
      .to.be.revertedWithCustomError(lightClient, "LightClientSeatOutOfBounds")
      .withArgs(1n, 7n, 6n);
  });
});
