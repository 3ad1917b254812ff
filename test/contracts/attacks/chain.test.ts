import { bls12_381 } from "@noble/curves/bls12-381.js";
import { expect } from "chai";
import { ZeroHash } from "ethers";
import { network } from "hardhat";

import { type G2Point, GROUP_ORDER, pack } from "../support/bls.ts";
import { certify, type TestCommittee } from "../support/committee.ts";
import { digestOf, hashHeader, type TestHeader, word } from "../support/header.ts";
import * as client from "../support/lightClient.ts";
import { DAY, finalizeDigest } from "../support/lightClient.ts";
import { pathOf, rootOf } from "../support/merkle.ts";
import * as staking from "../support/staking.ts";
import { METADATA, NETWORK, TOKENS } from "../support/staking.ts";

const WEIGHTS = [3, 3, 3, 3];
const FORKED_ID = 4242n;

const forked = async () => network.create({ network: "default", override: { chainId: Number(FORKED_ID) } });

describe("attacks on what L1 takes for final", () => {
  let created: Awaited<ReturnType<typeof network.create>>;
  let world: client.LightClientWorld;
  let committee: TestCommittee;

  before(async () => {
    created = await network.create();
  });

  beforeEach(async () => {
    world = await client.deployWorld(created.ethers);
    committee = await client.addCommittee(world, { weights: WEIGHTS });
  });

  const finalized = (header: TestHeader, by = committee) => ({
    header,
    certificate: client.finalization(world, by, header),
  });

  async function advance(header: TestHeader, by = committee): Promise<void> {
    const { certificate } = finalized(header, by);
    await (await world.lightClient.advance(header, certificate)).wait();
  }

  describe("a chain that forked off under another id", () => {
    it("CERT-2: takes certificates for its own id and none for the id that it was deployed under", async () => {
      // The same deployment twice. The fork keeps code with the old chain's id in it, and storage.
      const [old, fork] = [await network.create(), await forked()];
      const [before, after] = [await client.deployWorld(old.ethers), await client.deployWorld(fork.ethers)];
      const members = await client.addCommittee(after, { weights: WEIGHTS });
      const { lightClient, domain } = after;
      const address = await lightClient.getAddress();
      expect([address, domain.verifyingContract]).to.deep.equal([
        await before.lightClient.getAddress(),
        before.domain.verifyingContract,
      ]);
      await fork.networkHelpers.setCode(address, await old.ethers.provider.getCode(address));
      const header = await client.headerNow(after, { height: 1n });
      const sign = (chainId: bigint) => certify(members, finalizeDigest({ ...domain, chainId }, header), 1n);
      expect([domain.chainId, before.domain.chainId]).to.deep.equal([FORKED_ID, 31_337n]);
      await expect(lightClient.advance(header, sign(before.domain.chainId))).to.be.revertedWithCustomError(
        lightClient,
        "CertificateSignatureInvalid",
      );
      await lightClient.advance(header, sign(FORKED_ID));
    });

    it("KEY-2: a proof of possession is bound to chain and deployment", async () => {
      const table = await staking.deployStakeTable(created);
      const second = await staking.deployStakeTable(created);
      const elsewhere = await staking.deployStakeTable(await forked());
      const key = staking.freshKey();
      const [operator] = table.accounts;
      if (operator === undefined) throw new Error("no account");
      const proofs = [
        await staking.possession(second, key, operator.address),
        await staking.possession({ ...table, ethers: elsewhere.ethers }, key, operator.address),
      ];
      for (const proof of proofs) {
        await expect(
          table.stakeTable.connect(operator).register(key.packed, proof, 0n, NETWORK, METADATA, 100n * TOKENS),
        ).to.be.revertedWithCustomError(table.stakeTable, "StakeTablePossessionUnproven");
      }
      await staking.register(table, { operator, key });
    });
  });

  it("KEY-2: a key on the curve but outside the subgroup is refused, so that no sum of keys ever leaves it", async () => {
    const table = await staking.deployStakeTable(created);
    const [operator] = table.accounts;
    if (operator === undefined) throw new Error("no account");
    const precompiles = await table.ethers.getContractAt("BLS", table.stakeTable.target);
    const point = g2OutsideSubgroup();
    // Its part of small order alone, and added to a good key.
    const lowOrder = point.multiplyUnsafe(GROUP_ORDER - 1n).add(point);
    const good = staking.freshKey();
    for (const given of [point, lowOrder, good.point.add(lowOrder)]) {
      const key = { ...good, point: given, packed: pack(given) };
      const proof = await staking.possession(table, key, operator.address);
      await expect(
        table.stakeTable.connect(operator).register(key.packed, proof, 0n, NETWORK, METADATA, 100n * TOKENS),
      ).to.be.revertedWithCustomError(precompiles, "BlsPrecompileFailed");
    }
  });

  describe("a fork", () => {
    it("LC-40: posted alternately from both branches is frozen by what was posted", async () => {
      // Branch a has block 5, branch b another one at 5 and then 6, 7; L1 was shown a5, b6, a7.
      const a5 = await client.headerNow(world, { height: 5n });
      const b5 = word("block 5 of the other branch");
      const blocks = [...Array.from({ length: 5 }, (_, height) => word(`common ${String(height)}`)), b5];
      const b6 = await client.headerNow(world, { height: 6n, history: rootOf(blocks) });
      const below = [...blocks.slice(0, 5), hashHeader(a5), word("block 6 of the first branch")];
      const a7 = await client.headerNow(world, { height: 7n, history: rootOf(below) });
      for (const header of [a5, b6, a7]) await advance(header);
      const { lightClient } = world;
      // a5 and a7 are one chain; b6 contradicts each of them.
      await expect(
        lightClient.freeze(finalized(a5), finalized(a7), hashHeader(a5), pathOf(below, 5)),
      ).to.be.revertedWithCustomError(lightClient, "LightClientNoFork");
      const evidence = [
        () => lightClient.freeze.staticCall(finalized(a5), finalized(b6), b5, pathOf(blocks, 5)),
        () => lightClient.freeze.staticCall(finalized(b6), finalized(a7), below[6] ?? "", pathOf(below, 6)),
      ];
      for (const freezes of evidence) await freezes();
      await lightClient.freeze(finalized(a5), finalized(b6), b5, pathOf(blocks, 5));
      expect((await lightClient.status()).frozen).to.equal(true);
      expect(await lightClient.isLive(DAY)).to.equal(false);
    });

    it("LC-40: is frozen before anything was ever posted, and committee 1 is then never installed", async () => {
      const one = await client.headerNow(world, { height: 1n });
      const other = await client.headerNow(world, { height: 1n, viewNumber: 2n });
      const { lightClient } = world;
      await lightClient.freeze(finalized(one), finalized(other), ZeroHash, []);
      await expect(lightClient.advance(one, finalized(one).certificate)).to.be.revertedWithCustomError(
        lightClient,
        "LightClientFrozen",
      );
      expect((await lightClient.status()).height).to.equal(0n);
    });

    it("LC-51: whoever froze it cannot do so again with evidence from before the resume, in any order of posting", async () => {
      const { lightClient } = world;
      const first = await client.headerNow(world, { height: 5n });
      await advance(first);
      const latest = client.checkpointOf(first, await client.now(world));
      const fork = async (height: bigint, viewNumber: bigint) =>
        finalized(await client.headerNow(world, { height, viewNumber }));
      const kept = [await fork(8n, 20n), await fork(8n, 21n)] as const;
      await lightClient.freeze(await fork(6n, 6n), await fork(6n, 7n), ZeroHash, []);
      const newer = await client.addCommittee(world, { weights: WEIGHTS });
      await created.networkHelpers.time.increase(2n * DAY);
      const message = { epoch: 2n, blockHash: hashHeader(first), committee: newer.id };
      const digest = digestOf(world.domain, "Resume", { ...message, block: message.blockHash });
      await lightClient.resume(message, certify(newer, digest, 0n), first, latest, []);
      // While the resume waits, nothing more can be frozen; once it is applied, the old committee counts for nothing.
      await expect(lightClient.freeze(...kept, ZeroHash, [])).to.be.revertedWithCustomError(
        lightClient,
        "LightClientAlreadyFrozen",
      );
      await created.networkHelpers.time.increase(client.PARAMETERS.resumeDelay);
      await lightClient.applyResume();
      await expect(lightClient.freeze(...kept, ZeroHash, [])).to.be.revertedWithCustomError(
        lightClient,
        "LightClientCommitteeNotTrusted",
      );
      const next = await client.headerNow(world, { height: 6n, epoch: 2n, viewNumber: 1n, committee: newer.id });
      await advance(next, newer);
    });
  });

  describe("the edge of an epoch", () => {
    it("LC-36: LC-38: each of its last and next blocks has one place, one committee and one form", async () => {
      const { lightClient } = world;
      const second = await client.addCommittee(world, { weights: WEIGHTS });
      await advance(await client.headerNow(world, { height: 99n }));
      const refused = async (fields: Partial<TestHeader>, by: TestCommittee, error: string) => {
        const header = await client.headerNow(world, fields);
        await expect(lightClient.advance(header, finalized(header, by).certificate)).to.be.revertedWithCustomError(
          lightClient,
          error,
        );
      };
      // Before the handover: its height without being one, it one block early, the next epoch by either committee.
      await refused({ height: 100n }, committee, "LightClientHandoverMalformed");
      await refused({ height: 101n, nextCommittee: 2n }, committee, "LightClientHeightBeyondEpoch");
      await refused({ height: 101n, epoch: 2n, nextCommittee: 2n }, committee, "LightClientHandoverMalformed");
      await refused({ height: 101n, epoch: 2n, committee: 2n }, second, "LightClientWrongCommittee");
      await refused({ height: 100n, nextCommittee: 2n, committee: 2n }, second, "LightClientWrongCommittee");
      await advance(await client.headerNow(world, { height: 100n, nextCommittee: 2n }));
      // Behind it: itself again, in a later view, by the next committee, and the old committee's next block.
      await refused({ height: 100n, viewNumber: 101n, nextCommittee: 2n }, committee, "LightClientWrongCommittee");
      await refused({ height: 100n, committee: 2n, nextCommittee: 2n }, second, "LightClientHeightNotIncreasing");
      await refused({ height: 101n, epoch: 2n }, committee, "LightClientWrongCommittee");
      await refused({ height: 101n, viewNumber: 99n, committee: 2n }, second, "LightClientViewNotIncreasing");
      await refused({ height: 101n, viewNumber: 200n, committee: 2n }, second, "LightClientHeightBeyondEpoch");
      await advance(await client.headerNow(world, { height: 101n, epoch: 2n, viewNumber: 1n, committee: 2n }), second);
    });
  });
});

/** A point of the twisted curve outside the subgroup of prime order. */
function g2OutsideSubgroup(): G2Point {
  const { Fp2 } = bls12_381.fields;
  const b = Fp2.fromBigTuple([4n, 4n]);
  for (let c0 = 1n; ; c0++) {
    const x = Fp2.fromBigTuple([c0, 0n]);
    try {
      const y = Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(x), x), b));
      const point = bls12_381.G2.Point.fromAffine({ x, y });
      if (!point.isTorsionFree()) return point;
    } catch {
      continue;
    }
  }
}
