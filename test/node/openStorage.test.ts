import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { ChainStore } from "../../src/engine/chainStore.ts";
import { isDatabaseDamage, openChain, openJournal, setAside } from "../../src/node/openStorage.ts";
import type * as Committee from "../../src/protocol/Committee.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { CommitteeId, Height, ValidatorId } from "../../src/protocol/scalars.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { seededRandom } from "../../src/runtime/random.ts";
import { openDiskStore } from "../../src/storage/diskStore.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import { StoreCorruptError } from "../../src/storage/store.ts";
import { WriteAheadLog } from "../../src/storage/writeAheadLog.ts";
import { writeLongChain } from "../bench/longChain.ts";
import { config, domain } from "../engine/support/lonelyEngine.ts";

const directories: string[] = [];
const BLOCKS = 60;
/** Flips in files of each kind. */
const TRIALS = 12;

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "crema-storage-"));
  directories.push(directory);
  return directory;
}

afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

async function aChain(): Promise<string> {
  const bls = await createMclBls();
  const secretKeys = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));
  const members = secretKeys.map((secretKey, seat): Committee.Member => ({
    ...{ seat, weight: 1n, transportKey: new Uint8Array(32).fill(seat + 1), address: "" },
    ...{ validator: ValidatorId(BigInt(seat) + 1n), key: bls.publicKey(secretKey) },
  }));
  const genesis = Genesis.hash(config);
  const directory = temporary();
  await writeLongChain(join(directory, "chain"), {
    ...{ blocks: BLOCKS, payloadBytes: 900, config, domain, secretKeys },
    committee: { id: CommitteeId(1n), members, randomness: genesis, createdNumber: 1n, createdAt: 1n },
    anchor: { number: 10n, hash: genesis },
  });
  // Opened once more, what was in the log goes into a table.
  await (await openDiskStore(join(directory, "chain"))).close();
  return directory;
}

/** Everything that can be read, as text; absent rows are absent. */
async function contents(directory: string): Promise<Map<string, string>> {
  const store = await openChain(directory, silentLogger);
  const read = new Map<string, string>();
  try {
    const chain = await ChainStore.open(store, Genesis.header(config));
    for (let height = 0n; height <= BLOCKS; height++) {
      const block = await chain.blockAt(Height(height));
      if (block === undefined) continue;
      read.set(
        `block ${String(height)}`,
        JSON.stringify(block, (_, value: unknown) => String(value)),
      );
    }
    for (let start: Uint8Array | undefined = Uint8Array.of(0); start !== undefined;)
      start = await chain.readRows(start, 64);
    for (const table of ["p", "f", "v", "b", "o", "n", "t"]) {
      const range = { start: Buffer.from(table), end: Buffer.from([table.charCodeAt(0) + 1]) };
      for await (const { key, value } of store.range(range)) {
        read.set(Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex"));
      }
    }
  } catch (error) {
    if (!isDatabaseDamage(error)) throw error;
  } finally {
    await store.close();
  }
  return read;
}

describe("damaged files", () => {
  it("HEAL-1, HEAL-5: a byte flipped anywhere in a store's files is an absent row or a typed error, never a wrong value", async () => {
    const sound = await aChain();
    const expected = await contents(sound);
    expect(expected.size).toBeGreaterThan(BLOCKS * 5);
    const random = seededRandom(7n);
    const below = (end: number): number => Math.floor(random.fraction() * end);
    const kinds = new Map<string, string[]>();
    for (const name of readdirSync(join(sound, "chain"))) {
      const kind = name.replaceAll(/\d+/g, "");
      kinds.set(kind, [...(kinds.get(kind) ?? []), name]);
    }
    expect([...kinds.keys()]).toEqual(expect.arrayContaining([".ldb", "MANIFEST-", "CURRENT"]));
    for (const names of kinds.values()) {
      for (let trial = 0; trial < TRIALS; trial++) {
        const copy = temporary();
        cpSync(sound, copy, { recursive: true });
        const path = join(copy, "chain", names[below(names.length)] ?? "");
        const bytes = readFileSync(path);
        for (let flips = below(4); flips >= 0 && bytes.length > 0; flips--) {
          const at = below(bytes.length);
          bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        }
        writeFileSync(path, bytes);
        for (const [key, value] of await contents(copy)) {
          if (expected.has(key)) expect([path, key, value]).toEqual([path, key, expected.get(key)]);
        }
      }
    }
  });

  it("HEAL-5: a damaged database is set aside and named, and an empty one takes its place", async () => {
    const directory = await aChain();
    const manifest = readdirSync(join(directory, "chain")).find((name) => name.startsWith("MANIFEST")) ?? "";
    writeFileSync(join(directory, "chain", manifest), "garbage");
    const said: unknown[] = [];
    const logger = { ...silentLogger, error: (_message: string, values?: unknown) => said.push(values) };
    const store = await openChain(directory, logger);
    expect((await ChainStore.open(store, Genesis.header(config))).height).toBe(0n);
    await store.close();
    expect(readdirSync(directory).sort()).toEqual(["chain", "chain.damaged-1"]);
    expect(said).toMatchObject([{ aside: join(directory, "chain.damaged-1") }]);
    setAside(directory, new StoreCorruptError("chain", undefined, "again"), silentLogger);
    expect(readdirSync(directory).sort()).toEqual(["chain.damaged-1", "chain.damaged-2"]);
  });

  it("HEAL-6: a journal of votes that is damaged, or gone though the key has voted, is not signed on", async () => {
    const directory = temporary();
    const path = join(directory, "journal");
    const fresh = await openJournal(directory, false);
    expect(fresh.unsafe).toBeUndefined();
    for (let vote = 0; vote < 3; vote++) {
      fresh.journal.append(new TextEncoder().encode(`vote ${String(vote)}`));
      await fresh.journal.sync();
    }
    await fresh.journal.close();
    const again = await openJournal(directory, true);
    expect(again.unsafe).toBeUndefined();
    await again.journal.close();
    const [segment = ""] = readdirSync(path).filter((name) => name.endsWith(".wal"));
    const bytes = readFileSync(join(path, segment));
    const at = bytes.indexOf("vote 0");
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(join(path, segment), bytes);
    const damaged = await openJournal(directory, true);
    expect(damaged.unsafe).toContain(segment);
    await damaged.journal.close();
    expect(readFileSync(join(path, segment))).toEqual(bytes);
    rmSync(path, { recursive: true });
    for (let start = 0; start < 2; start++) {
      const gone = await openJournal(directory, true);
      expect(gone.unsafe).toContain("journal of votes is gone");
      await gone.journal.close();
    }
    const log = await WriteAheadLog.open(nodeFileSystem, path);
    expect(log.nextIndex).toBe(0);
    await log.close();
  });
});
