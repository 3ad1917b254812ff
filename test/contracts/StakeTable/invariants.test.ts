import { expect } from "chai";
import fc from "fast-check";
import { network } from "hardhat";

import * as staking from "../support/staking.ts";
import { TOKENS } from "../support/staking.ts";
import * as model from "../support/stakingModel.ts";

const created = await network.create();
const { networkHelpers } = created;

const RUNS = 12;
const ACTIONS = 60;

const action = fc.record({
  handler: fc.nat({ max: model.HANDLER_COUNT - 1 }),
  a: fc.nat({ max: 99 }),
  b: fc.nat({ max: 99 }),
  amount: fc.oneof(fc.bigInt({ min: TOKENS, max: 2000n * TOKENS }), fc.bigInt({ min: 1n, max: 1000n })),
});

async function campaignStart(): Promise<staking.World> {
  return staking.deployStakeTable(created);
}

describe("StakeTable invariants", () => {
  it("INV-SOLVENCY, INV-SHARES, INV-PRICE, INV-ONCE, INV-SEAT, INV-ACTIVE, INV-WEIGHT hold after every action", async function () {
    this.timeout(600_000);
    let performed = 0;
    let rotations = 0n;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: ACTIONS, maxLength: ACTIONS, size: "max" }), async (actions) => {
        const world = await networkHelpers.loadFixture(campaignStart);
        const campaign = await model.startCampaign(world);
        for (const next of actions) {
          const committees = await world.stakeTable.newestCommittee();
          if (await model.perform(campaign, next)) performed++;
          if ((await world.stakeTable.newestCommittee()) !== committees) {
            rotations++;
            await model.checkCommittee(campaign);
          }
          await model.checkInvariants(campaign);
        }
        await model.drain(campaign);
      }),
      { numRuns: RUNS, seed: 20_261_120, endOnFailure: true },
    );
    // The campaign is worth something only if much of it gets through.
    expect(performed).to.be.greaterThan((RUNS * ACTIONS) / 4);
    expect(rotations > 0n).to.equal(true);
  });
});
