import { afterEach, describe, expect, it } from "vitest";

import { leaderOf } from "../../src/consensus/leader.ts";
import { createContext } from "../../src/consensus/context.ts";
import { keccakHash } from "../../src/crypto/hash.ts";
import { disperse } from "../../src/dispersal/dispersal.ts";
import { membership } from "../../src/engine/membership.ts";
import type { Body, Message } from "../../src/engine/message.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as NamespaceTable from "../../src/protocol/NamespaceTable.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { CommitteeId, Epoch, Height, NamespaceId, View } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { fakeBls } from "../simulation/fakeBls.ts";
import { fixedL1 } from "./support/fixedL1.ts";
import { config, domain, lonelyEngine, members, secrets, stopAll } from "./support/lonelyEngine.ts";

afterEach(stopAll);

const epoch = Epoch(1n);
const view = View(1n);

function sign(seat: number, vote: Vote.Vote): Uint8Array {
  return fakeBls.sign(secrets[seat] ?? new Uint8Array(), Vote.digest(vote, domain), "vote");
}

describe("ingress under attack", () => {
  it("VOTE-1: who registers another member's transport key does not silence it", async () => {
    // Seat 3 claims the key of seat 0 as its own: nobody proves a transport key on L1.
    const stolen = members[0]?.transportKey ?? new Uint8Array();
    const committee = members.map((member, seat) => (seat === 3 ? { ...member, transportKey: stolen } : member));
    const { hear, penalties, engine } = await lonelyEngine(undefined, committee);
    const vote = Vote.nullify(epoch, view);
    for (const seat of [0, 1, 2]) {
      await hear({ type: "vote", signed: { vote, signer: seat, signature: sign(seat, vote) } }, seat);
    }
    expect(penalties).toEqual([]);
    expect((await engine.status()).view).toBe(2n);
  });

  it("VOTE-4: a contradiction that turns out to be forged is scored", async () => {
    const { hear, penalties } = await lonelyEngine(3);
    const vote = Vote.nullify(epoch, view);
    await hear({ type: "vote", signed: { vote, signer: 0, signature: sign(0, vote) } }, 0);
    const forged = Vote.finalize(epoch, view, keccakHash(Uint8Array.of(1)));
    await hear({ type: "vote", signed: { vote: forged, signer: 0, signature: new Uint8Array(48) } }, 0);
    expect(penalties).toEqual(["invalid-signature"]);
  });

  it("LIMIT-3: a payload that no honest leader sends whole is not looked at, and its sender scored", async () => {
    const committee = fixedL1(members).committee(CommitteeId(1n));
    if (committee === undefined) throw new Error("a committee");
    const leader = leaderOf(createContext({ epoch, committee, seat: undefined, config }), view);
    const proposed = (bytes: number): Message => {
      const data = new Uint8Array(bytes).fill(7);
      const payload = Payload.fromTransactions([Transaction.plain(NamespaceId(9n), data)]);
      const encoded = Payload.encode(payload);
      const { layout } = membership(epoch, committee, config, undefined);
      const genesis = Genesis.header(config);
      const header: Header.Header = {
        ...genesis,
        height: Height(1n),
        epoch,
        viewNumber: view,
        committee: CommitteeId(1n),
        nextCommittee: CommitteeId(0n),
        timestamp: genesis.timestamp + 1n,
        parent: Header.hash(genesis),
        history: keccakHash(new Uint8Array(0)),
        payload: disperse(encoded, layout).commitment,
        namespaces: NamespaceTable.root(Payload.table(payload)),
        proposer: leader,
      };
      const signature = sign(leader, Vote.notarize(epoch, view, Header.hash(header)));
      const body: Body = { kind: "whole", payload: encoded };
      return { type: "proposal", proposal: { epoch, view, header, parentView: View(0n), leader, signature }, body };
    };
    const { hear, penalties } = await lonelyEngine();
    await hear(proposed(config.inlinePayloadBytesMax - 100), leader);
    expect(penalties).toEqual([]);
    await hear(proposed(config.inlinePayloadBytesMax + 1), leader);
    expect(penalties).toEqual(["invalid-message"]);
  });
});
