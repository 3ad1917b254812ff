import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { seededRandom } from "../../src/runtime/random.ts";
import { FileSystemError } from "../../src/storage/fileSystem.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import {
  WriteAheadLog,
  WriteAheadLogCorruptError,
  WriteAheadLogFailedError,
  WriteAheadLogFullError,
} from "../../src/storage/writeAheadLog.ts";
import {
  encodeRecord,
  RECORD_BYTES_MAX,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from "../../src/storage/writeAheadLogSegment.ts";
import { PowerLoss, SimulatedDisk } from "./simulatedFileSystem.ts";

const record = (i: number, length = 20): Uint8Array => Buffer.from(`record ${String(i)}`.padEnd(length, "."));

async function contents(log: WriteAheadLog): Promise<string[]> {
  const found: string[] = [];
  for await (const { data } of log.replay()) found.push(Buffer.from(data).toString());
  return found;
}

async function written(disk: SimulatedDisk, count: number, options = {}): Promise<void> {
  const log = await WriteAheadLog.open(disk.fileSystem, "log", options);
  for (let i = 0; i < count; i++) {
    log.append(record(i));
    await log.sync();
  }
  await log.close();
}

const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => Buffer.from(record(i)).toString());
const disk = (seed = 1n): SimulatedDisk => new SimulatedDisk(seededRandom(seed));

describe("write-ahead log", () => {
  it("gives back what was appended, in order, with its index, across reopening", async () => {
    const { fileSystem } = disk();
    const log = await WriteAheadLog.open(fileSystem, "log");
    expect(log.append(record(0))).toBe(0);
    expect(log.append(new Uint8Array(0))).toBe(1);
    await log.sync();
    expect(log.append(record(2))).toBe(2);
    await log.close();
    const again = await WriteAheadLog.open(fileSystem, "log");
    expect(again.recovery).toEqual({ firstIndex: 0, nextIndex: 3, tornBytes: 0 });
    const indices: number[] = [];
    for await (const { index } of again.replay()) indices.push(index);
    expect(indices).toEqual([0, 1, 2]);
    expect(again.append(record(3))).toBe(3);
    await again.close();
  });

  it("shares one disk sync among callers that wait at once", async () => {
    const simulated = disk();
    const log = await WriteAheadLog.open(simulated.fileSystem, "log");
    const before = simulated.operations;
    const waits = Array.from({ length: 100 }, (_, i) => {
      log.append(record(i));
      return log.sync();
    });
    await Promise.all(waits);
    // One write and one sync for all that were appended before the flush began.
    expect(simulated.operations - before).toBe(2);
    await log.close();
  });

  it("rotates segments and forgets whole segments below a floor, never one that holds the floor", async () => {
    const simulated = disk();
    await written(simulated, 30, { segmentBytes: 200 });
    const segments = simulated.files().length;
    expect(segments).toBeGreaterThan(5);
    const log = await WriteAheadLog.open(simulated.fileSystem, "log", { segmentBytes: 200 });
    expect(await contents(log)).toEqual(texts(30));
    await log.truncateBelow(15);
    expect(log.firstIndex).toBeLessThanOrEqual(15);
    expect(log.firstIndex).toBeGreaterThan(10);
    expect(await contents(log)).toEqual(texts(30).slice(log.firstIndex));
    await log.truncateBelow(Number.MAX_SAFE_INTEGER);
    expect(simulated.files().length).toBe(1);
    await log.close();
    const again = await WriteAheadLog.open(simulated.fileSystem, "log", { segmentBytes: 200 });
    expect(again.nextIndex).toBe(30);
    await again.close();
  });

  it("WAL-2: cuts off a tail torn at any byte, and keeps all that stands before it", async () => {
    const length = RECORD_HEADER_BYTES + record(0).length;
    for (let cut = 0; cut < length; cut++) {
      const simulated = disk();
      await written(simulated, 3);
      const [path = ""] = simulated.files();
      const whole = simulated.content(path);
      // Without the mark of the clean close, and with `cut` bytes of a fourth record.
      const end = SEGMENT_HEADER_BYTES + 3 * length;
      simulated.overwrite(
        path,
        Buffer.concat([whole.subarray(0, end), encodeRecord(3, 3, record(3)).subarray(0, cut)]),
      );
      const log = await WriteAheadLog.open(simulated.fileSystem, "log");
      expect(log.recovery).toEqual({ firstIndex: 0, nextIndex: 3, tornBytes: cut });
      expect(log.append(record(3))).toBe(3);
      await log.close();
      const again = await WriteAheadLog.open(simulated.fileSystem, "log");
      expect(await contents(again)).toEqual(texts(4));
      await again.close();
    }
  });

  it("WAL-3: names file and offset when any byte of what was durable is changed", async () => {
    const original = disk();
    await written(original, 3);
    const [path = ""] = original.files();
    const whole = original.content(path);
    const length = RECORD_HEADER_BYTES + record(0).length;
    for (let at = 0; at < SEGMENT_HEADER_BYTES + 3 * length; at++) {
      const simulated = disk();
      await written(simulated, 3);
      const damaged = whole.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      simulated.overwrite(path, damaged);
      const opening = WriteAheadLog.open(simulated.fileSystem, "log");
      const expected = at < SEGMENT_HEADER_BYTES ? 0 : at - ((at - SEGMENT_HEADER_BYTES) % length);
      await expect(opening, `byte ${String(at)}`).rejects.toMatchObject({
        name: "WriteAheadLogCorruptError",
        file: path,
        offset: expected,
      });
    }
  });

  it("WAL-3: reports damage in a closed segment, a missing segment, and a segment that is cut short", async () => {
    for (const damage of ["flip", "missing", "short"] as const) {
      const simulated = disk();
      await written(simulated, 30, { segmentBytes: 200 });
      const path = simulated.files()[2] ?? "";
      const content = simulated.content(path).slice();
      if (damage === "flip") content[40] = (content[40] ?? 0) ^ 1;
      if (damage === "missing") await simulated.fileSystem.remove(path);
      else simulated.overwrite(path, damage === "short" ? content.subarray(0, content.length - 1) : content);
      await expect(WriteAheadLog.open(simulated.fileSystem, "log")).rejects.toBeInstanceOf(WriteAheadLogCorruptError);
    }
  });

  it("WAL-2: a record whose bytes look like records is data", async () => {
    const simulated = disk();
    const log = await WriteAheadLog.open(simulated.fileSystem, "log");
    const nested = Buffer.concat([encodeRecord(0, 9, record(0)), encodeRecord(1, 9, record(1))]);
    log.append(nested);
    await log.sync();
    await log.close();
    const again = await WriteAheadLog.open(simulated.fileSystem, "log");
    expect(await contents(again)).toEqual([nested.toString()]);
    await again.close();
  });

  it("WAL-1: whatever the disk does to unsynced writes, at any operation, nothing synced is lost", async () => {
    for (let seed = 0; seed < 1500; seed++) {
      const random = seededRandom(BigInt(seed));
      const simulated = new SimulatedDisk(random);
      const appended: string[] = [];
      let durable = 0;
      let floor = 0;
      for (let life = 0; life < 4; life++) {
        simulated.crashAfter(1 + Math.floor(random.fraction() * 40));
        try {
          const log = await WriteAheadLog.open(simulated.fileSystem, "log", { segmentBytes: 300 });
          const found = await contents(log);
          expect(log.firstIndex, `seed ${String(seed)}`).toBeLessThanOrEqual(floor);
          expect(log.nextIndex, `seed ${String(seed)}`).toBeGreaterThanOrEqual(durable);
          expect(found, `seed ${String(seed)}`).toEqual(appended.slice(log.firstIndex, log.nextIndex));
          appended.length = log.nextIndex;
          durable = log.nextIndex;
          for (;;) {
            const batch = 1 + Math.floor(random.fraction() * 4);
            for (let i = 0; i < batch; i++) {
              const bytes = Buffer.from(random.bytes(Math.floor(random.fraction() * 120))).toString("hex");
              appended.push(bytes);
              log.append(Buffer.from(bytes));
            }
            await log.sync();
            durable = log.nextIndex;
            if (random.fraction() < 0.2) {
              floor = Math.max(floor, Math.floor(random.fraction() * durable));
              await log.truncateBelow(floor);
            }
          }
        } catch (error) {
          if (!(error instanceof PowerLoss) && !(error instanceof WriteAheadLogFailedError)) throw error;
        }
        simulated.restart();
      }
    }
  });

  it("fails for good after a failed sync", async () => {
    const simulated = disk();
    const log = await WriteAheadLog.open(simulated.fileSystem, "log");
    log.append(record(0));
    simulated.failsSync = true;
    await expect(log.sync()).rejects.toBeInstanceOf(WriteAheadLogFailedError);
    simulated.failsSync = false;
    expect(() => log.append(record(1))).toThrow(WriteAheadLogFailedError);
    await expect(log.sync()).rejects.toBeInstanceOf(WriteAheadLogFailedError);
    await log.close();
  });

  it("takes a record of the maximum length and refuses one byte more", async () => {
    const log = await WriteAheadLog.open(disk().fileSystem, "log");
    expect(log.append(new Uint8Array(RECORD_BYTES_MAX))).toBe(0);
    expect(() => log.append(new Uint8Array(RECORD_BYTES_MAX + 1))).toThrow(WriteAheadLogFullError);
    await log.close();
  });

  it("takes what may wait for a sync and refuses one byte more, until it is synced", async () => {
    const log = await WriteAheadLog.open(disk().fileSystem, "log", { pendingBytesMax: 1000 });
    log.append(new Uint8Array(1000 - RECORD_HEADER_BYTES));
    expect(() => log.append(new Uint8Array(0))).toThrow(/maximum of 1000 \(pending\)/);
    await log.sync();
    log.append(new Uint8Array(1000 - RECORD_HEADER_BYTES));
    await log.sync();
    await log.close();
  });

  it("fills the maximum number of segments and refuses one more, until the floor is raised", async () => {
    const log = await WriteAheadLog.open(disk().fileSystem, "log", { segmentBytes: 100, segmentsMax: 3 });
    for (let i = 0; i < 3; i++) {
      log.append(new Uint8Array(100));
      await log.sync();
    }
    expect(() => log.append(new Uint8Array(1))).toThrow(/\(segments\)/);
    await log.truncateBelow(log.nextIndex);
    log.append(new Uint8Array(1));
    await log.sync();
    await log.close();
  });

  it("is one process's at a time, on the simulated disk and on the real one", async () => {
    const simulated = disk();
    const log = await WriteAheadLog.open(simulated.fileSystem, "log");
    await expect(WriteAheadLog.open(simulated.fileSystem, "log")).rejects.toMatchObject({ fault: "locked" });
    await log.close();
    const directory = await mkdtemp(join(tmpdir(), "crema-wal-"));
    try {
      const real = await WriteAheadLog.open(nodeFileSystem, directory);
      await expect(WriteAheadLog.open(nodeFileSystem, directory)).rejects.toBeInstanceOf(FileSystemError);
      real.append(record(0));
      await real.sync();
      await real.close();
      const again = await WriteAheadLog.open(nodeFileSystem, directory);
      expect(await contents(again)).toEqual(texts(1));
      await again.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
