import fc from "fast-check";
import { describe, expect, it } from "vitest";

import * as Merkle from "../../src/crypto/merkle.ts";
import * as HistoryTree from "../../src/lightclient/historyTree.ts";
import { memoryHashLog } from "../../src/lightclient/memoryHashLog.ts";

const leaf = (n: number): Uint8Array => {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(28, n + 1);
  return bytes;
};
const leaves = (count: number): Uint8Array[] => Array.from({ length: count }, (_, n) => leaf(n));

describe("history tree", () => {
  it("HLOG-1: the log holds exactly 2n - popcount(n) hashes, at positions without gaps or overlaps", () => {
    const used = new Set<number>();
    const size = 600;
    for (let level = 0; 2 ** level <= size; level++) {
      for (let index = 0; (index + 1) * 2 ** level <= size; index++) used.add(HistoryTree.position(level, index));
    }
    const popcount = size.toString(2).replaceAll("0", "").length;
    expect(HistoryTree.logLength(size)).toBe(2 * size - popcount);
    expect([...used].sort((a, b) => a - b)).toEqual(Array.from({ length: 2 * size - popcount }, (_, i) => i));
  });

  it("HLOG-2: root and every proof equal those of the plain tree, at every size", async () => {
    const log = memoryHashLog();
    const all = leaves(70);
    const hashes = all.map(Merkle.leafHash);
    for (let size = 0; size < all.length; size++) {
      expect(await HistoryTree.root(log, size)).toEqual(Merkle.rootOfHashes(hashes.slice(0, size)));
      for (let index = 0; index < size; index++) {
        expect(await HistoryTree.prove(log, index, size)).toEqual(Merkle.proof(hashes.slice(0, size), index));
      }
      expect(await HistoryTree.append(log, size, all.slice(size, size + 1))).toBe(size + 1);
    }
  });

  it("HLOG-2: a proof against an older size stays available after the tree has grown", async () => {
    const log = memoryHashLog();
    await HistoryTree.append(log, 0, leaves(1000));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1000 }), fc.nat(), async (size, pick) => {
        const index = pick % size;
        const path = await HistoryTree.prove(log, index, size);
        const root = await HistoryTree.root(log, size);
        expect(Merkle.verify(root, leaf(index), BigInt(index), BigInt(size), path)).toBe(true);
        expect(Merkle.verify(root, leaf(index + 1), BigInt(index), BigInt(size), path)).toBe(false);
      }),
    );
  });

  it("appending in any batches gives the same log, and repeating a batch after a crash changes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }), async (batches) => {
        const [once, batched] = [memoryHashLog(), memoryHashLog()];
        let size = 0;
        for (const count of batches) {
          const next = leaves(size + count).slice(size);
          await HistoryTree.append(batched, size, next);
          size = await HistoryTree.append(batched, size, next);
        }
        await HistoryTree.append(once, 0, leaves(size));
        const positions = Array.from({ length: HistoryTree.logLength(size) }, (_, i) => i);
        expect(await batched.read(positions)).toEqual(await once.read(positions));
      }),
      { numRuns: 30 },
    );
  });

  it("a proof in a tree of a million leaves reads at most 40 hashes in one batch", async () => {
    const reads: number[] = [];
    const counting: HistoryTree.HashLog = {
      read: (positions) => {
        reads.push(positions.length);
        return Promise.resolve(positions.map(leaf));
      },
      write: () => Promise.resolve(),
    };
    for (const size of [1_000_000, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1]) {
      for (const index of [0, 1, 123_456, size - 2, size - 1]) await HistoryTree.prove(counting, index, size);
    }
    expect(reads).toHaveLength(20);
    expect(Math.max(...reads)).toBeLessThanOrEqual(40);
  });

  it("takes APPEND_LEAVES_MAX leaves at once and refuses one more", async () => {
    const batch = leaves(HistoryTree.APPEND_LEAVES_MAX + 1);
    await expect(HistoryTree.append(memoryHashLog(), 0, batch.slice(1))).resolves.toBe(HistoryTree.APPEND_LEAVES_MAX);
    await expect(HistoryTree.append(memoryHashLog(), 0, batch)).rejects.toThrow("at most");
  });
});
