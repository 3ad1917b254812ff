import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { KeyInUseError, openLevelStore } from "../../../relayer/tx/levelStore.ts";
import {
  HISTORY_MAX,
  INTENTS_MAX,
  Outbox,
  OutboxBrokenError,
  OutboxFullError,
  SLOTS_MAX,
  type OutboxStore,
} from "../../../relayer/tx/outbox.ts";
import { prunable } from "../../../relayer/tx/prune.ts";
import type { IntentRecord, SlotRecord } from "../../../relayer/tx/records.ts";
import { keccakHash, type Hash } from "../../../src/crypto/hash.ts";
import { temporaryFolder } from "../support/backends.ts";

const hashOf = (name: string): Hash => keccakHash(new TextEncoder().encode(name));

function intentRecord(name: string, over: Partial<IntentRecord> = {}): IntentRecord {
  const intent = {
    id: hashOf(name),
    label: name,
    group: "",
    rank: 1n,
    priority: 0,
    to: "0x00",
    data: "0x",
    gasMax: 1n,
    urgentAtMs: 0,
  };
  return { kind: "intent", revision: 0, intent, state: "open", reason: "", offeredAtMs: 0, gasLimit: null, ...over };
}

function slotRecord(nonce: number, over: Partial<SlotRecord> = {}): SlotRecord {
  const fees = { maxFeePerGas: 2n, maxPriorityFeePerGas: 1n };
  const attempt = { hash: hashOf(`tx ${String(nonce)}`), raw: "0x02", fees, intentId: hashOf("a"), signedAtMs: 1 };
  return {
    kind: "slot",
    revision: 0,
    nonce,
    attempts: [attempt],
    status: "pending",
    mined: null,
    consumedAt: null,
    ...over,
  };
}

/** A store in memory, to look into and to break. */
function memoryStore(): OutboxStore & { readonly content: Map<string, string>; broken: boolean } {
  const content = new Map<string, string>();
  const store = {
    content,
    broken: false,
    load: () => Promise.resolve(new Map(content)),
    commit: (puts: ReadonlyMap<string, string>, deletes: readonly string[]) => {
      if (store.broken) return Promise.reject(new Error("disk full"));
      for (const key of deletes) content.delete(key);
      for (const [key, value] of puts) content.set(key, value);
      return Promise.resolve();
    },
  };
  return store;
}

describe("the outbox", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => (folder = temporaryFolder()));
  afterEach(() => {
    folder.remove();
  });

  it("OUT-1: what was committed is there after a restart, bigint for bigint", async () => {
    const store = await openLevelStore(folder.path);
    const outbox = await Outbox.open([store]);
    await outbox.commit([intentRecord("a", { gasLimit: 2n ** 70n }), slotRecord(7)]);
    await store.close();
    const again = await openLevelStore(folder.path);
    const opened = await Outbox.open([again]);
    expect(opened.intents()).toEqual(outbox.intents());
    expect(opened.slots()).toEqual(outbox.slots());
    await again.close();
  });

  it("LOCK-2: a second process on the same key is refused", async () => {
    const store = await openLevelStore(folder.path);
    await expect(openLevelStore(folder.path)).rejects.toThrow(KeyInUseError);
    await store.close();
  });

  it("OUT-2: kill -9 in the middle of commits leaves whole commits only", async () => {
    const script = fileURLToPath(new URL("../support/outboxWriter.ts", import.meta.url));
    for (let round = 0; round < 5; round++) {
      const writer = spawn(process.execPath, [script, folder.path], { stdio: ["ignore", "pipe", "inherit"] });
      const ended = new Promise((resolve) => writer.once("exit", resolve));
      let acknowledged = -1;
      writer.stdout.on("data", (chunk: Buffer) => {
        for (const line of chunk.toString("utf8").trim().split("\n")) acknowledged = Number(line);
        if (acknowledged >= 20 + round * 7) writer.kill("SIGKILL");
      });
      await ended;
      const store = await openLevelStore(folder.path);
      const outbox = await Outbox.open([store]);
      const pairs = outbox
        .slots()
        .map(({ nonce, attempts }) => [nonce, outbox.intent(attempts[0]?.intentId ?? hashOf(""))?.intent.rank]);
      expect(pairs.length).toBeGreaterThan(acknowledged);
      for (const [nonce, rank] of pairs) expect(rank).toBe(BigInt(Number(nonce)));
      expect(outbox.intents()).toHaveLength(pairs.length);
      await outbox.commit([], [...outbox.slots(), ...outbox.intents()]);
      await store.close();
    }
  });

  it("OUT-4: stores that lost sight of each other: a nonce keeps every transaction that either signed for it", async () => {
    const attempt = (name: string) => ({
      ...{ hash: hashOf(name), raw: "0x02", fees: { maxFeePerGas: 2n, maxPriorityFeePerGas: 1n } },
      ...{ intentId: null, signedAtMs: 1 },
    });
    const [shared, own] = [memoryStore(), memoryStore()];
    await (await Outbox.open([shared])).commit([slotRecord(7, { attempts: [attempt("theirs")] })]);
    const alone = await Outbox.open([own]);
    await alone.commit([intentRecord("a")]);
    await alone.commit([slotRecord(7, { attempts: [attempt("ours"), attempt("ours, bumped")] })]);
    const outbox = await Outbox.open([shared, own]);
    const hashes = outbox.slots().flatMap(({ attempts }) => attempts.map(({ hash }) => hash));
    expect(hashes).toEqual(["theirs", "ours", "ours, bumped"].map(hashOf));
    const again = await Outbox.open([shared]);
    expect(again.slots()).toEqual(outbox.slots());
  });

  it("OUT-1: the first store fails: nothing is remembered anywhere", async () => {
    const [shared, own] = [memoryStore(), memoryStore()];
    const outbox = await Outbox.open([shared, own]);
    shared.broken = true;
    await expect(outbox.commit([slotRecord(1)])).rejects.toThrow(OutboxBrokenError);
    expect([outbox.slots(), own.content.size]).toEqual([[], 0]);
  });

  it("OUT-1: opening merges the stores: the newer record wins, what one lost comes back from the other", async () => {
    const [shared, own] = [memoryStore(), memoryStore()];
    const outbox = await Outbox.open([shared, own]);
    await outbox.commit([intentRecord("a"), slotRecord(1)]);
    const old = new Map(own.content);
    await outbox.commit([slotRecord(1, { status: "mined" })]);
    own.content.clear();
    for (const [key, value] of old) own.content.set(key, value);
    const merged = await Outbox.open([shared, own]);
    expect(merged.slots()[0]?.status).toBe("mined");
    expect(own.content).toEqual(shared.content);
    shared.content.clear();
    await Outbox.open([shared, own]);
    expect(shared.content).toEqual(own.content);
  });

  it("bounds: the last place is taken, one more is refused", async () => {
    const outbox = await Outbox.open([memoryStore()]);
    const intents = Array.from({ length: INTENTS_MAX }, (_, index) => intentRecord(`i${String(index)}`));
    await outbox.commit(intents);
    await expect(outbox.commit([intentRecord("one more")])).rejects.toThrow(OutboxFullError);
    await outbox.commit([intentRecord("i0", { state: "dropped" })]);
    const slots = Array.from({ length: SLOTS_MAX }, (_, nonce) => slotRecord(nonce));
    await outbox.commit(slots);
    await expect(outbox.commit([slotRecord(SLOTS_MAX)])).rejects.toThrow(OutboxFullError);
  });

  it("OUT-3: history is kept up to its maximum, and nothing that is open is forgotten", async () => {
    const outbox = await Outbox.open([memoryStore()]);
    const settled = Array.from({ length: HISTORY_MAX + 1 }, (_, nonce) => slotRecord(nonce, { status: "finalized" }));
    const dropped = Array.from({ length: HISTORY_MAX + 1 }, (_, index) =>
      intentRecord(`d${String(index)}`, { state: "dropped" }),
    );
    await outbox.commit([...settled, ...dropped, intentRecord("open"), slotRecord(9_999)]);
    const sight = {
      latestNonce: 0,
      headNumber: 9,
      headHash: hashOf("head"),
      safeNumber: 9,
      finalizedNumber: 9,
      receipts: new Map(),
    };
    const old = prunable(outbox, sight);
    expect(old.map((record) => (record.kind === "slot" ? record.nonce : record.intent.label))).toEqual([0, "d0"]);
    await outbox.commit([], old);
    expect(prunable(outbox, sight)).toEqual([]);
  });

  it("a record that is none is refused, never guessed", async () => {
    const store = memoryStore();
    store.content.set("slot/1", '{"kind":"slot","nonce":-1}');
    await expect(Outbox.open([store])).rejects.toThrow();
  });
});
