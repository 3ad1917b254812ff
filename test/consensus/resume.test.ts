import { describe, expect, it } from "vitest";

import { createContext } from "../../src/consensus/context.ts";
import type { Event } from "../../src/consensus/input.ts";
import { recover } from "../../src/consensus/recover.ts";
import type { State } from "../../src/consensus/state.ts";
import { step, type Transition } from "../../src/consensus/step.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import * as Header from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch } from "../../src/protocol/scalars.ts";
import { AssertionError } from "../../src/runtime/assert.ts";
import { view } from "./cluster.ts";
import { child, fire, follower, giveCertificate, ofType, propose, put, signed, votes, type Solo } from "./solo.ts";

/** The context of epoch `epoch` with another committee of the same members. */
function later(node: Solo, epoch: bigint): Solo["context"] {
  const { committee, seat, config } = node.context;
  const next = { ...committee, id: CommitteeId(9n) };
  return createContext({ epoch: Epoch(epoch), committee: next, seat, config });
}

function resume(node: Solo, epoch: bigint): Transition {
  const { header, history } = node.state.anchor;
  const event: Event = { type: "resumed", anchor: { header, history, certificate: undefined } };
  return step(later(node, epoch), node.state, { ...event, nowMs: node.nowMs });
}

function forked(node: Solo): State {
  giveCertificate(node, votes(node).finalize(1, child(node, 1)), [0, 1, 2]);
  giveCertificate(node, votes(node).finalize(1, child(node, 1, undefined, "other")), [1, 2, 3]);
  expect(node.state.phase).toBe("forked");
  return node.state;
}

describe("a resumed epoch", () => {
  it("RESUME-5: begins at view 1 on the block that L1 names, whatever came before", () => {
    const node = follower();
    propose(node, 1, child(node, 1));
    fire(node, "advance", 1);
    giveCertificate(node, votes(node).nullify(1), [0, 1, 2]);
    expect(node.state.view).toBe(2n);
    const { state, outputs } = resume(node, 7n);
    expect(state).toMatchObject({ epoch: 7n, phase: "running", view: 1n, anchorView: 0n });
    expect(state.views.size).toBe(0);
    expect(ofType(outputs, "enter-view")).toMatchObject([{ epoch: 7n, view: 1n }]);
    expect(ofType(outputs, "set-timer").map(({ timer }) => timer.kind)).toEqual(
      expect.arrayContaining(["leader", "advance", "retry", "standstill"]),
    );
  });

  it("RESUME-5: ends a fork, and votes go on", () => {
    const node = follower();
    forked(node);
    expect(signed(fire(node, "advance", 1))).toEqual([]);
    const { state } = resume(node, 2n);
    const again = { context: later(node, 2n), state, nowMs: 0 };
    const timer = { kind: "advance" as const, epoch: Epoch(2n), view: view(1) };
    expect(signed(put(again, { type: "timer", timer }))).toEqual(["nullify 1"]);
  });

  it("RESUME-5: what is late of the old epochs is refused, and nothing follows from it", () => {
    const node = follower();
    const old = child(node, 1);
    const finalization = Certificate.conclude(
      { vote: votes(node).finalize(1, old), absent: Uint8Array.of(8), signature: new Uint8Array(48) },
      true,
    );
    if (!finalization.ok) throw new Error("a certificate");
    const { state } = resume(node, 2n);
    const after = { context: later(node, 2n), state, nowMs: 0 };
    const outputs = put(after, { type: "certificate", from: "peer", certificate: finalization.certificate });
    expect(outputs).toMatchObject([{ type: "reject", rejection: { code: "other-epoch" } }]);
    expect(after.state).toEqual(state);
  });

  it("RESUME-5: a block of the old epoch cannot stand in it, one on the resumed block can", () => {
    const node = follower();
    const old = child(node, 1);
    const { state } = resume(node, 2n);
    const after = { context: later(node, 2n), state, nowMs: 0 };
    expect(signed(propose(after, 1, old))).toEqual(["nullify 1"]);
    const { state: fresh } = resume(node, 2n);
    const other = { context: later(node, 2n), state: fresh, nowMs: 0 };
    const block = child(other, 1);
    expect(block).toMatchObject({ epoch: 2n, committee: 9n, parent: Header.hash(state.anchor.header) });
    expect(ofType(propose(other, 1, block), "check")).toHaveLength(1);
  });

  it("RESUME-5: is above its block's epoch, or it is no resume", () => {
    const node = follower();
    const { header, history } = node.state.anchor;
    const anchor = { header: { ...header, epoch: Epoch(7n) }, history, certificate: undefined };
    expect(() => step(later(node, 7n), node.state, { type: "resumed", anchor, nowMs: 0 })).toThrow(AssertionError);
  });

  it("RESUME-2: voting that was off stays off in it until the node says otherwise", () => {
    const node = follower();
    put(node, { type: "voting", enabled: false });
    expect(resume(node, 2n).state.isVotingEnabled).toBe(false);
  });
});

describe("a fork", () => {
  it("ACC-3: is remembered over a restart: nothing is signed", () => {
    const node = follower();
    const { anchor } = node.state;
    const state = recover(node.context, anchor, [], true);
    const after: Solo = { context: node.context, state, nowMs: 0 };
    put(after, { type: "start" });
    expect(signed([...fire(after, "leader", 1), ...fire(after, "advance", 1)])).toEqual([]);
    expect(after.state.phase).toBe("forked");
  });

  it("ACC-5: found outside the core silences it, and is reported once", () => {
    const node = follower();
    const theirs = {
      vote: votes(node).finalize(1, child(node, 1)),
      absent: new Uint8Array(1),
      signature: new Uint8Array(48),
    };
    if (!Certificate.isFinalization(theirs)) throw new Error("a finalization");
    expect(ofType(put(node, { type: "forked", mine: undefined, theirs }), "report-fork")).toHaveLength(1);
    expect(put(node, { type: "forked", mine: undefined, theirs })).toEqual([]);
    expect(signed([...fire(node, "leader", 1), ...fire(node, "advance", 1)])).toEqual([]);
  });

  it("ACC-3: is not followed: certificates above are refused, contradictions of what is held are not", () => {
    const node = follower();
    forked(node);
    const refused = giveCertificate(node, votes(node).nullify(2), [0, 1, 2]);
    expect(refused).toMatchObject([{ type: "reject", rejection: { code: "not-running" } }]);
    const contradiction = giveCertificate(node, votes(node).nullify(1), [0, 1, 2]);
    expect(ofType(contradiction, "report-evidence").map(({ offence }) => offence)).toContain("S3");
  });
});
