import { expect } from "chai";
import { encodeBytes32String, getCreateAddress, keccak256, ZeroHash } from "ethers";
import { network } from "hardhat";

import { g2Words, sign } from "../support/bls.ts";
import { certify, type TestCommittee } from "../support/committee.ts";
import { digestOf, word } from "../support/header.ts";
import * as staking from "../support/staking.ts";
import { DEAD, ESCROW, TOKENS, WAD } from "../support/staking.ts";

const created = await network.create();
const { networkHelpers } = created;

const KIND = { Notarize: 0n, Nullify: 1n, Finalize: 2n, Resume: 3n } as const;
type Kind = keyof typeof KIND;
const [A, B] = [word("block a"), word("block b")];

interface TestMessage {
  readonly kind: bigint;
  readonly epoch: bigint;
  readonly viewNumber: bigint;
  readonly blockHash: string;
  readonly committee: bigint;
}

function message(kind: Kind, fields: Partial<TestMessage> = {}): TestMessage {
  const blank = { kind: KIND[kind], epoch: 1n, viewNumber: 5n, blockHash: A, committee: 0n };
  if (kind === "Nullify") return { ...blank, blockHash: ZeroHash, ...fields };
  if (kind === "Resume") return { ...blank, viewNumber: 0n, committee: 2n, ...fields };
  return { ...blank, ...fields };
}

async function digest(world: staking.World, given: TestMessage, salt = staking.SALT): Promise<string> {
  const { chainId } = await world.ethers.provider.getNetwork();
  const domain = { chainId, verifyingContract: await world.stakeTable.getAddress(), salt };
  const { epoch, viewNumber, blockHash: block, committee } = given;
  if (given.kind === KIND.Resume) return digestOf(domain, "Resume", { epoch, block, committee });
  if (given.kind === KIND.Nullify) return digestOf(domain, "Nullify", { epoch, viewNumber });
  return digestOf(domain, given.kind === KIND.Notarize ? "Notarize" : "Finalize", { epoch, viewNumber, block });
}

/** The sum of a key's signatures over two messages. */
async function pair(world: staking.World, key: staking.TestValidator["key"], first: TestMessage, second: TestMessage) {
  const [one, two] = [await digest(world, first), await digest(world, second)];
  const signature = await sumOf(key.secret, one, two);
  return { key: g2Words(key.point), first, second, signature };
}

async function sumOf(secret: bigint, one: string, two: string) {
  const { g1Words, hashToG1, SIGNATURE_TAG } = await import("../support/bls.ts");
  const { getBytes } = await import("ethers");
  const points = [one, two].map((given) => hashToG1(getBytes(given), SIGNATURE_TAG).multiply(secret));
  return g1Words(points[0]!.add(points[1]!));
}

async function statement(
  world: staking.World,
  committee: TestCommittee,
  given: TestMessage,
  absent: readonly number[] = [],
) {
  const certificate = certify(committee, await digest(world, given), given.viewNumber, absent);
  return { message: given, committee: committee.id, absent: certificate.absent, signature: certificate.signature };
}

/** Four seats of equal stake, and the committee of them. */
async function fourSeats() {
  const world = await staking.deploySlashing(created);
  const validators = await staking.seated(
    world,
    [1000n, 1000n, 1000n, 1000n].map((stake) => stake * TOKENS),
  );
  await staking.rotate(world);
  return { world, validators, committee: committeeOf(1n, validators), slasher: world.slashing };
}

function committeeOf(id: bigint, validators: readonly staking.TestValidator[]): TestCommittee {
  const members = validators.map(({ key, id: validator }, slot) => ({
    ...key,
    weight: 65_535,
    page: 1,
    slot,
    validator: Number(validator),
  }));
  return { id, members };
}

describe("Slasher", () => {
  describe("slash", () => {
    const pairs: readonly (readonly [string, TestMessage, TestMessage])[] = [
      ["S1: two notarize for different blocks", message("Notarize"), message("Notarize", { blockHash: B })],
      ["S2: two finalize for different blocks", message("Finalize"), message("Finalize", { blockHash: B })],
      ["S3: nullify and finalize", message("Nullify"), message("Finalize")],
      ["S4: notarize of one block and finalize of another", message("Notarize"), message("Finalize", { blockHash: B })],
      ["S5: two different resume of one epoch", message("Resume"), message("Resume", { committee: 3n })],
      ["S5: two different resume of one epoch, by block", message("Resume"), message("Resume", { blockHash: B })],
    ];
    for (const [title, first, second] of pairs) {
      it(`SLASH-1: ${title}, in either order`, async () => {
        const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
        const [one, two] = [validators[0]!, validators[1]!];
        await expect(slasher.slash(await pair(world, one.key, first, second)))
          .to.emit(slasher, "Slashed")
          .withArgs(one.id, one.keyHash, world.admin.address, WAD / 4n, await slasherMax(world));
        await expect(slasher.slash(await pair(world, two.key, second, first))).to.emit(slasher, "Slashed");
        expect(await world.stakeTable.slashedAt(one.id)).to.not.equal(0n);
      });
    }

    const honest: readonly (readonly [string, TestMessage, TestMessage])[] = [
      ["notarize and nullify", message("Notarize"), message("Nullify")],
      ["notarize and finalize of one block", message("Notarize"), message("Finalize")],
      ["the same message twice", message("Finalize"), message("Finalize")],
      [
        "two finalizations of different views",
        message("Finalize"),
        message("Finalize", { viewNumber: 6n, blockHash: B }),
      ],
      ["two notarize of different views", message("Notarize"), message("Notarize", { viewNumber: 6n, blockHash: B })],
      ["finalize in one epoch and another", message("Finalize"), message("Finalize", { epoch: 2n, blockHash: B })],
      ["resume of different epochs", message("Resume"), message("Resume", { epoch: 2n, blockHash: B })],
      ["a vote and a resume", message("Finalize"), message("Resume", { blockHash: B })],
    ];
    for (const [title, first, second] of honest) {
      it(`SLASH-2: ${title} never slash`, async () => {
        const { world, validators, committee, slasher } = await networkHelpers.loadFixture(fourSeats);
        await expect(slasher.slash(await pair(world, validators[0]!.key, first, second))).to.be.revertedWithCustomError(
          slasher,
          "SlasherMessagesHonest",
        );
        const [one, two] = [await statement(world, committee, first), await statement(world, committee, second)];
        await expect(slasher.slashSigners(one, two, [0], [0])).to.be.revertedWithCustomError(
          slasher,
          "SlasherMessagesHonest",
        );
      });
    }

    it("SLASH-1: messages have one form: what a kind does not have is zero", async () => {
      const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      const { key } = validators[0]!;
      const evidence = await pair(world, key, message("Nullify"), message("Finalize"));
      for (const first of [message("Nullify", { blockHash: A }), message("Nullify", { committee: 1n })]) {
        await expect(slasher.slash({ ...evidence, first })).to.be.revertedWithCustomError(
          slasher,
          "MessageNotCanonical",
        );
      }
    });

    it("SLASH-3: evidence is bound to salt, deployment, epoch, view, block and kind", async () => {
      const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      const { key } = validators[0]!;
      const [first, second] = [message("Notarize"), message("Notarize", { blockHash: B })];
      const evidence = await pair(world, key, first, second);
      const isInvalid = async (given: typeof evidence) =>
        expect(slasher.slash(given)).to.be.revertedWithCustomError(slasher, "SlasherSignatureInvalid");
      await isInvalid({ ...evidence, first: { ...first, epoch: 2n }, second: { ...second, epoch: 2n } });
      await isInvalid({ ...evidence, first: { ...first, viewNumber: 6n }, second: { ...second, viewNumber: 6n } });
      await isInvalid({ ...evidence, first: { ...first, kind: KIND.Finalize } });
      await isInvalid({ ...evidence, second: { ...second, blockHash: word("block c") } });
      await isInvalid({ ...evidence, key: g2Words(validators[1]!.key.point) });
      const [one, two] = [await digest(world, first, word("other")), await digest(world, second, word("other"))];
      await isInvalid({ ...evidence, signature: await sumOf(key.secret, one, two) });
      await isInvalid({ ...evidence, signature: sign(key.secret, await digest(world, first)) });
    });

    it("SLASH-4: an id is slashed at most once", async () => {
      const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      const { id, key } = validators[0]!;
      const evidence = await pair(world, key, message("Notarize"), message("Notarize", { blockHash: B }));
      await slasher.slash(evidence);
      await expect(slasher.slash(evidence)).to.be.revertedWithCustomError(slasher, "SlasherAlreadySlashed");
      const other = await pair(world, key, message("Nullify"), message("Finalize"));
      await expect(slasher.slash(other))
        .to.be.revertedWithCustomError(slasher, "SlasherAlreadySlashed")
        .withArgs(id, await world.stakeTable.slashedAt(id));
    });

    it("SLASH-5: a key is liable while current and for U after rotateKey", async () => {
      const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      const { id, key, operator, keyHash } = validators[0]!;
      const table = world.stakeTable.connect(operator);
      const next = staking.freshKey();
      await table.proveKey(id, next.packed, await staking.possession(world, next, operator.address));
      await world.stakeTable.seal(next.packed);
      const unused = await pair(world, next, message("Nullify"), message("Finalize"));
      await expect(slasher.slash(unused))
        .to.be.revertedWithCustomError(slasher, "SlasherKeyNotLiable")
        .withArgs(keccak256(next.packed), id);
      await table.rotateKey(id, keccak256(next.packed));
      await staking.rotate(world);
      const { retiredAt } = await world.stakeTable.keyOf(keyHash);
      const evidence = await pair(world, key, message("Nullify"), message("Finalize"));
      await world.helpers.time.setNextBlockTimestamp(retiredAt + ESCROW + 1n);
      await expect(slasher.slash(evidence))
        .to.be.revertedWithCustomError(slasher, "SlasherKeyNotLiable")
        .withArgs(keyHash, id);
      await expect(slasher.slash(unused)).to.emit(slasher, "Slashed");
    });

    it("SLASH-5: a key is liable to the last second of U after exit, and not a second longer", async () => {
      const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      for (const [index, late] of [0n, 1n].entries()) {
        const { id, key, operator } = validators[index]!;
        await world.stakeTable.connect(operator).exit(id);
        const { exitedAt } = await world.stakeTable.validator(id);
        await world.helpers.time.setNextBlockTimestamp(exitedAt + ESCROW + late);
        const sent = slasher.slash(await pair(world, key, message("Nullify"), message("Finalize")));
        if (late === 0n) await expect(sent).to.emit(slasher, "Slashed");
        else await expect(sent).to.be.revertedWithCustomError(slasher, "SlasherKeyNotLiable");
      }
    });

    it("SLASH-5: an unknown key slashes nobody", async () => {
      const { world, slasher } = await networkHelpers.loadFixture(fourSeats);
      const key = staking.freshKey();
      await expect(slasher.slash(await pair(world, key, message("Nullify"), message("Finalize"))))
        .to.be.revertedWithCustomError(slasher, "SlasherKeyUnknown")
        .withArgs(keccak256(key.packed));
    });
  });

  describe("slashSigners", () => {
    it("SLASH-10: slashes exactly those that signed both certificates", async () => {
      const { world, validators, committee, slasher } = await networkHelpers.loadFixture(fourSeats);
      const first = await statement(world, committee, message("Finalize"), [3]);
      const second = await statement(world, committee, message("Finalize", { blockHash: B }), [0]);
      await expect(slasher.slashSigners(first, second, [0], [0]))
        .to.be.revertedWithCustomError(slasher, "SlasherSignerAbsent")
        .withArgs(1n, 0);
      await expect(slasher.slashSigners(first, second, [3], [3])).to.be.revertedWithCustomError(
        slasher,
        "SlasherSignerAbsent",
      );
      await expect(slasher.slashSigners(first, second, [1], [2]))
        .to.be.revertedWithCustomError(slasher, "SlasherSignersDiffer")
        .withArgs(validators[1]!.id, validators[2]!.id);
      await expect(slasher.slashSigners(first, second, [4], [4])).to.be.revertedWithCustomError(
        slasher,
        "SlasherSignerAbsent",
      );
      await slasher.slashSigners(first, second, [1, 2], [1, 2]);
      const slashed = await Promise.all(
        validators.map(async ({ id }) => (await world.stakeTable.slashedAt(id)) !== 0n),
      );
      expect(slashed).to.deep.equal([false, true, true, false]);
    });

    it("SLASH-11: the same evidence serves until all are done, and one slashed before spoils no call", async () => {
      const { world, committee, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      const first = await statement(world, committee, message("Notarize"));
      const second = await statement(world, committee, message("Finalize", { blockHash: B }));
      await slasher.slashSigners(first, second, [0], [0]);
      await slasher.slashSigners(first, second, [0, 1], [0, 1]);
      expect(await world.stakeTable.slashedAt(validators[1]!.id)).to.not.equal(0n);
      await expect(slasher.slashSigners(first, second, [0, 1], [0, 1])).to.be.revertedWithCustomError(
        slasher,
        "SlasherNobodySlashed",
      );
    });

    it("SLASH-11: takes at most 32 signers, as many of one list as of the other, of a known committee", async () => {
      const { world, committee, slasher } = await networkHelpers.loadFixture(fourSeats);
      const first = await statement(world, committee, message("Notarize"));
      const second = await statement(world, committee, message("Finalize", { blockHash: B }));
      const many = Array.from({ length: 33 }, () => 0);
      await expect(slasher.slashSigners(first, second, many, many))
        .to.be.revertedWithCustomError(slasher, "SlasherSignersTooMany")
        .withArgs(33, 32);
      await slasher.slashSigners(first, second, many.slice(1), many.slice(1));
      await expect(slasher.slashSigners(first, second, [0, 1], [0]))
        .to.be.revertedWithCustomError(slasher, "SlasherSignersMismatch")
        .withArgs(2, 1);
      await expect(slasher.slashSigners({ ...first, committee: 9n }, second, [0], [0]))
        .to.be.revertedWithCustomError(slasher, "SlasherCommitteeUnknown")
        .withArgs(9n);
    });

    it("SLASH-10: refuses a signature that is not by all who are not absent", async () => {
      const { world, committee, slasher } = await networkHelpers.loadFixture(fourSeats);
      const first = await statement(world, committee, message("Notarize"), [3]);
      const second = await statement(world, committee, message("Finalize", { blockHash: B }));
      await expect(slasher.slashSigners({ ...first, absent: "0x00" }, second, [0], [0])).to.be.revertedWithCustomError(
        slasher,
        "SlasherSignatureInvalid",
      );
      await expect(slasher.slashSigners({ ...first, absent: "0x0f" }, second, [0], [0])).to.be.revertedWithCustomError(
        slasher,
        "SlasherSignatureInvalid",
      );
      await expect(slasher.slashSigners({ ...first, absent: "0x18" }, second, [0], [0])).to.be.revertedWithCustomError(
        slasher,
        "CertificateBitmapOutOfBounds",
      );
    });

    it("SLASH-10: finds a signer in two different committees", async () => {
      const { world, committee, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      await world.stakeTable.connect(validators[0]!.operator).leaveSeat(validators[0]!.id);
      const fifth = await staking.register(world, { operator: world.accounts[4]!, selfStake: 1000n * TOKENS });
      await world.stakeTable.seal(fifth.key.packed);
      await world.stakeTable.connect(fifth.operator).takeSeat(fifth.id);
      await staking.rotate(world);
      const later = committeeOf(2n, [fifth, ...validators.slice(1)]);
      const first = await statement(world, committee, message("Finalize"));
      const second = await statement(world, later, message("Finalize", { blockHash: B }));
      await expect(slasher.slashSigners(first, second, [0], [0])).to.be.revertedWithCustomError(
        slasher,
        "SlasherSignersDiffer",
      );
      await slasher.slashSigners(first, second, [1], [1]);
      expect(await world.stakeTable.slashedAt(validators[1]!.id)).to.not.equal(0n);
    });

    it("SLASH-12: a member's own statement against a certificate that it signed", async () => {
      const { world, committee, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      const certificate = await statement(world, committee, message("Finalize"));
      const { key, id } = validators[2]!;
      const own = message("Nullify");
      const single = { key: g2Words(key.point), message: own, signature: sign(key.secret, await digest(world, own)) };
      await expect(slasher.slashSigner(certificate, 1, single))
        .to.be.revertedWithCustomError(slasher, "SlasherSignersDiffer")
        .withArgs(id, validators[1]!.id);
      await expect(
        slasher.slashSigner(certificate, 2, { ...single, signature: certificate.signature }),
      ).to.be.revertedWithCustomError(slasher, "SlasherSignatureInvalid");
      await slasher.slashSigner(certificate, 2, single);
      expect(await world.stakeTable.slashedAt(id)).to.not.equal(0n);
    });
  });

  describe("penalty", () => {
    it("SLASH-13: a lone fault of a quarter of the stake costs what pMax allows, then three times its part", async () => {
      for (const [wait, least, most] of [
        [0n, WAD / 10n, WAD / 10n + WAD / 100n],
        [365n * staking.DAY, (WAD * 3n) / 4n, (WAD * 3n) / 4n],
      ] as const) {
        const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
        if (wait !== 0n) await staking.increase(world, wait);
        const { id, key } = validators[0]!;
        await slasher.slash(await pair(world, key, message("Nullify"), message("Finalize")));
        const due = await slasher.settleableAt(id);
        await world.helpers.time.setNextBlockTimestamp(due - 1n);
        await expect(slasher.settle(id))
          .to.be.revertedWithCustomError(slasher, "SlasherSettlementTooEarly")
          .withArgs(id, due - 1n, due);
        await world.helpers.time.setNextBlockTimestamp(due);
        await slasher.settle(id);
        const { penalty } = await world.stakeTable.validator(id);
        expect(penalty).to.be.greaterThanOrEqual(least).and.lessThanOrEqual(most);
      }
    });

    it("SLASH-14: a third of the stake together loses everything; U apart, each pays for itself", async () => {
      const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      await staking.increase(world, 365n * staking.DAY);
      for (const { key } of validators.slice(0, 2)) {
        await slasher.slash(await pair(world, key, message("Nullify"), message("Finalize")));
      }
      await staking.increase(world, 2n * ESCROW + 2n);
      await slasher.slash(await pair(world, validators[2]!.key, message("Nullify"), message("Finalize")));
      await staking.increase(world, ESCROW + 2n);
      for (const { id } of validators.slice(0, 3)) await slasher.settle(id);
      const penalties = await Promise.all(
        validators.slice(0, 3).map(async ({ id }) => (await world.stakeTable.validator(id)).penalty),
      );
      expect(penalties).to.deep.equal([WAD, WAD, (WAD * 3n) / 4n]);
    });

    it("SLASH-15: the reporter gets half of what the self-stake surely loses, so slashing oneself does not pay", async () => {
      const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      const { id, key, operator } = validators[0]!;
      await world.stakeTable.connect(world.accounts[9]).delegate(id, 9000n * TOKENS, 0n);
      const before = await world.token.balanceOf(operator.address);
      await slasher.connect(operator).slash(await pair(world, key, message("Nullify"), message("Finalize")));
      const reward = (await world.token.balanceOf(operator.address)) - before;
      const ceiling = await slasher.maxPenalty();
      expect(reward).to.equal((1000n * TOKENS * ceiling) / (2n * WAD));
      await staking.increase(world, ESCROW + 1n);
      await slasher.settle(id);
      await world.stakeTable.redeem(id, operator.address);
      const after = await world.token.balanceOf(operator.address);
      expect(after - before).to.be.lessThan(1000n * TOKENS - reward + 1n);
      expect(await world.token.balanceOf(DEAD)).to.equal(
        1000n * TOKENS - (after - before) + 9000n * TOKENS - (await held(world, id)),
      );
    });

    it("SLASH-16: what left lately counts: undelegating first lowers neither fraction nor penalty", async () => {
      const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      await staking.increase(world, 365n * staking.DAY);
      const { id, key, operator } = validators[0]!;
      await world.stakeTable.connect(operator).undelegate(id, 900n * TOKENS);
      await slasher.slash(await pair(world, key, message("Nullify"), message("Finalize")));
      await staking.increase(world, ESCROW + 1n);
      await slasher.settle(id);
      expect((await world.stakeTable.validator(id)).penalty).to.equal((WAD * 3n) / 4n);
      await expect(world.stakeTable.withdraw(1n))
        .to.emit(world.stakeTable, "Withdrawn")
        .withArgs(1n, operator.address, 225n * TOKENS, 675n * TOKENS);
    });

    it("SLASH-17: settles what was slashed, once", async () => {
      const { world, validators, slasher } = await networkHelpers.loadFixture(fourSeats);
      const { id, key } = validators[0]!;
      await expect(slasher.settle(id)).to.be.revertedWithCustomError(slasher, "SlasherNotSlashed").withArgs(id);
      await slasher.slash(await pair(world, key, message("Nullify"), message("Finalize")));
      await staking.increase(world, ESCROW + 1n);
      await slasher.settle(id);
      await expect(slasher.settle(id)).to.be.revertedWithCustomError(world.stakeTable, "StakeTableAlreadySettled");
    });

    it("SLASH-13: refuses penalties out of bounds, and a stake table that names another slasher", async () => {
      const { world, slasher } = await networkHelpers.loadFixture(fourSeats);
      await expect(world.ethers.deployContract("Slasher", [world.stakeTable.target, staking.SALT, staking.PENALTIES]))
        .to.be.revertedWithCustomError(slasher, "SlasherConfigInvalid")
        .withArgs(encodeBytes32String("stakeTable"));
      for (const bad of [{ minPenalty: WAD / 10n + 1n }, { launchPenalty: WAD + 1n }, { launchPenalty: 0n }]) {
        const [field = ""] = Object.keys(bad);
        await expect(staking.deploySlashing(created, {}, { ...staking.PENALTIES, ...bad }))
          .to.be.revertedWithCustomError(slasher, "SlasherConfigInvalid")
          .withArgs(encodeBytes32String(field));
      }
    });

    it("EVID-12: a slasher without a salt would take the evidence of every cluster, and is not made", async () => {
      const { world, slasher } = await networkHelpers.loadFixture(fourSeats);
      const libraries = await staking.deployLibraries(world.ethers);
      const from = world.admin.address;
      const named = getCreateAddress({ from, nonce: (await world.admin.getNonce()) + 1 });
      const config = staking.configOf(world.token.target, named, world.authority.target);
      const { target } = await world.ethers.deployContract("StakeTable", [config], { libraries });
      await expect(world.ethers.deployContract("Slasher", [target, ZeroHash, staking.PENALTIES]))
        .to.be.revertedWithCustomError(slasher, "SlasherConfigInvalid")
        .withArgs(encodeBytes32String("salt"));
    });
  });
});

async function slasherMax(world: staking.SlashingWorld): Promise<(value: bigint) => boolean> {
  const now = await world.slashing.maxPenalty();
  return (value) => value >= now && value < now + WAD / 1000n;
}

/** What the delegator of a settled validator still holds. */
async function held(world: staking.World, id: bigint): Promise<bigint> {
  return (await world.stakeTable.pool(id)).assets;
}
