import { describe, expect, it } from "vitest";

import { intentId } from "../../../relayer/tx/intent.ts";

describe("JOB-2: the same wish has the same id everywhere", () => {
  const id = (chain: bigint, label: string, to: string, data: string) => intentId(chain, label, to, data);
  it("whatever the case of its hexadecimal", () => {
    expect(id(1n, "advance-1", "0xAB", "0xCD")).toBe(id(1n, "advance-1", "0xab", "0xcd"));
  });

  it("and another one differs in chain, label, contract or call", () => {
    const base = id(1n, "rotate-1", "0xab", "0xcd");
    const others = [
      id(2n, "rotate-1", "0xab", "0xcd"),
      id(1n, "rotate-2", "0xab", "0xcd"),
      id(1n, "rotate-1", "0xac", "0xcd"),
      id(1n, "rotate-1", "0xab", "0xce"),
    ];
    expect(new Set([base, ...others]).size).toBe(5);
  });
});
