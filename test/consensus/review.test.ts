import { describe, expect, it } from "vitest";

import type { Output } from "../../src/consensus/output.ts";
import { leaderOf } from "../../src/consensus/leader.ts";
import { view } from "./cluster.ts";
import {
  child,
  fire,
  follower,
  giveCertificate,
  giveVote,
  ofType,
  propose,
  put,
  signed,
  votes,
  type Solo,
} from "./solo.ts";

function answer(
  node: Solo,
  outputs: readonly Output[],
  isVoteValid: boolean,
  isAgainstValid: boolean,
): readonly Output[] {
  const [asked] = ofType(outputs, "verify-conflict");
  if (asked === undefined) throw new Error("nothing to verify");
  return put(node, { ...asked, type: "conflict-verified", isVoteValid, isAgainstValid });
}

const offences = (outputs: readonly Output[]): string[] => ofType(outputs, "report-evidence").map((it) => it.offence);

describe("evidence under attack", () => {
  it("VOTE-4: a bad signature does not shield its author from a later contradiction by vote", () => {
    const node = follower();
    const block = child(node, 2);
    giveVote(node, votes(node).finalize(2, block), 1);
    const garbage = giveVote(node, votes(node).finalize(2, child(node, 2, undefined, "other")), 1, false);
    expect(offences(answer(node, garbage, false, true))).toEqual([]);
    const contradiction = giveVote(node, votes(node).nullify(2), 1);
    expect(offences(answer(node, contradiction, true, true))).toEqual(["S3"]);
  });

  it("VOTE-4: a bad signature does not shield its author from a later contradiction by certificate", () => {
    const node = follower();
    giveVote(node, votes(node).finalize(2, child(node, 2)), 1);
    const garbage = giveVote(node, votes(node).finalize(2, child(node, 2, undefined, "other")), 1, false);
    answer(node, garbage, false, true);
    const contradiction = giveCertificate(node, votes(node).nullify(2), [0, 1, 2]);
    expect(offences(answer(node, contradiction, true, true))).toEqual(["S3"]);
  });

  it("VOTE-4: what came while a bad signature was being checked is compared afterwards", () => {
    const node = follower();
    giveVote(node, votes(node).notarize(2, child(node, 2)), 1);
    const garbage = giveVote(node, votes(node).notarize(2, child(node, 2, undefined, "other")), 1, false);
    giveVote(node, votes(node).finalize(2, child(node, 2, undefined, "third")), 1);
    expect(offences(answer(node, answer(node, garbage, false, true), true, true))).toEqual(["S4"]);
  });

  it("ACC-1: two proposals of one leader are evidence whatever else it sent", () => {
    const node = follower();
    const leader = leaderOf(node.context, view(2));
    const garbage = child(node, 2, undefined, "garbage");
    giveVote(node, votes(node).notarize(2, garbage), leader, false);
    const first = propose(node, 2, child(node, 2));
    const second = propose(node, 2, child(node, 2, undefined, "other"));
    expect([...offences(first), ...offences(second)]).toContain("S1");
  });
});

describe("liveness under attack", () => {
  it("SAFE-7, VIEW-1: a view whose timers ran out while voting was off is timed anew when it is on again", () => {
    const node = follower();
    put(node, { type: "voting", enabled: false });
    expect(signed([...fire(node, "leader", 1), ...fire(node, "advance", 1)])).toEqual([]);
    const timers = ofType(put(node, { type: "voting", enabled: true }), "set-timer").map(({ timer }) => timer.kind);
    expect(timers).toEqual(expect.arrayContaining(["leader", "advance"]));
    expect(signed(fire(node, "advance", 1))).toEqual(["nullify 1"]);
  });
});
