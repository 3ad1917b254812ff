import { describe, expect, it } from "vitest";

import { keccakHash } from "../../src/crypto/hash.ts";
import type { Anchor, L1View } from "../../src/engine/l1View.ts";
import { settledL1, UNSETTLED_MAX } from "../../src/engine/settledL1.ts";
import { fixedL1 } from "./support/fixedL1.ts";
import { members } from "./support/lonelyEngine.ts";
import { manualClock } from "./support/manualClock.ts";

const SETTLE_MS = 100;

function anchor(number: number, branch = 0): Anchor {
  return { number: BigInt(number), hash: keccakHash(Uint8Array.of(number, branch)) };
}

/** An L1 whose finalized block the test moves. */
function movingL1() {
  const seen = new Map<bigint, Anchor>();
  const listeners: (() => void)[] = [];
  let newest: Anchor | undefined;
  const view: L1View = {
    ...fixedL1(members),
    finalized: () => newest,
    hashAt: (number) => seen.get(number)?.hash,
    onChange: (listener) => {
      listeners.push(listener);
      return () => undefined;
    },
  };
  const move = (to: Anchor): void => {
    newest = to;
    seen.set(to.number, to);
    for (const listener of listeners) listener();
  };
  return { view, move };
}

describe("settledL1", () => {
  it("ANCHOR-1: the newest at first, then what has been seen for a while", () => {
    const clock = manualClock();
    const { view, move } = movingL1();
    const l1 = settledL1(view, clock, SETTLE_MS);
    expect(l1.finalized()).toBeUndefined();
    move(anchor(1));
    expect(l1.finalized()).toEqual(anchor(1));
    clock.advance(SETTLE_MS);
    move(anchor(2));
    expect(l1.finalized()).toEqual(anchor(1));
    clock.advance(SETTLE_MS - 1);
    expect(l1.finalized()).toEqual(anchor(1));
    clock.advance(1);
    expect(l1.finalized()).toEqual(anchor(2));
    expect(l1.hashAt(2n)).toBe(anchor(2).hash);
  });

  it("ANCHOR-1: what L1 replaced is not taken", () => {
    const clock = manualClock();
    const { view, move } = movingL1();
    const l1 = settledL1(view, clock, SETTLE_MS);
    move(anchor(1));
    clock.advance(SETTLE_MS);
    expect(l1.finalized()).toEqual(anchor(1));
    move(anchor(1, 1));
    expect(l1.finalized()).toEqual(anchor(1, 1));
  });

  it("ANCHOR-1: of more than the maximum of unsettled blocks the oldest counts as settled", () => {
    const { view, move } = movingL1();
    const l1 = settledL1(view, manualClock(), SETTLE_MS);
    for (let number = 1; number <= UNSETTLED_MAX; number++) move(anchor(number));
    expect(l1.finalized()).toEqual(anchor(UNSETTLED_MAX));
    move(anchor(UNSETTLED_MAX + 1));
    expect(l1.finalized()).toEqual(anchor(1));
  });
});
