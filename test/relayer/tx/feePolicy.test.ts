import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { bumpedFees, initialFees, MIN_BUMP_PERCENT, type FeeLimits } from "../../../relayer/tx/feePolicy.ts";

const GWEI = 1_000_000_000n;
const LIMITS: FeeLimits = {
  minTipPerGas: GWEI / 100n,
  maxTipPerGas: 5n * GWEI,
  bumpPercent: 15n,
  ceilingPerGas: 100n * GWEI,
  urgentCeilingPerGas: 500n * GWEI,
};

describe("FEE-1: fees of a first transaction", () => {
  const market = (base: bigint, tip: bigint) => ({ baseFeePerGas: base * GWEI, tipPerGas: tip * GWEI });
  it.each([
    [
      "twice the base fee and the tip",
      market(10n, 2n),
      false,
      { maxFeePerGas: 22n * GWEI, maxPriorityFeePerGas: 2n * GWEI },
    ],
    ["under the ceiling", market(60n, 2n), false, { maxFeePerGas: 100n * GWEI, maxPriorityFeePerGas: 2n * GWEI }],
    [
      "tip no higher than allowed",
      market(10n, 50n),
      false,
      { maxFeePerGas: 25n * GWEI, maxPriorityFeePerGas: 5n * GWEI },
    ],
    [
      "tip no lower than allowed",
      market(10n, 0n),
      false,
      { maxFeePerGas: 20n * GWEI + GWEI / 100n, maxPriorityFeePerGas: GWEI / 100n },
    ],
    [
      "past the deadline under the urgent ceiling",
      market(150n, 2n),
      true,
      { maxFeePerGas: 302n * GWEI, maxPriorityFeePerGas: 2n * GWEI },
    ],
  ])("%s", (_title, at, urgent, fees) => {
    expect(initialFees(at, LIMITS, urgent)).toEqual({ kind: "fees", fees });
  });

  it("holds when the market is above the ceiling, and at the ceiling does not", () => {
    expect(initialFees(market(99n, 2n), LIMITS, false)).toMatchObject({ kind: "hold", neededPerGas: 101n * GWEI });
    expect(initialFees(market(98n, 2n), LIMITS, false)).toMatchObject({ kind: "fees" });
    expect(initialFees(market(499n, 2n), LIMITS, true)).toMatchObject({ kind: "hold" });
  });
});

describe("FEE-2: fees of a replacement", () => {
  const amount = fc.bigInt(0n, 600n * GWEI);
  it("raises both fees by what nodes require at least, and never over the ceiling", () => {
    fc.assert(
      fc.property(amount, amount, amount, amount, fc.boolean(), (fee, tip, base, marketTip, urgent) => {
        const previous = { maxFeePerGas: fee > tip ? fee : tip, maxPriorityFeePerGas: fee > tip ? tip : fee };
        const decision = bumpedFees(previous, { baseFeePerGas: base, tipPerGas: marketTip }, LIMITS, urgent);
        if (decision.kind === "hold") return decision.neededPerGas > decision.ceilingPerGas;
        const { maxFeePerGas, maxPriorityFeePerGas } = decision.fees;
        const enough = (now: bigint, before: bigint) =>
          now * 100n >= before * (100n + MIN_BUMP_PERCENT) && now > before;
        const ceiling = urgent ? LIMITS.urgentCeilingPerGas : LIMITS.ceilingPerGas;
        return (
          enough(maxFeePerGas, previous.maxFeePerGas) &&
          enough(maxPriorityFeePerGas, previous.maxPriorityFeePerGas) &&
          maxFeePerGas <= ceiling &&
          maxPriorityFeePerGas <= maxFeePerGas &&
          maxFeePerGas >= base
        );
      }),
      { numRuns: 5_000 },
    );
  });

  it("raises by the configured percent where nothing else asks for more", () => {
    const previous = { maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas: 2n * GWEI };
    const decision = bumpedFees(previous, { baseFeePerGas: GWEI, tipPerGas: GWEI }, LIMITS, false);
    expect(decision).toEqual({
      kind: "fees",
      fees: { maxFeePerGas: 23n * GWEI, maxPriorityFeePerGas: (23n * GWEI) / 10n },
    });
  });

  it("holds one wei above the least raise, and not at it", () => {
    const previous = { maxFeePerGas: 91n * GWEI, maxPriorityFeePerGas: GWEI };
    const needed = (91n * GWEI * 110n) / 100n;
    const at = (ceilingPerGas: bigint) =>
      bumpedFees(previous, { baseFeePerGas: GWEI, tipPerGas: GWEI }, { ...LIMITS, ceilingPerGas }, false).kind;
    expect(at(needed)).toBe("fees");
    expect(at(needed - 1n)).toBe("hold");
  });
});
