import { expect } from "chai";

import { totalWeight } from "./committee.ts";
import { ESCROW, WAD } from "./staking.ts";
import { CLIENT, now, type System, TERMS } from "./systemModel.ts";

const TRUST_PERIOD = ESCROW - CLIENT.margin;

/** What holds after every action on all contracts together, by the names in `docs/spec/invariants.md`. */
export async function checkSystem(system: System): Promise<void> {
  await checkPlace(system);
  await checkCommittees(system);
  await checkSlashings(system);
  await checkHatch(system);
}

/** INV-MONOTONE, INV-LIVE. */
async function checkPlace(system: System): Promise<void> {
  const { lightClient, ghost } = system;
  const { height, epoch, viewNumber, trustedUntil, freshAt, frozen } = await lightClient.status();
  const [wasHeight, wasEpoch, wasView] = ghost.place;
  const isForward = epoch > wasEpoch || (epoch === wasEpoch && viewNumber >= wasView);
  expect(height >= wasHeight && isForward, "INV-MONOTONE").to.equal(true);
  ghost.place = [height, epoch, viewNumber];
  const time = await now(system);
  for (const age of [60n, TERMS.liveAge]) {
    const isLive = time < trustedUntil && !frozen && time - freshAt <= age;
    expect(await lightClient.isLive(age), "INV-LIVE").to.equal(isLive);
  }
}

/** INV-EXPIRY: a committee with a third of its weight reported as slashed is not trusted, and what is reported was slashed. */
async function checkCommittees({ lightClient, committees, ghost }: System): Promise<void> {
  for (const committee of committees) {
    const reported = await lightClient.slashedWeight(committee.id);
    const slashed = committee.members.filter(({ validator }) => ghost.slashedAt.has(BigInt(validator)));
    const weight = slashed.reduce((sum, member) => sum + member.weight, 0);
    expect(reported <= BigInt(weight), "INV-EXPIRY").to.equal(true);
    const trusted = await lightClient.trustedUntil(committee.id);
    const isExpired = 3n * reported >= BigInt(totalWeight(committee));
    expect(trusted === 0n || (!isExpired && trusted === committee.createdAt + TRUST_PERIOD), "INV-EXPIRY").to.equal(
      true,
    );

    // INV-ONCE: who was slashed is in no committee that was made after.
    for (const { validator } of slashed) {
      const at = ghost.slashedAt.get(BigInt(validator)) ?? 0n;
      expect(committee.createdAt <= at, "INV-ONCE").to.equal(true);
    }
  }
}

/** INV-ONCE, INV-SETTLE: slashed for good, and settled within the penalty's bounds. */
async function checkSlashings({ world, ghost, validators }: System): Promise<void> {
  for (const { id } of validators) {
    const { slashedAt, settled, penalty } = await world.stakeTable.validator(id);
    expect(slashedAt, "INV-ONCE").to.equal(ghost.slashedAt.get(id) ?? 0n);
    if (!settled) continue;
    const { minPenalty } = await world.slashing.penalties();
    expect(penalty >= minPenalty && penalty <= WAD, "INV-SETTLE").to.equal(true);
  }
}

/**
 * INV-HATCH: entries are taken once and in order; whenever an entry is older than D or the client not live, anyone opens
 * the hatch, and at no other time; while it is open, anyone takes all that is queued.
 */
async function checkHatch(system: System): Promise<void> {
  const { inbox, ghost, lightClient } = system;
  const [head, tail, isOpen] = await inbox.hatch();
  expect(head >= ghost.head && head <= tail, "INV-HATCH").to.equal(true);
  expect(tail, "INV-HATCH").to.equal(BigInt(ghost.queuedAt.length));
  ghost.head = head;
  const oldest = ghost.queuedAt[Number(head)];
  const time = await now(system);
  const isDue = oldest !== undefined && time > oldest + TERMS.entryAge;
  const passes = async (call: Promise<unknown>) =>
    call.then(
      () => true,
      () => false,
    );
  const isLive = await lightClient.isLive(TERMS.liveAge);
  const blockTag = "latest";
  expect(await passes(inbox.openHatch.staticCall({ blockTag })), "INV-HATCH").to.equal(isDue || !isLive);
  expect(await passes(inbox.includeQueue.staticCall({ blockTag })), "INV-HATCH").to.equal(isOpen);
}
