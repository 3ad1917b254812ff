import { expect } from "chai";
import { network } from "hardhat";
import { describe, it } from "mocha";

import {
  accountAt,
  concatKeys,
  deployStakeTable,
  freshKey,
  possession,
  register,
  rotate,
  seated,
  TOKENS,
} from "../support/staking.ts";

/** EIP-7825: no transaction may take more. */
const TRANSACTION_GAS_MAX = 1n << 24n;

describe("rotate(), reviewed", () => {
  it("ROTATE-1: drops 96 dust seats that all queued a key, and fits a transaction: nobody can block it", async () => {
    const world = await deployStakeTable(await network.create());
    const { stakeTable } = world;
    await seated(
      world,
      [4000n, 3000n, 2000n, 1000n].map((stake) => stake * TOKENS),
    );
    const dust = [];
    for (let index = 0; index < 96; index++) {
      const operator = accountAt(world, index);
      const validator = await register(world, { operator, selfStake: 200n * TOKENS });
      const next = freshKey();
      const proof = await possession(world, next, operator.address);
      await stakeTable.connect(operator).proveKey(validator.id, next.packed, proof);
      // A page for each key, which is the dearest.
      await stakeTable.seal(concatKeys([validator]));
      await stakeTable.seal(concatKeys([{ key: next }]));
      await stakeTable.connect(operator).takeSeat(validator.id);
      dust.push({ ...validator, next });
    }
    const filled = await rotate(world);
    expect(await stakeTable.seatsTaken()).to.equal(100n);
    for (const { id, operator, next } of dust) {
      await stakeTable.connect(operator).rotateKey(id, world.ethers.keccak256(next.packed));
      await stakeTable.connect(operator).undelegate(id, TOKENS);
    }
    const dropped = await rotate(world);
    expect(await stakeTable.seatsTaken()).to.equal(4n);
    expect(filled.gasUsed).to.be.lessThan(TRANSACTION_GAS_MAX / 2n);
    expect(dropped.gasUsed).to.be.lessThan(TRANSACTION_GAS_MAX / 2n);
  });
});
