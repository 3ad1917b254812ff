import { describe, expect, it } from "vitest";

import { agreedHead, agreedValue, quorumOf } from "../../../relayer/l1/agreement.ts";

describe("EP-2: several endpoints become one answer", () => {
  it("a majority of three or more; one of two must do", () => {
    expect([1, 2, 3, 4, 5, 8].map(quorumOf)).toEqual([1, 1, 2, 3, 3, 5]);
  });

  it.each([
    ["one", [7], 1, 7],
    ["two: the one that is ahead", [7, 9], 2, 9],
    ["three: what two have reached", [7, 9, 8], 3, 8],
    ["three: a liar far ahead decides nothing", [7, 1_000_000, 8], 3, 8],
    ["three: a laggard decides nothing", [1, 9, 8], 3, 8],
    ["three, one silent: both must have it", [7, 9], 3, 7],
    ["three, two silent: nothing", [7], 3, undefined],
    ["none", [], 1, undefined],
  ])("head of %s", (_title, heads, configured, head) => {
    expect(agreedHead(heads, configured)).toBe(head);
  });

  it("a value counts when a quorum gives it alike", () => {
    expect(agreedValue(["a", "b", "b"], 2)).toBe(1);
    expect(agreedValue(["a", "b", "c"], 2)).toBeUndefined();
    expect(agreedValue(["a"], 1)).toBe(0);
  });
});
