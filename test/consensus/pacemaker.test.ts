import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { epochSeed, leaderOf } from "../../src/consensus/leader.ts";
import { timeouts } from "../../src/consensus/pacemaker.ts";
import { hashBytes, keccakHash } from "../../src/crypto/hash.ts";
import { Epoch, View } from "../../src/protocol/scalars.ts";
import { configOf, contextOf, view } from "./cluster.ts";
import { child, fire, follower, giveCertificate, giveVote, ofType, propose, put, signed, votes } from "./solo.ts";

const word = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
};

describe("leader", () => {
  it("LEAD-1, LEAD-2: the first i whose cumulative weight exceeds keccak256(seed ‖ view) mod W", () => {
    const weight = fc.bigInt({ min: 1n, max: 65_535n });
    fc.assert(
      fc.property(
        fc.array(weight, { minLength: 1, maxLength: 100 }),
        fc.bigInt({ min: 1n, max: 2n ** 40n }),
        (weights, at) => {
          const seed = epochSeed(keccakHash(word(7n)), Epoch(3n));
          expect(seed).toBe(keccakHash(hashBytes(keccakHash(word(7n))), word(3n)));
          const totalWeight = weights.reduce((sum, each) => sum + each, 0n);
          const ticket = BigInt(keccakHash(hashBytes(seed), word(at))) % totalWeight;
          const cumulative = weights.map((_, i) => weights.slice(0, i + 1).reduce((sum, each) => sum + each, 0n));
          const electorate = { seed, totalWeight, committee: { members: weights.map((each) => ({ weight: each })) } };
          expect(leaderOf(electorate, View(at))).toBe(cumulative.findIndex((sum) => sum > ticket));
        },
      ),
    );
  });

  it("LEAD-2: leads in proportion to weight", () => {
    const options = { weights: [10n, 30n, 60n] };
    const context = contextOf(options, configOf(options), 1n, 0);
    const counts = [0, 0, 0];
    for (let at = 1n; at <= 2_000n; at++) {
      const leader = leaderOf(context, View(at));
      counts[leader] = (counts[leader] ?? 0) + 1;
    }
    for (const [index, share] of [0.1, 0.3, 0.6].entries()) expect((counts[index] ?? 0) / 2_000).toBeCloseTo(share, 1);
  });
});

describe("views and timers", () => {
  const delays = (outputs: readonly Parameters<typeof ofType>[0][number][]): Record<string, number> =>
    Object.fromEntries(ofType(outputs, "set-timer").map(({ timer, delayMs }) => [timer.kind, delayMs]));

  it("VIEW-1: entering a view sets the leader timer 2Δ and the advance timer 3Δ", () => {
    const node = follower();
    expect(delays(giveCertificate(node, votes(node).notarize(1, child(node, 1))))).not.toHaveProperty("leader");
    const fresh = follower();
    const first = child(fresh, 1);
    propose(fresh, 1, first);
    expect(delays(giveCertificate(fresh, votes(fresh).finalize(1, first)))).toMatchObject({
      leader: 200,
      advance: 300,
    });
  });

  it("VIEW-3: timeouts grow by the factor for every failed view, up to the cap, and fall back on finalization", () => {
    const node = follower();
    expect(delays(giveCertificate(node, votes(node).nullify(1)))).toMatchObject({ leader: 300, advance: 450 });
    for (let at = 2; at <= 12; at++) giveCertificate(node, votes(node).nullify(at));
    expect(timeouts(node.context, node.state)).toEqual({ leaderMs: 2_000, advanceMs: 3_000 });
    const header = child(node, 13);
    propose(node, 13, header);
    giveCertificate(node, votes(node).finalize(13, header));
    expect(node.state.failures).toBe(0);
    expect(timeouts(node.context, node.state)).toEqual({ leaderMs: 200, advanceMs: 300 });
  });

  it("VIEW-2: a leader that is silent while a quorum is active is given up at once; with no quorum active it is not", () => {
    for (const isQuorumActive of [true, false]) {
      const node = follower();
      node.nowMs = node.context.config.skipTimeoutMs + 1;
      const leader = leaderOf(node.context, view(2));
      const others = node.context.committee.members.map((_, seat) => seat).filter((seat) => seat !== leader);
      for (const seat of isQuorumActive ? others : others.slice(0, 1)) {
        if (seat !== node.context.seat) giveVote(node, votes(node).nullify(1), seat);
      }
      const expected = isQuorumActive ? { leader: 0, advance: 0 } : { leader: 300, advance: 450 };
      expect(delays(giveCertificate(node, votes(node).nullify(1)))).toMatchObject(expected);
    }
  });

  it("VIEW-5: while the view lasts, own votes and the entry certificate are repeated and nothing is journaled", () => {
    const node = follower();
    fire(node, "advance", 1);
    giveCertificate(node, votes(node).nullify(1));
    fire(node, "advance", 2);
    const outputs = fire(node, "retry", 2);
    expect(signed(outputs)).toEqual(["nullify 1", "nullify 2"]);
    expect(ofType(outputs, "broadcast-certificate").map(({ certificate }) => certificate.vote)).toEqual([
      votes(node).nullify(1),
    ]);
    expect(ofType(outputs, "persist")).toEqual([]);
    expect(fire(node, "retry", 1)).toEqual([]);
  });

  it("VIEW-6: only after standstillMs without progress is everything above the last finalization repeated", () => {
    const node = follower();
    const timer = { kind: "standstill", epoch: node.context.epoch } as const;
    fire(node, "advance", 1);
    node.nowMs = node.context.tuning.standstillMs - 1;
    const early = put(node, { type: "timer", timer });
    expect(signed(early)).toEqual([]);
    expect(delays(early)).toEqual({ standstill: 1 });
    node.nowMs += 1;
    expect(signed(put(node, { type: "timer", timer }))).toEqual(["nullify 1"]);
  });

  it("SAFE-7: with voting off nothing is signed, with voting on again the view's business is taken up", () => {
    const node = follower();
    const header = child(node, 1);
    put(node, { type: "voting", enabled: false });
    propose(node, 1, header);
    expect(signed(fire(node, "advance", 1))).toEqual([]);
    const outputs = put(node, { type: "voting", enabled: true });
    expect(ofType(outputs, "check")).toHaveLength(1);
  });
});
