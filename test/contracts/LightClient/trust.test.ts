import { expect } from "chai";
import { ZeroHash } from "ethers";
import { network } from "hardhat";

import type { TestCommittee } from "../support/committee.ts";
import { certify } from "../support/committee.ts";
import { digestOf, hashHeader, type TestHeader, word } from "../support/header.ts";
import * as client from "../support/lightClient.ts";
import { rootOf, pathOf } from "../support/merkle.ts";

const EQUAL = [65_535, 65_535, 65_535, 65_535];

describe("LightClient: checkpoints and trust", () => {
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

  const header = async (fields: Partial<TestHeader> = {}): Promise<TestHeader> => client.headerNow(world, fields);

  async function advance(given: TestHeader, by: TestCommittee = committee): Promise<void> {
    await (await world.lightClient.advance(given, client.finalization(world, by, given))).wait();
  }

  const finalized = (given: TestHeader, by: TestCommittee = committee) => ({
    header: given,
    certificate: client.finalization(world, by, given),
  });

  describe("construction", () => {
    const deploy = async (parameters: Partial<typeof client.PARAMETERS>) =>
      connection.ethers.deployContract("LightClient", [
        world.stakeTable.target,
        client.GENESIS_HASH,
        { ...client.PARAMETERS, ...parameters },
      ]);

    it("LC-30: margin is at least 7 days", async () => {
      await expect(deploy({ margin: 7n * client.DAY - 1n }))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientMarginTooShort")
        .withArgs(7n * client.DAY - 1n, 7n * client.DAY);
    });

    it("LC-50: the trust period leaves room for a resume", async () => {
      const resumeDelay = client.TRUST_PERIOD - 9n * client.DAY;
      await expect(deploy({ resumeDelay }))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientTrustPeriodTooShort")
        .withArgs(client.TRUST_PERIOD, client.TRUST_PERIOD);
      await deploy({ resumeDelay: resumeDelay - 1n });
      await expect(deploy({ margin: 30n * client.DAY })).to.be.revertedWithCustomError(
        world.lightClient,
        "LightClientTrustPeriodTooShort",
      );
    });

    it("LC-55: a resume waits at least 2 days, so that the escape hatches come first", async () => {
      await expect(deploy({ resumeDelay: 2n * client.DAY - 1n }))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientResumeDelayTooShort")
        .withArgs(2n * client.DAY - 1n, 2n * client.DAY);
    });

    it("refuses what no cluster can want", async () => {
      const { lightClient, stakeTable } = world;
      const most = 2n ** 40n - 1n;
      await deploy({ epochLength: most, l1Drift: 3600n, ringInterval: client.DAY });
      await expect(deploy({ epochLength: most + 1n }))
        .to.be.revertedWithCustomError(lightClient, "LightClientEpochLengthTooLong")
        .withArgs(most + 1n, most);
      await expect(deploy({ l1Drift: 3601n }))
        .to.be.revertedWithCustomError(lightClient, "LightClientDriftTooLong")
        .withArgs(3601n, 3600n);
      await expect(deploy({ ringInterval: client.DAY + 1n }))
        .to.be.revertedWithCustomError(lightClient, "LightClientRingIntervalTooLong")
        .withArgs(client.DAY + 1n, client.DAY);
      const nobody = "0x0000000000000000000000000000000000000099";
      const made = async (table: string, genesis: string) =>
        connection.ethers.deployContract("LightClient", [table, genesis, client.PARAMETERS]);
      await expect(made(nobody, client.GENESIS_HASH))
        .to.be.revertedWithCustomError(lightClient, "LightClientStakeTableMissing")
        .withArgs(nobody);
      await expect(made(await stakeTable.getAddress(), ZeroHash)).to.be.revertedWithCustomError(
        lightClient,
        "LightClientGenesisZero",
      );
    });

    it("refuses an epoch of no blocks and a ring without interval", async () => {
      await expect(deploy({ epochLength: 0n })).to.be.revertedWithCustomError(
        world.lightClient,
        "LightClientEpochLengthZero",
      );
      await expect(deploy({ ringInterval: 0n })).to.be.revertedWithCustomError(
        world.lightClient,
        "LightClientRingIntervalZero",
      );
    });

    it("keeps its values, and the genesis as first checkpoint", async () => {
      const { lightClient, stakeTable } = world;
      expect(await lightClient.stakeTable()).to.equal(stakeTable.target);
      expect(await lightClient.salt()).to.equal(client.GENESIS_HASH);
      expect(await lightClient.epochLength()).to.equal(client.PARAMETERS.epochLength);
      expect(await lightClient.trustPeriod()).to.equal(client.TRUST_PERIOD);
      expect(await lightClient.l1Drift()).to.equal(client.PARAMETERS.l1Drift);
      expect(await lightClient.ringInterval()).to.equal(client.PARAMETERS.ringInterval);
      expect(await lightClient.resumeDelay()).to.equal(client.PARAMETERS.resumeDelay);
      const deployed = await lightClient.deploymentTransaction()?.getBlock();
      const genesis = {
        blockHash: client.GENESIS_HASH,
        history: rootOf([]),
        height: 0n,
        epoch: 0n,
        viewNumber: 0n,
        timestamp: 0n,
        receivedAt: BigInt(deployed?.timestamp ?? 0),
      };
      expect(await lightClient.isCheckpoint(genesis, await lightClient.LATEST_POSITION())).to.equal(true);
      expect(await lightClient.isLive(2n ** 64n)).to.equal(false);
    });
  });

  describe("ring", () => {
    it("LC-33: the first advance at least ringInterval after the last entry is kept; spam flushes nothing", async () => {
      const first = await header({ height: 1n });
      await advance(first);
      const keptAt = await client.now(world);
      const kept = client.checkpointOf(first, keptAt);
      const place = (keptAt / client.PARAMETERS.ringInterval) % (await world.lightClient.RING_SIZE());
      for (let height = 2n; height < 20n; height++) await advance(await header({ height }));
      expect(await world.lightClient.isCheckpoint(kept, place)).to.equal(true);

      await connection.networkHelpers.time.setNextBlockTimestamp(keptAt + client.PARAMETERS.ringInterval - 1n);
      const early = await header({ height: 20n });
      await expect(world.lightClient.advance(early, client.finalization(world, committee, early))).not.to.emit(
        world.lightClient,
        "CheckpointKept",
      );
      await connection.networkHelpers.time.setNextBlockTimestamp(keptAt + client.PARAMETERS.ringInterval);
      const due = await header({ height: 21n });
      await expect(world.lightClient.advance(due, client.finalization(world, committee, due)))
        .to.emit(world.lightClient, "CheckpointKept")
        .withArgs(21, (place + 1n) % 64n, anyHash);
      expect(await world.lightClient.isCheckpoint(kept, place)).to.equal(true);
    });

    it("LC-33: an entry stays for at least RING_SIZE - 1 intervals", async () => {
      const first = await header({ height: 1n });
      await advance(first);
      const keptAt = await client.now(world);
      const kept = client.checkpointOf(first, keptAt);
      const size = await world.lightClient.RING_SIZE();
      const place = (keptAt / client.PARAMETERS.ringInterval) % size;
      for (let round = 1n; round < size; round++) {
        await connection.networkHelpers.time.setNextBlockTimestamp(keptAt + round * client.PARAMETERS.ringInterval);
        await advance(await header({ height: round + 1n }));
        expect(await world.lightClient.isCheckpoint(kept, place)).to.equal(true);
      }
      await connection.networkHelpers.time.setNextBlockTimestamp(keptAt + size * client.PARAMETERS.ringInterval);
      await advance(await header({ height: size + 1n, epoch: 1n }));
      expect(await world.lightClient.isCheckpoint(kept, place)).to.equal(false);
    });

    it("there is nothing beyond the position of the latest checkpoint, nor where nothing was written", async () => {
      await expect(world.lightClient.checkpointAt(65))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientPositionOutOfBounds")
        .withArgs(65, 64);
      expect(await world.lightClient.checkpointAt(0)).to.equal(ZeroHash);
    });
  });

  describe("isLive", () => {
    it("LC-31: age counts from the lesser of header time and time received", async () => {
      const sent = await client.now(world);
      await advance(await header({ height: 1n, timestamp: (sent + 100n) * 1000n }));
      const received = await client.now(world);
      await connection.networkHelpers.time.increase(100n);
      const age = (await client.now(world)) - received;
      expect(await world.lightClient.isLive(age)).to.equal(true);
      expect(await world.lightClient.isLive(age - 1n)).to.equal(false);
    });

    it("LC-31: a dead chain whose old finalizations are posted one by one is not live", async () => {
      const lastTime = await client.now(world);
      await connection.networkHelpers.time.increase(3n * client.DAY);
      for (let height = 1n; height <= 3n; height++) {
        await advance(await header({ height, timestamp: lastTime * 1000n + height }));
        expect(await world.lightClient.isLive(client.DAY)).to.equal(false);
      }
    });

    it("LC-31: an expired client is not live, however young its checkpoint", async () => {
      const end = await world.lightClient.trustedUntil(1);
      await connection.networkHelpers.time.setNextBlockTimestamp(end - 1n);
      await advance(await header({ height: 1n, timestamp: end * 1000n }));
      expect(await world.lightClient.isLive(client.DAY)).to.equal(true);
      await connection.networkHelpers.time.increase(1n);
      expect(await world.lightClient.isLive(client.DAY)).to.equal(false);
    });
  });

  describe("reportSlashed", () => {
    beforeEach(async () => {
      world = await client.deployWorld(connection.ethers);
      // A third of 9 is 3: the first member alone has it, the others together reach it with three of them.
      committee = await client.addCommittee(world, { weights: [3, 2, 2, 1, 1] });
      await advance(await header({ height: 1n }));
    });

    it("LC-41: from a third of the weight on, the committee is expired", async () => {
      for (const validator of [2, 4]) await world.stakeTable.setSlashed(validator);
      await expect(world.lightClient.reportSlashed(1, [1]))
        .to.emit(world.lightClient, "SlashedWeightReported")
        .withArgs(1, 2, 9);
      await advance(await header({ height: 2n }));
      await expect(world.lightClient.reportSlashed(1, [3]))
        .to.emit(world.lightClient, "CommitteeExpired")
        .withArgs(1);
      expect(await world.lightClient.slashedWeight(1)).to.equal(3);
      expect(await world.lightClient.trustedUntil(1)).to.equal(0);
      const given = await header({ height: 3n });
      await expect(world.lightClient.advance(given, client.finalization(world, committee, given)))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientExpired")
        .withArgs(0, (await client.now(world)) + 1n);
    });

    it("LC-41: a seat counts once, only if slashed, and only if there is one", async () => {
      await world.stakeTable.setSlashed(2);
      await world.lightClient.reportSlashed(1, [1]);
      await expect(world.lightClient.reportSlashed(1, [1]))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientSeatAlreadyReported")
        .withArgs(1, 1);
      await expect(world.lightClient.reportSlashed(1, [0]))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientSeatNotSlashed")
        .withArgs(1, 0, 1);
      await expect(world.lightClient.reportSlashed(1, [5]))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientSeatOutOfBounds")
        .withArgs(1, 5, 5);
      await expect(world.lightClient.reportSlashed(7, [0]))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientNoCommittee")
        .withArgs(7);
    });

    it("LC-41: counting on after the expiry changes nothing more", async () => {
      for (const validator of [1, 2]) await world.stakeTable.setSlashed(validator);
      await world.lightClient.reportSlashed(1, [0]);
      await expect(world.lightClient.reportSlashed(1, [1])).not.to.emit(world.lightClient, "CommitteeExpired");
      expect(await world.lightClient.slashedWeight(1)).to.equal(5);
    });
  });

  describe("freeze", () => {
    beforeEach(async () => {
      await advance(await header({ height: 1n }));
    });

    it("LC-40: two finalizations of one height with different blocks freeze, whether or not on L1", async () => {
      const one = await header({ height: 5n, viewNumber: 5n });
      const other = await header({ height: 5n, viewNumber: 6n });
      await expect(world.lightClient.freeze(finalized(one), finalized(other), ZeroHash, []))
        .to.emit(world.lightClient, "LightClientFroze")
        .withArgs(1, 1, hashHeader(one), hashHeader(other));
      const status = await world.lightClient.status();
      expect([status.frozen, status.trustedUntil, status.height]).to.deep.equal([true, 0n, 1n]);
      expect(await world.lightClient.isLive(client.DAY)).to.equal(false);
      const next = await header({ height: 2n });
      await expect(
        world.lightClient.advance(next, client.finalization(world, committee, next)),
      ).to.be.revertedWithCustomError(world.lightClient, "LightClientFrozen");
      await expect(
        world.lightClient.freeze(finalized(one), finalized(other), ZeroHash, []),
      ).to.be.revertedWithCustomError(world.lightClient, "LightClientAlreadyFrozen");
    });

    it("LC-40: a higher finalization whose history has another block at the lower height freezes", async () => {
      const low = await header({ height: 2n });
      const blocks = [word("genesis"), word("one"), word("another two"), word("three"), word("four")];
      const high = await header({ height: 5n, history: rootOf(blocks) });
      await world.lightClient.freeze(finalized(low), finalized(high), word("another two"), pathOf(blocks, 2));
      expect((await world.lightClient.status()).frozen).to.equal(true);
    });

    it("LC-40: two finalizations of one chain never freeze", async () => {
      const low = await header({ height: 2n });
      const blocks = [word("genesis"), word("one"), hashHeader(low), word("three"), word("four")];
      const high = await header({ height: 5n, history: rootOf(blocks) });
      const attempt = world.lightClient.freeze(finalized(low), finalized(high), hashHeader(low), pathOf(blocks, 2));
      await expect(attempt)
        .to.be.revertedWithCustomError(world.lightClient, "LightClientNoFork")
        .withArgs(2, hashHeader(low), 5, hashHeader(high));
      const lie = world.lightClient.freeze(finalized(low), finalized(high), word("a lie"), pathOf(blocks, 2));
      await expect(lie).to.be.revertedWithCustomError(world.lightClient, "LightClientHistoryMismatch");
      await expect(
        world.lightClient.freeze(finalized(low), finalized(low), word("a lie"), []),
      ).to.be.revertedWithCustomError(world.lightClient, "LightClientNoFork");
    });

    it("LC-40: both are of one epoch and one committee, the lower one first", async () => {
      const one = await header({ height: 5n });
      const far = await header({ height: 101n, epoch: 2n });
      await expect(world.lightClient.freeze(finalized(one), finalized(far), ZeroHash, []))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientForkAcrossEpochs")
        .withArgs(1, 1, 2, 1);
      const higher = await header({ height: 6n });
      await expect(world.lightClient.freeze(finalized(higher), finalized(one), ZeroHash, []))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientForkOutOfOrder")
        .withArgs(6, 5);
    });

    it("LC-40: both certificates are checked, views included", async () => {
      const one = finalized(await header({ height: 5n, viewNumber: 5n }));
      const other = finalized(await header({ height: 5n, viewNumber: 6n }));
      const swapped = { ...other, certificate: { ...one.certificate, viewNumber: 6n } };
      await expect(world.lightClient.freeze(one, swapped, ZeroHash, [])).to.be.revertedWithCustomError(
        world.lightClient,
        "CertificateSignatureInvalid",
      );
      const wrongView = { ...other, certificate: { ...other.certificate, viewNumber: 7n } };
      await expect(world.lightClient.freeze(one, wrongView, ZeroHash, [])).to.be.revertedWithCustomError(
        world.lightClient,
        "LightClientWrongView",
      );
    });

    it("LC-40: an expired committee cannot freeze", async () => {
      const one = await header({ height: 5n, viewNumber: 5n });
      const other = await header({ height: 5n, viewNumber: 6n });
      await connection.networkHelpers.time.increase(client.TRUST_PERIOD);
      await expect(
        world.lightClient.freeze(finalized(one), finalized(other), ZeroHash, []),
      ).to.be.revertedWithCustomError(world.lightClient, "LightClientCommitteeNotTrusted");
    });

    it("LC-40: `notarize` over the same blocks is no finalization", async () => {
      const one = await header({ height: 5n, viewNumber: 5n });
      const other = await header({ height: 5n, viewNumber: 6n });
      const notarized = (given: TestHeader) => {
        const message = { epoch: given.epoch, viewNumber: given.viewNumber, block: hashHeader(given) };
        const digest = digestOf(world.domain, "Notarize", message);
        return { header: given, certificate: certify(committee, digest, given.viewNumber) };
      };
      await expect(
        world.lightClient.freeze(notarized(one), notarized(other), ZeroHash, []),
      ).to.be.revertedWithCustomError(world.lightClient, "CertificateSignatureInvalid");
    });
  });
});

const anyHash = (hash: unknown): boolean => typeof hash === "string" && hash.length === 66;
