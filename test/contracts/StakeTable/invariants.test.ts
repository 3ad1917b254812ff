import { expect } from "chai";
import fc from "fast-check";
import { network } from "hardhat";

import { CAMPAIGN_NETWORK, campaignOf } from "../support/campaign.ts";
import * as staking from "../support/staking.ts";
import { TOKENS } from "../support/staking.ts";
import { checkCommittee, checkInvariants } from "../support/stakingInvariants.ts";
import * as model from "../support/stakingModel.ts";

const created = await network.create(CAMPAIGN_NETWORK);
const { networkHelpers } = created;

const { runs: RUNS, actions: ACTIONS, seed: SEED } = campaignOf(4, 150);

const action = fc.record({
  handler: fc.noBias(fc.nat({ max: model.HANDLER_COUNT - 1 })),
  a: fc.nat({ max: 99 }),
  b: fc.nat({ max: 99 }),
  amount: fc.oneof(fc.bigInt({ min: TOKENS, max: 2000n * TOKENS }), fc.bigInt({ min: 1n, max: 1000n })),
});

async function campaignStart(): Promise<staking.World> {
  return staking.deployStakeTable(created);
}

describe("StakeTable invariants", () => {
  it("INV-SOLVENCY, INV-SHARES, INV-PRICE, INV-ROUNDING, INV-ONCE, INV-LOCKED, INV-TICKET, INV-PENALTY, INV-BUDGET, INV-SEAT, INV-ACTIVE, INV-WEIGHT hold after every action", async function () {
    this.timeout(0);
    let performed = 0;
    const kinds = new Set<unknown>();
    let rotations = 0n;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: ACTIONS, maxLength: ACTIONS, size: "max" }), async (actions) => {
        const world = await networkHelpers.loadFixture(campaignStart);
        const campaign = await model.startCampaign(world);
        await checkInvariants(campaign);
        for (const next of actions) {
          const committees = await world.stakeTable.newestCommittee();
          if (await model.perform(campaign, next)) {
            performed++;
            kinds.add(model.kindOf(next));
          }
          if ((await world.stakeTable.newestCommittee()) !== committees) {
            rotations++;
            await checkCommittee(campaign);
          }
          await checkInvariants(campaign);
        }
        await model.drain(campaign);
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    // The campaign is worth something only if much of it gets through, and every action at times.
    expect(kinds.size).to.equal(model.KINDS);
    expect(performed).to.be.greaterThan((RUNS * ACTIONS) / 4);
    expect(rotations > 0n).to.equal(true);
  });
});
