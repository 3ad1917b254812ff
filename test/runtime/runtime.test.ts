import { describe, expect, it } from "vitest";

import { assert, AssertionError, expectPresent } from "../../src/runtime/assert.ts";
import { seededRandom, systemRandom } from "../../src/runtime/random.ts";

describe("random", () => {
  it("RANDOM-1: the same seed gives the same bytes, another seed others", () => {
    const [a, b, c] = [seededRandom(7n), seededRandom(7n), seededRandom(8n)];
    const first = a.bytes(100);
    expect(b.bytes(100)).toEqual(first);
    expect(c.bytes(100)).not.toEqual(first);
    expect(a.fraction()).toBe(b.fraction());
    for (let i = 0; i < 100; i++) {
      const value = a.fraction();
      expect(value >= 0 && value < 1).toBe(true);
    }
  });

  it("RANDOM-2: the system's generator fills any length", () => {
    for (const length of [0, 1, 65_536, 65_537, 200_000]) {
      const bytes = systemRandom.bytes(length);
      expect(bytes).toHaveLength(length);
      if (length > 1000) expect(new Set(bytes.subarray(-1000)).size).toBeGreaterThan(100);
    }
  });
});

describe("assert", () => {
  it("ASSERT-1: stops on a broken promise, and only then", () => {
    expect(() => assert(false, "two is three")).toThrow(AssertionError);
    expect(expectPresent(0, "zero")).toBe(0);
    expect(() => expectPresent(undefined, "it")).toThrow("it must be present");
  });
});
