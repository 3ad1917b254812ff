import { afterEach, describe, expect, it } from "vitest";

import { CHECKS_PER_PEER_MAX } from "../../src/engine/ingress.ts";
import type { L1View } from "../../src/engine/l1View.ts";
import { LATE_BURST } from "../../src/engine/lateEvidence.ts";
import type { Message } from "../../src/engine/message.ts";
import type { PeerId } from "../../src/network/transport.ts";
import type * as Certificate from "../../src/protocol/Certificate.ts";
import * as Evidence from "../../src/protocol/Evidence.ts";
import * as Header from "../../src/protocol/Header.ts";
import { CommitteeId, Height, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { createMemoryStore } from "../../src/storage/memoryStore.ts";
import { fixedL1 } from "./support/fixedL1.ts";
import { config, lonelyEngine, members, peerOf, stopAll, type LonelyEngine } from "./support/lonelyEngine.ts";
import { certify, chainOf, epoch, finalize } from "./support/signedChain.ts";

afterEach(stopAll);

const LENGTH = 40;
const headers = chainOf(LENGTH);
const others = chainOf(LENGTH, 7n);

function headerOf(chain: readonly Header.Header[], height: number): Header.Header {
  const header = chain[height - 1];
  if (header === undefined) throw new Error(`no header ${String(height)}`);
  return header;
}

/** An engine with forty final blocks, finalized one by one up to the tenth, then at once. */
async function filledEngine(connected: readonly PeerId[] = [], l1: Partial<L1View> = {}): Promise<LonelyEngine> {
  const lonely = await lonelyEngine(undefined, members, createMemoryStore(), l1, connected);
  await lonely.hear({ type: "status", epoch, view: View(41n), height: Height(BigInt(LENGTH)) });
  const tenth = finalize(headerOf(headers, 10), [0, 1, 2]);
  await lonely.hear({ type: "range", headers: headers.slice(0, 10), certificate: tenth });
  await lonely.hear({ type: "range", headers: headers.slice(10), certificate: finalize(headers.at(-1), [0, 1, 2]) });
  expect((await lonely.engine.status()).height).toBe(40n);
  return lonely;
}

const late = (certificate: Certificate.Certificate, header?: Header.Header): Message => {
  return { type: "certificate", certificate, ...(header === undefined ? {} : { header }) };
};

describe("late evidence", () => {
  const block = Header.hash(headerOf(others, 10));
  it.each<readonly [Evidence.Offence, Vote.Vote]>([
    ["S2", Vote.finalize(epoch, View(10n), block)],
    ["S3", Vote.nullify(epoch, View(10n))],
    ["S4", Vote.notarize(epoch, View(10n), block)],
  ])("ACC-5: what contradicts a finalization long past is evidence: %s", async (offence, vote) => {
    const { hear, engine, penalties } = await filledEngine();
    await hear(late(certify(vote, [1, 2, 3])));
    const [found] = await engine.evidence(0, 10);
    if (found === undefined) throw new Error("evidence");
    expect(Evidence.offence(found.evidence.first.message, found.evidence.second.message)).toBe(offence);
    expect(penalties).toEqual([]);
    // The same once more is known.
    await hear(late(certify(vote, [1, 2, 3])), 1);
    expect(await engine.evidence(0, 10)).toHaveLength(1);
  });

  it("ACC-5: what is honest beside a finalization long past is none", async () => {
    const { hear, engine, penalties } = await filledEngine();
    await hear(late(certify(Vote.notarize(epoch, View(10n), Header.hash(headerOf(headers, 10))), [0, 1, 3])));
    await hear(late(certify(Vote.nullify(epoch, View(9n)), [0, 1, 3])));
    expect(await engine.evidence(0, 10)).toEqual([]);
    expect(penalties).toEqual([]);
  });

  it("ACC-5: a forged one is refused, and its sender scored", async () => {
    const { hear, engine, penalties } = await filledEngine();
    await hear(late({ ...certify(Vote.nullify(epoch, View(10n)), [1, 2, 3]), signature: new Uint8Array(48) }));
    expect(await engine.evidence(0, 10)).toEqual([]);
    expect(penalties).toEqual(["invalid-signature"]);
  });

  it("ACC-5: a peer's late certificates are looked at up to the burst", async () => {
    const { hear, engine } = await filledEngine();
    const harmless = late(certify(Vote.nullify(epoch, View(9n)), [0, 1, 3]));
    for (let i = 0; i < LATE_BURST; i++) await hear(harmless);
    await hear(late(certify(Vote.nullify(epoch, View(10n)), [1, 2, 3])));
    expect(await engine.evidence(0, 10)).toEqual([]);
    await hear(late(certify(Vote.nullify(epoch, View(10n)), [1, 2, 3])), 1);
    expect(await engine.evidence(0, 10)).toHaveLength(1);
  });

  it("ACC-3: a late finalization of another block than the final one stops the node", async () => {
    const { hear, engine } = await filledEngine();
    const other = headerOf(others, 20);
    await hear(late(finalize(other, [1, 2, 3]), other));
    const next = chainOf(LENGTH + 1).at(-1);
    await hear(late(finalize(next, [0, 1, 2]), next));
    await hear({ type: "headers", headers: next === undefined ? [] : [next] });
    expect((await engine.status()).height).toBe(40n);
  });

  it("ACC-5: one by a committee that L1 trusts no more is evidence, and stops nobody", async () => {
    const { hear, engine } = await filledEngine([], { isTrusted: () => false });
    const other = headerOf(others, 10);
    await hear(late(finalize(other, [1, 2, 3]), other));
    expect(await engine.evidence(0, 10)).toHaveLength(1);
    const next = chainOf(LENGTH + 1).at(-1);
    await hear(late(finalize(next, [0, 1, 2]), next));
    await hear({ type: "headers", headers: next === undefined ? [] : [next] });
    expect((await engine.status()).height).toBe(41n);
  });
});

describe("a fork", () => {
  it.each([
    ["long past", 20, 20n],
    ["above the own tip", LENGTH + 1, BigInt(LENGTH)],
  ])("ACC-6: whoever sees one asks for the lower of the two views: %s", async (_, height, view) => {
    const { hear } = await filledEngine([peerOf(1)]);
    const other = headerOf(chainOf(LENGTH + 1, 7n), height);
    const said = await hear(late(finalize(other, [1, 2, 3]), other));
    expect(said).toContainEqual({ type: "view-request", epoch, view });
    // And what the answer has of that view convicts.
    expect(said.filter(({ type }) => type === "certificate").length).toBeGreaterThanOrEqual(2);
  });

  it("ACC-6: the answer convicts more than a third", async () => {
    const { hear, engine } = await filledEngine([peerOf(1)]);
    const other = headerOf(chainOf(LENGTH + 1, 7n), LENGTH + 1);
    await hear(late(finalize(other, [1, 2, 3]), other));
    const nullified = certify(Vote.nullify(epoch, View(BigInt(LENGTH))), [1, 2, 3]);
    await hear({ type: "view", epoch, view: View(BigInt(LENGTH)), certificates: [nullified] });
    const [found] = await engine.evidence(0, 10);
    if (found === undefined) throw new Error("evidence");
    const { first, second } = found.evidence;
    expect(Evidence.offence(first.message, second.message)).toBe("S3");
    // Signed by 0, 1, 2 and by 1, 2, 3.
    expect([first.signers, second.signers]).toMatchObject([
      { kind: "committee", absent: Uint8Array.of(0b1000) },
      { kind: "committee", absent: Uint8Array.of(0b0001) },
    ]);
  });
});

describe("a fork between two epochs", () => {
  it("ACC-3: found while the next committee is awaited, keeps that epoch from beginning", async () => {
    const length = config.epochLength;
    const chain = chainOf(length);
    const last = { ...headerOf(chain, length), nextCommittee: CommitteeId(2n) };
    const fixed = fixedL1(members);
    let isKnown = false;
    let announce = (): void => undefined;
    const l1: Partial<L1View> = {
      committee: (id) => {
        const first = fixed.committee(CommitteeId(1n));
        return first === undefined || (id === 2n && !isKnown) ? undefined : { ...first, id };
      },
      onChange: (listener) => {
        announce = () => {
          listener();
          return undefined;
        };
        return () => undefined;
      },
    };
    const { hear, engine, wait } = await lonelyEngine(3, members, createMemoryStore(), l1);
    await hear({ type: "status", epoch, view: View(60n), height: Height(BigInt(length)) });
    const headersOfEpoch = [...chain.slice(0, -1), last];
    await hear({ type: "range", headers: headersOfEpoch, certificate: finalize(last, [0, 1, 2]) });
    expect((await engine.status()).height).toBe(BigInt(length));
    const other = headerOf(chainOf(length, 7n), 20);
    await hear(late(finalize(other, [1, 2, 3]), other));
    isKnown = true;
    announce();
    expect((await wait(60_000)).filter(({ type }) => type === "vote")).toEqual([]);
    const { epoch: reached, notReady } = await engine.status();
    expect([reached, notReady]).toEqual([1n, undefined]);
  });
});

describe("slots of signature checks", () => {
  it("LIMIT-5: a certificate that found no room does not keep its place from others", async () => {
    const { hear, engine } = await lonelyEngine();
    const forged = (view: bigint): Message => {
      return late({ ...certify(Vote.nullify(epoch, View(view)), [0, 1, 2]), signature: new Uint8Array(48) });
    };
    const heard: Promise<unknown>[] = [];
    for (let i = 0; i < CHECKS_PER_PEER_MAX; i++) heard.push(hear(forged(BigInt(i) + 2n)));
    for (let i = 0; i < 3; i++) heard.push(hear(forged(1n)));
    await Promise.all(heard);
    await hear(late(certify(Vote.nullify(epoch, View(1n)), [0, 1, 2])), 1);
    expect((await engine.status()).view).toBe(2n);
  });
});
