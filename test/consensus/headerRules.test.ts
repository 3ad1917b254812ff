import { describe, expect, it } from "vitest";

import { ZERO_HASH, keccakHash } from "../../src/crypto/hash.ts";
import type { Header } from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch, Height } from "../../src/protocol/scalars.ts";
import { view } from "./cluster.ts";
import { child, follower, ofType, passCheck, propose, signed, solo, type Solo } from "./solo.ts";

const OTHER = keccakHash(new Uint8Array(1));

/** What a lying leader may put into a header, and what every honest node calls it. */
const LIES: readonly (readonly [string, (header: Header) => Header])[] = [
  ["wrong-epoch", (header) => ({ ...header, epoch: Epoch(2n) })],
  ["wrong-committee", (header) => ({ ...header, committee: CommitteeId(7n) })],
  ["beyond-handover", (header) => ({ ...header, height: Height(101n) })],
  ["handover-mismatch", (header) => ({ ...header, nextCommittee: CommitteeId(2n) })],
  ["wrong-view", (header) => ({ ...header, viewNumber: view(2) })],
  ["wrong-proposer", (header) => ({ ...header, proposer: header.proposer + 1 })],
  ["wrong-height", (header) => ({ ...header, height: Height(2n) })],
  ["timestamp-not-increased", (header) => ({ ...header, timestamp: header.timestamp - 1n })],
  ["anchor-contradicts-parent", (header) => ({ ...header, l1Hash: OTHER })],
  ["wrong-history", (header) => ({ ...header, history: ZERO_HASH })],
];

describe("header rules", () => {
  for (const [code, lie] of LIES) {
    it(`PROP-4, PROP-5: ${code} is invalid and nullified at once`, () => {
      const node = follower();
      const outputs = propose(node, 1, lie(child(node, 1)));
      expect(ofType(outputs, "reject").map(({ rejection }) => rejection)).toMatchObject([{ fault: { code } }]);
      expect(signed(outputs)).toEqual(["nullify 1"]);
    });
  }

  it("PROP-5: an L1 anchor may repeat or advance, and not go back", () => {
    const parent = { ...child(follower(), 1), l1Number: 5n, l1Hash: OTHER };
    const judged = [4n, 5n, 6n].map((l1Number) => {
      const node = follower();
      propose(node, 1, parent);
      advance(node, parent);
      const outputs = propose(node, 2, { ...child(node, 2, parent), l1Number }, 1);
      return ofType(outputs, "reject").map(({ rejection }) =>
        rejection.code === "invalid-proposal" ? rejection.fault.code : "",
      );
    });
    expect(judged).toEqual([["anchor-decreased"], [], []]);
  });

  function advance(node: Solo, header: Header): void {
    passCheck(node, 1, header);
    node.state = {
      ...node.state,
      anchor: { ...node.state.anchor, header: { ...header } },
      anchorView: view(1),
      view: view(2),
    };
    const [known] = [...node.state.blocks.values()];
    if (known?.history !== undefined)
      node.state = { ...node.state, anchor: { ...node.state.anchor, history: known.history } };
  }

  it("PROP-4: the first anchor is not before the committee was made", () => {
    const base = solo(3);
    const committee = { ...base.context.committee, createdNumber: 9n };
    const node = { ...base, context: { ...base.context, committee } };
    const faults = [8n, 9n].map((l1Number) => {
      const fresh = { ...node, state: base.state };
      return ofType(propose(fresh, 1, { ...child(fresh, 1), l1Number }), "reject").length;
    });
    expect(faults).toEqual([1, 0]);
  });

  it("PROP-4: a handover may not name an older committee", () => {
    const node = follower({ epochLength: 1 });
    const committee = { ...node.context.committee, id: CommitteeId(5n) };
    const later = { ...node, context: { ...node.context, committee } };
    const header = { ...child(later, 1), nextCommittee: CommitteeId(4n) };
    const [refused] = ofType(propose(later, 1, header), "reject");
    expect(refused?.rejection).toMatchObject({ fault: { code: "committee-decreased" } });
  });
});
