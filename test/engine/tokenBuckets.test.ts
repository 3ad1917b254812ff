import { describe, expect, it } from "vitest";

import { BUCKETS_MAX, TokenBuckets } from "../../src/engine/tokenBuckets.ts";
import { toPeerId, type PeerId } from "../../src/network/transport.ts";
import { manualClock } from "./support/manualClock.ts";

const peer = (number: number): PeerId => toPeerId(number.toString(16).padStart(64, "0"));

describe("TokenBuckets", () => {
  it("LIMIT-1: grants the burst at once and not one more, then so much a second", () => {
    const clock = manualClock();
    const buckets = new TokenBuckets(clock, 10, 3);
    expect([1, 2, 3, 4].map(() => buckets.take(peer(1)))).toEqual([true, true, true, false]);
    clock.advance(99);
    expect(buckets.take(peer(1))).toBe(false);
    clock.advance(2);
    expect(buckets.take(peer(1))).toBe(true);
    expect(buckets.take(peer(1))).toBe(false);
    clock.advance(60_000);
    expect(buckets.take(peer(1), 4)).toBe(false);
    expect(buckets.take(peer(1), 3)).toBe(true);
  });

  it("LIMIT-1: one peer's haste costs another nothing", () => {
    const buckets = new TokenBuckets(manualClock(), 1, 1);
    expect(buckets.take(peer(1))).toBe(true);
    expect(buckets.take(peer(1))).toBe(false);
    expect(buckets.take(peer(2))).toBe(true);
  });

  it("LIMIT-1: remembers the maximum of peers, and forgets the one longest unheard beyond", () => {
    const buckets = new TokenBuckets(manualClock(), 1, 1);
    for (let number = 0; number < BUCKETS_MAX; number++) buckets.take(peer(number));
    expect(buckets.take(peer(0))).toBe(false);
    buckets.take(peer(BUCKETS_MAX));
    expect(buckets.take(peer(0))).toBe(false);
    expect(buckets.take(peer(1))).toBe(true);
  });
});
