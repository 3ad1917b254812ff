import { describe, expect, it } from "vitest";

import {
  committeeToMake,
  isResumeDue,
  keysToSeal,
  PAGE_KEYS_MAX,
  seatsToReport,
} from "../../../relayer/decide/housekeeping.ts";

const POLICY = { sealKeys: 40, sealAfterSeconds: 3600n, rotate: true, rotateEverySeconds: 0n };
const keys = (count: number, ageSeconds: bigint) =>
  Array.from({ length: count }, (_, index) => ({ keyHash: `0x${String(index)}`, ageSeconds }));

describe("housekeeping decisions", () => {
  it.each([
    ["none wait", 0, 0n, 0],
    ["one below the number, and young", 39, 3599n, 0],
    ["as many as share a page's cost", 40, 0n, 40],
    ["one that waited long enough", 1, 3600n, 1],
    ["a full page", PAGE_KEYS_MAX, 0n, PAGE_KEYS_MAX],
    ["one more than a page", PAGE_KEYS_MAX + 1, 0n, PAGE_KEYS_MAX],
  ])("HOUSE-1: %s", (_title, count, age, sealed) => {
    expect(keysToSeal(keys(count, age), POLICY)).toHaveLength(sealed);
  });

  it.each([
    ["due", {}, {}, 100n, 4n],
    ["a second early", {}, {}, 99n, undefined],
    ["no seats", { seatsTaken: 0n }, {}, 100n, undefined],
    ["switched off", {}, { rotate: false }, 100n, undefined],
    ["younger than the operator wants", {}, { rotateEverySeconds: 60n }, 109n, undefined],
    ["as old as the operator wants", {}, { rotateEverySeconds: 60n }, 110n, 4n],
  ])("HOUSE-2: %s", (_title, rotation, policy, now, committee) => {
    const state = { newestCommittee: 3n, newestAt: 50n, nextAt: 100n, seatsTaken: 4n, ...rotation };
    expect(committeeToMake(state, { ...POLICY, ...policy }, now)).toBe(committee);
  });

  it("HOUSE-3: seats of slashed validators, in committee order", () => {
    expect(seatsToReport([5n, 6n, 7n, 8n], new Set([8n, 5n, 99n]))).toEqual([0, 3]);
    expect(seatsToReport([5n], new Set())).toEqual([]);
  });

  it.each([
    ["due and frozen", 100n, { frozen: true }, 100n, true],
    ["due and expired", 100n, { trustedUntil: 100n }, 100n, true],
    ["a second early", 100n, { frozen: true }, 99n, false],
    ["none pending", 0n, { frozen: true }, 100n, false],
    ["the client lives", 100n, {}, 100n, false],
  ])("HOUSE-4: a resume: %s", (_title, applicableAt, over, now, due) => {
    const client = { height: 1n, epoch: 1n, committee: 1n, trustedUntil: 1_000n, freshAt: 0n, frozen: false, ...over };
    expect(isResumeDue(client, applicableAt, now)).toBe(due);
  });
});
