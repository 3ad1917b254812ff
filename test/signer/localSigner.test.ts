import { describe, expect, it } from "vitest";

import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { keccak256, keccakHash, type Hash } from "../../src/crypto/hash.ts";
import type * as Evidence from "../../src/protocol/Evidence.ts";
import { CommitteeId, Epoch, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { seededRandom, type Random } from "../../src/runtime/random.ts";
import { openLocalSigner } from "../../src/signer/localSigner.ts";
import {
  exportProtection,
  importProtection,
  InterchangeError,
  INTERCHANGE_BYTES_MAX,
} from "../../src/signer/protectionInterchange.ts";
import {
  createProtectionRecord,
  ENTRIES_BEFORE_SNAPSHOT,
  openProtectionRecord,
} from "../../src/signer/protectionRecord.ts";
import type { Signer } from "../../src/signer/signer.ts";
import { fresh, VIEWS_MAX } from "../../src/signer/slashingProtection.ts";
import { WriteAheadLogFailedError } from "../../src/storage/writeAheadLog.ts";
import { PowerLoss, SimulatedDisk } from "../storage/simulatedFileSystem.ts";

const GENESIS = keccakHash(Buffer.from("genesis"));
const DOMAIN = { chainId: 1n, stakeTable: `0x${"11".repeat(20)}` as const, salt: GENESIS };
const SECRET = keccak256(Buffer.from("secret")).fill(0, 0, 1);
const mcl = await createMclBls();
const PUBLIC = mcl.publicKey(SECRET);
const KEY = { genesis: GENESIS, publicKey: PUBLIC };
const BLOCKS = ["a", "b", "c"].map((name) => keccakHash(Buffer.from(name)));
const blockAt = (i: number): Hash => BLOCKS[i] ?? GENESIS;
const [A, B] = [blockAt(0), blockAt(1)];

/** Signs without the cost of a curve: what is signed is what counts here. */
const quick = { publicKey: () => PUBLIC, sign: (_: Uint8Array, digest: Uint8Array) => digest };

const notarize = (epoch: number, view: number, block = A): Vote.Vote =>
  Vote.notarize(Epoch(BigInt(epoch)), View(BigInt(view)), block);
const nullify = (epoch: number, view: number): Vote.Vote => Vote.nullify(Epoch(BigInt(epoch)), View(BigInt(view)));
const finalize = (epoch: number, view: number, block = A): Vote.Vote =>
  Vote.finalize(Epoch(BigInt(epoch)), View(BigInt(view)), block);
const resume = (epoch: number, block = A, committee = 1): Evidence.Message => {
  return { kind: "resume", epoch: Epoch(BigInt(epoch)), block, committee: CommitteeId(BigInt(committee)) };
};

const open = (disk: SimulatedDisk, directory = "record"): Promise<Signer> =>
  openLocalSigner({ fileSystem: disk.fileSystem, directory, secretKey: SECRET, domain: DOMAIN, bls: quick });

async function keyed(seed = 1n): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(seededRandom(seed));
  await createProtectionRecord(disk.fileSystem, "record", fresh(GENESIS, PUBLIC));
  return disk;
}

async function refusalCode(signer: Signer, message: Evidence.Message): Promise<string> {
  const result = await signer.sign(message);
  return result.ok ? "signed" : result.refusal.code;
}

/** Runs messages in order through a new signer, on a disk that restarts before the last if asked to. */
async function sequence(messages: readonly Evidence.Message[], restarts: boolean): Promise<string[]> {
  const disk = await keyed();
  let signer = await open(disk);
  const codes: string[] = [];
  for (const [i, message] of messages.entries()) {
    if (restarts && i === messages.length - 1) {
      await signer.close();
      signer = await open(disk);
    }
    codes.push(await refusalCode(signer, message));
  }
  await signer.close();
  return codes;
}

describe("signer", () => {
  it("signs what the BLS reference verifies", async () => {
    const disk = await keyed();
    const signer = await openLocalSigner({
      fileSystem: disk.fileSystem,
      directory: "record",
      secretKey: SECRET,
      domain: DOMAIN,
      bls: mcl,
    });
    const vote = notarize(1, 1);
    const result = await signer.sign(vote);
    expect(result.ok && mcl.verify(signer.publicKey, Vote.digest(vote, DOMAIN), result.signature, "vote")).toBe(true);
    await signer.close();
  });

  const signed = "signed";
  const no = "contradiction";
  const table: readonly (readonly [string, readonly Evidence.Message[], readonly string[]])[] = [
    ["SIGN-4: the identical message again", [notarize(1, 1), notarize(1, 1)], [signed, signed]],
    ["SIGN-2: notarize of another block", [notarize(1, 1), notarize(1, 1, B)], [signed, no]],
    ["SIGN-2: finalize of another block", [finalize(1, 1), finalize(1, 1, B)], [signed, no]],
    ["SIGN-2: finalize of another block than notarized", [notarize(1, 1), finalize(1, 1, B)], [signed, no]],
    ["SIGN-2: notarize of another block than finalized", [finalize(1, 1), notarize(1, 1, B)], [signed, no]],
    ["SIGN-2: finalize of what was notarized", [notarize(1, 1), finalize(1, 1)], [signed, signed]],
    ["SIGN-3: nullify after finalize", [finalize(1, 1), nullify(1, 1)], [signed, no]],
    ["SIGN-3: finalize after nullify", [nullify(1, 1), finalize(1, 1)], [signed, no]],
    ["SIGN-3: nullify and notarize together are honest", [notarize(1, 1), nullify(1, 1)], [signed, signed]],
    ["SIGN-2: another view is another matter", [notarize(1, 1), notarize(1, 2, B)], [signed, signed]],
    ["SIGN-2: another epoch is another matter", [notarize(1, 1), notarize(2, 1, B)], [signed, signed]],
    ["SIGN-7: no vote below the epoch of a resume", [resume(5), notarize(4, 1)], [signed, "resumed-later"]],
    ["SIGN-7: votes from the epoch of a resume on", [resume(5), notarize(5, 1)], [signed, signed]],
    ["SIGN-7: no resume at a voted epoch", [notarize(5, 1), resume(5)], [signed, "voted-later"]],
    ["SIGN-7: no resume below a voted epoch", [nullify(5, 1), resume(4)], [signed, "voted-later"]],
    ["SIGN-7: a resume above the voted epoch", [nullify(5, 1), resume(6)], [signed, signed]],
    ["SIGN-7: the identical resume again", [resume(5), resume(5)], [signed, signed]],
    ["SIGN-7: two resumes of one epoch, blocks", [resume(5), resume(5, B)], [signed, no]],
    ["SIGN-7: two resumes of one epoch, committees", [resume(5), resume(5, A, 2)], [signed, no]],
    ["SIGN-7: a lower resume after a higher", [resume(5), resume(4)], [signed, "resumed-later"]],
    ["SIGN-7: a higher resume after a lower", [resume(5), resume(6, B)], [signed, signed]],
  ];
  for (const [title, messages, codes] of table) {
    it(title, async () => {
      expect(await sequence(messages, false)).toEqual(codes);
      expect(await sequence(messages, true), "after a restart").toEqual(codes);
    });
  }

  it("SIGN-5: remembers the maximum number of views; with one above, the older half falls below the floor", async () => {
    const disk = await keyed();
    const signer = await open(disk);
    for (let view = 1; view <= VIEWS_MAX; view++) await signer.sign(nullify(1, view));
    expect(await refusalCode(signer, nullify(1, 1))).toBe(signed);
    await signer.sign(nullify(1, VIEWS_MAX + 1));
    const floor = Math.floor((VIEWS_MAX + 1) / 2);
    expect(await refusalCode(signer, nullify(1, floor))).toBe("below-floor");
    expect(await refusalCode(signer, nullify(1, floor + 1))).toBe(signed);
    await signer.close();
    const again = await open(disk);
    expect(await refusalCode(again, nullify(1, floor))).toBe("below-floor");
    expect(await refusalCode(again, finalize(1, VIEWS_MAX + 1))).toBe(no);
    await again.close();
  });

  it("SIGN-5: the record stays short however long it signs", async () => {
    const disk = await keyed();
    const signer = await open(disk);
    const bytes = (): number => disk.files().reduce((sum, path) => sum + disk.content(path).length, 0);
    let most = 0;
    for (let view = 1; view <= 3 * ENTRIES_BEFORE_SNAPSHOT; view++) {
      await signer.sign(notarize(1, view));
      if (view % 1000 === 0) most = Math.max(most, bytes());
    }
    expect(most).toBeLessThan(4 * 1024 * 1024);
    await signer.close();
    const again = await open(disk);
    expect(await refusalCode(again, notarize(1, 3 * ENTRIES_BEFORE_SNAPSHOT, B))).toBe(no);
    await again.close();
  });

  it("SIGN-9: does not start without its record, or with another key's or another chain's", async () => {
    const disk = await keyed();
    const { fileSystem } = disk;
    await expect(open(disk, "elsewhere")).rejects.toMatchObject({ name: "ProtectionRecordError", fault: "missing" });
    const otherKey = { genesis: GENESIS, publicKey: PUBLIC.slice().fill(1) };
    await expect(openProtectionRecord(fileSystem, "record", otherKey)).rejects.toMatchObject({ fault: "other-key" });
    const otherChain = { genesis: A, publicKey: PUBLIC };
    await expect(openProtectionRecord(fileSystem, "record", otherChain)).rejects.toMatchObject({
      fault: "other-genesis",
    });
  });

  it("SIGN-9: does not start while another process signs", async () => {
    const disk = await keyed();
    const signer = await open(disk);
    await expect(open(disk)).rejects.toMatchObject({ fault: "locked" });
    await signer.close();
  });

  it("SIGN-9: does not start on a copied or restored record", async () => {
    const disk = await keyed();
    const signer = await open(disk);
    await signer.close();
    disk.copy("record", "backup");
    await expect(open(disk, "backup")).rejects.toMatchObject({ fault: "copied" });
    disk.removeDirectory("record");
    disk.copy("backup", "record");
    await expect(open(disk)).rejects.toMatchObject({ fault: "copied" });
  });

  it("SIGN-9: a record is never replaced by a new one", async () => {
    const disk = await keyed();
    const creating = createProtectionRecord(disk.fileSystem, "record", fresh(GENESIS, PUBLIC));
    await expect(creating).rejects.toMatchObject({ fault: "exists" });
  });

  it("SIGN-9: names a corrupt record and does not start", async () => {
    const disk = await keyed();
    const signer = await open(disk);
    for (let view = 1; view < 10; view++) await signer.sign(notarize(1, view));
    await signer.close();
    const path = disk.files().find((name) => name.endsWith(".wal")) ?? "";
    const content = disk.content(path).slice();
    content[300] = (content[300] ?? 0) ^ 1;
    disk.overwrite(path, content);
    await expect(open(disk)).rejects.toMatchObject({ name: "ProtectionRecordError", fault: "corrupt" });
  });

  it("SIGN-8: an export disables the exporter, also after a restart, and can be repeated", async () => {
    const disk = await keyed();
    const first = await open(disk);
    await first.sign(notarize(3, 1));
    await first.close();
    const text = await exportProtection(disk.fileSystem, "record", KEY);
    const signer = await open(disk);
    expect(await signer.sign(notarize(9, 1))).toEqual({ ok: false, refusal: { code: "disabled", reason: "exported" } });
    await signer.close();
    expect(await exportProtection(disk.fileSystem, "record", KEY)).toBe(text);
  });

  it("SIGN-6: after an import it signs only above every imported epoch and above the one peers report", async () => {
    const disk = await keyed();
    const first = await open(disk);
    for (const message of [notarize(3, 1), finalize(3, 1), nullify(4, 7)]) await first.sign(message);
    await first.close();
    const text = await exportProtection(disk.fileSystem, "record", KEY);
    await importProtection(disk.fileSystem, "moved", KEY, text);
    let signer = await open(disk, "moved");
    expect(await refusalCode(signer, notarize(9, 1))).toBe("awaits-peers");
    await signer.close();
    signer = await open(disk, "moved");
    expect(await refusalCode(signer, notarize(9, 1))).toBe("awaits-peers");
    await signer.confirmEpoch(Epoch(6n));
    expect(await refusalCode(signer, notarize(4, 7))).toBe("closed-epoch");
    expect(await refusalCode(signer, notarize(6, 1))).toBe("closed-epoch");
    expect(await refusalCode(signer, notarize(7, 1))).toBe(signed);
    await signer.close();
  });

  it("SIGN-6: a peer that reports an old epoch opens none of the import", async () => {
    const disk = await keyed();
    const first = await open(disk);
    await first.sign(nullify(4, 7));
    await first.close();
    await importProtection(disk.fileSystem, "moved", KEY, await exportProtection(disk.fileSystem, "record", KEY));
    const signer = await open(disk, "moved");
    await signer.confirmEpoch(Epoch(1n));
    expect(await refusalCode(signer, notarize(4, 8))).toBe("closed-epoch");
    expect(await refusalCode(signer, notarize(5, 1))).toBe(signed);
    await signer.close();
  });

  it("SIGN-6: an import into the exporter opens it again, above everything both know", async () => {
    const disk = await keyed();
    const first = await open(disk);
    await first.sign(nullify(4, 7));
    await first.close();
    await importProtection(disk.fileSystem, "moved", KEY, await exportProtection(disk.fileSystem, "record", KEY));
    const moved = await open(disk, "moved");
    await moved.confirmEpoch(Epoch(4n));
    await moved.sign(notarize(8, 1));
    await moved.close();
    await importProtection(disk.fileSystem, "record", KEY, await exportProtection(disk.fileSystem, "moved", KEY));
    const back = await open(disk);
    await back.confirmEpoch(Epoch(8n));
    expect(await refusalCode(back, notarize(8, 1, B))).toBe("closed-epoch");
    expect(await refusalCode(back, notarize(9, 1))).toBe(signed);
    await back.close();
  });

  it("SIGN-6: refuses what is no export of this key and chain", async () => {
    const disk = await keyed();
    const text = await exportProtection(disk.fileSystem, "record", KEY);
    const bad = [
      "",
      "{}",
      text.replace('"version": "1"', '"version": "2"'),
      text.replace('"view": "0"', '"view": "18446744073709551616"'),
      text.replace('"view": "0"', '"view": "-1"'),
      " ".repeat(INTERCHANGE_BYTES_MAX + 1),
    ];
    for (const wrong of bad) {
      await expect(importProtection(disk.fileSystem, "x", KEY, wrong)).rejects.toBeInstanceOf(InterchangeError);
    }
    const otherKey = { genesis: GENESIS, publicKey: PUBLIC.slice().fill(1) };
    await expect(importProtection(disk.fileSystem, "x", otherKey, text)).rejects.toMatchObject({ fault: "other-key" });
    const otherChain = { genesis: A, publicKey: PUBLIC };
    await expect(importProtection(disk.fileSystem, "x", otherChain, text)).rejects.toMatchObject({
      fault: "other-genesis",
    });
    const padded = text + " ".repeat(INTERCHANGE_BYTES_MAX - text.length);
    await importProtection(disk.fileSystem, "x", KEY, padded);
  });

  it("SIGN-8: signs no more once a signature of its key appears that it does not know", async () => {
    const disk = await keyed();
    const signer = await open(disk);
    await signer.sign(notarize(1, 1));
    expect(await signer.observe(notarize(1, 1))).toBe(true);
    expect(await refusalCode(signer, notarize(1, 2))).toBe(signed);
    expect(await signer.observe(notarize(1, 3))).toBe(false);
    expect(await refusalCode(signer, notarize(1, 4))).toBe("disabled");
    await signer.close();
    const again = await open(disk);
    expect(await refusalCode(again, notarize(1, 4))).toBe("disabled");
    await again.close();
  });

  it("SIGN-4: an identical message asked for at once waits for the first one's way to the disk", async () => {
    const disk = await keyed();
    const signer = await open(disk);
    disk.failsSync = true;
    const results = await Promise.allSettled([signer.sign(notarize(1, 1)), signer.sign(notarize(1, 1))]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await signer.close();
  });

  it("gives no signature when the record cannot be written", async () => {
    const disk = await keyed();
    const signer = await open(disk);
    disk.failsSync = true;
    await expect(signer.sign(notarize(1, 1))).rejects.toBeInstanceOf(WriteAheadLogFailedError);
    disk.failsSync = false;
    await expect(signer.sign(notarize(1, 2))).rejects.toBeInstanceOf(WriteAheadLogFailedError);
    await signer.close();
  });
});

/** The offences, written down once more from the protocol text: the checker must not share the code it checks. */
function isSlashable(a: Evidence.Message, b: Evidence.Message): boolean {
  if (a.epoch !== b.epoch) return false;
  if (a.kind === "resume" && b.kind === "resume") return a.block !== b.block || a.committee !== b.committee;
  if (a.kind === "resume" || b.kind === "resume" || a.view !== b.view) return false;
  const kinds = new Set([a.kind, b.kind]);
  if (kinds.has("nullify")) return kinds.has("finalize");
  return "block" in a && "block" in b && a.block !== b.block;
}

function randomMessage(random: Random): Evidence.Message {
  const pick = (count: number): number => Math.floor(random.fraction() * count);
  const epoch = 1 + pick(4);
  const block = blockAt(pick(BLOCKS.length));
  const makers = [
    () => notarize(epoch, 1 + pick(3), block),
    () => finalize(epoch, 1 + pick(3), block),
    () => nullify(epoch, 1 + pick(3)),
    () => resume(epoch, block, 1 + pick(2)),
  ];
  return (makers[pick(10) === 0 ? 3 : pick(3)] ?? (() => nullify(epoch, 1)))();
}

describe("signer over crashes", () => {
  it("SIGN-1: for random requests, crashes and moves, no two signatures are ever slashable together", async () => {
    let signatures = 0;
    for (let seed = 0; seed < 250; seed++) {
      const random = seededRandom(BigInt(seed));
      const disk = await keyed(BigInt(seed));
      const released: Evidence.Message[] = [];
      let directory = "record";
      for (let life = 0; life < 6; life++) {
        disk.crashAfter(5 + Math.floor(random.fraction() * 60));
        try {
          if (random.fraction() < 0.15) {
            const text = await exportProtection(disk.fileSystem, directory, KEY);
            const next = `record ${String(life)}`;
            await importProtection(disk.fileSystem, next, KEY, text);
            directory = next;
          }
          const signer = await open(disk, directory);
          await signer.confirmEpoch(Epoch(BigInt(Math.floor(random.fraction() * 2))));
          for (let round = 0; round < 30; round++) {
            // Several at once, as an engine that does not wait would ask.
            const messages = Array.from({ length: 3 }, () => randomMessage(random));
            await Promise.all(
              messages.map(async (message) => {
                if ((await signer.sign(message)).ok) released.push(message);
              }),
            );
          }
          await signer.close();
        } catch (error) {
          const isExpected =
            error instanceof PowerLoss ||
            error instanceof WriteAheadLogFailedError ||
            (error instanceof Error && error.name === "ProtectionRecordError");
          if (!isExpected) throw error;
        }
        disk.restart();
      }
      signatures += released.length;
      for (const [i, a] of released.entries()) {
        const b = released.slice(i + 1).find((other) => isSlashable(a, other));
        if (b !== undefined) expect.fail(`seed ${String(seed)}: ${describeMessage(a)} and ${describeMessage(b)}`);
      }
    }
    expect(signatures).toBeGreaterThan(3_000);
  });
});

function describeMessage(message: Evidence.Message): string {
  return JSON.stringify(message, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}
