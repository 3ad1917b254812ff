import { expect } from "chai";
import { network } from "hardhat";
import { describe, it } from "mocha";

import { G1_IDENTITY } from "../support/bls.ts";
import {
  concatKeys,
  ESCROW,
  freshKey,
  possession,
  rotate,
  seated,
  TOKENS,
  type TestValidator,
} from "../support/staking.ts";
import * as slashing from "../support/slashing.ts";
import {
  BLOCK_A,
  BLOCK_B,
  finalize,
  notarize,
  nullify,
  pairEvidence,
  singleStatement,
  statement,
} from "../support/slashing.ts";

const created = await network.create();
const { networkHelpers } = created;
const STAKES = [4000n, 3000n, 2000n, 1000n, 900n].map((stake) => stake * TOKENS);

async function deploy() {
  const world = await slashing.deploySlashing(created);
  const validators = await seated(world, STAKES);
  await rotate(world);
  return { world, validators, keys: validators.map(({ key }) => key) };
}

const load = () => networkHelpers.loadFixture(deploy);

function at(validators: readonly TestValidator[], index: number): TestValidator {
  const validator = validators[index];
  if (validator === undefined) throw new Error("no such validator");
  return validator;
}

describe("Slasher: signers of certificates", () => {
  async function slashedIds(world: slashing.SlashingWorld, validators: readonly TestValidator[]): Promise<number[]> {
    const times = await Promise.all(validators.map(({ id }) => world.stakeTable.slashedAt(id)));
    return times.flatMap((time, index) => (time === 0n ? [] : [index]));
  }

  it("EVID-13: exactly the signers of both certificates are slashed, named by their index in each", async () => {
    const { world, validators, keys } = await load();
    const first = statement(world, 1n, keys, finalize(BLOCK_A), [4]);
    const second = statement(world, 1n, keys, finalize(BLOCK_B), [0]);
    for (const index of [4, 5, 255]) {
      await expect(world.slashing.slashSigners(first, second, [index], [index]))
        .to.be.revertedWithCustomError(world.slashing, "SlasherSignerAbsent")
        .withArgs(1n, index);
    }
    await expect(world.slashing.slashSigners(first, second, [0], [0])).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherSignerAbsent",
    );
    await world.slashing.slashSigners(first, second, [3, 1], [3, 1]);
    expect(await slashedIds(world, validators)).to.deep.equal([1, 3]);
    await world.slashing.slashSigners(first, second, [1, 2, 3], [1, 2, 3]);
    expect(await slashedIds(world, validators)).to.deep.equal([1, 2, 3]);
    await expect(world.slashing.slashSigners(first, second, [1, 2, 3], [1, 2, 3])).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherNobodySlashed",
    );
  });

  it("EVID-14: one signer named twice in a call is slashed once", async () => {
    const { world, keys } = await load();
    const first = statement(world, 1n, keys, finalize(BLOCK_A));
    const second = statement(world, 1n, keys, nullify());
    expect(await world.slashing.slashSigners.staticCall(first, second, [2, 2], [2, 2])).to.equal(1n);
    await world.slashing.slashSigners(first, second, [2, 2], [2, 2]);
    const fraction = await world.slashing.correlated(0n, 10n ** 12n);
    expect(fraction).to.equal((2000n * 10n ** 18n + 10_899n) / 10_900n);
  });

  it("EVID-15: indices that name different validators, lists of different length and over 32 are refused", async () => {
    const { world, validators, keys } = await load();
    const first = statement(world, 1n, keys, finalize(BLOCK_A));
    const second = statement(world, 1n, keys, finalize(BLOCK_B));
    await expect(world.slashing.slashSigners(first, second, [1], [2]))
      .to.be.revertedWithCustomError(world.slashing, "SlasherSignersDiffer")
      .withArgs(at(validators, 1).id, at(validators, 2).id);
    await expect(world.slashing.slashSigners(first, second, [1, 2], [1]))
      .to.be.revertedWithCustomError(world.slashing, "SlasherSignersMismatch")
      .withArgs(2n, 1n);
    const most = Array.from({ length: 32 }, () => 1);
    await expect(world.slashing.slashSigners(first, second, [...most, 1], [...most, 1]))
      .to.be.revertedWithCustomError(world.slashing, "SlasherSignersTooMany")
      .withArgs(33n, 32n);
    await world.slashing.slashSigners(first, second, most, most);
    await expect(world.slashing.slashSigners(first, second, [], [])).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherNobodySlashed",
    );
  });

  it("EVID-3: two finalizations of different views never slash, nor any pair of certificates that is honest", async () => {
    const { world, keys } = await load();
    for (const [one, two] of [
      [finalize(BLOCK_A, 7n), finalize(BLOCK_B, 9n)],
      [notarize(BLOCK_A), nullify()],
      [finalize(BLOCK_A), finalize(BLOCK_A)],
      [notarize(BLOCK_A), finalize(BLOCK_A)],
    ] as const) {
      const call = world.slashing.slashSigners(
        statement(world, 1n, keys, one),
        statement(world, 1n, keys, two),
        [0],
        [0],
      );
      await expect(call).to.be.revertedWithCustomError(world.slashing, "SlasherMessagesHonest");
    }
  });

  it("EVID-4: a certificate with a wrong bitmap, by other members, or by nobody proves nothing", async () => {
    const { world, keys } = await load();
    const first = statement(world, 1n, keys, finalize(BLOCK_A));
    const second = statement(world, 1n, keys, finalize(BLOCK_B), [1]);
    const everyoneAbsent = { ...second, absent: "0x1f", signature: G1_IDENTITY };
    for (const wrong of [{ ...second, absent: "0x00" }, { ...second, absent: "0x01" }, everyoneAbsent]) {
      await expect(world.slashing.slashSigners(first, wrong, [2], [2])).to.be.revertedWithCustomError(
        world.slashing,
        "SlasherSignatureInvalid",
      );
      await expect(world.slashing.slashSigners(wrong, first, [2], [2])).to.be.revertedWithCustomError(
        world.slashing,
        "SlasherSignatureInvalid",
      );
    }
    const errors = await world.ethers.getContractAt("Certificates", world.slashing.target);
    await expect(
      world.slashing.slashSigners(first, { ...second, absent: "0x0200" }, [2], [2]),
    ).to.be.revertedWithCustomError(errors, "CertificateBitmapLengthWrong");
    await expect(
      world.slashing.slashSigners(first, { ...second, absent: "0x22" }, [2], [2]),
    ).to.be.revertedWithCustomError(errors, "CertificateBitmapOutOfBounds");
    await expect(world.slashing.slashSigners(first, { ...second, committee: 2n }, [2], [2]))
      .to.be.revertedWithCustomError(world.slashing, "SlasherCommitteeUnknown")
      .withArgs(2n);
  });

  it("EVID-16: certificates need no quorum, and may be of different committees with other indices", async () => {
    const { world, validators, keys } = await load();
    await world.stakeTable.connect(at(validators, 0).operator).leaveSeat(at(validators, 0).id);
    await rotate(world);
    const first = statement(world, 1n, keys, notarize(BLOCK_A), [0, 1, 2, 3]);
    const second = statement(world, 2n, keys.slice(1), finalize(BLOCK_B), [0, 1, 2]);
    await world.slashing.slashSigners(first, second, [4], [3]);
    expect(await slashedIds(world, validators)).to.deep.equal([4]);
  });

  it("EVID-17: a signer slashed before, or whose key is no longer liable, is skipped and spoils no call", async () => {
    const { world, validators, keys } = await load();
    const { id, operator } = at(validators, 0);
    await world.stakeTable.connect(operator).exit(id);
    const { exitedAt } = await world.stakeTable.validator(id);
    await networkHelpers.time.increaseTo(exitedAt + ESCROW);
    await world.slashing.slash(pairEvidence(world, at(validators, 1).key, finalize(BLOCK_A), finalize(BLOCK_B)));
    const first = statement(world, 1n, keys, finalize(BLOCK_A));
    const second = statement(world, 1n, keys, finalize(BLOCK_B));
    await world.slashing.slashSigners(first, second, [0, 1, 2], [0, 1, 2]);
    expect(await slashedIds(world, validators)).to.deep.equal([1, 2]);
  });

  it("EVID-18: with a key rotated in between, both keys must be liable", async () => {
    const { world, validators, keys } = await load();
    const { id, operator, key } = at(validators, 2);
    const next = freshKey();
    const proof = await possession(world, next, operator.address);
    await world.stakeTable.connect(operator).proveKey(id, next.packed, proof);
    await world.stakeTable.seal(concatKeys([{ key: next }]));
    await world.stakeTable.connect(operator).rotateKey(id, world.ethers.keccak256(next.packed));
    await rotate(world);
    const { retiredAt } = await world.stakeTable.keyOf(world.ethers.keccak256(key.packed));
    const nextKeys = keys.map((old, index) => (index === 2 ? next : old));
    const first = statement(world, 1n, keys, finalize(BLOCK_A));
    const second = statement(world, 2n, nextKeys, finalize(BLOCK_B));
    const single = singleStatement(world, next, finalize(BLOCK_B));
    const snapshot = await networkHelpers.takeSnapshot();
    await networkHelpers.time.increaseTo(retiredAt + ESCROW);
    await expect(world.slashing.slashSigners(first, second, [2], [2])).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherNobodySlashed",
    );
    await expect(world.slashing.slashSigners(second, first, [2], [2])).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherNobodySlashed",
    );
    await expect(world.slashing.slashSigner(first, 2, single)).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherKeyNotLiable",
    );
    await snapshot.restore();
    expect(await world.slashing.slashSigners.staticCall(first, second, [2], [2])).to.equal(1n);
    await world.slashing.slashSigner(first, 2, single);
    expect(await slashedIds(world, validators)).to.deep.equal([2]);
  });

  it("EVID-19: a member whose own statement conflicts with a certificate is slashed, and no other one", async () => {
    const { world, validators, keys } = await load();
    const certificate = statement(world, 1n, keys, nullify(), [1]);
    const single = singleStatement(world, at(validators, 3).key, finalize(BLOCK_B));
    const isEither = (id: bigint) => [at(validators, 2).id, at(validators, 3).id].includes(id);
    await expect(world.slashing.slashSigner(certificate, 2, single))
      .to.be.revertedWithCustomError(world.slashing, "SlasherSignersDiffer")
      .withArgs(isEither, isEither);
    const absentee = singleStatement(world, at(validators, 1).key, finalize(BLOCK_B));
    await expect(world.slashing.slashSigner(certificate, 1, absentee)).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherSignerAbsent",
    );
    const honest = singleStatement(world, at(validators, 3).key, notarize(BLOCK_B));
    await expect(world.slashing.slashSigner(certificate, 3, honest)).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherMessagesHonest",
    );
    for (const signature of [honest.signature, G1_IDENTITY]) {
      await expect(world.slashing.slashSigner(certificate, 3, { ...single, signature })).to.be.revertedWithCustomError(
        world.slashing,
        "SlasherSignatureInvalid",
      );
    }
    const stranger = singleStatement(world, freshKey(), finalize(BLOCK_B));
    await expect(world.slashing.slashSigner(certificate, 3, stranger)).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherKeyUnknown",
    );
    await world.slashing.slashSigner(certificate, 3, single);
    expect(await slashedIds(world, validators)).to.deep.equal([3]);
    await expect(world.slashing.slashSigner(certificate, 3, single)).to.be.revertedWithCustomError(
      world.slashing,
      "SlasherAlreadySlashed",
    );
  });
});
