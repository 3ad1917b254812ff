import { describe, expect, it } from "vitest";

import { inPages, PAGE_KEYS_MAX, type RegisteredKey } from "../../src/l1/waitingKeys.ts";

const keys = (count: number): RegisteredKey[] =>
  Array.from({ length: count }, (_, index) => ({ keyHash: `0x${String(index)}`, key: "0x" }));

describe("waiting keys", () => {
  it("JOIN-4: a full page is one portion, one key more makes a second, none makes none", () => {
    const sizes = (count: number): number[] => inPages(keys(count)).map((page) => page.length);
    expect(sizes(PAGE_KEYS_MAX)).toEqual([125]);
    expect(sizes(PAGE_KEYS_MAX + 1)).toEqual([125, 1]);
    expect(sizes(0)).toEqual([]);
    expect(inPages(keys(PAGE_KEYS_MAX + 1)).flat()).toEqual(keys(PAGE_KEYS_MAX + 1));
  });
});
