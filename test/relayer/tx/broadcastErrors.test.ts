import { describe, expect, it } from "vitest";

import { classifyBroadcast, combineBroadcast } from "../../../relayer/tx/broadcastErrors.ts";

describe("TX-5: what a node's refusal means", () => {
  it.each([
    // geth
    ["already known", "known"],
    ["nonce too low: next nonce 5, tx nonce 4", "nonce-consumed"],
    ["replacement transaction underpriced: new tx gas fee cap 1 <= 2 queued", "fee"],
    ["transaction underpriced: gas tip cap 0, minimum needed 1", "fee"],
    ["max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1, baseFee: 7", "fee"],
    ["insufficient funds for gas * price + value: balance 0, tx cost 1", "funds"],
    ["intrinsic gas too low: gas 21000, minimum needed 21064", "invalid"],
    ["exceeds block gas limit", "invalid"],
    ["max priority fee per gas higher than max fee per gas", "invalid"],
    ["transaction gas limit too high (cap: 16777216, tx: 30000000)", "invalid"],
    ["nonce too high: next nonce 5, tx nonce 9", "transport"],
    // anvil, reth
    ["transaction already imported", "known"],
    ["replacement transaction underpriced", "fee"],
    ["max fee per gas less than block base fee", "fee"],
    ["Insufficient funds for gas * price + value", "funds"],
    // nethermind
    ["AlreadyKnown", "known"],
    ["OldNonce", "nonce-consumed"],
    ["FeeTooLow, MaxFeePerGas too low", "fee"],
    ["ReplacementNotAllowed", "fee"],
    ["InsufficientFunds, Account balance: 0", "funds"],
    // besu
    ["Known transaction", "known"],
    ["Nonce too low", "nonce-consumed"],
    ["Gas price below configured minimum gas price", "fee"],
    ["Upfront cost exceeds account balance", "funds"],
    // erigon
    ["fee cap less than block base fee", "fee"],
    // providers
    ["nonce has already been used", "nonce-consumed"],
    ["Internal error", "transport"],
    ["", "transport"],
    ["daily request count exceeded, request rate limited", "transport"],
  ] as const)("%s: %s", (message, outcome) => {
    expect(classifyBroadcast(message)).toBe(outcome);
  });

  it("one endpoint that takes it is enough; a consumed nonce outranks a fee, and a fee a fault of transport", () => {
    expect(combineBroadcast(["transport", "fee", "accepted"])).toBe("accepted");
    expect(combineBroadcast(["transport", "fee", "known"])).toBe("known");
    expect(combineBroadcast(["fee", "nonce-consumed"])).toBe("nonce-consumed");
    expect(combineBroadcast(["transport", "fee"])).toBe("fee");
    expect(combineBroadcast([])).toBe("transport");
  });
});
