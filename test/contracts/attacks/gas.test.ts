import { expect } from "chai";
import { concat, getCreateAddress, ZeroHash } from "ethers";
import { network } from "hardhat";

import * as client from "../support/lightClient.ts";
import { rootOf } from "../support/merkle.ts";
import * as slashing from "../support/slashing.ts";
import { BLOCK_A, BLOCK_B, finalize, notarize, pairEvidence, singleStatement, statement } from "../support/slashing.ts";
import * as staking from "../support/staking.ts";
import { DEAD, ESCROW, METADATA, NETWORK, TOKENS, WAD } from "../support/staking.ts";

const SAMPLES = 48n;
/** What would be a verdict on what was given, not on the gas. */
const VERDICT = /SignatureInvalid|PossessionUnproven|NobodySlashed|NoFork|NotSlashed|KeyPageSlotEmpty|MessagesHonest/;

interface Call {
  estimateGas(): Promise<bigint>;
  staticCall(overrides: { gasLimit: bigint }): Promise<unknown>;
}

/**
 * Calls with every amount of gas from hardly any to what is needed. EIP-150 keeps a 64th of it back when an inner call or
 * a precompile takes all the rest: whoever calls chooses where that happens, and must gain nothing by it.
 */
async function starve(call: Call): Promise<void> {
  const needed = await call.estimateGas();
  let refused = 0;
  for (let sample = 1n; sample <= SAMPLES; sample++) {
    // Closer and closer to what is needed, where the last inner calls run dry.
    const gasLimit = 21_000n + ((needed - 21_000n) * (sample * (2n * SAMPLES - sample))) / (SAMPLES * SAMPLES);
    try {
      await call.staticCall({ gasLimit });
    } catch (error) {
      expect(String(error)).not.to.match(VERDICT);
      refused++;
    }
  }
  expect(refused).to.be.greaterThan(0);
  await call.staticCall({ gasLimit: (needed * 64n) / 63n });
}

describe("attack: too little gas", () => {
  let created: Awaited<ReturnType<typeof network.create>>;

  before(async () => {
    created = await network.create();
  });

  it("LC-42: a certificate that is good is never found bad, whatever gas its checker is given", async () => {
    const world = await client.deployWorld(created.ethers);
    const committee = await client.addCommittee(world, { weights: [3, 3, 3, 3, 1, 1, 1], pages: 2 });
    const header = await client.headerNow(world, { height: 7n });
    const certificate = client.finalization(world, committee, header, { absent: [1, 6] });
    const { lightClient } = world;
    await starve({
      estimateGas: () => lightClient.advance.estimateGas(header, certificate),
      staticCall: (overrides) => lightClient.advance.staticCall(header, certificate, overrides),
    });
    const needed = await lightClient.advance.estimateGas(header, certificate);
    await expect(lightClient.advance(header, certificate, { gasLimit: needed / 2n })).to.revert(created.ethers);
    expect((await lightClient.status()).height).to.equal(0n);

    const fork = async (viewNumber: bigint) => {
      const given = await client.headerNow(world, { height: 9n, viewNumber, history: rootOf([ZeroHash]) });
      return { header: given, certificate: client.finalization(world, committee, given, { absent: [2] }) };
    };
    const [one, other] = [await fork(9n), await fork(10n)];
    await starve({
      estimateGas: () => lightClient.freeze.estimateGas(one, other, ZeroHash, []),
      staticCall: (overrides) => lightClient.freeze.staticCall(one, other, ZeroHash, [], overrides),
    });
  });

  it("EVID-21: evidence that holds is never found wanting, and slashes all or nothing", async () => {
    const world = await slashing.deploySlashing(created);
    const validators = await staking.seated(
      world,
      [1000n, 1000n, 1000n, 1000n].map((stake) => stake * TOKENS),
    );
    await staking.rotate(world);
    const { slashing: slasher } = world;
    const keys = validators.map(({ key }) => key);
    const [first] = validators;
    if (first === undefined) throw new Error("no validator");
    const pair = pairEvidence(world, first.key, finalize(BLOCK_A), notarize(BLOCK_B));
    await starve({
      estimateGas: () => slasher.slash.estimateGas(pair),
      staticCall: (overrides) => slasher.slash.staticCall(pair, overrides),
    });
    const statements = [
      statement(world, 1n, keys, finalize(BLOCK_A), [3]),
      statement(world, 1n, keys, finalize(BLOCK_B), [3]),
    ] as const;
    await starve({
      estimateGas: () => slasher.slashSigners.estimateGas(...statements, [0, 1, 2], [0, 1, 2]),
      staticCall: async (overrides) => {
        const slashed = await slasher.slashSigners.staticCall(...statements, [0, 1, 2], [0, 1, 2], overrides);
        expect(slashed).to.equal(3n);
      },
    });
    const single = singleStatement(world, first.key, finalize(BLOCK_B));
    await starve({
      estimateGas: () => slasher.slashSigner.estimateGas(statements[0], 0, single),
      staticCall: (overrides) => slasher.slashSigner.staticCall(statements[0], 0, single, overrides),
    });
  });

  it("KEY-8: registering, sealing and rotating do all or nothing", async () => {
    const world = await staking.deployStakeTable(created);
    const { stakeTable } = world;
    const validators = await staking.seated(
      world,
      [1000n, 900n, 800n, 700n].map((stake) => stake * TOKENS),
      2,
    );
    const operator = staking.accountAt(world, 7);
    const key = staking.freshKey();
    const proof = await staking.possession(world, key, operator.address);
    const table = stakeTable.connect(operator);
    const arguments_ = [key.packed, proof, 0n, NETWORK, METADATA, 500n * TOKENS] as const;
    await starve({
      estimateGas: () => table.register.estimateGas(...arguments_),
      staticCall: (overrides) => table.register.staticCall(...arguments_, overrides),
    });
    await table.register(...arguments_);
    const other = await staking.register(world, { operator, selfStake: 500n * TOKENS });
    const keys = concat([key.packed, other.key.packed]);
    await starve({
      estimateGas: () => table.seal.estimateGas(keys),
      staticCall: (overrides) => table.seal.staticCall(keys, overrides),
    });
    // A page that cannot be paid for is none: the keys wait on.
    const needed = await table.seal.estimateGas(keys);
    await expect(table.seal(keys, { gasLimit: needed - 20_000n })).to.revert(created.ethers);
    expect((await stakeTable.keyOf(other.keyHash)).page).to.equal(0n);
    await starve({
      estimateGas: () => stakeTable.rotate.estimateGas(),
      staticCall: (overrides) => stakeTable.rotate.staticCall(overrides),
    });
    await expect(stakeTable.rotate({ gasLimit: 150_000n })).to.revert(created.ethers);
    expect(await stakeTable.newestCommittee()).to.equal(0n);
    await staking.rotate(world);
    const { nonce } = await stakeTable.committee(1n);
    const account = getCreateAddress({ from: await stakeTable.getAddress(), nonce });
    expect(await world.ethers.provider.getCode(account)).to.equal(
      await staking.expectedCode(
        world,
        validators,
        [1000n, 900n, 800n, 700n].map((stake) => Number((stake * 65_535n) / 1000n)),
      ),
    );
  });

  it("TOKEN-2: who settles with too little gas for the burning keeps nothing from being burned", async () => {
    for (const tokenName of ["BurnableToken", "DevelopmentToken"]) {
      const world = await staking.deployStakeTable(created, {}, tokenName);
      const { stakeTable, token, slasher } = world;
      const operator = staking.accountAt(world, 0);
      const { id } = await staking.register(world, { operator, selfStake: 1000n * TOKENS });
      await stakeTable.connect(slasher).slash(id);
      await staking.increase(world, ESCROW);
      const before = (await token.totalSupply()) - (await token.balanceOf(DEAD));
      const settle = stakeTable.connect(slasher).settle;
      const needed = await settle.estimateGas(id, WAD / 2n);
      const snapshot = await created.networkHelpers.takeSnapshot();
      const outcomes = new Set<boolean>();
      for (let short = 0n; short <= 64n; short++) {
        await settle(id, WAD / 2n, { gasLimit: needed + 4_000n - 600n * short }).catch(() => undefined);
        const lost = before - (await token.totalSupply()) + (await token.balanceOf(DEAD));
        const { settled } = await stakeTable.validator(id);
        outcomes.add(settled);
        expect(lost).to.equal(settled ? 500n * TOKENS : 0n);
        expect(await token.balanceOf(stakeTable.target)).to.equal(1000n * TOKENS - lost);
        await snapshot.restore();
      }
      expect([...outcomes].sort()).to.deep.equal([false, true]);
    }
  });
});
