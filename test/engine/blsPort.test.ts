import { afterAll, describe, expect, it } from "vitest";

import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { createBlsPool, JOBS_MAX, THREADS_MAX } from "../../src/engine/blsPool.ts";
import { inlineBls, type BatchEntry } from "../../src/engine/blsPort.ts";

const bls = await createMclBls();
const pool = createBlsPool({ threads: 2 });
afterAll(() => pool.close());

const digest = new Uint8Array(32).fill(5);
const secrets = Array.from({ length: 7 }, (_, i) => new Uint8Array(32).fill(i + 1));

function entries(forged: readonly number[], verified: readonly number[] = []): BatchEntry[] {
  return secrets.map((secret, i) => {
    const about = forged.includes(i) ? new Uint8Array(32).fill(6) : digest;
    return { key: bls.publicKey(secret), signature: bls.sign(secret, about, "vote"), verified: verified.includes(i) };
  });
}

describe.each([
  ["in this thread", inlineBls(bls)],
  ["in worker threads", pool],
])("BlsPort %s", (_, port) => {
  it("VOTE-2: a good batch is valid as a whole and gives its aggregate", async () => {
    const batch = entries([]);
    const verdict = await port.verifyBatch(digest, batch);
    expect(verdict.valid).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(verdict.invalid).toEqual([]);
    expect(verdict.aggregate).toEqual(bls.aggregate(batch.map(({ signature }) => signature)));
    expect(
      await port.verifyAggregate(
        batch.map(({ key }) => key),
        digest,
        verdict.aggregate ?? new Uint8Array(),
      ),
    ).toBe(true);
  });

  it("VOTE-3: two that pass only together are found out when one is left alone", async () => {
    const shift = bls.sign(new Uint8Array(32).fill(9), digest, "vote");
    // The ZCash form negates a point by its sign bit.
    const back = shift.with(0, (shift[0] ?? 0) ^ 0x20);
    const [first, second, ...honest] = entries([]);
    if (first === undefined || second === undefined) throw new Error("two entries");
    const shifted = (entry: BatchEntry, by: Uint8Array): BatchEntry => {
      return { ...entry, signature: bls.aggregate([entry.signature, by]) ?? new Uint8Array() };
    };
    const together = [shifted(first, shift), shifted(second, back), ...honest];
    expect((await port.verifyBatch(digest, together)).invalid).toEqual([]);
    const alone = [{ ...shifted(second, back), verified: true }, ...honest];
    const verdict = await port.verifyBatch(digest, alone);
    expect(verdict.invalid).toEqual([0]);
    expect(verdict.aggregate).toEqual(bls.aggregate(honest.map(({ signature }) => signature)));
  });

  it("VOTE-3: forged ones are found by bisection and left out of the aggregate", async () => {
    const batch = entries([1, 4, 5]);
    const verdict = await port.verifyBatch(digest, batch);
    expect(verdict.valid).toEqual([0, 2, 3, 6]);
    expect(verdict.invalid).toEqual([1, 4, 5]);
    expect(
      await port.verifyAggregate(
        [0, 2, 3, 6].map((i) => batch[i]?.key ?? new Uint8Array()),
        digest,
        verdict.aggregate ?? new Uint8Array(),
      ),
    ).toBe(true);
  });

  it("VOTE-3: malformed bytes are invalid, and no good vote suffers", async () => {
    const batch = entries([]).map((entry, i) => (i === 3 ? { ...entry, signature: new Uint8Array(48) } : entry));
    expect((await port.verifyBatch(digest, batch)).invalid).toEqual([3]);
  });

  it("VOTE-3: nothing valid means no aggregate", async () => {
    expect(await port.verifyBatch(digest, entries([0, 1, 2, 3, 4, 5, 6]))).toMatchObject({
      valid: [],
      aggregate: undefined,
    });
  });

  it("VOTE-2: what is known to be valid needs no second look", async () => {
    const verdict = await port.verifyBatch(digest, entries([], [0, 1, 2, 3, 4, 5, 6]));
    expect(verdict.valid).toHaveLength(7);
  });

  it("verifies one signature", async () => {
    const [entry] = entries([]);
    if (entry === undefined) throw new Error("an entry");
    expect(await port.verify(entry.key, digest, entry.signature)).toBe(true);
    expect(await port.verify(entry.key, new Uint8Array(32), entry.signature)).toBe(false);
  });
});

describe("createBlsPool", () => {
  it("rejects what is under way, and whatever comes later, once closed", async () => {
    const closing = createBlsPool();
    const asked = closing.verify(bls.publicKey(new Uint8Array(32).fill(1)), digest, new Uint8Array(48));
    const failed = expect(asked).rejects.toThrow("closed");
    await closing.close();
    await failed;
    await expect(closing.verifyBatch(digest, entries([]))).rejects.toThrow("closed");
  });

  it("BOUND: takes the maximum of threads and not one more", () => {
    expect(() => createBlsPool({ threads: THREADS_MAX + 1 })).toThrow(/threads 17/);
    expect(() => createBlsPool({ threads: 0 })).toThrow(/threads 0/);
  });

  it("BOUND: holds the maximum of jobs and not one more", { timeout: 60_000 }, async () => {
    const full = createBlsPool();
    const key = bls.publicKey(new Uint8Array(32).fill(1));
    const asked = Array.from({ length: JOBS_MAX }, () =>
      full.verify(key, digest, new Uint8Array(48)).catch(() => false),
    );
    await expect(full.verify(key, digest, new Uint8Array(48))).rejects.toThrow(/bounded/);
    await full.close();
    await Promise.all(asked);
  });
});
