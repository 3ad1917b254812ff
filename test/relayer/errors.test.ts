import { describe, expect, it } from "vitest";

import { CLASSIFIED_ERRORS, judgeRevert } from "../../relayer/errors.ts";
import { contractInterface } from "../../src/l1/contracts.ts";

const interfaces = (["LightClient", "StakeTable", "Slasher"] as const).map(contractInterface);

function revertData(name: string): string {
  for (const contract of interfaces) {
    const error = contract.getError(name);
    if (error !== null)
      return contract.encodeErrorResult(
        error,
        error.inputs.map(({ type }) =>
          type === "bool"
            ? false
            : type === "address"
              ? `0x${"00".repeat(20)}`
              : type === "bytes32"
                ? `0x${"00".repeat(32)}`
                : 0,
        ),
      );
  }
  throw new Error(`no contract has an error ${name}`);
}

describe("ERR-1: what a contract's refusal means", () => {
  it("every classified error exists in a contract's ABI", () => {
    const names = new Set(
      interfaces.flatMap((contract) =>
        contract.fragments
          .filter((f) => f.type === "error")
          .map((f) => f.format().split("(")[0]?.replace("error ", "")),
      ),
    );
    expect(CLASSIFIED_ERRORS.filter((name) => !names.has(name))).toEqual([]);
  });

  it.each([
    ["LightClientHeightNotIncreasing", "already-done"],
    ["StakeTableNothingToSeal", "already-done"],
    ["StakeTableRotationTooEarly", "already-done"],
    ["SlasherAlreadySlashed", "already-done"],
    ["LightClientHeaderFromFuture", "retry"],
    ["LightClientWrongCommittee", "retry"],
    ["StakeTableSeatsTooFew", "retry"],
    ["LightClientWrongView", "unrecoverable"],
    ["LightClientFrozen", "unrecoverable"],
  ] as const)("%s is %s", (name, verdict) => {
    expect(judgeRevert(interfaces, revertData(name))).toEqual({ verdict, name });
  });

  it("an unknown error, and none, are unrecoverable", () => {
    expect(judgeRevert(interfaces, "0xdeadbeef")).toEqual({
      verdict: "unrecoverable",
      name: "unknown error 0xdeadbeef",
    });
    expect(judgeRevert(interfaces, "0x")).toEqual({ verdict: "unrecoverable", name: "no reason given" });
  });
});
