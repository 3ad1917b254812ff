import { anyValue } from "@nomicfoundation/hardhat-ethers-chai-matchers/withArgs";
import { expect } from "chai";
import { toBeHex } from "ethers";
import fc from "fast-check";
import { network } from "hardhat";

import * as bls from "../support/bls.ts";
import { absentBitmap, certify, memberKey, type TestCommittee, totalWeight } from "../support/committee.ts";
import { digestOf, hashHeader, type TestHeader, word } from "../support/header.ts";
import * as client from "../support/lightClient.ts";

const EQUAL = [65_535, 65_535, 65_535, 65_535];

describe("LightClient.advance", () => {
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

  async function advance(
    given: TestHeader,
    options: Parameters<typeof client.finalization>[3] = {},
    by: TestCommittee = committee,
  ): ReturnType<typeof world.lightClient.advance> {
    return world.lightClient.advance(given, client.finalization(world, by, given, options));
  }

  describe("the first block", () => {
    it("LC-32: reverts until committee 1 exists", async () => {
      const empty = await client.deployWorld(connection.ethers);
      const first = await client.headerNow(empty, {});
      await expect(empty.lightClient.advance(first, client.finalization(empty, committee, first)))
        .to.be.revertedWithCustomError(empty.lightClient, "LightClientNoCommittee")
        .withArgs(1);
    });

    it("LC-34: installs committee 1 and makes the block the latest checkpoint", async () => {
      const first = await header({ height: 3n, viewNumber: 5n });
      await expect(advance(first))
        .to.emit(world.lightClient, "CheckpointAdvanced")
        .withArgs(3, hashHeader(first), 1, 5, first.timestamp)
        .to.emit(world.lightClient, "CommitteeInstalled")
        .withArgs(1, 1, anyValue);
      const receivedAt = await client.now(world);
      const status = await world.lightClient.status();
      const record = await world.stakeTable.committee(1);
      const { height, epoch, viewNumber, committee: installed, trustedUntil, freshAt, frozen } = status;
      expect({ height, epoch, viewNumber, installed, trustedUntil, freshAt, frozen }).to.deep.equal({
        height: 3n,
        epoch: 1n,
        viewNumber: 5n,
        installed: 1n,
        trustedUntil: record.createdAt + client.TRUST_PERIOD,
        freshAt: first.timestamp / 1000n,
        frozen: false,
      });
      const checkpoint = client.checkpointOf(first, receivedAt);
      expect(await world.lightClient.isCheckpoint(checkpoint, await world.lightClient.LATEST_POSITION())).to.equal(
        true,
      );
    });

    it("LC-33: a checkpoint commits to hash, history, height, epoch, view, header time and time received", async () => {
      const first = await header();
      await advance(first);
      const right = client.checkpointOf(first, await client.now(world));
      const latest = await world.lightClient.LATEST_POSITION();
      for (const wrong of [
        { blockHash: word("x") },
        { history: word("x") },
        { height: 2n },
        { epoch: 2n },
        { viewNumber: 2n },
        { timestamp: right.timestamp + 1n },
        { receivedAt: right.receivedAt + 1n },
      ]) {
        expect(await world.lightClient.isCheckpoint({ ...right, ...wrong }, latest)).to.equal(false);
      }
    });
  });

  describe("order", () => {
    beforeEach(async () => {
      await advance(await header({ height: 10n, viewNumber: 10n }));
    });

    it("LC-35: height strictly increases", async () => {
      for (const height of [9n, 10n]) {
        await expect(advance(await header({ height, viewNumber: 11n })))
          .to.be.revertedWithCustomError(world.lightClient, "LightClientHeightNotIncreasing")
          .withArgs(height, 10);
      }
      await advance(await header({ height: 11n, viewNumber: 11n }));
    });

    it("LC-35: (epoch, view) strictly increases", async () => {
      for (const viewNumber of [9n, 10n]) {
        await expect(advance(await header({ height: 11n, viewNumber })))
          .to.be.revertedWithCustomError(world.lightClient, "LightClientViewNotIncreasing")
          .withArgs(viewNumber, 10);
      }
      await advance(await header({ height: 101n, epoch: 2n, viewNumber: 1n }));
      await expect(advance(await header({ height: 102n, epoch: 1n, viewNumber: 99n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientEpochNotIncreasing")
        .withArgs(1, 2);
    });

    it("LC-35: nothing of another committee is taken", async () => {
      const other = await client.addCommittee(world, { weights: EQUAL });
      for (const id of [0n, 2n]) {
        await expect(advance(await header({ height: 11n, committee: id }), {}, other))
          .to.be.revertedWithCustomError(world.lightClient, "LightClientWrongCommittee")
          .withArgs(id, 1);
      }
    });

    it("LC-36: height is at most epoch * epochLength, where the handover is", async () => {
      await expect(advance(await header({ height: 101n, viewNumber: 50n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientHeightBeyondEpoch")
        .withArgs(101, 100);
      await advance(await header({ height: 100n, viewNumber: 50n, nextCommittee: 1n }));
    });

    it("LC-36: a handover is the last block of its epoch, and nothing else", async () => {
      for (const [height, nextCommittee] of [
        [99n, 1n],
        [100n, 0n],
      ] as const) {
        await expect(advance(await header({ height, viewNumber: 50n, nextCommittee })))
          .to.be.revertedWithCustomError(world.lightClient, "LightClientHandoverMalformed")
          .withArgs(height, 1, nextCommittee);
      }
    });

    it("LC-37: the certificate's view is the header's", async () => {
      for (const viewNumber of [11n, 13n]) {
        await expect(advance(await header({ height: 12n, viewNumber: 12n }), { viewNumber }))
          .to.be.revertedWithCustomError(world.lightClient, "LightClientWrongView")
          .withArgs(viewNumber, 12);
      }
    });

    it("LC-37: a handover may be finalized in a later view than its own, not in an earlier one", async () => {
      const handover = await header({ height: 100n, viewNumber: 60n, nextCommittee: 1n });
      await expect(advance(handover, { viewNumber: 59n }))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientWrongView")
        .withArgs(59, 60);
      await advance(handover, { viewNumber: 64n });
      expect((await world.lightClient.status()).viewNumber).to.equal(64);
    });

    it("LC-36: header time is at most l1Drift ahead of L1's", async () => {
      const time = (await client.now(world)) + 100n;
      const latest = time + client.PARAMETERS.l1Drift;
      await connection.networkHelpers.time.setNextBlockTimestamp(time);
      await expect(advance(await header({ height: 11n, timestamp: (latest + 1n) * 1000n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientHeaderFromFuture")
        .withArgs(latest + 1n, latest);
      await connection.networkHelpers.time.setNextBlockTimestamp(time + 1n);
      await advance(await header({ height: 11n, timestamp: (latest + 1n) * 1000n + 999n }));
    });

    it("LC-35: a height, epoch or view that outgrows its place is refused", async () => {
      const height = 2n ** 40n;
      const epoch = height / client.PARAMETERS.epochLength + 1n;
      await expect(advance(await header({ height, epoch })))
        .to.be.revertedWithCustomError(world.lightClient, "ClientStateValueTooLarge")
        .withArgs(height, height - 1n);
      await expect(advance(await header({ height: 11n, viewNumber: 2n ** 32n })))
        .to.be.revertedWithCustomError(world.lightClient, "ClientStateValueTooLarge")
        .withArgs(2n ** 32n, 2n ** 32n - 1n);
      await expect(advance(await header({ height: 11n, epoch: 2n ** 30n })))
        .to.be.revertedWithCustomError(world.lightClient, "ClientStateValueTooLarge")
        .withArgs(2n ** 30n, 2n ** 30n - 1n);
    });
  });

  describe("certificates", () => {
    it("CERT-1: quorum is floor(2W/3) + 1, and one less is not", async () => {
      // W = 100, q = 67: the first two members have exactly that, the last two one less.
      world = await client.deployWorld(connection.ethers);
      committee = await client.addCommittee(world, { weights: [34, 33, 33] });
      await expect(advance(await header({ height: 1n }), { absent: [0] }))
        .to.be.revertedWithCustomError(world.lightClient, "CertificateBelowQuorum")
        .withArgs(66, 67);
      await advance(await header({ height: 1n }), { absent: [2] });
    });

    it("CERT-1: weight is checked before the signature", async () => {
      const given = await header();
      const certificate = { viewNumber: given.viewNumber, absent: "0x0f", signature: bls.G1_IDENTITY };
      await expect(world.lightClient.advance(given, certificate))
        .to.be.revertedWithCustomError(world.lightClient, "CertificateBelowQuorum")
        .withArgs(0, 174_761);
    });

    it("CERT-3: the bitmap has exactly ceil(n / 8) bytes", async () => {
      const given = await header();
      const certificate = client.finalization(world, committee, given);
      for (const absent of ["0x", "0x0000"]) {
        await expect(world.lightClient.advance(given, { ...certificate, absent }))
          .to.be.revertedWithCustomError(world.lightClient, "CertificateBitmapLengthWrong")
          .withArgs((absent.length - 2) / 2, 1);
      }
    });

    it("CERT-3: the bitmap has no bit at or beyond n", async () => {
      const given = await header();
      const certificate = client.finalization(world, committee, given);
      for (const absent of ["0x10", "0x80"]) {
        await expect(world.lightClient.advance(given, { ...certificate, absent }))
          .to.be.revertedWithCustomError(world.lightClient, "CertificateBitmapOutOfBounds")
          .withArgs(absent, 4);
      }
    });

    it("CERT-2: who signed must be who is not absent", async () => {
      const given = await header();
      const { signature, viewNumber } = client.finalization(world, committee, given, { absent: [1] });
      for (const absent of ["0x00", "0x01", "0x04"]) {
        await expect(world.lightClient.advance(given, { signature, viewNumber, absent })).to.be.revertedWithCustomError(
          world.lightClient,
          "CertificateSignatureInvalid",
        );
      }
      await world.lightClient.advance(given, { signature, viewNumber, absent: "0x02" });
    });

    it("BLS-5: the identity is no signature, and signers that cancel out are no key", async () => {
      world = await client.deployWorld(connection.ethers);
      // Both keys can be registered with a proof of possession; their sum is the identity.
      const positive = memberKey("cancelling");
      const secret = bls.GROUP_ORDER - positive.secret;
      const point = bls.G2_BASE.multiply(secret);
      const third = memberKey("third");
      const places = [positive, { secret, point, packed: bls.pack(point) }, third];
      const members = places.map((key, slot) => ({
        ...key,
        weight: 50 - 20 * (slot >> 1),
        page: 1,
        slot,
        validator: slot + 1,
      }));
      await world.stakeTable.writePage(`0x${places.map((key) => key.packed.slice(2)).join("")}`, 1);
      world.nonce = 2;
      committee = { id: 1n, members };
      await client.writeCommittee(world, committee);
      const given = await header();
      await expect(
        world.lightClient.advance(given, { viewNumber: 1n, absent: "0x04", signature: bls.G1_IDENTITY }),
      ).to.be.revertedWithCustomError(world.lightClient, "CertificateSignatureInvalid");
      await expect(
        world.lightClient.advance(given, { viewNumber: 1n, absent: "0x00", signature: bls.G1_IDENTITY }),
      ).to.be.revertedWithCustomError(world.lightClient, "CertificateSignatureInvalid");
      await advance(given);
    });

    it("BLS-3: a malformed signature says which precompile refused it", async () => {
      const given = await header();
      const certificate = client.finalization(world, committee, given);
      const [x0, x1, y0] = certificate.signature;
      await expect(world.lightClient.advance(given, { ...certificate, signature: [x0, x1, y0, toBeHex(1, 32)] }))
        .to.be.revertedWithCustomError(world.lightClient, "BlsPrecompileFailed")
        .withArgs(0x0f);
    });

    it("CERT-2: a signature of another chain, stake table, genesis, epoch, view, block or kind is not one here", async () => {
      const given = await header();
      const block = hashHeader(given);
      const message = { epoch: given.epoch, viewNumber: given.viewNumber, block };
      const digests = [
        digestOf({ ...world.domain, chainId: 1n }, "Finalize", message),
        digestOf({ ...world.domain, verifyingContract: await world.lightClient.getAddress() }, "Finalize", message),
        digestOf({ ...world.domain, salt: word("another genesis") }, "Finalize", message),
        digestOf(world.domain, "Finalize", { ...message, epoch: 2n }),
        digestOf(world.domain, "Finalize", { ...message, viewNumber: 2n }),
        digestOf(world.domain, "Finalize", { ...message, block: word("another block") }),
        digestOf(world.domain, "Notarize", message),
        digestOf(world.domain, "Nullify", { epoch: 1n, viewNumber: 1n }),
        digestOf(world.domain, "Resume", { epoch: 1n, block, committee: 1n }),
      ];
      for (const digest of digests) {
        await expect(
          world.lightClient.advance(given, certify(committee, digest, given.viewNumber)),
        ).to.be.revertedWithCustomError(world.lightClient, "CertificateSignatureInvalid");
      }
    });

    it("LC-39: finds absent members' keys in one, two and four pages, with a roster of its own or an older one", async () => {
      for (const pages of [1, 2, 4]) {
        world = await client.deployWorld(connection.ethers);
        const weights = Array.from({ length: 13 }, (_, index) => 1000 + index);
        committee = await client.addCommittee(world, { weights, pages, keys: "paged" });
        await advance(await header({ height: 1n }), { absent: [0, 5, 12] });
        const rosterNonce = world.nonce - 1;
        const heavier = {
          id: 2n,
          members: committee.members.map((member) => ({ ...member, weight: member.weight * 2 })),
        };
        await client.writeCommittee(world, heavier, rosterNonce);
        const handover = await header({ height: 100n, nextCommittee: 2n });
        await advance(handover);
        const next = await header({ height: 101n, epoch: 2n, viewNumber: 1n, committee: 2n });
        await advance(next, { absent: [1, 2, 7, 8] }, heavier);
      }
    });

    it("CERT-1: agrees with an independent count on random weights and absent members", async () => {
      const shapes = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 65_535 }), isAbsent: fc.boolean() }), {
        minLength: 4,
        maxLength: 40,
      });
      await fc.assert(
        fc.asyncProperty(shapes, fc.integer({ min: 1, max: 3 }), async (shape, pages) => {
          world = await client.deployWorld(connection.ethers);
          const weights = shape.map((seat) => seat.weight);
          committee = await client.addCommittee(world, { weights, pages, keys: "random" });
          const absent = shape.flatMap((seat, index) => (seat.isAbsent ? [index] : []));
          const total = BigInt(totalWeight(committee));
          const present = shape.reduce((sum, seat) => (seat.isAbsent ? sum : sum + BigInt(seat.weight)), 0n);
          const required = (2n * total) / 3n + 1n;
          const attempt = advance(await header(), { absent });
          if (present >= required) await attempt;
          else {
            await expect(attempt)
              .to.be.revertedWithCustomError(world.lightClient, "CertificateBelowQuorum")
              .withArgs(present, required);
          }
        }),
        { numRuns: 40 },
      );
    });

    it("CERT-1: takes 100 members of the largest weight with as many absent as a quorum leaves", async () => {
      world = await client.deployWorld(connection.ethers);
      committee = await client.addCommittee(world, { weights: Array.from({ length: 100 }, () => 65_535), pages: 2 });
      const absent = Array.from({ length: 33 }, (_, index) => 99 - 3 * index);
      await advance(await header({ height: 1n }), { absent });
      const more = { absent: [...absent, 1] };
      await expect(advance(await header({ height: 2n }), more)).to.be.revertedWithCustomError(
        world.lightClient,
        "CertificateBelowQuorum",
      );
      expect(absentBitmap(100, [99])).to.have.length(2 + 2 * 13);
    });
  });

  describe("handover", () => {
    let next: TestCommittee;

    beforeEach(async () => {
      await advance(await header({ height: 10n }));
      next = await client.addCommittee(world, { weights: [3, 2, 2] });
    });

    const handover = async (fields: Partial<TestHeader> = {}): Promise<TestHeader> =>
      header({ height: 100n, viewNumber: 90n, nextCommittee: 2n, ...fields });

    it("LC-38: installs the next committee, and only it from then on", async () => {
      const given = await handover();
      const { createdAt } = await world.stakeTable.committee(2);
      await expect(advance(given))
        .to.emit(world.lightClient, "CommitteeInstalled")
        .withArgs(2, 2, createdAt + client.TRUST_PERIOD);
      await expect(advance(await header({ height: 101n, epoch: 2n, viewNumber: 1n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientWrongCommittee")
        .withArgs(1, 2);
      await advance(await header({ height: 101n, epoch: 2n, viewNumber: 1n, committee: 2n }), {}, next);
    });

    it("LC-38: a handover that changes the committee cannot be skipped", async () => {
      const skipping = await header({ height: 101n, epoch: 2n, viewNumber: 1n, committee: 2n });
      await expect(advance(skipping, {}, next))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientWrongCommittee")
        .withArgs(2, 1);
    });

    it("LC-38: a handover cannot be repeated", async () => {
      const given = await handover();
      await advance(given);
      await expect(advance(given, { viewNumber: 95n })).to.be.revertedWithCustomError(
        world.lightClient,
        "LightClientWrongCommittee",
      );
      const repeated = await header({ height: 100n, viewNumber: 96n, committee: 2n, nextCommittee: 2n });
      await expect(advance(repeated, {}, next))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientHeightNotIncreasing")
        .withArgs(100, 100);
    });

    it("LC-38: nothing of the epoch follows its handover, whatever its view", async () => {
      const early = await handover({ nextCommittee: 1n, l1Number: 1n });
      world = await client.deployWorld(connection.ethers);
      committee = await client.addCommittee(world, { weights: EQUAL });
      await advance(await header({ height: 100n, nextCommittee: 1n, viewNumber: early.viewNumber }));
      await expect(advance(await header({ height: 101n, viewNumber: 99n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientHeightBeyondEpoch")
        .withArgs(101, 100);
    });

    it("LC-38: handovers that keep the committee may be skipped", async () => {
      await advance(await header({ height: 555n, epoch: 6n, viewNumber: 1n }));
      expect((await world.lightClient.status()).epoch).to.equal(6);
    });

    it("LC-38: the next committee is not older than the installed one", async () => {
      await advance(await handover());
      await expect(advance(await header({ height: 200n, epoch: 2n, committee: 2n, nextCommittee: 1n }), {}, next))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientNextCommitteeTooOld")
        .withArgs(1, 2);
    });

    it("LC-38: the next committee was created at or below the anchor", async () => {
      const { createdBlock } = await world.stakeTable.committee(2);
      await expect(advance(await handover({ l1Number: createdBlock - 1n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientNextCommitteeNotCreated")
        .withArgs(2, createdBlock, createdBlock - 1n);
      await expect(advance(await handover({ nextCommittee: 3n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientNextCommitteeNotCreated")
        .withArgs(3, 0, anyValue);
      await advance(await handover({ l1Number: createdBlock }));
    });

    it("LC-38: no newer committee was created at or below the anchor", async () => {
      await client.addCommittee(world, { weights: EQUAL });
      const { createdBlock } = await world.stakeTable.committee(3);
      await expect(advance(await handover({ l1Number: createdBlock })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientNextCommitteeNotNewest")
        .withArgs(2, 3, createdBlock);
      await expect(advance(await handover({ nextCommittee: 1n, l1Number: createdBlock - 1n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientNextCommitteeNotNewest")
        .withArgs(1, 2, createdBlock - 1n);
      await advance(await handover({ l1Number: createdBlock - 1n }));
    });

    it("LC-38: the anchor is not above L1's own block", async () => {
      const number = BigInt(await connection.ethers.provider.getBlockNumber());
      await expect(advance(await handover({ l1Number: number + 2n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientAnchorFromFuture")
        .withArgs(number + 2n, number + 1n);
    });
  });

  describe("trust", () => {
    it("LC-30: a committee is trusted until its creation plus the trust period", async () => {
      await advance(await header({ height: 1n }));
      const { createdAt } = await world.stakeTable.committee(1);
      const end = createdAt + client.TRUST_PERIOD;
      expect(await world.lightClient.trustedUntil(1)).to.equal(end);
      await connection.networkHelpers.time.setNextBlockTimestamp(end - 1n);
      await advance(await header({ height: 2n }));
      await connection.networkHelpers.time.setNextBlockTimestamp(end);
      await expect(advance(await header({ height: 3n })))
        .to.be.revertedWithCustomError(world.lightClient, "LightClientExpired")
        .withArgs(end, end);
    });

    it("LC-32: committee 1 that expired before the first block is never installed", async () => {
      await connection.networkHelpers.time.increase(client.TRUST_PERIOD);
      await expect(advance(await header())).to.be.revertedWithCustomError(world.lightClient, "LightClientExpired");
    });

    it("LC-32: the chain may go over to a committee that is no longer trusted; the client is expired then", async () => {
      await client.addCommittee(world, { weights: EQUAL, keys: "doomed" });
      for (const validator of [5, 6]) await world.stakeTable.setSlashed(validator);
      await world.lightClient.reportSlashed(2, [0, 1]);
      await advance(await header({ height: 100n, nextCommittee: 2n }));
      expect((await world.lightClient.status()).trustedUntil).to.equal(0);
      expect(await world.lightClient.isLive(client.DAY)).to.equal(false);
    });
  });
});
