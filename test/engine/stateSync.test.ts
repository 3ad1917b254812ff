import { afterEach, describe, expect, it } from "vitest";

import { encode, RANGE_MAX, type Message } from "../../src/engine/message.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch, Height, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { config, lonelyEngine, stopAll } from "./support/lonelyEngine.ts";
import { chainOf, EMPTY, epoch, finalize } from "./support/signedChain.ts";

afterEach(stopAll);

const ahead: Message = { type: "status", epoch, view: View(40n), height: Height(40n) };

describe("state sync", () => {
  it("SYNC-1: asks a peer that is far ahead, stores what it proves, and asks on", async () => {
    const { hear, engine, penalties } = await lonelyEngine();
    expect(await hear(ahead)).toEqual([{ type: "range-request", from: 1n, count: RANGE_MAX }]);
    const headers = chainOf(30);
    const said = await hear({ type: "range", headers, certificate: finalize(headers.at(-1), [0, 1, 2]) });
    expect((await engine.status()).height).toBe(30n);
    expect(said).toEqual([{ type: "range-request", from: 31n, count: RANGE_MAX }]);
    expect(penalties).toEqual([]);
  });

  const headers = chainOf(30);
  const certificate = finalize(headers.at(-1), [0, 1, 2]);
  const [second] = headers.slice(1);
  const otherEpoch = headers.map((header) => ({ ...header, epoch: Epoch(2n) }));
  const falseHistory = headers.map((header, i) => (i === 29 ? { ...header, history: EMPTY } : header));

  it.each<readonly [string, Message]>([
    ["a gap in front", { type: "range", headers: headers.slice(1), certificate }],
    ["a gap within", { type: "range", headers: headers.filter((header) => header !== second), certificate }],
    ["headers of another epoch", { type: "range", headers: otherEpoch, certificate }],
    [
      "a false history",
      { type: "range", headers: falseHistory, certificate: finalize(falseHistory.at(-1), [0, 1, 2]) },
    ],
    ["a certificate of another block", { type: "range", headers, certificate: finalize(headers[3], [0, 1, 2]) }],
    ["a certificate below quorum", { type: "range", headers, certificate: finalize(headers.at(-1), [0, 1]) }],
    [
      "a forged certificate",
      { type: "range", headers, certificate: { ...certificate, signature: new Uint8Array(48).fill(1) } },
    ],
    [
      "a certificate of another epoch",
      { type: "range", headers, certificate: finalize(headers.at(-1), [0, 1, 2], Epoch(2n)) },
    ],
    [
      "a notarization",
      {
        type: "range",
        headers,
        certificate: {
          ...certificate,
          vote: Vote.notarize(epoch, View(30n), Header.hash(headers[29] ?? Genesis.header(config))),
        },
      },
    ],
  ])("SYNC-1: refuses %s, and scores the peer", async (_, answer) => {
    const { hear, engine, penalties } = await lonelyEngine();
    await hear(ahead);
    await hear(answer);
    expect((await engine.status()).height).toBe(0n);
    expect(penalties).toEqual(["invalid-message"]);
  });

  it("SYNC-1: between epochs nobody is asked for what can't be checked yet", async () => {
    const { hear, engine, penalties } = await lonelyEngine();
    await hear({ type: "status", epoch, view: View(60n), height: Height(60n) });
    // A handover to a committee that L1 does not show yet.
    const chain = chainOf(50).map((header, i) => (i === 49 ? { ...header, nextCommittee: CommitteeId(2n) } : header));
    await hear({ type: "range", headers: chain, certificate: finalize(chain.at(-1), [0, 1, 2]) });
    expect((await engine.status()).height).toBe(50n);
    expect(await hear({ type: "status", epoch: Epoch(2n), view: View(9n), height: Height(59n) })).toEqual([]);
    expect(penalties).toEqual([]);
  });

  it.each<readonly [string, Message | undefined]>([
    ["says nothing", undefined],
    ["has nothing", { type: "range", headers: [] }],
  ])("SYNC-3: a peer that claims to be ahead and %s does not hold up the others", async (_, answer) => {
    const { hear, wait } = await lonelyEngine();
    const claim: Message = { type: "status", epoch: Epoch(9n), view: View(1n), height: Height(1n << 60n) };
    expect(await hear(claim, 0)).toHaveLength(1);
    if (answer === undefined) await wait(10_001);
    else await hear(answer, 0);
    expect(await hear(claim, 0)).toEqual([]);
    expect(await hear(ahead, 1)).toHaveLength(1);
    const headers = chainOf(30);
    await hear({ type: "range", headers, certificate: finalize(headers.at(-1), [0, 1, 2]) }, 1);
    await hear({ type: "range", headers: [] }, 1);
    expect(await hear(claim, 0)).toHaveLength(1);
  });

  it("SYNC-1: an answer that was not asked for is ignored", async () => {
    const { hear, engine, penalties } = await lonelyEngine();
    await hear({ type: "range", headers, certificate });
    expect((await engine.status()).height).toBe(0n);
    expect(penalties).toEqual([]);
  });

  it("SYNC-2: serves what it stored, up to a finalization, and nothing where it has nothing", async () => {
    const { hear } = await lonelyEngine();
    await hear(ahead);
    await hear({ type: "range", headers, certificate });
    const [answer] = await hear({ type: "range-request", from: Height(5n), count: 3 });
    expect(answer).toEqual({ type: "range", headers: headers.slice(4), certificate });
    expect(await hear({ type: "range-request", from: Height(31n), count: 3 })).toEqual([
      { type: "range", headers: [] },
    ]);
    expect(await hear({ type: "range-request", from: Height((1n << 64n) - 1n), count: 0xffff_ffff })).toEqual([
      { type: "range", headers: [] },
    ]);
  });

  it("WIRE-1: bytes that are no message are scored, and the engine lives", async () => {
    const { hearBytes, engine, penalties } = await lonelyEngine();
    await hearBytes(new Uint8Array(0));
    await hearBytes(Uint8Array.of(255, 1, 2));
    await hearBytes(encode(ahead).slice(0, 5));
    expect(penalties).toEqual(["malformed-message", "malformed-message", "malformed-message"]);
    expect((await engine.status()).notReady).toBeUndefined();
  });
});
