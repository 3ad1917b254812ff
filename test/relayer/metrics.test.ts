import { describe, expect, it } from "vitest";

import { KeyError, SignerUnavailableError } from "../../relayer/keys/keyErrors.ts";
import { measuredSigner } from "../../relayer/keys/measuredSigner.ts";
import { createMetrics, type Metrics } from "../../relayer/metrics.ts";
import type { SlotRecord } from "../../relayer/tx/records.ts";
import { ZERO_HASH } from "../../src/crypto/hash.ts";

const FEES = { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };

async function valuesOf(metrics: Metrics, name: string): Promise<readonly string[]> {
  const text = await metrics.registry.getSingleMetricAsString(name);
  return text.split("\n").filter((line) => !line.startsWith("#"));
}

describe("what a relayer measures", () => {
  it("the age of what L1 lacks is that of the oldest finalization seen, until that is posted", async () => {
    const metrics = createMetrics();
    const age = async (l1Height: bigint, height: bigint, seconds: number, now: number): Promise<unknown> => {
      const timestamp = BigInt(seconds * 1000);
      metrics.progress({ l1Height, finalizedHeight: height, finalizedTimestampMs: timestamp }, now * 1000);
      return (await valuesOf(metrics, "crema_relayer_unposted_age_seconds"))[0];
    };
    const line = (seconds: number): string => `crema_relayer_unposted_age_seconds ${String(seconds)}`;
    expect(await age(0n, 0n, 0, 100)).toBe(line(0));
    expect(await age(5n, 6n, 100, 101)).toBe(line(1));
    expect(await age(5n, 9n, 110, 112)).toBe(line(12));
    expect(await age(6n, 9n, 110, 112)).toBe(line(2));
    expect(await age(9n, 9n, 110, 115)).toBe(line(0));
    expect(await age(9n, 10n, 120, 119)).toBe(line(0));
  });

  it("gas used is measured against what was allowed", async () => {
    const metrics = createMetrics();
    const mined = {
      ...{ hash: ZERO_HASH, blockNumber: 1, blockHash: ZERO_HASH },
      ...{ succeeded: true, gasUsed: 80_000n, feePerGas: 2_000_000_000n },
    };
    const attempt = { hash: ZERO_HASH, raw: "0x", fees: FEES, intentId: null, signedAtMs: 0 };
    const slot: SlotRecord = {
      ...{ kind: "slot", revision: 0, nonce: 0, attempts: [attempt] },
      ...{ status: "mined", mined, consumedAt: null },
    };
    metrics.mined(slot, mined, 100_000n);
    metrics.mined(slot, { ...mined, succeeded: false }, null);
    expect(await valuesOf(metrics, "crema_relayer_gas_used_total")).toEqual(["crema_relayer_gas_used_total 160000"]);
    const ratio = await valuesOf(metrics, "crema_relayer_gas_used_ratio");
    expect(ratio).toContain("crema_relayer_gas_used_ratio_sum 0.8");
    expect(ratio).toContain("crema_relayer_gas_used_ratio_count 1");
    expect(await valuesOf(metrics, "crema_relayer_mined_total")).toEqual([
      'crema_relayer_mined_total{result="success"} 1',
      'crema_relayer_mined_total{result="revert"} 1',
    ]);
  });

  it("a keeper that refuses is told from one that is away", async () => {
    const metrics = createMetrics();
    const errors: Error[] = [
      new KeyError("no"),
      new SignerUnavailableError("away"),
      new SignerUnavailableError("away"),
    ];
    const signer = measuredSigner(
      { address: "0x", sign: () => Promise.reject(errors.shift() ?? new Error("none left")) },
      metrics,
    );
    const unsigned = {
      ...{ chainId: 1n, nonce: 0, to: "0x", data: "0x", value: 0n, gasLimit: 0n },
      ...FEES,
    };
    await expect(signer.sign(unsigned)).rejects.toThrow(KeyError);
    await expect(signer.sign(unsigned)).rejects.toThrow(SignerUnavailableError);
    await expect(signer.sign(unsigned)).rejects.toThrow(SignerUnavailableError);
    expect(await valuesOf(metrics, "crema_relayer_signer_failures_total")).toEqual([
      'crema_relayer_signer_failures_total{reason="refused"} 1',
      'crema_relayer_signer_failures_total{reason="unavailable"} 2',
    ]);
  });
});
