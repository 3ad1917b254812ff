import { expect } from "chai";
import fc from "fast-check";
import { network } from "hardhat";

import { CAMPAIGN_NETWORK, campaignOf } from "./support/campaign.ts";
import { checkSystem } from "./support/systemInvariants.ts";
import * as model from "./support/systemModel.ts";

const { runs: RUNS, actions: ACTIONS, seed: SEED } = campaignOf(4, 80);

const action = fc.record({
  handler: fc.noBias(fc.nat({ max: model.HANDLER_COUNT - 1 })),
  a: fc.nat({ max: 99 }),
  b: fc.nat({ max: 99 }),
});

describe("all contracts together", () => {
  it("INV-MONOTONE, INV-LIVE, INV-WEIGHT, INV-EXPIRY, INV-ONCE, INV-SETTLE, INV-HATCH hold after every action", async function () {
    this.timeout(0);
    let performed = 0;
    const reached = { height: 0n, committees: 0, slashed: 0, resumed: false, opened: false };
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: ACTIONS, maxLength: ACTIONS, size: "max" }), async (actions) => {
        const system = await model.startSystem(await network.create(CAMPAIGN_NETWORK));
        for (const next of actions) {
          if (await model.perform(system, next)) performed++;
          await checkSystem(system);
          const [, , isOpen] = await system.inbox.hatch();
          reached.opened ||= isOpen;
        }
        const { height } = await system.lightClient.status();
        reached.height = height > reached.height ? height : reached.height;
        reached.committees += system.committees.length;
        reached.slashed += system.ghost.slashedAt.size;
        const applied = await system.lightClient.queryFilter(system.lightClient.filters.ResumeApplied());
        reached.resumed ||= applied.length !== 0;
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    // The campaign is worth something only if it gets around.
    expect(performed).to.be.greaterThan((RUNS * ACTIONS) / 4);
    expect(reached.height > 10n && reached.committees > 2 * RUNS && reached.slashed > RUNS).to.equal(true);
    expect(reached.resumed && reached.opened).to.equal(true);
  });
});
