import { expect } from "chai";
import { dataSlice, getBytes, toNumber } from "ethers";
import { network } from "hardhat";

import type { LightClient } from "../../../types/ethers-contracts/index.js";
import { certify, type TestCommittee } from "../support/committee.ts";
import { makeHeader, type TestHeader, word } from "../support/header.ts";
import { finalizeDigest, PARAMETERS } from "../support/lightClient.ts";
import * as staking from "../support/staking.ts";
import { TOKENS } from "../support/staking.ts";

const GENESIS = word("genesis");

describe("LightClient on the real stake table", () => {
  let connection: Awaited<ReturnType<typeof network.create>>;
  let world: staking.World;
  let lightClient: LightClient;
  let validators: staking.TestValidator[];

  beforeEach(async () => {
    connection = await network.create();
    world = await staking.deployStakeTable(connection);
    // Nine validators in pages of four, stakes falling with the seat number.
    validators = await staking.seated(
      world,
      Array.from({ length: 9 }, (_, index) => BigInt(1000 - 10 * index) * TOKENS),
      4,
    );
    lightClient = await world.ethers.deployContract("LightClient", [world.stakeTable.target, GENESIS, PARAMETERS]);
    await staking.rotate(world);
  });

  /** The newest committee, with weights from its event's description. */
  async function newest(order: readonly staking.TestValidator[]): Promise<TestCommittee> {
    const [created] = (await world.stakeTable.queryFilter(world.stakeTable.filters.CommitteeCreated())).slice(-1);
    if (created === undefined) throw new Error("no committee");
    const { id, description } = created.args;
    expect(getBytes(description)[1]).to.equal(order.length);
    const members = order.map(({ key, id: validator }, index) => {
      const weight = toNumber(dataSlice(description, 10 + 2 * index, 12 + 2 * index));
      return { ...key, weight, page: 0, slot: 0, validator: Number(validator) };
    });
    return { id, members };
  }

  async function headerNow(fields: Partial<TestHeader>): Promise<TestHeader> {
    const time = BigInt(await world.helpers.time.latest());
    const l1Number = BigInt(await world.ethers.provider.getBlockNumber());
    return makeHeader({ timestamp: time * 1000n, l1Number, ...fields });
  }

  async function advance(committee: TestCommittee, header: TestHeader, absent: readonly number[] = []): Promise<void> {
    const { chainId } = await world.ethers.provider.getNetwork();
    const domain = { chainId, verifyingContract: await world.stakeTable.getAddress(), salt: GENESIS };
    const digest = finalizeDigest(domain, header);
    await (await lightClient.advance(header, certify(committee, digest, header.viewNumber, absent))).wait();
  }

  it("LC-34: LC-39: follows committees whose weights, then members change, with absent members in all pages", async () => {
    const first = await newest(validators);
    await advance(first, await headerNow({ height: 1n }), [1, 5]);

    // The same committee again: the same code under a new id.
    await staking.rotate(world);
    const same = await newest(validators);
    await advance(first, await headerNow({ height: 100n, nextCommittee: same.id }));
    await advance(same, await headerNow({ height: 101n, epoch: 2n, viewNumber: 1n, committee: same.id }), [0, 8]);

    // Other weights on the same roster.
    const [heavier] = validators.slice(4);
    if (heavier === undefined) throw new Error("no validator");
    await world.stakeTable.connect(staking.accountAt(world, 3)).delegate(heavier.id, 500n * TOKENS, 0n);
    await staking.rotate(world);
    const weighted = await newest(validators);
    expect(weighted.members.map((member) => member.weight)).not.to.deep.equal(same.members.map(({ weight }) => weight));
    await advance(same, await headerNow({ height: 200n, epoch: 2n, committee: same.id, nextCommittee: weighted.id }));
    const onWeights = { height: 201n, epoch: 3n, viewNumber: 1n, committee: weighted.id };
    await advance(weighted, await headerNow(onWeights), [2, 6]);

    // Another member in place of the second.
    const [, leaving] = validators;
    if (leaving === undefined) throw new Error("no validator");
    const joining = await staking.register(world, { operator: staking.accountAt(world, 11), selfStake: 900n * TOKENS });
    await world.stakeTable.seal(joining.key.packed);
    await world.stakeTable.connect(leaving.operator).leaveSeat(leaving.id);
    await world.stakeTable.connect(joining.operator).takeSeat(joining.id);
    await staking.rotate(world);
    const changed = await newest(validators.map((validator) => (validator === leaving ? joining : validator)));
    const handover = { height: 300n, epoch: 3n, viewNumber: 9n, committee: weighted.id, nextCommittee: changed.id };
    await advance(weighted, await headerNow(handover));
    const last = { height: 301n, epoch: 4n, viewNumber: 1n, committee: changed.id };
    await advance(changed, await headerNow(last), [1, 7]);
    expect((await lightClient.status()).height).to.equal(301);
  });

  it("LC-41: reads who is slashed from the stake table", async () => {
    const committee = await newest(validators);
    await advance(committee, await headerNow({ height: 1n }));
    await expect(lightClient.reportSlashed(1, [3]))
      .to.be.revertedWithCustomError(lightClient, "LightClientSeatNotSlashed")
      .withArgs(1, 3, validators[3]?.id);
    for (const { id } of validators.slice(3, 7)) await world.stakeTable.connect(world.slasher).slash(id);
    await expect(lightClient.reportSlashed(1, [3, 4, 5, 6]))
      .to.emit(lightClient, "CommitteeExpired")
      .withArgs(1);
    expect(await lightClient.isLive(staking.DAY)).to.equal(false);
  });

  it("LC-30: trust ends margin before the stake can leave", async () => {
    const { createdAt } = await world.stakeTable.committee(1);
    expect(await lightClient.trustedUntil(1)).to.equal(createdAt + staking.ESCROW - PARAMETERS.margin);
  });
});
