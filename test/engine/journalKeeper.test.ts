import { describe, expect, it } from "vitest";

import type { JournalRecord } from "../../src/consensus/output.ts";
import { keccakHash } from "../../src/crypto/hash.ts";
import { ChainStore } from "../../src/engine/chainStore.ts";
import * as Journaled from "../../src/engine/journalRecord.ts";
import { JournalKeeper } from "../../src/engine/journalKeeper.ts";
import type { Journal } from "../../src/engine/ports.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { Epoch, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { createMemoryStore } from "../../src/storage/memoryStore.ts";
import { quickConfig } from "../simulation/world.ts";
import { memoryJournal } from "./support/memoryJournal.ts";

const epoch = Epoch(1n);
const block = keccakHash(Uint8Array.of(1));
const nullified: JournalRecord = {
  type: "certificate",
  certificate: {
    vote: Vote.nullify(epoch, View(99n)),
    absent: Uint8Array.of(0),
    signature: new Uint8Array(48).fill(1),
  },
};
const voted: JournalRecord = { type: "vote", vote: Vote.notarize(epoch, View(100n), block) };

async function keeperOf(journal: Journal): Promise<{ keeper: JournalKeeper; chain: ChainStore }> {
  const chain = await ChainStore.open(createMemoryStore(), Genesis.header(quickConfig()));
  return { keeper: new JournalKeeper(journal, chain), chain };
}

async function restarted(): Promise<{ journal: Journal; keeper: JournalKeeper; chain: ChainStore }> {
  const journal = memoryJournal();
  const { keeper: before } = await keeperOf(journal);
  before.persist(epoch, View(100n), { type: "persist", record: nullified, sync: false });
  before.persist(epoch, View(100n), { type: "persist", record: voted, sync: true });
  const { keeper, chain } = await keeperOf(journal);
  expect(await keeper.replay(epoch)).toEqual([nullified, voted]);
  keeper.persist(epoch, View(101n), { type: "persist", record: voted, sync: true });
  return { journal, keeper, chain };
}

describe("JournalKeeper", () => {
  it("REC-2: votes of before a restart are forgotten only when their view is final", async () => {
    const { journal, keeper } = await restarted();
    await keeper.stored(epoch, View(90n));
    const { keeper: later } = await keeperOf(journal);
    expect(await later.replay(epoch)).toEqual([nullified, voted, voted]);
    await keeper.stored(epoch, View(100n));
    expect(await (await keeperOf(journal)).keeper.replay(epoch)).toEqual([voted]);
  });

  it("REC-2: certificates of before a restart go to the archive", async () => {
    const { keeper, chain } = await restarted();
    await keeper.stored(epoch, View(90n));
    expect(await chain.certificate(epoch, View(99n), "nullify")).toEqual(nullified.certificate);
  });

  it("RESUME-8: nothing of a branch that was left behind is replayed, even in an epoch of the same number", async () => {
    const { journal, keeper } = await restarted();
    const from = await keeper.durableEnd();
    expect(from).toBe(3);
    await keeper.leaveBehind();
    keeper.persist(epoch, View(1n), { type: "persist", record: nullified, sync: true });
    expect(await (await keeperOf(journal)).keeper.replay(epoch, from)).toEqual([nullified]);
    // Also where the log was not shortened before the machine stopped.
    const { journal: whole } = await restarted();
    whole.append(Journaled.encode(epoch, nullified));
    expect(await (await keeperOf(whole)).keeper.replay(epoch, from)).toEqual([nullified]);
  });

  it("REC-1: a journal begun in place of a lost one is replayed, wherever the lost one stood at the last resume", async () => {
    const { journal } = await restarted();
    expect(await (await keeperOf(journal)).keeper.replay(epoch, 5_000)).toEqual([nullified, voted, voted]);
  });
});
