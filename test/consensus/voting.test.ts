import { describe, expect, it } from "vitest";

import type { Judgement } from "../../src/consensus/ancestry.ts";
import { mayFinalize, mayNotarize, mayNullify } from "../../src/consensus/safety.ts";
import { emptyRecord, type OwnVotes, type State, type ViewRecord } from "../../src/consensus/state.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { view } from "./cluster.ts";
import {
  child,
  fire,
  firstLeader,
  follower,
  giveCertificate,
  giveVerdict,
  giveVote,
  ofType,
  passCheck,
  propose,
  proposalOf,
  put,
  refusals,
  signed,
  succeed,
  votes,
  type Solo,
} from "./solo.ts";

describe("may I vote", () => {
  const node = follower();
  const header = child(node, 1);
  const other = child(node, 1, undefined, "other");
  propose(node, 1, header);
  giveCertificate(node, votes(node).notarize(1, header));
  giveVerdict(node, Header.hash(header), "valid");
  const { context } = node;
  // Back in view 1 with nothing signed, so that each condition can be taken away by itself.
  const free: State = { ...node.state, view: view(1), views: withOwn(node, {}) };
  const valid: Judgement = { status: "valid", parentView: view(0), parent: header };
  const missing: Judgement = { status: "missing", wants: [] };
  const block = Header.hash(header);

  function withOwn(from: Solo, own: Partial<OwnVotes>, change: Partial<ViewRecord> = {}): State["views"] {
    const record = { ...(from.state.views.get(view(1)) ?? emptyRecord(view(1))), ...change };
    const none = { notarize: undefined, nullify: false, finalize: undefined };
    return new Map([[view(1), { ...record, own: { ...none, ...own } }]]);
  }
  const having = (own: Partial<OwnVotes>, change: Partial<ViewRecord> = {}): State => ({
    ...free,
    views: withOwn(node, own, change),
  });

  it("SAFE-2: notarizes only in the current view, once, never after finalize, on a valid ancestry", () => {
    expect(mayNotarize(context, free, view(1), valid)).toBe(true);
    expect(mayNotarize(context, { ...free, view: view(2) }, view(1), valid)).toBe(false);
    expect(mayNotarize(context, having({ notarize: block }), view(1), valid)).toBe(false);
    expect(mayNotarize(context, having({ finalize: block }), view(1), valid)).toBe(false);
    expect(mayNotarize(context, free, view(1), missing)).toBe(false);
    expect(mayNotarize(context, having({ nullify: true }), view(1), valid)).toBe(true);
  });

  it("SAFE-3: finalizes once, what is certified, unless it nullified, notarized another or saw two proposals", () => {
    const two = [proposalOf(node, 1, header), proposalOf(node, 1, other)];
    expect(mayFinalize(context, free, view(1), block, valid)).toBe(true);
    expect(mayFinalize(context, having({ notarize: block }), view(1), block, valid)).toBe(true);
    expect(mayFinalize(context, having({ nullify: true }), view(1), block, valid)).toBe(false);
    expect(mayFinalize(context, having({ notarize: Header.hash(other) }), view(1), block, valid)).toBe(false);
    expect(mayFinalize(context, having({ finalize: block }), view(1), block, valid)).toBe(false);
    expect(mayFinalize(context, having({}, { proposals: two }), view(1), block, valid)).toBe(false);
    expect(mayFinalize(context, having({}, { notarization: undefined }), view(1), block, valid)).toBe(false);
    expect(mayFinalize(context, free, view(1), Header.hash(other), valid)).toBe(false);
    expect(mayFinalize(context, free, view(1), block, missing)).toBe(false);
  });

  it("SAFE-4: nullifies once, and never after finalize", () => {
    expect(mayNullify(context, free, view(1))).toBe(true);
    expect(mayNullify(context, having({ notarize: block }), view(1))).toBe(true);
    expect(mayNullify(context, having({ nullify: true }), view(1))).toBe(false);
    expect(mayNullify(context, having({ finalize: block }), view(1))).toBe(false);
    expect(mayNullify(context, free, view(2))).toBe(false);
  });

  it("SAFE-6: what is not certified is not finalized", () => {
    const pending = new Map([...free.blocks].map(([hash, known]) => [hash, { ...known, verdict: undefined }]));
    expect(mayFinalize(context, { ...free, blocks: pending }, view(1), block, valid)).toBe(false);
  });

  it("SAFE-7: nothing is signed by an observer, while voting is off, after the epoch, on a fork, or at a final view", () => {
    const closed: readonly (readonly [typeof context, State])[] = [
      [{ ...context, seat: undefined }, free],
      [context, { ...free, isVotingEnabled: false }],
      [context, { ...free, phase: "ended" }],
      [context, { ...free, phase: "forked" }],
      [context, { ...free, anchorView: view(1) }],
    ];
    for (const [asked, state] of closed) {
      expect(mayNotarize(asked, state, view(1), valid)).toBe(false);
      expect(mayFinalize(asked, state, view(1), block, valid)).toBe(false);
      expect(mayNullify(asked, state, view(1))).toBe(false);
    }
  });
});

describe("voting in the step", () => {
  it("SAFE-1: every vote is journaled, synced, just before it is signed", () => {
    const node = follower();
    const first = child(node, 1);
    const outputs = [...succeed(node, 1, first), ...fire(node, "advance", 2)];
    const leading = firstLeader();
    const built = child(leading, 1);
    outputs.push(...put(leading, { type: "built", epoch: leading.context.epoch, view: view(1), header: built }));
    expect(signed(outputs)).toEqual(["notarize 1", "finalize 1", "nullify 2", "propose 1"]);
    for (const [at, output] of outputs.entries()) {
      if (output.type !== "sign" && output.type !== "propose") continue;
      const vote =
        output.type === "sign" ? output.vote : Vote.notarize(output.epoch, output.view, Header.hash(output.header));
      expect(outputs[at - 1]).toEqual({ type: "persist", record: { type: "vote", vote }, sync: true });
    }
  });

  it("SAFE-5: a proposal whose gap is not nullified stays pending, is fetched for, and passes when it is", () => {
    const node = follower();
    giveCertificate(node, votes(node).nullify(2));
    expect(node.state.view).toBe(3n);
    const header = child(node, 3);
    const pending = propose(node, 3, header, 0);
    expect(signed(pending)).toEqual([]);
    expect(ofType(pending, "fetch").map(({ want }) => want)).toContainEqual({ type: "view", epoch: 1n, view: 1n });
    giveCertificate(node, votes(node).nullify(1));
    expect(signed(passCheck(node, 3, header))).toEqual(["notarize 3"]);
  });

  it("SAFE-5: a named parent view that is nullified here is fetched: it may be notarized as well", () => {
    const other = follower();
    const parent = child(other, 1);
    succeed(other, 1, parent);
    const node = follower();
    giveCertificate(node, votes(node).nullify(1));
    const header = child(other, 2, parent);
    const pending = propose(node, 2, header, 1);
    expect(ofType(pending, "fetch").map(({ want }) => want)).toContainEqual({ type: "view", epoch: 1n, view: 1n });
    propose(node, 1, parent);
    giveCertificate(node, votes(node).notarize(1, parent));
    expect(ofType(giveVerdict(node, Header.hash(parent), "valid"), "check")).toHaveLength(1);
    expect(signed(passCheck(node, 2, header))).toEqual(["notarize 2"]);
  });

  it("SAFE-5: a view notarized here and jumped by the leader is fetched, down to a parent that is nullified here", () => {
    const node = follower();
    const parent = child(node, 1);
    succeed(node, 1, parent);
    giveCertificate(node, votes(node).nullify(1));
    const jumped = child(node, 2, parent);
    succeed(node, 2, jumped, 1);
    const pending = propose(node, 3, child(node, 3, parent), 1);
    expect(ofType(pending, "fetch").map(({ want }) => want)).toEqual([{ type: "view", epoch: 1n, view: 2n }]);
    const ready = giveCertificate(node, votes(node).nullify(2));
    expect(ofType(ready, "check")).toHaveLength(1);
  });

  it("PROP-7, SAFE-5: with a false parent view, or none known, what is missing is fetched all the same", () => {
    const other = follower();
    const parent = child(other, 1);
    succeed(other, 1, parent);
    const header = child(other, 2, parent);
    const lied = follower();
    put(lied, { type: "voting", enabled: false });
    giveCertificate(lied, votes(lied).nullify(3));
    const pending = propose(lied, 4, child(other, 4, parent), 0);
    expect(ofType(pending, "fetch").map(({ want }) => want)).toEqual([
      { type: "view", epoch: 1n, view: 2n },
      { type: "view", epoch: 1n, view: 1n },
      { type: "ancestors", block: Header.hash(parent), height: 1n, above: 0n },
    ]);
    const unknown = follower();
    giveCertificate(unknown, votes(unknown).nullify(1));
    giveCertificate(unknown, votes(unknown).notarize(2, header));
    const got = put(unknown, { type: "headers", from: "peer", headers: [header, parent] });
    const asked = [...got, ...giveVerdict(unknown, Header.hash(header), "valid")];
    expect(ofType(asked, "fetch").map(({ want }) => want)).toContainEqual({ type: "view", epoch: 1n, view: 1n });
    giveCertificate(unknown, votes(unknown).notarize(1, parent));
    expect(signed(giveVerdict(unknown, Header.hash(parent), "valid"))).toContain("finalize 2");
  });

  it("SAFE-5: finalize waits for the ancestry even when the block is certified and the view was left", () => {
    const node = follower();
    const header = child(node, 3);
    giveCertificate(node, votes(node).nullify(2));
    propose(node, 3, header, 0);
    giveCertificate(node, votes(node).notarize(3, header));
    expect(signed(giveVerdict(node, Header.hash(header), "valid"))).toEqual([]);
    expect(node.state.view).toBe(4n);
    expect(signed(giveCertificate(node, votes(node).nullify(1)))).toEqual(["finalize 3"]);
  });

  it("PROP-3: only the first proposal of the leader is voted for; a second one is evidence and stops finalize", () => {
    const node = follower();
    const first = child(node, 1);
    const second = child(node, 1, undefined, "other");
    propose(node, 1, first);
    const outputs = propose(node, 1, second);
    expect(ofType(outputs, "report-evidence").map(({ offence }) => offence)).toEqual(["S1"]);
    expect(signed(passCheck(node, 1, second))).toEqual([]);
    expect(signed(passCheck(node, 1, first))).toEqual(["notarize 1"]);
    giveCertificate(node, votes(node).notarize(1, first));
    expect(signed(giveVerdict(node, Header.hash(first), "valid"))).toEqual([]);
    expect(node.state.view).toBe(2n);
  });

  it("PROP-6: what depends on the environment is pending: no vote, no nullify, until checked", () => {
    const node = follower();
    const header = child(node, 1);
    const outputs = propose(node, 1, header);
    expect(ofType(outputs, "check")).toHaveLength(1);
    expect(signed(outputs)).toEqual([]);
    expect(signed(passCheck(node, 1, header))).toEqual(["notarize 1"]);
  });

  it("PROP-7: a false parent view is replaced by the one for which the ancestry holds", () => {
    const node = follower({}, 2);
    giveCertificate(node, votes(node).nullify(1));
    const header = child(node, 2);
    propose(node, 2, header, 1);
    expect(signed(passCheck(node, 2, header))).toEqual(["notarize 2"]);
  });

  it("NOTAR-4: an invalid payload is nullified, in the current view or an earlier one, and never built on", () => {
    const node = follower();
    const header = child(node, 1);
    propose(node, 1, header);
    giveCertificate(node, votes(node).notarize(1, header));
    const outputs = giveVerdict(node, Header.hash(header), "invalid");
    expect(signed(outputs)).toEqual(["nullify 1"]);
    expect(refusals(outputs)).toEqual(["invalid-block"]);
    expect(node.state.view).toBe(1n);
  });

  it("VIEW-7: the leader's own nullify is followed; another member's is not", () => {
    const node = follower();
    const leader = proposalOf(node, 1, child(node, 1)).leader;
    const others = node.context.committee.members.map((_, seat) => seat).filter((seat) => seat !== leader);
    const other = others.find((seat) => seat !== node.context.seat) ?? 0;
    expect(signed(giveVote(node, votes(node).nullify(1), other))).toEqual([]);
    expect(signed(giveVote(node, votes(node).nullify(1), leader))).toEqual(["nullify 1"]);
  });

  it("VIEW-1: the leader timer means nothing once there is a proposal; the advance timer does", () => {
    const node = follower();
    expect(signed(fire(follower(), "leader", 1))).toEqual(["nullify 1"]);
    propose(node, 1, child(node, 1));
    expect(signed(fire(node, "leader", 1))).toEqual([]);
    expect(signed(fire(node, "advance", 1))).toEqual(["nullify 1"]);
    expect(signed(fire(node, "advance", 1))).toEqual([]);
  });

  it("NOTAR-3: a certified block moves a node on even after it nullified, but it does not finalize", () => {
    const node = follower();
    const header = child(node, 1);
    propose(node, 1, header);
    fire(node, "advance", 1);
    giveCertificate(node, votes(node).notarize(1, header));
    expect(signed(giveVerdict(node, Header.hash(header), "valid"))).toEqual([]);
    expect(node.state.view).toBe(2n);
  });

  it("PROP-1: the leader builds on the highest certified view below, over nullified ones", () => {
    const node = follower();
    const first = child(node, 1);
    succeed(node, 1, first);
    giveCertificate(node, votes(node).nullify(2));
    const leader = proposalOf(node, 4, child(node, 4, first)).leader;
    const leading = { ...node, context: { ...node.context, seat: leader } };
    const [asked] = ofType(giveCertificate(leading, votes(node).nullify(3)), "build");
    expect(asked).toMatchObject({ view: 4n, parentView: 1n, parent: first, history: child(node, 4, first).history });
  });

  it("PROP-2: a leader without a base nullifies at once; a failed build does too", () => {
    const node = firstLeader();
    expect(signed(put(node, { type: "build-failed", epoch: node.context.epoch, view: view(1) }))).toEqual([
      "nullify 1",
    ]);
    const late = follower({}, 2);
    const leadsThird = late.context.committee.members.findIndex(
      (_, seat) => seat === proposalOf(late, 3, child(late, 3)).leader,
    );
    const leader = { ...late, context: { ...late.context, seat: leadsThird } };
    expect(signed(giveCertificate(leader, votes(leader).nullify(2)))).toEqual(["nullify 3"]);
  });
});
