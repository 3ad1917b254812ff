import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { nextNonce } from "../../../relayer/tx/nonces.ts";

describe("NONCE-1: the nonce is derived from the chain and from what is in flight", () => {
  it.each([
    ["nothing in flight", 7, [], 7],
    ["one in flight", 7, [7], 8],
    ["several in flight", 7, [7, 8, 9], 10],
    ["a slot that was never persisted is free again", 7, [8], 7],
    ["what the chain has used does not count", 7, [3, 4], 7],
    ["an endpoint that lags behind our own mined ones", 5, [5, 6], 7],
  ])("%s", (_title, chain, held, nonce) => {
    expect(nextNonce(chain, held)).toBe(nonce);
  });

  it("is never below the chain's and never one that is held", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(fc.nat(1000)), (chain, held) => {
        const nonce = nextNonce(chain, held);
        return nonce >= chain && !held.includes(nonce) && (nonce === chain || held.includes(nonce - 1));
      }),
    );
  });
});
