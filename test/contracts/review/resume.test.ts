import { expect } from "chai";
import { ZeroHash } from "ethers";
import { network } from "hardhat";
import { describe, it } from "mocha";

import { certify, type TestCommittee } from "../support/committee.ts";
import { digestOf, hashHeader, type TestHeader } from "../support/header.ts";
import * as client from "../support/lightClient.ts";

const WEIGHTS = [1, 1, 1, 1];
/** Height of the handover of epoch 2. */
const HANDOVER = 2n * client.PARAMETERS.epochLength;

/** A client that was frozen, and that committee 2 resumed while committee 3 existed already. */
async function resumed() {
  const { ethers, networkHelpers } = await network.create();
  const world = await client.deployWorld(ethers);
  const { lightClient, domain } = world;
  const first = await client.addCommittee(world, { weights: WEIGHTS });
  const header = await client.headerNow(world, { height: 10n });
  await lightClient.advance(header, client.finalization(world, first, header));
  const latest = client.checkpointOf(header, await client.now(world));
  const fork = async (viewNumber: bigint) => {
    const given = await client.headerNow(world, { height: 11n, viewNumber });
    return { header: given, certificate: client.finalization(world, first, given) };
  };
  await lightClient.freeze(await fork(11n), await fork(12n), ZeroHash, []);
  const second = await client.addCommittee(world, { weights: WEIGHTS });
  await networkHelpers.time.increase(2n * client.DAY);
  const third = await client.addCommittee(world, { weights: WEIGHTS });
  const message = { epoch: 2n, blockHash: hashHeader(header), committee: second.id };
  const digest = digestOf(domain, "Resume", { ...message, block: message.blockHash });
  await lightClient.resume(message, certify(second, digest, 0n), header, latest, []);
  await networkHelpers.time.increase(client.PARAMETERS.resumeDelay);
  await lightClient.applyResume();
  return { world, second, third };
}

describe("LightClient resume, reviewed", () => {
  const handover = async (world: client.LightClientWorld, by: TestCommittee, to: TestCommittee) => {
    const header: TestHeader = await client.headerNow(world, {
      height: HANDOVER,
      epoch: 2n,
      viewNumber: 1n,
      committee: by.id,
      nextCommittee: to.id,
    });
    return world.lightClient.advance(header, client.finalization(world, by, header));
  };

  it("LC-53: a handover after a resume to a committee made before its application leaves the client trusted", async () => {
    const { world, second, third } = await resumed();
    const { createdAt } = await world.stakeTable.committee(third.id);
    await handover(world, second, third);
    const { committee, trustedUntil } = await world.lightClient.status();
    expect([committee, trustedUntil]).to.deep.equal([third.id, createdAt + client.TRUST_PERIOD]);
    expect(await world.lightClient.isLive(client.DAY)).to.equal(true);
  });

  it("LC-53: a resume ends trust below the committee that it installs, and lifts no freeze", async () => {
    const { world, second, third } = await resumed();
    expect(await world.lightClient.trustedUntil(1n)).to.equal(0n);
    for (const { id } of [second, third]) {
      const { createdAt } = await world.stakeTable.committee(id);
      expect(await world.lightClient.trustedUntil(id)).to.equal(createdAt + client.TRUST_PERIOD);
    }
  });

  it("LC-53: a handover to a committee made after the application is trusted as well", async () => {
    const { world, second } = await resumed();
    const fourth = await client.addCommittee(world, { weights: WEIGHTS });
    const { createdAt } = await world.stakeTable.committee(fourth.id);
    await handover(world, second, fourth);
    const { committee, trustedUntil } = await world.lightClient.status();
    expect([committee, trustedUntil]).to.deep.equal([fourth.id, createdAt + client.TRUST_PERIOD]);
    expect(await world.lightClient.isLive(client.DAY)).to.equal(true);
  });
});
