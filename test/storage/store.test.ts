import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ClassicLevel } from "classic-level";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";

import { toHex } from "../../src/codec/hex.ts";
import { AssertionError } from "../../src/runtime/assert.ts";

import { openDiskStore } from "../../src/storage/diskStore.ts";
import { createMemoryStore } from "../../src/storage/memoryStore.ts";
import {
  BATCH_OPERATIONS_MAX,
  KEY_BYTES_MAX,
  StoreCorruptError,
  StoreLockedError,
  StoreUnavailableError,
  VALUE_BYTES_MAX,
  type Operation,
  type Range,
  type Store,
} from "../../src/storage/store.ts";

const directories: string[] = [];
async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "crema-store-"));
  directories.push(directory);
  return directory;
}
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const put = (key: string, value: string): Operation => ({ kind: "put", key: bytes(key), value: bytes(value) });
const remove = (key: string): Operation => ({ kind: "delete", key: bytes(key) });
const SYNC = { sync: true };

async function list(store: Store, range: Range): Promise<string[]> {
  const found: string[] = [];
  for await (const { key, value } of store.range(range)) {
    found.push(`${Buffer.from(key).toString("latin1")}=${Buffer.from(value).toString()}`);
  }
  return found;
}

for (const [name, open] of [
  ["memory", () => Promise.resolve(createMemoryStore())],
  ["disk", async () => openDiskStore(await temporary())],
] as const) {
  describe(`a ${name} store`, () => {
    it("keeps what was put, forgets what was deleted, and lets a later operation on a key win", async () => {
      const store = await open();
      await store.batch([put("a", "1"), put("b", "2"), remove("b"), put("a", "3")], SYNC);
      expect(await store.get(bytes("a"))).toEqual(bytes("3"));
      expect(await store.get(bytes("b"))).toBeUndefined();
      await store.batch([put("e", "")], { sync: false });
      expect(await store.get(bytes("e"))).toEqual(bytes(""));
      await store.close();
    });

    it("iterates a range in byte order, both ways, start included and end excluded, up to a limit", async () => {
      const store = await open();
      const keys = ["\u0000", "a", "a\u0000", "ab", "b", "ÿ"];
      const rows = keys.map((key): Operation => ({
        kind: "put",
        key: Buffer.from(key, "latin1"),
        value: bytes(key.length.toString()),
      }));
      await store.batch(rows.reverse(), SYNC);
      const range = (start: string, end: string, rest: Partial<Range> = {}): Range => {
        return { start: Buffer.from(start, "latin1"), end: Buffer.from(end, "latin1"), ...rest };
      };
      expect(await list(store, range("a", "b"))).toEqual(["a=1", "a\u0000=2", "ab=2"]);
      expect(await list(store, range("a", "b", { reverse: true }))).toEqual(["ab=2", "a\u0000=2", "a=1"]);
      expect(await list(store, range("a", "ÿ", { limit: 2 }))).toEqual(["a=1", "a\u0000=2"]);
      expect(await list(store, range("a", "ÿ", { limit: 1, reverse: true }))).toEqual(["b=1"]);
      expect(await list(store, range("c", "d"))).toEqual([]);
      await store.close();
    });

    it("takes the longest key, value and batch, and refuses one more of each", async () => {
      const store = await open();
      const key = new Uint8Array(KEY_BYTES_MAX);
      const large = { kind: "put", key, value: new Uint8Array(VALUE_BYTES_MAX) } as const;
      await store.batch([large], { sync: false });
      expect((await store.get(key))?.length).toBe(VALUE_BYTES_MAX);
      const many = Array.from({ length: BATCH_OPERATIONS_MAX }, () => remove("x"));
      await store.batch(many, { sync: false });
      const wrong: Operation[][] = [
        [{ ...large, key: new Uint8Array(KEY_BYTES_MAX + 1) }],
        [{ ...large, key: new Uint8Array(0) }],
        [{ ...large, value: new Uint8Array(VALUE_BYTES_MAX + 1) }],
        [...many, remove("x")],
      ];
      for (const operations of wrong) {
        await expect((async () => store.batch(operations, SYNC))()).rejects.toBeInstanceOf(AssertionError);
      }
      await store.close();
    });

    it("does as a sorted map does, whatever the operations", async () => {
      const store = await open();
      const model = new Map<string, string>();
      const key = fc.string({ minLength: 1, maxLength: 2, unit: fc.constantFrom("a", "b", "c") });
      const operation = fc.tuple(key, fc.option(fc.string({ maxLength: 3 })));
      await fc.assert(
        fc.asyncProperty(
          fc.array(operation, { maxLength: 8 }),
          key,
          key,
          fc.boolean(),
          async (batch, a, b, reverse) => {
            await store.batch(
              batch.map(([name, value]) => (value === null ? remove(name) : put(name, value))),
              { sync: false },
            );
            for (const [name, value] of batch) {
              if (value === null) model.delete(name);
              else model.set(name, value);
            }
            const expected = [...model].filter(([name]) => name >= a && name < b).sort(([x], [y]) => (x < y ? -1 : 1));
            if (reverse) expected.reverse();
            const found = await list(store, { start: bytes(a), end: bytes(b), reverse });
            expect(found).toEqual(expected.map(([name, value]) => `${name}=${value}`));
          },
        ),
        { numRuns: 300 },
      );
      await store.close();
    });
  });
}

describe("disk store", () => {
  it("keeps everything across reopening", async () => {
    const path = await temporary();
    const store = await openDiskStore(path);
    await store.batch([put("a", "1")], SYNC);
    await store.close();
    await store.close();
    const again = await openDiskStore(path);
    expect(await again.get(bytes("a"))).toEqual(bytes("1"));
    await again.close();
  });

  it("DISK-1: names the key of a value that was changed on disk, in get and in range, and can delete it", async () => {
    const path = await temporary();
    const store = await openDiskStore(path);
    await store.batch([put("a", "one"), put("b", "two"), put("c", "three")], SYNC);
    await store.close();
    const raw = new ClassicLevel<Uint8Array, Uint8Array>(path, { keyEncoding: "view", valueEncoding: "view" });
    const sealed = (await raw.get(bytes("a"))) ?? new Uint8Array(0);
    // A flipped bit, another key's value, and a value cut short.
    await raw.put(
      bytes("a"),
      Uint8Array.from(sealed, (byte, i) => (i === 5 ? byte ^ 1 : byte)),
    );
    await raw.put(bytes("b"), sealed);
    await raw.put(bytes("c"), sealed.subarray(0, 3));
    await raw.close();
    const again = await openDiskStore(path);
    for (const key of ["a", "b", "c"]) {
      await expect(again.get(bytes(key))).rejects.toMatchObject({
        name: "StoreCorruptError",
        path,
        key: toHex(bytes(key)),
      });
    }
    await expect(list(again, { start: bytes("a"), end: bytes("z") })).rejects.toBeInstanceOf(StoreCorruptError);
    await again.batch([remove("a"), remove("b"), remove("c")], SYNC);
    expect(await list(again, { start: bytes("a"), end: bytes("z") })).toEqual([]);
    await again.close();
  });

  it("DISK-1: a damaged manifest or a missing table is a corrupt store, not an empty one", async () => {
    const path = await temporary();
    const store = await openDiskStore(path);
    for (let i = 0; i < 10; i++) {
      const value = Uint8Array.from(randomBytes(4_000_000));
      await store.batch([{ kind: "put", key: bytes(`key ${String(i)}`), value }], SYNC);
    }
    await store.close();
    const table = (await readdir(path)).find((name) => name.endsWith(".ldb")) ?? "";
    const content = await readFile(join(path, table));
    await rm(join(path, table));
    await expect(openDiskStore(path)).rejects.toMatchObject({ name: "StoreCorruptError", key: null });
    await writeFile(join(path, table), content);
    const manifest = (await readdir(path)).find((name) => name.startsWith("MANIFEST")) ?? "";
    await writeFile(join(path, manifest), "garbage");
    await expect(openDiskStore(path)).rejects.toBeInstanceOf(StoreCorruptError);
  });

  it("is one process's at a time", async () => {
    const path = await temporary();
    const store = await openDiskStore(path);
    await expect(openDiskStore(path)).rejects.toBeInstanceOf(StoreLockedError);
    await store.close();
  });

  it("says that a path cannot be used", async () => {
    const path = join(await temporary(), "file");
    await writeFile(path, "");
    await expect(openDiskStore(path)).rejects.toBeInstanceOf(StoreUnavailableError);
  });
});
