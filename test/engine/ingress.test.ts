import { afterEach, describe, expect, it, vi } from "vitest";

import { keccakHash } from "../../src/crypto/hash.ts";
import { REQUESTS_BURST } from "../../src/engine/ingress.ts";
import type { Message } from "../../src/engine/message.ts";
import * as Committee from "../../src/protocol/Committee.ts";
import { Epoch, Height, NamespaceId, View } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { fakeBls } from "../simulation/fakeBls.ts";
import { domain, lonelyEngine, secrets, stopAll } from "./support/lonelyEngine.ts";

afterEach(stopAll);

const epoch = Epoch(1n);

function voteOf(signer: number, vote: Vote.Vote): Message {
  const signature = fakeBls.sign(secrets[signer] ?? new Uint8Array(), Vote.digest(vote, domain), "vote");
  return { type: "vote", signed: { vote, signer, signature } };
}

function certificateOf(signers: readonly number[], vote: Vote.Vote): Message {
  const signatures = signers.map((signer) =>
    fakeBls.sign(secrets[signer] ?? new Uint8Array(), Vote.digest(vote, domain), "vote"),
  );
  const signature = fakeBls.aggregate(signatures) ?? new Uint8Array();
  return { type: "certificate", certificate: { vote, absent: Committee.absentBitmap(4, new Set(signers)), signature } };
}

const plain = (text: string): Transaction.Transaction =>
  Transaction.plain(NamespaceId(7n), new TextEncoder().encode(text));

describe("ingress", () => {
  it("VOTE-1: a vote is taken from its author's own connection only", async () => {
    const { hear, penalties } = await lonelyEngine(3);
    await hear(voteOf(0, Vote.nullify(epoch, View(1n))), 0);
    expect(penalties).toEqual([]);
    await hear(voteOf(0, Vote.nullify(epoch, View(1n))), 1);
    expect(penalties).toEqual(["invalid-message"]);
  });

  it("VOTE-3: a forged vote in a quorum is found, its author scored, and the others count", async () => {
    const { hear, penalties, engine } = await lonelyEngine();
    const nullify = Vote.nullify(epoch, View(1n));
    const forged: Message = { type: "vote", signed: { vote: nullify, signer: 0, signature: new Uint8Array(48) } };
    await hear(forged, 0);
    await hear(voteOf(1, nullify), 1);
    await hear(voteOf(2, nullify), 2);
    expect(penalties).toEqual(["invalid-signature"]);
    expect((await engine.status()).view).toBe(1n);
  });

  it("VOTE-2: a quorum of good votes moves the node on", async () => {
    const { hear, penalties, engine } = await lonelyEngine();
    const nullify = Vote.nullify(epoch, View(1n));
    for (const seat of [0, 1, 2]) await hear(voteOf(seat, nullify), seat);
    expect(penalties).toEqual([]);
    expect((await engine.status()).view).toBe(2n);
  });

  it("NOTAR-5: a certificate of votes that are being verified waits for them, and is not verified once they make one", async () => {
    const { hear, engine } = await lonelyEngine();
    const nullify = Vote.nullify(epoch, View(1n));
    for (const seat of [0, 1]) await hear(voteOf(seat, nullify), seat);
    const check = vi.spyOn(fakeBls, "verifyAggregate");
    try {
      const voted = hear(voteOf(2, nullify), 2);
      await hear(certificateOf([0, 1, 2], nullify), 3);
      await voted;
      expect(check).toHaveBeenCalledTimes(1);
    } finally {
      check.mockRestore();
    }
    expect((await engine.status()).view).toBe(2n);
  });

  it("NOTAR-5: a certificate that waited counts where the votes made none", async () => {
    const { hear, penalties, engine } = await lonelyEngine();
    const nullify = Vote.nullify(epoch, View(1n));
    for (const seat of [0, 1]) await hear(voteOf(seat, nullify), seat);
    const forged: Message = { type: "vote", signed: { vote: nullify, signer: 2, signature: new Uint8Array(48) } };
    const voted = hear(forged, 2);
    await hear(certificateOf([0, 1, 3], nullify), 3);
    await voted;
    expect(penalties).toEqual(["invalid-signature"]);
    expect((await engine.status()).view).toBe(2n);
  });

  it("LIMIT-1: a peer's requests are answered up to the burst and no further, another's still are", async () => {
    const { hear, wait } = await lonelyEngine();
    const request: Message = { type: "range-request", from: Height(1n), count: 1 };
    const answers: number[] = [];
    for (let i = 0; i < REQUESTS_BURST / 128 + 2; i++) answers.push((await hear(request, 0)).length);
    const granted = Math.floor(REQUESTS_BURST / 128);
    expect(answers.reduce((sum, count) => sum + count, 0)).toBe(granted);
    expect(await hear(request, 1)).toHaveLength(1);
    await wait(1_000);
    expect(await hear(request, 0)).toHaveLength(1);
  });

  it("LIMIT-2: a payload that was not asked for is ignored", async () => {
    const { hear, penalties } = await lonelyEngine();
    expect(await hear({ type: "payload", block: keccakHash(Uint8Array.of(1)), payload: new Uint8Array(9) })).toEqual(
      [],
    );
    expect(penalties).toEqual([]);
  });

  it("GOSSIP-1: what users give goes to every member once; what a member gives goes no further", async () => {
    const { engine, hear, wait } = await lonelyEngine(3);
    expect(await engine.submit([plain("mine")])).toEqual({ kind: "accepted" });
    const said = await wait(20);
    expect(said.filter(({ type }) => type === "transactions")).toHaveLength(3);
    await hear({ type: "transactions", units: [[plain("theirs")]] }, 0);
    expect((await wait(20)).filter(({ type }) => type === "transactions")).toEqual([]);
    expect(await engine.submit([plain("theirs")])).toMatchObject({ kind: "duplicate" });
    expect((await engine.transaction(NamespaceId(7n), Transaction.hash(plain("theirs")))).kind).toBe("pending");
  });

  it("GOSSIP-2: what still waits is sent again", async () => {
    const { engine, wait } = await lonelyEngine();
    await engine.submit([plain("mine")]);
    await wait(20);
    const again = await wait(5_100);
    expect(again.filter(({ type }) => type === "transactions")).toHaveLength(4);
  });

  it("MEM-4: a peer that sends half a bundle is scored", async () => {
    const { hear, penalties } = await lonelyEngine();
    const [part] = Transaction.bundle([
      { namespace: NamespaceId(1n), data: Uint8Array.of(1) },
      { namespace: NamespaceId(2n), data: Uint8Array.of(2) },
    ]);
    if (part === undefined) throw new Error("a part");
    await hear({ type: "transactions", units: [[part]] });
    expect(penalties).toEqual(["invalid-message"]);
  });
});
