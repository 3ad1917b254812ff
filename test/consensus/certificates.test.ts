import { describe, expect, it } from "vitest";

import { answerView } from "../../src/consensus/answer.ts";
import { SELF } from "../../src/consensus/input.ts";
import { refuseCertificate, refuseProposal, refuseVote } from "../../src/consensus/interest.ts";
import type { JournalRecord } from "../../src/consensus/output.ts";
import { recover } from "../../src/consensus/recover.ts";
import {
  FETCHES_MAX,
  HEADERS_MAX,
  oldestView,
  PROPOSALS_MAX,
  REPEAT_VIEWS_MAX,
  VIEWS_AHEAD_MAX,
  VIEWS_MAX,
} from "../../src/consensus/state.ts";
import { needs } from "../../src/consensus/resolver.ts";
import * as Header from "../../src/protocol/Header.ts";
import { Epoch, Height } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { genesisAnchor, signature, view } from "./cluster.ts";
import {
  certify,
  child,
  fire,
  follower,
  giveCertificate,
  giveVerdict,
  giveVote,
  ofType,
  propose,
  proposalOf,
  put,
  refusals,
  signed,
  solo,
  succeed,
  votes,
} from "./solo.ts";

describe("votes", () => {
  it("VOTE-1, VOTE-2: one slot a member and kind; verified as one aggregate, at quorum and not before", () => {
    const node = follower();
    const vote = votes(node).nullify(1);
    expect(ofType(giveVote(node, vote, 0), "verify-votes")).toEqual([]);
    expect(ofType(giveVote(node, vote, 0), "verify-votes")).toEqual([]);
    expect(ofType(giveVote(node, vote, 1), "verify-votes")).toEqual([]);
    const [asked] = ofType(giveVote(node, vote, 2), "verify-votes");
    expect(asked?.votes.map(({ signer }) => signer)).toEqual([0, 1, 2]);
  });

  it("VOTE-2: a certificate is formed and sent once", () => {
    const node = follower();
    const vote = votes(node).nullify(1);
    for (const signer of [0, 1, 2]) giveVote(node, vote, signer);
    const answer = { type: "votes-verified", vote, valid: [0, 1, 2], invalid: [], aggregate: signature(255) } as const;
    const [sent] = ofType(put(node, answer), "broadcast-certificate");
    expect(sent?.certificate).toEqual({ vote, absent: Uint8Array.of(0b1000), signature: signature(255) });
    expect(ofType(put(node, answer), "broadcast-certificate")).toEqual([]);
    expect(refusals(giveCertificate(node, vote))).toEqual(["duplicate"]);
  });

  it("VOTE-3: a bad signature costs its slot for good, the rest waits for more weight", () => {
    const node = follower();
    const vote = votes(node).nullify(1);
    for (const signer of [0, 1]) giveVote(node, vote, signer);
    giveVote(node, vote, 2, false);
    const valid = { type: "votes-verified", vote, valid: [0, 1], invalid: [2], aggregate: signature(255) } as const;
    const outputs = put(node, valid);
    expect(ofType(outputs, "broadcast-certificate")).toEqual([]);
    expect(refusals(outputs)).toEqual(["bad-signature"]);
    expect(refusals(giveVote(node, vote, 2))).toEqual(["slot-refused"]);
    const own = { vote, signer: 3, signature: signature(3) };
    const [again] = ofType(put(node, { type: "vote", from: SELF, vote: own }), "verify-votes");
    expect(again?.votes.map(({ isVerified }) => isVerified)).toEqual([true, true, true]);
  });

  const pairs = {
    S1: ["notarize", "notarize"],
    S2: ["finalize", "finalize"],
    S3: ["nullify", "finalize"],
    S4: ["notarize", "finalize"],
  } as const;
  for (const [offence, [first, second]] of Object.entries(pairs)) {
    it(`VOTE-4, ACC-1: ${first} and a contradicting ${second} are verified at once and become evidence ${offence}`, () => {
      const node = follower();
      const one = child(node, 2);
      const two = child(node, 2, undefined, "other");
      giveVote(node, votes(node)[first](2, one), 1);
      const [asked] = ofType(giveVote(node, votes(node)[second](2, two), 1), "verify-conflict");
      if (asked === undefined) throw new Error("nothing to verify");
      const answer = { ...asked, type: "conflict-verified", isVoteValid: true, isAgainstValid: true } as const;
      expect(ofType(put(node, answer), "report-evidence").map((report) => report.offence)).toEqual([offence]);
      expect(ofType(giveVote(node, votes(node)[second](2, two), 1), "verify-conflict")).toEqual([]);
    });
  }

  it("VOTE-4: notarize with nullify is honest", () => {
    const node = follower();
    giveVote(node, votes(node).notarize(2, child(node, 2)), 1);
    expect(ofType(giveVote(node, votes(node).nullify(2), 1), "verify-conflict")).toEqual([]);
  });

  it("ACC-1: two certificates that contradict are evidence against everyone in both", () => {
    const node = follower();
    giveCertificate(node, votes(node).nullify(2), [0, 1, 2]);
    const [report] = ofType(
      giveCertificate(node, votes(node).finalize(2, child(node, 2)), [1, 2, 3]),
      "report-evidence",
    );
    expect(report?.offence).toBe("S3");
    expect(report?.evidence.first.signers).toMatchObject({ kind: "committee", absent: Uint8Array.of(0b1000) });
    expect(report?.evidence.second.signers).toMatchObject({ kind: "committee", absent: Uint8Array.of(0b0001) });
  });

  it("ACC-2: two finalizations of one view stop the node", () => {
    const node = follower();
    giveCertificate(node, votes(node).finalize(1, child(node, 1)));
    const outputs = giveCertificate(node, votes(node).finalize(1, child(node, 1, undefined, "other")));
    expect(ofType(outputs, "report-fork")).toHaveLength(1);
    expect(node.state.phase).toBe("forked");
    expect(signed(fire(node, "advance", 2))).toEqual([]);
  });

  it("ACC-2: a finalization whose chain leaves out what is final stops the node", () => {
    const node = follower();
    const final = child(node, 1);
    const rival = child(node, 2);
    propose(node, 1, final);
    propose(node, 2, rival);
    giveCertificate(node, votes(node).finalize(1, final));
    expect(node.state.anchor.header).toBe(final);
    giveCertificate(node, votes(node).finalize(2, rival));
    put(node, { type: "headers", from: "peer", headers: [rival] });
    expect(node.state.phase).toBe("forked");
  });
});

describe("certificates and finality", () => {
  it("NOTAR-1: a certificate is journaled and sent on once, whoever it came from", () => {
    const node = follower();
    const outputs = giveCertificate(node, votes(node).nullify(1));
    expect(ofType(outputs, "persist").map(({ record }) => record.type)).toEqual(["certificate"]);
    expect(ofType(outputs, "broadcast-certificate")).toHaveLength(1);
    expect(node.state.view).toBe(2n);
  });

  it("FIN-1, FIN-3: a finalization of any view makes the block and its ancestors final and forgets what lies below", () => {
    const node = follower();
    const first = child(node, 1);
    succeed(node, 1, first);
    const second = child(node, 2, first);
    propose(node, 2, second, 1);
    const outputs = giveCertificate(node, votes(node).finalize(2, second));
    expect(ofType(outputs, "finalized").map(({ headers }) => headers)).toEqual([[first, second]]);
    expect(node.state.view).toBe(3n);
    expect(node.state.anchorView).toBe(2n);
    expect(node.state.blocks.size).toBe(0);
  });

  it("FIN-2, FIN-4, FETCH-1: with headers missing it moves on, signs nothing below, asks, and links when they come", () => {
    const other = follower();
    const first = child(other, 1);
    succeed(other, 1, first);
    const second = child(other, 2, first);
    const node = follower();
    const outputs = giveCertificate(node, votes(node).finalize(2, second));
    expect(node.state.view).toBe(3n);
    expect(ofType(outputs, "fetch").map(({ want }) => want.type)).toEqual(["view"]);
    expect(signed(fire(node, "advance", 2))).toEqual([]);
    const half = put(node, { type: "headers", from: "peer", headers: [second] });
    expect(ofType(half, "fetch").map(({ want }) => want)).toEqual([
      { type: "ancestors", block: Header.hash(first), height: 1n, above: 0n },
    ]);
    const linked = put(node, { type: "headers", from: "peer", headers: [first] });
    expect(ofType(linked, "finalized").map(({ headers }) => headers)).toEqual([[first, second]]);
  });

  it("FIN-5: adopting an anchor completes what waited for the blocks below it", () => {
    const other = follower();
    const first = child(other, 1);
    succeed(other, 1, first);
    const history = other.state.blocks.get(Header.hash(first))?.history;
    if (history === undefined) throw new Error("no frontier");
    const second = child(other, 2, first);
    const node = follower();
    giveCertificate(node, votes(node).finalize(2, second));
    put(node, { type: "headers", from: "peer", headers: [second] });
    const certificate = certify(node, votes(node).finalize(1, first));
    if (certificate.vote.kind !== "finalize") throw new Error("not a finalization");
    const anchor = { header: first, history, certificate: { ...certificate, vote: certificate.vote } };
    const outputs = put(node, { type: "adopt", anchor });
    expect(ofType(outputs, "finalized").map(({ headers }) => headers)).toEqual([[second]]);
  });

  it("EPOCH-1, EPOCH-2: a final handover ends the epoch; the next starts at view 1 on it", () => {
    const node = follower({ epochLength: 1 });
    const handover = child(node, 1);
    propose(node, 1, handover);
    const [ended] = ofType(giveCertificate(node, votes(node).finalize(1, handover)), "epoch-ended");
    expect(ended).toMatchObject({ epoch: 1n, nextCommittee: 2n });
    expect(signed(fire(node, "advance", 2))).toEqual([]);
    const next = { ...node.context, epoch: Epoch(2n), handoverHeight: Height(2n) };
    const started = put({ ...node, context: next }, { type: "start-epoch" });
    expect(ofType(started, "enter-view").map(({ epoch, view: entered }) => [epoch, entered])).toEqual([[2n, 1n]]);
  });

  it("EPOCH-3: who is in an older epoch is answered; who is in a newer one makes the node ask for the handover", () => {
    const node = follower();
    const older = put(node, { type: "other-epoch", from: "peer", epoch: Epoch(0n) });
    expect(ofType(older, "send-handover")).toEqual([{ type: "send-handover", to: "peer", epoch: 0n }]);
    const newer = put(node, { type: "other-epoch", from: "peer", epoch: Epoch(2n) });
    expect(ofType(newer, "fetch").map(({ want }) => want)).toEqual([{ type: "handover", epoch: 1n }]);
  });

  it("HAND-1: a block on a handover of its epoch is invalid", () => {
    const node = follower({ epochLength: 1 });
    const handover = child(node, 1);
    succeed(node, 1, handover);
    const outputs = propose(node, 2, child(node, 2, handover), 1);
    expect(refusals(outputs)).toEqual(["invalid-proposal"]);
    expect(signed(outputs)).toEqual(["nullify 2"]);
  });

  it("HAND-2: a handover proposed again needs its notarization certified and the views between nullified, no check", () => {
    const node = follower({ epochLength: 1 });
    const handover = child(node, 1);
    propose(node, 1, handover);
    giveCertificate(node, votes(node).nullify(1));
    giveCertificate(node, votes(node).nullify(2));
    const pending = propose(node, 3, handover, 1);
    expect(signed(pending)).toEqual([]);
    expect(signed(giveCertificate(node, votes(node).notarize(1, handover)))).toEqual([]);
    const passed = giveVerdict(node, Header.hash(handover), "valid");
    expect(ofType(passed, "check")).toEqual([]);
    expect(signed(passed)).toContain("notarize 3");
  });

  it("HAND-2: an ordinary block may not be proposed again", () => {
    const node = follower();
    const header = child(node, 1);
    giveCertificate(node, votes(node).nullify(1));
    expect(refusals(propose(node, 2, header))).toEqual(["invalid-proposal"]);
  });

  it("FETCH-2: asks the proposer first, then the next member, with growing pauses, and stops when it has it", () => {
    const node = follower();
    const header = child(node, 1);
    const asked = giveCertificate(node, votes(node).notarize(1, header));
    const leader = proposalOf(node, 1, header).leader;
    expect(ofType(asked, "fetch").map(({ seat }) => seat)).toEqual([leader]);
    const pauses: number[] = [];
    const seats: number[] = [];
    let [timer] = ofType(asked, "set-timer").filter((set) => set.timer.kind === "resolve");
    for (let i = 0; i < 3 && timer !== undefined; i++) {
      pauses.push(timer.delayMs);
      node.nowMs += timer.delayMs;
      const outputs = put(node, { type: "timer", timer: timer.timer });
      seats.push(...ofType(outputs, "fetch").map(({ seat }) => seat));
      [timer] = ofType(outputs, "set-timer").filter((set) => set.timer.kind === "resolve");
    }
    expect(pauses).toEqual([500, 750, 1125]);
    expect(seats).not.toContain(node.context.seat);
    expect(new Set(seats).size).toBeGreaterThan(1);
    put(node, { type: "headers", from: "peer", headers: [header] });
    expect(node.state.fetches.size).toBe(0);
  });

  it("FETCH-3: a header that no certificate and no held block names is refused", () => {
    const node = follower();
    const header = child(node, 1);
    expect(refusals(put(node, { type: "headers", from: "peer", headers: [header] }))).toEqual(["unwanted"]);
    giveCertificate(node, votes(node).notarize(1, header));
    expect(refusals(put(node, { type: "headers", from: "peer", headers: [header] }))).toEqual([]);
  });

  it("NOTAR-2, VIEW-4: both kinds are kept for a view, whichever let the node leave it", () => {
    const node = follower();
    const header = child(node, 1);
    propose(node, 1, header);
    giveCertificate(node, votes(node).nullify(1));
    expect(node.state.view).toBe(2n);
    giveCertificate(node, votes(node).notarize(1, header));
    giveVerdict(node, Header.hash(header), "valid");
    expect(node.state.view).toBe(2n);
    const { notarization, nullification } = node.state.views.get(view(1)) ?? {};
    expect([notarization?.vote.kind, nullification?.vote.kind]).toEqual(["notarize", "nullify"]);
  });

  it("VIEW-4: certificates of a far view lead there at once; a notarization only when it is certified", () => {
    const node = follower();
    giveCertificate(node, votes(node).nullify(4));
    expect(node.state.view).toBe(5n);
    const header = child(node, 7);
    propose(node, 7, header);
    giveCertificate(node, votes(node).notarize(7, header));
    expect(node.state.view).toBe(5n);
    giveVerdict(node, Header.hash(header), "valid");
    expect(node.state.view).toBe(8n);
  });

  it("FETCH-4: a view is answered with both kinds of certificates and its proposal", () => {
    const node = follower();
    const header = child(node, 1);
    propose(node, 1, header);
    giveCertificate(node, votes(node).notarize(1, header));
    giveCertificate(node, votes(node).nullify(1));
    const { certificates, proposals, headers } = answerView(node.state, view(1));
    expect(certificates.map(({ vote }) => vote.kind)).toEqual(["notarize", "nullify"]);
    expect([proposals.length, headers.length]).toEqual([1, 1]);
    expect(answerView(node.state, view(9))).toEqual({ certificates: [], proposals: [], headers: [] });
  });
});

describe("recovery", () => {
  it("REC-1: from the journal come the view, every vote and what was certified; nothing is contradicted", () => {
    const node = solo(3);
    const first = child(node, 1);
    const outputs = [...succeed(node, 1, first), ...fire(node, "advance", 2)];
    const records = ofType(outputs, "persist").map(({ record }) => record);
    const state = recover(node.context, genesisAnchor(node.context.config), records);
    const again = { ...node, state };
    expect(state.view).toBe(2n);
    const said = put(again, { type: "start" });
    expect(signed(said)).toEqual(["notarize 1", "finalize 1", "nullify 2"]);
    expect(ofType(said, "persist")).toEqual([]);
    expect(signed(propose(again, 1, child(again, 1, undefined, "other")))).toEqual([]);
    expect(signed(fire(again, "advance", 1))).toEqual([]);
  });

  it("REC-1: records at or below the anchor, and of other epochs, are skipped", () => {
    const node = solo(3);
    const header = child(node, 1);
    const stale: JournalRecord[] = [
      { type: "vote", vote: Vote.nullify(Epoch(9n), view(1)) },
      { type: "vote", vote: Vote.nullify(node.context.epoch, view(0)) },
      { type: "verdict", epoch: Epoch(9n), block: Header.hash(header), verdict: "invalid" },
    ];
    const state = recover(node.context, genesisAnchor(node.context.config), stale);
    expect([state.view, state.views.size]).toEqual([1n, 0]);
  });
});

describe("bounds", () => {
  it("BOUND-1: a certificate VIEWS_MAX ahead is taken, one more is not, a finalization always is", () => {
    const { context, state } = follower();
    const at = (ahead: bigint): Vote.Vote => Vote.nullify(context.epoch, view(ahead));
    expect(refuseCertificate(context, state, { vote: at(VIEWS_MAX) })).toBeUndefined();
    expect(refuseCertificate(context, state, { vote: at(VIEWS_MAX + 1n) })).toMatchObject({ code: "future-view" });
    const finalization = Vote.finalize(context.epoch, view(VIEWS_MAX + 1n), Header.hash(state.anchor.header));
    expect(refuseCertificate(context, state, { vote: finalization })).toBeUndefined();
  });

  it("BOUND-2, VOTE-5: votes are buffered up to VIEWS_AHEAD_MAX ahead and back to the window's end", () => {
    const node = follower({ voteWindow: 2 });
    const at = (number: bigint): Pick<Vote.SignedVote, "vote" | "signer"> => ({
      vote: Vote.nullify(node.context.epoch, view(number)),
      signer: 0,
    });
    expect(refuseVote(node.context, node.state, at(1n + VIEWS_AHEAD_MAX))).toBeUndefined();
    expect(refuseVote(node.context, node.state, at(2n + VIEWS_AHEAD_MAX))).toMatchObject({ code: "future-view" });
    for (let number = 1, parent = node.state.anchor.header; number <= 3; number++) {
      parent = child(node, number, parent);
      propose(node, number, parent, number - 1);
      giveCertificate(node, votes(node).finalize(number, parent));
    }
    expect(oldestView(node.context, node.state)).toBe(2n);
    expect(refuseVote(node.context, node.state, at(2n))).toBeUndefined();
    expect(refuseVote(node.context, node.state, at(1n))).toMatchObject({ code: "stale-view" });
    expect([...node.state.views.keys()].sort()).toEqual([2n, 3n]);
  });

  it("BOUND-3: PROPOSALS_MAX different proposals of a view are kept, one more only if a certificate names it", () => {
    const node = follower();
    const headers = ["a", "b", "c"].map((salt) => child(node, 1, undefined, salt));
    const [third] = headers.slice(PROPOSALS_MAX);
    if (third === undefined) throw new Error("three blocks");
    for (const header of headers) propose(node, 1, header);
    expect(node.state.views.get(view(1))?.proposals).toHaveLength(PROPOSALS_MAX);
    const again = proposalOf(node, 1, third);
    expect(refuseProposal(node.context, node.state, again)).toMatchObject({ code: "too-many-proposals" });
    giveCertificate(node, votes(node).notarize(1, third));
    expect(refuseProposal(node.context, node.state, again)).toBeUndefined();
  });

  it("BOUND-4: a header HEADERS_MAX above the anchor is linked in memory, one more is left to state sync", () => {
    const taken = [HEADERS_MAX, HEADERS_MAX + 1n].map((height) => {
      const node = follower();
      const header = { ...child(node, 1), height: Height(height) };
      giveCertificate(node, votes(node).finalize(1, header));
      return refusals(put(node, { type: "headers", from: "peer", headers: [header] }));
    });
    expect(taken).toEqual([[], ["unwanted"]]);
  });

  it("BOUND-5: at most FETCHES_MAX requests are under way", () => {
    const node = follower();
    for (let number = 1; number <= FETCHES_MAX + 1; number++) {
      giveCertificate(node, votes(node).notarize(number, child(node, number)));
    }
    expect(needs(node.context, node.state)).toHaveLength(FETCHES_MAX);
    expect(node.state.fetches.size).toBe(FETCHES_MAX);
  });

  it("BOUND-6: a repeat after a standstill carries the newest REPEAT_VIEWS_MAX views", () => {
    const node = follower();
    put(node, { type: "voting", enabled: false });
    for (let number = 1; number <= REPEAT_VIEWS_MAX + 1; number++) giveCertificate(node, votes(node).nullify(number));
    node.nowMs = 1_000_000;
    const timer = { kind: "standstill", epoch: node.context.epoch } as const;
    const repeated = ofType(put(node, { type: "timer", timer }), "broadcast-certificate");
    expect(repeated).toHaveLength(REPEAT_VIEWS_MAX);
    expect(repeated.at(0)?.certificate.vote.view).toBe(2n);
  });
});
