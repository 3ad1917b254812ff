import { expect } from "chai";
import { concat, encodeBytes32String, keccak256, toBeHex } from "ethers";
import { network } from "hardhat";

import { FIELD_MODULUS, G1_IDENTITY, keyPair, POSSESSION_TAG, sign } from "../support/bls.ts";
import * as staking from "../support/staking.ts";
import { ESCROW, METADATA, NETWORK, PARAMETER, TOKENS } from "../support/staking.ts";

const created = await network.create();
const { networkHelpers } = created;

/** Where the stake table keeps its counters, behind the slot of AccessManaged. */
const HEAD_SLOT = 1;

async function empty() {
  const world = await staking.deployStakeTable(created);
  return { world, stakeTable: world.stakeTable, operator: world.accounts[0]! };
}

async function one() {
  const state = await empty();
  const validator = await staking.register(state.world, { operator: state.operator, selfStake: 1000n * TOKENS });
  return { ...state, validator, operated: state.stakeTable.connect(state.operator) };
}

/** A validator with a second key, proven and sealed. */
async function secondKey() {
  const state = await one();
  const key = staking.freshKey();
  await state.operated.proveKey(
    state.validator.id,
    key.packed,
    await staking.possession(state.world, key, state.operator.address),
  );
  await state.stakeTable.seal(concat([state.validator.key.packed, key.packed]));
  return { ...state, key, keyHash: keccak256(key.packed) };
}

describe("StakeTable registry", () => {
  describe("register", () => {
    it("KEY-1: takes a key whose possession is proven, and announces all that a reader needs", async () => {
      const { world, stakeTable, operator } = await networkHelpers.loadFixture(empty);
      const key = staking.freshKey();
      const proof = await staking.possession(world, key, operator.address);
      const sent = stakeTable.connect(operator).register(key.packed, proof, 500n, NETWORK, METADATA, 100n * TOKENS);
      const keyHash = keccak256(key.packed);
      await expect(sent).to.emit(stakeTable, "ValidatorRegistered").withArgs(1n, operator.address, 500n);
      await expect(sent).to.emit(stakeTable, "KeyProven").withArgs(1n, keyHash, key.packed);
      await expect(sent).to.emit(stakeTable, "KeyRotated").withArgs(1n, keyHash);
      await expect(sent).to.emit(stakeTable, "NetworkChanged").withArgs(1n, NETWORK);
      await expect(sent).to.emit(stakeTable, "MetadataChanged").withArgs(1n, METADATA);
      await expect(sent)
        .to.emit(stakeTable, "Delegated")
        .withArgs(1n, operator.address, 100n * TOKENS, 100n * TOKENS);
      expect(await stakeTable.liability(keyHash)).to.deep.equal([1n, true, 0n]);
      const validator = await stakeTable.validator(1n);
      expect([validator.operator, validator.commission, validator.lockedShares]).to.deep.equal([
        operator.address,
        500n,
        100n * TOKENS,
      ]);
      expect((await stakeTable.validator(2n)).operator).to.equal("0x0000000000000000000000000000000000000000");
    });

    it("KEY-2: a proof of possession copied from the mempool is worth nothing to another account", async () => {
      const { world, stakeTable, operator } = await networkHelpers.loadFixture(empty);
      const key = staking.freshKey();
      const proof = await staking.possession(world, key, operator.address);
      await expect(
        stakeTable.connect(world.accounts[1]).register(key.packed, proof, 0n, NETWORK, METADATA, 100n * TOKENS),
      )
        .to.be.revertedWithCustomError(stakeTable, "StakeTablePossessionUnproven")
        .withArgs(keccak256(key.packed));
    });

    it("KEY-2: refuses the identity as key and as proof, rogue keys, and a proof under the voting tag", async () => {
      const { world, stakeTable, operator } = await networkHelpers.loadFixture(empty);
      const table = stakeTable.connect(operator);
      const key = staking.freshKey();
      const proof = await staking.possession(world, key, operator.address);
      const isUnproven = async (packed: string, signature: typeof proof) =>
        expect(table.register(packed, signature, 0n, NETWORK, METADATA, 100n * TOKENS)).to.be.revertedWithCustomError(
          stakeTable,
          "StakeTablePossessionUnproven",
        );
      await isUnproven("0x" + "00".repeat(192), proof);
      await isUnproven("0x" + "00".repeat(192), G1_IDENTITY);
      await isUnproven(key.packed, G1_IDENTITY);
      await isUnproven(key.packed, await staking.possession(world, staking.freshKey(), operator.address));
      await isUnproven(key.packed, sign(key.secret, keccak256(key.packed), POSSESSION_TAG));
    });

    it("KEY-2: refuses keys that are no points, are not canonical, or have the wrong length", async () => {
      const { world, stakeTable, operator } = await networkHelpers.loadFixture(empty);
      const table = stakeTable.connect(operator);
      const precompiles = await world.ethers.getContractAt("BLS", stakeTable.target);
      const { packed } = staking.freshKey();
      const proof = await staking.possession(world, keyPair("any"), operator.address);
      const send = async (key: string) => table.register(key, proof, 0n, NETWORK, METADATA, 100n * TOKENS);
      const notCanonical = concat([toBeHex(FIELD_MODULUS, 48), "0x" + packed.slice(2 + 96)]);
      const notOnCurve = concat([toBeHex(5n, 48), "0x" + packed.slice(2 + 96)]);
      for (const key of [notCanonical, notOnCurve]) {
        await expect(send(key)).to.be.revertedWithCustomError(precompiles, "BlsPrecompileFailed");
      }
      await expect(send(packed + "00")).to.be.revertedWithCustomError(precompiles, "BlsKeyLengthWrong");
    });

    it("KEY-1: ids end where seats can name no more", async () => {
      const { world, stakeTable, operator } = await networkHelpers.loadFixture(empty);
      const most = 2n ** 31n - 1n;
      // Nobody registers that many: the count, in the lower 32 bits of its slot, is set.
      await networkHelpers.setStorageAt(world.stakeTable.target as string, HEAD_SLOT, most - 1n);
      expect(await stakeTable.validatorCount()).to.equal(most - 1n);
      const last = await staking.register(world, { operator });
      expect(last.id).to.equal(most);
      const key = staking.freshKey();
      const proof = await staking.possession(world, key, operator.address);
      await expect(stakeTable.connect(operator).register(key.packed, proof, 0n, NETWORK, METADATA, 100n * TOKENS))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableValidatorsExhausted")
        .withArgs(most);
    });

    it("KEY-3: a key is registered once for ever", async () => {
      const { world, stakeTable, validator, operated } = await networkHelpers.loadFixture(one);
      const { key, keyHash, operator } = validator;
      await expect(staking.register(world, { key, operator: world.accounts[3]! }))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableKeyKnown")
        .withArgs(keyHash, 1n);
      await operated.exit(validator.id);
      await expect(staking.register(world, { key, operator })).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableKeyKnown",
      );
      expect((await staking.register(world, { operator })).id).to.equal(2n);
    });

    it("STAKE-5: refuses too little self-stake, and what is out of range", async () => {
      const { world, stakeTable, operator } = await networkHelpers.loadFixture(empty);
      const key = staking.freshKey();
      const proof = await staking.possession(world, key, operator.address);
      const table = stakeTable.connect(operator);
      await expect(table.register(key.packed, proof, 0n, NETWORK, METADATA, 100n * TOKENS - 1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableAmountTooLow")
        .withArgs(100n * TOKENS - 1n, 100n * TOKENS);
      await expect(table.register(key.packed, proof, 10_001n, NETWORK, METADATA, 100n * TOKENS))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableCommissionTooHigh")
        .withArgs(10_001n, 10_000n);
      for (const length of [32, 513]) {
        await expect(table.register(key.packed, proof, 0n, "0x" + "11".repeat(length), METADATA, 100n * TOKENS))
          .to.be.revertedWithCustomError(stakeTable, "StakeTableNetworkLengthInvalid")
          .withArgs(length, 33, 512);
      }
      await expect(table.register(key.packed, proof, 0n, NETWORK, "m".repeat(2049), 100n * TOKENS))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableMetadataTooLong")
        .withArgs(2049, 2048);
      await table.register(key.packed, proof, 10_000n, "0x" + "11".repeat(512), "m".repeat(2048), 100n * TOKENS);
    });
  });

  describe("settings of a validator", () => {
    it("STAKE-8: a commission falls at once, and rises by at most 500 points after U", async () => {
      const { world, stakeTable, validator, operated } = await networkHelpers.loadFixture(one);
      const { id } = validator;
      await expect(operated.setCommission(id, 501n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableCommissionTooHigh")
        .withArgs(501n, 500n);
      await expect(operated.setCommission(id, 0n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableCommissionUnchanged")
        .withArgs(0n);
      await operated.setCommission(id, 500n);
      expect((await stakeTable.validator(id)).commission).to.equal(0n);
      await staking.increase(world, ESCROW);
      expect((await stakeTable.validator(id)).commission).to.equal(500n);
      await operated.setCommission(id, 1000n);
      await operated.setCommission(id, 100n);
      expect((await stakeTable.validator(id)).commission).to.equal(100n);
      await staking.increase(world, ESCROW);
      expect((await stakeTable.validator(id)).commission).to.equal(100n);
    });

    it("STAKE-8: network and metadata are announced by the operator alone, until exit", async () => {
      const { world, stakeTable, validator, operated } = await networkHelpers.loadFixture(one);
      const { id, operator } = validator;
      await expect(operated.setNetwork(id, NETWORK)).to.emit(stakeTable, "NetworkChanged").withArgs(id, NETWORK);
      await expect(operated.setMetadata(id, "x")).to.emit(stakeTable, "MetadataChanged").withArgs(id, "x");
      const stranger = stakeTable.connect(world.accounts[9]);
      for (const send of [
        () => stranger.setNetwork(id, NETWORK),
        () => stranger.setMetadata(id, "x"),
        () => stranger.setCommission(id, 1n),
        () => stranger.exit(id),
        () => stranger.rotateKey(id, validator.keyHash),
      ]) {
        await expect(send())
          .to.be.revertedWithCustomError(stakeTable, "StakeTableNotOperator")
          .withArgs(world.accounts[9]!.address, operator.address);
      }
      await expect(operated.exit(id)).to.emit(stakeTable, "ValidatorExited").withArgs(id);
      await expect(operated.setMetadata(id, "x")).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableValidatorHasExited",
      );
    });
  });

  describe("seal", () => {
    it("KEY-5: writes waiting keys, negated and with their ids, to one page", async () => {
      const { world, stakeTable, validator } = await networkHelpers.loadFixture(one);
      const other = await staking.register(world, { operator: world.accounts[1]! });
      const sent = stakeTable.connect(world.accounts[15]).seal(staking.concatKeys([validator, other]));
      await expect(sent).to.emit(stakeTable, "PageSealed").withArgs(1n, [validator.keyHash, other.keyHash]);
      const entries = [validator, other].map(({ key, id }) => {
        const [x0, x1, y0, y1] = [0, 1, 2, 3].map((i) => BigInt("0x" + key.packed.slice(2 + 96 * i, 98 + 96 * i)));
        const negate = (value: bigint) => (value === 0n ? 0n : FIELD_MODULUS - value);
        return concat([...[x0!, x1!, negate(y0!), negate(y1!)].map((value) => toBeHex(value, 48)), toBeHex(id, 4)]);
      });
      expect(await world.ethers.provider.getCode(staking.createdBy(world, 1))).to.equal(concat(["0x00", ...entries]));
      expect((await stakeTable.keyOf(other.keyHash)).slot).to.equal(1n);
    });

    it("KEY-5: skips keys that someone sealed first, so no one can spoil a page", async () => {
      const { world, stakeTable, validator } = await networkHelpers.loadFixture(one);
      const other = await staking.register(world, { operator: world.accounts[1]! });
      await stakeTable.seal(validator.key.packed);
      await expect(stakeTable.seal(staking.concatKeys([validator, other, other])))
        .to.emit(stakeTable, "PageSealed")
        .withArgs(2n, [other.keyHash]);
      expect((await stakeTable.keyOf(validator.keyHash)).page).to.equal(1n);
      await expect(stakeTable.seal(staking.concatKeys([validator, other]))).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableNothingToSeal",
      );
    });

    it("KEY-5: takes 125 keys and not 126, whole ones, and registered ones", async () => {
      const { stakeTable, validator } = await networkHelpers.loadFixture(one);
      const { packed } = validator.key;
      await expect(stakeTable.seal(concat(Array.from({ length: 126 }, () => packed))))
        .to.be.revertedWithCustomError(stakeTable, "StakeTablePageOverflow")
        .withArgs(126, 125);
      await expect(stakeTable.seal("0x"))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableKeyLengthInvalid")
        .withArgs(0, 192);
      await expect(stakeTable.seal(packed + "00"))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableKeyLengthInvalid")
        .withArgs(193, 192);
      const unknown = staking.freshKey().packed;
      await expect(stakeTable.seal(concat([packed, unknown])))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableKeyUnknown")
        .withArgs(keccak256(unknown));
      await expect(stakeTable.seal(concat(Array.from({ length: 125 }, () => packed)))).to.emit(
        stakeTable,
        "PageSealed",
      );
    });

    it("KEY-5: a full page of 125 keys fits a contract", async function () {
      this.timeout(120_000);
      const { world, stakeTable } = await networkHelpers.loadFixture(empty);
      const validators = [];
      for (let i = 0; i < 125; i++) validators.push(await staking.register(world, { operator: world.accounts[0]! }));
      await stakeTable.seal(staking.concatKeys(validators));
      const code = await world.ethers.provider.getCode(staking.createdBy(world, 1));
      expect((code.length - 2) / 2).to.equal(1 + 125 * 196);
    });
  });

  describe("rotateKey", () => {
    it("KEY-6: is at once without a seat; the old key stays liable for U and cannot come back", async () => {
      const { world, stakeTable, validator, operated, keyHash } = await networkHelpers.loadFixture(secondKey);
      await expect(operated.rotateKey(validator.id, keyHash))
        .to.emit(stakeTable, "KeyRotated")
        .withArgs(validator.id, keyHash);
      expect(await stakeTable.liability(validator.keyHash)).to.deep.equal([validator.id, true, 0n]);
      await expect(operated.rotateKey(validator.id, validator.keyHash))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableKeyUsed")
        .withArgs(validator.keyHash);
      await staking.increase(world, ESCROW + 1n);
      expect(await stakeTable.liability(validator.keyHash)).to.deep.equal([validator.id, false, 0n]);
      expect(await stakeTable.liability(keyHash)).to.deep.equal([validator.id, true, 0n]);
    });

    it("KEY-6: names a key that is this validator's and sealed", async () => {
      const { world, stakeTable, validator, operated } = await networkHelpers.loadFixture(secondKey);
      const other = await staking.register(world, { operator: world.accounts[1]! });
      await expect(operated.rotateKey(validator.id, other.keyHash))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableKeyNotOwned")
        .withArgs(other.keyHash, other.id, validator.id);
      const key = staking.freshKey();
      const proof = await staking.possession(world, key, validator.operator.address);
      await operated.proveKey(validator.id, key.packed, proof);
      await expect(operated.rotateKey(validator.id, keccak256(key.packed)))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableKeyNotSealed")
        .withArgs(keccak256(key.packed));
      await expect(operated.proveKey(validator.id, key.packed, proof)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableKeyKnown",
      );
    });
  });

  describe("governance", () => {
    it("GOV-1: a parameter is queued by the manager, within bounds, and applied by anyone after U", async () => {
      const { world, stakeTable } = await networkHelpers.loadFixture(empty);
      const governed = stakeTable.connect(world.admin);
      const unit = staking.STAKE_UNIT;
      const minimum = (2n ** 24n - 1n) * unit;
      const bounds: readonly (readonly [number, bigint, bigint])[] = [
        [PARAMETER.seats, 4n, 100n],
        [PARAMETER.minSelfStake, unit, minimum],
        [PARAMETER.minSeatStake, unit, minimum],
        [PARAMETER.minCommitteeStake, 4n * unit, 4n * minimum],
        [PARAMETER.minDelegation, 1n, minimum],
        [PARAMETER.rotationInterval, 1n, ESCROW / 4n],
        [PARAMETER.reporterCap, 0n, 2n ** 104n - 1n],
      ];
      for (const [parameter, atLeast, atMost] of bounds) {
        for (const bad of [atLeast - 1n, atMost + 1n].filter((value) => value >= 0n)) {
          await expect(governed.queueParameter(parameter, bad))
            .to.be.revertedWithCustomError(stakeTable, "StakeTableParameterOutOfBounds")
            .withArgs(parameter, bad, atLeast, atMost);
        }
        await governed.queueParameter(parameter, atLeast);
        await governed.queueParameter(parameter, atMost);
        const { effectiveAt } = await stakeTable.queuedParameter(parameter);
        await expect(stakeTable.applyParameter(parameter))
          .to.be.revertedWithCustomError(stakeTable, "StakeTableParameterNotDue")
          .withArgs(parameter, effectiveAt);
      }
      await staking.increase(world, ESCROW);
      for (const [parameter, , atMost] of bounds) {
        await expect(stakeTable.connect(world.accounts[15]).applyParameter(parameter))
          .to.emit(stakeTable, "ParameterApplied")
          .withArgs(parameter, atMost);
      }
      const { seats, minSelfStake, minSeatStake, minCommitteeStake, minDelegation, rotationInterval, reporterCap } =
        await stakeTable.parameters();
      expect([
        seats,
        minSelfStake,
        minSeatStake,
        minCommitteeStake,
        minDelegation,
        rotationInterval,
        reporterCap,
      ]).to.deep.equal(bounds.map(([, , atMost]) => atMost));
    });

    it("GOV-1: a queued value can be cancelled; nothing applies twice", async () => {
      const { world, stakeTable } = await networkHelpers.loadFixture(empty);
      const governed = stakeTable.connect(world.admin);
      await expect(governed.cancelParameter(0)).to.be.revertedWithCustomError(
        stakeTable,
        "StakeTableParameterNotQueued",
      );
      await governed.queueParameter(PARAMETER.seats, 50n);
      await governed.cancelParameter(PARAMETER.seats);
      await staking.increase(world, ESCROW);
      await expect(stakeTable.applyParameter(PARAMETER.seats))
        .to.be.revertedWithCustomError(stakeTable, "StakeTableParameterNotQueued")
        .withArgs(PARAMETER.seats);
    });

    it("GOV-2: the guardian stops register and delegate for at most seven days in sixty, and nothing else", async () => {
      const { world, stakeTable, validator, operated } = await networkHelpers.loadFixture(one);
      const governed = stakeTable.connect(world.admin);
      await expect(governed.pause(7n * staking.DAY + 1n))
        .to.be.revertedWithCustomError(stakeTable, "StakeTablePauseTooLong")
        .withArgs(7n * staking.DAY + 1n, 7n * staking.DAY);
      await governed.pause(7n * staking.DAY);
      const until = await stakeTable.pausedUntil();
      const zero = "0x" + "00".repeat(32);
      for (const send of [
        () => operated.delegate(validator.id, TOKENS, 0n),
        () => operated.delegateWithPermit(validator.id, TOKENS, 0n, 0n, 27, zero, zero),
        () => staking.register(world, { operator: world.accounts[1]! }),
      ]) {
        await expect(send()).to.be.revertedWithCustomError(stakeTable, "StakeTablePaused").withArgs(until);
      }
      await operated.undelegate(validator.id, TOKENS);
      await stakeTable.seal(validator.key.packed);
      await operated.takeSeat(validator.id);
      await staking.increase(world, 7n * staking.DAY);
      await operated.delegate(validator.id, TOKENS, 0n);
      await expect(governed.pause(1n)).to.be.revertedWithCustomError(stakeTable, "StakeTablePauseTooSoon");
      await world.helpers.time.setNextBlockTimestamp(until + 60n * staking.DAY);
      await governed.pause(1000n);
      await governed.unpause();
      await operated.delegate(validator.id, TOKENS, 0n);
    });

    it("GOV-3: only the manager's roles queue, cancel and pause; a closed target stops nothing that users need", async () => {
      const { world, stakeTable, validator, operated } = await networkHelpers.loadFixture(one);
      for (const send of [
        () => operated.queueParameter(0, 50n),
        () => operated.cancelParameter(0),
        () => operated.pause(1n),
        () => operated.unpause(),
      ]) {
        await expect(send()).to.be.revertedWithCustomError(stakeTable, "AccessManagedUnauthorized");
      }
      await world.authority.getFunction("setTargetClosed")(stakeTable.target, true);
      await operated.delegate(validator.id, TOKENS, 0n);
      await operated.undelegate(validator.id, TOKENS);
      await operated.exit(validator.id);
    });

    it("GOV-4: refuses to be made with values out of bounds", async () => {
      const { world, stakeTable } = await networkHelpers.loadFixture(empty);
      const libraries = await staking.deployLibraries(world.ethers);
      const good = staking.configOf(world.token.target, world.slasher.address, world.authority.target);
      const zero = "0x0000000000000000000000000000000000000000";
      for (const bad of [
        { token: zero },
        { slasher: zero },
        { authority: zero },
        { escrow: 8n * staking.DAY - 1n },
        { escrow: 365n * staking.DAY + 1n },
        { stakeUnit: 0n },
        { stakeUnit: 2n ** 103n },
      ]) {
        const [field = ""] = Object.keys(bad);
        await expect(world.ethers.deployContract("StakeTable", [{ ...good, ...bad }], { libraries }))
          .to.be.revertedWithCustomError(stakeTable, "StakeTableConfigInvalid")
          .withArgs(encodeBytes32String(field));
      }
      for (const escrow of [8n * staking.DAY, 365n * staking.DAY]) {
        const table = await world.ethers.deployContract("StakeTable", [{ ...good, escrow }], { libraries });
        expect(await table.escrow()).to.equal(escrow);
      }
      const parameters = { ...staking.PARAMETERS, seats: 3n };
      await expect(
        world.ethers.deployContract("StakeTable", [{ ...good, parameters }], { libraries }),
      ).to.be.revertedWithCustomError(stakeTable, "StakeTableParameterOutOfBounds");
    });
  });
});
