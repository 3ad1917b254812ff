import { describe, expect, it } from "vitest";

import { ZERO_HASH } from "../../src/crypto/hash.ts";
import { CHECKS_MAX, ProposalChecks } from "../../src/engine/proposalChecks.ts";
import type { L1View } from "../../src/engine/l1View.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch, Height, View } from "../../src/protocol/scalars.ts";
import { quickConfig } from "../simulation/world.ts";
import { fixedL1 } from "./support/fixedL1.ts";
import { manualClock, type ManualClock } from "./support/manualClock.ts";

const config = quickConfig({ genesisTimeMs: 1_700_000_000_000, maxClockDriftMs: 400, maxAnchorLag: 3 });
const genesis = Genesis.header(config);
const epoch = Epoch(1n);
const anchor = fixedL1([]).finalized() ?? { number: 0n, hash: ZERO_HASH };

const parent: Header.Header = { ...genesis, height: Height(4n), epoch, l1Number: 7n, l1Hash: ZERO_HASH };
const good: Header.Header = {
  ...parent,
  height: Height(5n),
  viewNumber: View(6n),
  timestamp: BigInt(config.genesisTimeMs) + 100n,
  l1Number: anchor.number,
  l1Hash: anchor.hash,
};

interface Set {
  readonly checks: ProposalChecks;
  readonly clock: ManualClock;
  readonly passed: View[];
  readonly world: { shards: boolean; l1: L1View };
}

function setUp(): Set {
  const clock = manualClock(config.genesisTimeMs);
  const passed: View[] = [];
  const world = { shards: true, l1: fixedL1([]) };
  const l1: L1View = {
    finalized: () => world.l1.finalized(),
    reachable: () => world.l1.reachable(),
    hashAt: (number) => world.l1.hashAt(number),
    newestCommitteeAt: (number) => world.l1.newestCommitteeAt(number),
    createdAt: (id) => world.l1.createdAt(id),
    committee: (id) => world.l1.committee(id),
    lightClient: () => world.l1.lightClient(),
    checkpoint: () => world.l1.checkpoint(),
    isTrusted: (id) => world.l1.isTrusted(id),
    resumes: () => world.l1.resumes(),
    onChange: (listener) => world.l1.onChange(listener),
  };
  const checks = new ProposalChecks({
    clock,
    l1,
    config,
    holdsOwnShards: () => world.shards,
    passed: (_, view) => passed.push(view),
  });
  return { checks, clock, passed, world };
}

describe("ProposalChecks", () => {
  it("CHECK-1: what is in order passes at once", () => {
    const { checks, passed } = setUp();
    checks.add(epoch, View(6n), good, parent);
    expect(passed).toEqual([6n]);
    expect(checks.pendingChecks).toBe(0);
  });

  it("CHECK-1: waits for own shards", () => {
    const { checks, passed, world } = setUp();
    world.shards = false;
    checks.add(epoch, View(6n), good, parent);
    expect(passed).toEqual([]);
    world.shards = true;
    checks.again(Header.hash(parent));
    expect(passed).toEqual([]);
    checks.again(Header.hash(good));
    expect(passed).toEqual([6n]);
  });

  it("CHECK-2: a timestamp at the drift passes, one beyond waits until the clock has come so far", () => {
    const { checks, passed, clock } = setUp();
    const at = (ms: number): Header.Header => ({ ...good, timestamp: BigInt(config.genesisTimeMs + ms) });
    checks.add(epoch, View(6n), at(400), parent);
    expect(passed).toEqual([6n]);
    checks.add(epoch, View(7n), at(650), parent);
    clock.advance(240);
    expect(passed).toEqual([6n]);
    clock.advance(20);
    expect(passed).toEqual([6n, 7n]);
  });

  it("CHECK-3: an anchor not seen yet waits for L1; the parent's repeated needs none", () => {
    const { checks, passed, world } = setUp();
    const blind = { ...world.l1, hashAt: () => undefined, reachable: () => false };
    const seeing = world.l1;
    world.l1 = blind;
    checks.add(epoch, View(6n), good, parent);
    checks.add(epoch, View(7n), { ...good, l1Number: parent.l1Number, l1Hash: parent.l1Hash }, parent);
    expect(passed).toEqual([7n]);
    world.l1 = seeing;
    checks.again();
    expect(passed).toEqual([7n, 6n]);
  });

  it("CHECK-3: another hash than L1's never passes", () => {
    const { checks } = setUp();
    expect(checks.waitingFor({ ...good, l1Hash: ZERO_HASH }, parent)).toBe("anchor-differs");
  });

  it("CHECK-4: the first block is anchored at or after the creation of committee 1", () => {
    const { checks, world } = setUp();
    expect(checks.waitingFor({ ...good, height: Height(1n) }, genesis)).toBeUndefined();
    world.l1 = { ...world.l1, createdAt: () => 11n };
    expect(checks.waitingFor({ ...good, height: Height(1n) }, genesis)).toBe("before-start");
  });

  it("CHECK-5: a handover names the newest committee at its anchor", () => {
    const { checks } = setUp();
    expect(checks.waitingFor({ ...good, nextCommittee: CommitteeId(1n) }, parent)).toBeUndefined();
    expect(checks.waitingFor({ ...good, nextCommittee: CommitteeId(2n) }, parent)).toBe("committee");
  });

  it("CHECK-5: a handover whose anchor lags by the maximum passes, one more waits, unless L1 is out of reach", () => {
    const { checks, world } = setUp();
    const finalized = (number: bigint): L1View => ({ ...fixedL1([]), finalized: () => ({ number, hash: ZERO_HASH }) });
    const handover = { ...good, nextCommittee: CommitteeId(1n) };
    world.l1 = finalized(13n);
    expect(checks.waitingFor(handover, parent)).toBeUndefined();
    world.l1 = finalized(14n);
    expect(checks.waitingFor(handover, parent)).toBe("anchor-lags");
    world.l1 = { ...finalized(14n), reachable: () => false };
    expect(checks.waitingFor(handover, parent)).toBeUndefined();
  });

  it("CHECK-6: entering a view drops the checks of lower ones; so many wait at once and not one more", () => {
    const { checks, world, passed } = setUp();
    world.shards = false;
    for (let view = 1n; view <= BigInt(CHECKS_MAX); view++) checks.add(epoch, View(view), good, parent);
    expect(checks.pendingChecks).toBe(CHECKS_MAX);
    checks.add(epoch, View(BigInt(CHECKS_MAX) + 1n), good, parent);
    expect(checks.pendingChecks).toBe(CHECKS_MAX);
    checks.enterView(epoch, View(60n));
    expect(checks.pendingChecks).toBe(CHECKS_MAX + 1 - 59);
    checks.close();
    world.shards = true;
    checks.again();
    expect(passed).toEqual([]);
  });
});
