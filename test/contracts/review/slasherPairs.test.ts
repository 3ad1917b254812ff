import { expect } from "chai";
import { network } from "hardhat";
import { describe, it } from "mocha";

import { G1_IDENTITY, type G2Words, g2Words } from "../support/bls.ts";
import { concatKeys, DAY, ESCROW, freshKey, possession, register, rotate, seated, TOKENS } from "../support/staking.ts";
import * as slashing from "../support/slashing.ts";
import { BLOCK_A, BLOCK_B, finalize, notarize, nullify, pairEvidence, resume } from "../support/slashing.ts";

const created = await network.create();
const { networkHelpers } = created;

async function deploy() {
  const world = await slashing.deploySlashing(created);
  const validators = await seated(
    world,
    [4000n, 3000n, 2000n, 1000n].map((stake) => stake * TOKENS),
  );
  await rotate(world);
  const [offender, other] = validators;
  if (offender === undefined || other === undefined) throw new Error("no validators");
  return { world, offender, other };
}

const load = () => networkHelpers.loadFixture(deploy);

const OFFENCES = [
  ["S1: two notarize of different blocks", notarize(BLOCK_A), notarize(BLOCK_B)],
  ["S2: two finalize of different blocks", finalize(BLOCK_A), finalize(BLOCK_B)],
  ["S3: nullify and finalize", nullify(), finalize(BLOCK_A)],
  ["S4: notarize of one block and finalize of another", notarize(BLOCK_A), finalize(BLOCK_B)],
  ["S5: two resume of one epoch for different blocks", resume(BLOCK_A, 2n), resume(BLOCK_B, 2n)],
  ["S5: two resume of one epoch for different committees", resume(BLOCK_A, 2n), resume(BLOCK_A, 3n)],
] as const;

const HONEST = [
  ["notarize and nullify of one view", notarize(BLOCK_A), nullify()],
  ["notarize and finalize of one block", notarize(BLOCK_A), finalize(BLOCK_A)],
  ["the same message twice", notarize(BLOCK_A), notarize(BLOCK_A)],
  ["the same nullify twice", nullify(), nullify()],
  ["the same resume twice", resume(BLOCK_A, 2n), resume(BLOCK_A, 2n)],
  ["notarize of different blocks in different views", notarize(BLOCK_A, 7n), notarize(BLOCK_B, 8n)],
  ["finalize of different blocks in different views", finalize(BLOCK_A, 7n), finalize(BLOCK_B, 8n)],
  ["nullify and finalize of different views", nullify(7n), finalize(BLOCK_A, 8n)],
  ["finalize of different blocks in different epochs", finalize(BLOCK_A, 7n, 3n), finalize(BLOCK_B, 7n, 4n)],
  ["resume of different epochs", resume(BLOCK_A, 2n, 3n), resume(BLOCK_B, 2n, 4n)],
  ["resume and finalize", resume(BLOCK_A, 2n), finalize(BLOCK_B)],
  ["finalize and resume", finalize(BLOCK_B, 0n), resume(BLOCK_A, 2n)],
] as const;

describe("Slasher: pairs of one key", () => {
  for (const [title, first, second] of OFFENCES) {
    it(`EVID-2: one aggregated signature proves ${title}, in either order`, async () => {
      const { world, offender, other } = await load();
      await expect(world.slashing.slash(pairEvidence(world, offender.key, first, second)))
        .to.emit(world.slashing, "Slashed")
        .withArgs(offender.id, offender.keyHash, world.admin.address, 4n * 10n ** 17n, () => true);
      expect(await world.stakeTable.slashedAt(offender.id)).to.not.equal(0n);
      await world.slashing.slash(pairEvidence(world, other.key, second, first));
      expect(await world.stakeTable.slashedAt(other.id)).to.not.equal(0n);
    });
  }

  for (const [title, first, second] of HONEST) {
    it(`EVID-3: nobody is slashed for ${title}`, async () => {
      const { world, offender } = await load();
      for (const [one, two] of [
        [first, second],
        [second, first],
      ] as const) {
        await expect(world.slashing.slash(pairEvidence(world, offender.key, one, two))).to.be.revertedWithCustomError(
          world.slashing,
          "SlasherMessagesHonest",
        );
      }
    });
  }

  it("EVID-4: a signature over one message only, by another key, or the identity proves nothing", async () => {
    const { world, offender, other } = await load();
    const [first, second] = [finalize(BLOCK_A), finalize(BLOCK_B)];
    const evidence = pairEvidence(world, offender.key, first, second);
    const foreign = pairEvidence(world, other.key, first, second).signature;
    const half = slashing.signSum(offender.key, [slashing.messageDigest(world.domain, first)]);
    for (const signature of [G1_IDENTITY, foreign, half]) {
      await expect(world.slashing.slash({ ...evidence, signature })).to.be.revertedWithCustomError(
        world.slashing,
        "SlasherSignatureInvalid",
      );
    }
  });

  it("EVID-5: evidence is bound to chain, stake table and genesis", async () => {
    const { world, offender } = await load();
    const [first, second] = [finalize(BLOCK_A), finalize(BLOCK_B)];
    const { domain } = world;
    for (const foreign of [
      { ...domain, chainId: domain.chainId + 1n },
      { ...domain, verifyingContract: await world.slashing.getAddress() },
      { ...domain, salt: BLOCK_A },
    ]) {
      const evidence = pairEvidence({ ...world, domain: foreign }, offender.key, first, second);
      await expect(world.slashing.slash(evidence)).to.be.revertedWithCustomError(
        world.slashing,
        "SlasherSignatureInvalid",
      );
    }
  });

  it("EVID-6: every message has one form; a member that its kind does not have must be zero", async () => {
    const { world, offender } = await load();
    const pairs = [
      [{ ...nullify(), blockHash: BLOCK_A }, finalize(BLOCK_A)],
      [{ ...nullify(), committee: 1n }, finalize(BLOCK_A)],
      [{ ...notarize(BLOCK_A), committee: 1n }, notarize(BLOCK_B)],
      [finalize(BLOCK_A), { ...finalize(BLOCK_B), committee: 1n }],
      [{ ...resume(BLOCK_A, 2n), viewNumber: 1n }, resume(BLOCK_B, 2n)],
    ] as const;
    const errors = await world.ethers.getContractAt("EvidenceLib", world.slashing.target);
    for (const [first, second] of pairs) {
      await expect(
        world.slashing.slash(pairEvidence(world, offender.key, first, second)),
      ).to.be.revertedWithCustomError(errors, "MessageNotCanonical");
    }
  });

  it("EVID-7: only a registered key has a validator to slash", async () => {
    const { world } = await load();
    const key = freshKey();
    await expect(
      world.slashing.slash(pairEvidence(world, key, finalize(BLOCK_A), finalize(BLOCK_B))),
    ).to.be.revertedWithCustomError(world.slashing, "SlasherKeyUnknown");
  });

  it("EVID-7: a key whose unused upper bytes are not zero is not taken for a registered one", async () => {
    const { world, offender } = await load();
    const evidence = pairEvidence(world, offender.key, finalize(BLOCK_A), finalize(BLOCK_B));
    const [head, ...rest] = g2Words(offender.key.point);
    const key: G2Words = ["0x01" + head.slice(4), ...rest];
    await expect(world.slashing.slash({ ...evidence, key })).to.revert(world.ethers);
    expect(await world.stakeTable.slashedAt(offender.id)).to.equal(0n);
  });

  it("EVID-8: a validator is slashed once", async () => {
    const { world, offender } = await load();
    await world.slashing.slash(pairEvidence(world, offender.key, finalize(BLOCK_A), finalize(BLOCK_B)));
    const slashedAt = await world.stakeTable.slashedAt(offender.id);
    await expect(world.slashing.slash(pairEvidence(world, offender.key, nullify(), finalize(BLOCK_B))))
      .to.be.revertedWithCustomError(world.slashing, "SlasherAlreadySlashed")
      .withArgs(offender.id, slashedAt);
  });

  it("EVID-9: a key that never was current binds nobody; the one it replaces is liable for U, to the second", async () => {
    const { world, offender } = await load();
    const key = freshKey();
    await world.stakeTable
      .connect(offender.operator)
      .proveKey(offender.id, key.packed, await possession(world, key, offender.operator.address));
    await world.stakeTable.seal(concatKeys([{ key }]));
    const unused = pairEvidence(world, key, finalize(BLOCK_A), finalize(BLOCK_B));
    const old = pairEvidence(world, offender.key, finalize(BLOCK_A), finalize(BLOCK_B));
    await expect(world.slashing.slash(unused)).to.be.revertedWithCustomError(world.slashing, "SlasherKeyNotLiable");
    const keyHash = world.ethers.keccak256(key.packed);
    await world.stakeTable.connect(offender.operator).rotateKey(offender.id, keyHash);
    await expect(world.slashing.slash(unused)).to.be.revertedWithCustomError(world.slashing, "SlasherKeyNotLiable");
    await rotate(world);
    const { retiredAt } = await world.stakeTable.keyOf(offender.keyHash);
    const snapshot = await networkHelpers.takeSnapshot();
    await networkHelpers.time.setNextBlockTimestamp(retiredAt + ESCROW + 1n);
    await expect(world.slashing.slash(old))
      .to.be.revertedWithCustomError(world.slashing, "SlasherKeyNotLiable")
      .withArgs(offender.keyHash, offender.id);
    await world.slashing.slash.staticCall(unused);
    await snapshot.restore();
    await networkHelpers.time.setNextBlockTimestamp(retiredAt + ESCROW);
    await world.slashing.slash(old);
    expect(await world.stakeTable.slashedAt(offender.id)).to.equal(retiredAt + ESCROW);
  });

  it("EVID-10: a validator that exited is liable for U, to the second", async () => {
    const { world, offender } = await load();
    await world.stakeTable.connect(offender.operator).exit(offender.id);
    const { exitedAt } = await world.stakeTable.validator(offender.id);
    const evidence = pairEvidence(world, offender.key, notarize(BLOCK_A), notarize(BLOCK_B));
    const snapshot = await networkHelpers.takeSnapshot();
    await networkHelpers.time.setNextBlockTimestamp(exitedAt + ESCROW + 1n);
    await expect(world.slashing.slash(evidence)).to.be.revertedWithCustomError(world.slashing, "SlasherKeyNotLiable");
    await snapshot.restore();
    await networkHelpers.time.setNextBlockTimestamp(exitedAt + ESCROW);
    await world.slashing.slash(evidence);
    expect(await world.stakeTable.slashedAt(offender.id)).to.equal(exitedAt + ESCROW);
  });

  it("EVID-11: a current key is liable for any epoch, however long ago, seated or not", async () => {
    const { world } = await load();
    const validator = await register(world);
    await networkHelpers.time.increase(400n * DAY);
    await world.slashing.slash(
      pairEvidence(world, validator.key, notarize(BLOCK_A, 1n, 1n), notarize(BLOCK_B, 1n, 1n)),
    );
    expect(await world.stakeTable.slashedAt(validator.id)).to.not.equal(0n);
  });

  it("EVID-12: the deployment is checked", async () => {
    const { world } = await load();
    const { ethers, stakeTable } = world;
    const slasher = await ethers.getContractFactory("Slasher");
    const deployed = slasher.deploy(stakeTable.target, BLOCK_A, slashing.PENALTIES);
    await expect(deployed).to.be.revertedWithCustomError(slasher, "SlasherConfigInvalid");
    const harness = await ethers.deployContract("StakeTableHarness", [ESCROW]);
    await expect(slasher.deploy(harness.target, BLOCK_A, slashing.PENALTIES)).to.revert(ethers);
    for (const penalties of [
      { minPenalty: 10n ** 17n + 1n },
      { launchPenalty: slashing.PENALTIES.minPenalty - 1n },
      { launchPenalty: 10n ** 18n + 1n },
    ]) {
      await expect(slashing.deploySlashing(created, {}, penalties)).to.be.revertedWithCustomError(
        slasher,
        "SlasherConfigInvalid",
      );
    }
    const widest = { minPenalty: 10n ** 17n, launchPenalty: 10n ** 18n };
    const { slashing: made } = await slashing.deploySlashing(created, {}, widest);
    expect([...(await made.penalties())]).to.deep.equal([10n ** 17n, 10n ** 18n, slashing.PENALTIES.rampDuration]);
  });
});
