import { describe, expect, it } from "vitest";

import type { Mined, SlotRecord } from "../../../relayer/tx/records.ts";
import { nextStep, type SendTimes, type Sight, type Wish } from "../../../relayer/tx/sendState.ts";
import { keccakHash, type Hash } from "../../../src/crypto/hash.ts";

const hashOf = (name: string): Hash => keccakHash(new TextEncoder().encode(name));
const TIMES: SendTimes = { bumpAfterMs: 48_000, rebroadcastAfterMs: 25_000, lostAfterBlocks: 3, lostAfterMs: 60_000 };
const QUIET: Wish = { withdrawn: false, newer: false, underpriced: false, unfunded: false };
const NOW = 1_000_000;

function slot(over: Partial<SlotRecord> = {}): SlotRecord {
  const attempt = (name: string) => ({
    hash: hashOf(name),
    raw: "0x00",
    fees: { maxFeePerGas: 1n, maxPriorityFeePerGas: 1n },
    intentId: hashOf("intent"),
    signedAtMs: NOW - 1_000,
  });
  const attempts = [attempt("first"), attempt("second")];
  return { kind: "slot", revision: 1, nonce: 5, attempts, status: "pending", mined: null, consumedAt: null, ...over };
}

function mined(name: string, over: Partial<Mined> = {}): Mined {
  return {
    hash: hashOf(name),
    blockNumber: 100,
    blockHash: hashOf("block 100"),
    succeeded: true,
    gasUsed: 1n,
    feePerGas: 1n,
    ...over,
  };
}

function sight(over: Partial<Sight> & { readonly found?: readonly Mined[] } = {}): Sight {
  const { found = [], ...rest } = over;
  const receipts = new Map(found.map((receipt) => [receipt.hash, receipt]));
  return {
    latestNonce: 5,
    headNumber: 100,
    headHash: hashOf("head"),
    safeNumber: 90,
    finalizedNumber: 80,
    receipts,
    ...rest,
  };
}

const step = (s: SlotRecord, at: Sight, wish = QUIET, now = NOW, since: number | undefined = 100) =>
  nextStep(s, at, wish, TIMES, now, since);

describe("TX-3: the next step of a nonce", () => {
  it("every attempt ever signed is watched, not only the last", () => {
    for (const name of ["first", "second"]) {
      expect(step(slot(), sight({ latestNonce: 6, found: [mined(name)] }))).toEqual({
        kind: "mined",
        mined: mined(name),
      });
    }
  });

  it("pending -> mined -> safe -> finalized, by the chain's own tags", () => {
    const done = slot({ status: "mined", mined: mined("first") });
    const at = (safeNumber: number, finalizedNumber: number) =>
      sight({ latestNonce: 6, found: [mined("first")], safeNumber, finalizedNumber });
    expect(step(done, at(99, 99))).toEqual({ kind: "wait" });
    expect(step(done, at(100, 99))).toEqual({ kind: "safe" });
    expect(step({ ...done, status: "safe" }, at(100, 99))).toEqual({ kind: "wait" });
    expect(step({ ...done, status: "safe" }, at(100, 100))).toEqual({ kind: "finalized" });
    expect(step({ ...done, status: "finalized" }, sight({ latestNonce: 6 }))).toEqual({ kind: "wait" });
  });

  it("RE-2: a finalized transaction whose nonce is free again is pending again: L1 took back what it called final", () => {
    const done = slot({ status: "finalized", mined: mined("first") });
    expect(step(done, sight({ latestNonce: 5 }))).toEqual({ kind: "reopen" });
    expect(step(done, sight({ latestNonce: 6 }))).toEqual({ kind: "wait" });
  });

  it("RE-1: a mined transaction that is gone is pending again, one in another block is mined again", () => {
    const done = slot({ status: "mined", mined: mined("first") });
    expect(step(done, sight())).toEqual({ kind: "reopen" });
    expect(step({ ...done, status: "safe" }, sight())).toEqual({ kind: "reopen" });
    const moved = mined("first", { blockNumber: 101, blockHash: hashOf("block 101") });
    expect(step(done, sight({ latestNonce: 6, found: [moved] }))).toEqual({ kind: "mined", mined: moved });
    const other = mined("second");
    expect(step(done, sight({ latestNonce: 6, found: [other] }))).toEqual({ kind: "mined", mined: other });
  });

  it("TX-6: a consumed nonce without a receipt is suspected first, then lost by blocks or by time, or comes back", () => {
    const gone = sight({ latestNonce: 6 });
    expect(step(slot(), gone)).toEqual({ kind: "suspect" });
    const suspected = slot({ consumedAt: { block: 98, atMs: NOW - 10 } });
    expect(step(suspected, gone)).toEqual({ kind: "wait" });
    expect(step(suspected, { ...gone, headNumber: 101 })).toEqual({ kind: "lost" });
    expect(step(suspected, gone, QUIET, NOW - 10 + 60_000)).toEqual({ kind: "lost" });
    expect(step(suspected, sight())).toEqual({ kind: "unsuspect" });
    expect(step(suspected, { ...gone, receipts: new Map([[hashOf("first"), mined("first")]]) })).toMatchObject({
      kind: "mined",
    });
    expect(
      step({ ...suspected, status: "lost" }, { ...gone, receipts: new Map([[hashOf("first"), mined("first")]]) }),
    ).toMatchObject({ kind: "mined" });
  });

  it("rebroadcast is apart from bumping: at once after a restart, then by its own time", () => {
    expect(nextStep(slot(), sight(), QUIET, TIMES, NOW, undefined)).toEqual({ kind: "rebroadcast" });
    expect(step(slot(), sight(), QUIET, NOW, 24_999)).toEqual({ kind: "wait" });
    expect(step(slot(), sight(), QUIET, NOW, 25_000)).toEqual({ kind: "rebroadcast" });
  });

  it.each([
    ["old enough: higher fees", QUIET, 48_000, "bump"],
    ["not old enough", QUIET, 47_999, "wait"],
    ["refused for its fee: at once", { ...QUIET, underpriced: true }, 0, "bump"],
    ["a newer one waits: it takes the nonce when a bump is due", { ...QUIET, newer: true }, 48_000, "supersede"],
    ["a newer one waits: not before", { ...QUIET, newer: true }, 47_999, "wait"],
    ["withdrawn: cancelled at once", { ...QUIET, withdrawn: true }, 0, "cancel"],
    ["the wall clock was set back: not waited for", QUIET, -1, "bump"],
  ] as const)("TX-7: %s", (_title, wish, ageMs, expected) => {
    const now = NOW - 1_000 + ageMs;
    const outcome = step(slot(), sight(), wish, now);
    expect(outcome).toEqual(expected === "wait" ? { kind: "wait" } : { kind: "replace", purpose: expected });
  });

  it("a cancelling transfer is bumped, and not cancelled again", () => {
    const [first] = slot().attempts;
    if (first === undefined) throw new Error("no attempt");
    const cancelled = slot({ attempts: [first, { ...first, hash: hashOf("cancel"), intentId: null }] });
    expect(step(cancelled, sight(), { ...QUIET, withdrawn: true })).toEqual({ kind: "wait" });
    expect(step(cancelled, sight(), QUIET, NOW + 60_000)).toEqual({ kind: "replace", purpose: "bump" });
  });
});
