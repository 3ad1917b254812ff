import { describe, expect, it } from "vitest";

import { fromHex, toHex } from "../../src/codec/hex.ts";
import * as Keys from "../../src/engine/chainKeys.ts";
import { LOST_MAX, LostRows } from "../../src/engine/lostRows.ts";
import { ASKED_MAX, PASS_MS } from "../../src/engine/repairs.ts";
import type { FinalizedBlock } from "../../src/lightclient/nodeQueries.ts";
import { CommitteeId, Height, NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import { seededRandom } from "../../src/runtime/random.ts";
import { checkAgreement } from "../simulation/checkers/agreement.ts";
import { checkValidity } from "../simulation/checkers/validity.ts";
import type { Machine } from "../simulation/machine.ts";
import { quickConfig, World } from "../simulation/world.ts";

const equal = { weights: [65_535n], isHonest: true };
const NAMESPACE = NamespaceId(1n);

/** Four validators that have made some blocks with transactions in them. */
async function aged(untilMs: number): Promise<{ readonly world: World; readonly offered: Set<string> }> {
  const world = new World({
    ...{ seed: 11n, validators: [equal, equal, equal, equal] },
    config: quickConfig({ epochLength: 8, inlinePayloadBytesMax: 64 }),
  });
  const offered = new Set<string>();
  for (let at = 1_600; at < untilMs; at += 300) {
    const transaction = Transaction.plain(NAMESPACE, new TextEncoder().encode(`at ${String(at)}`));
    offered.add(`1/${toHex(transaction.envelope)}`);
    world.scheduler.at(at, () => void world.machines[at % 4]?.engine?.submit([transaction]));
  }
  world.start();
  await world.run(untilMs);
  return { world, offered };
}

/** Bits rot in these rows, and in no other. */
function rot({ disk }: Machine, keys: readonly Uint8Array[]): void {
  const random = seededRandom(1n);
  for (const key of keys) {
    const isIt = (row: Uint8Array): boolean => toHex(row) === toHex(key);
    let isRotten = false;
    for (let tries = 0; tries < 100_000 && !isRotten; tries++) isRotten = disk.store.rot(random, isIt);
    expect(isRotten, toHex(key)).toBe(true);
  }
}

/** Reads the whole chain of a machine, with time to bring back what that meets, and checks it then. */
async function expectWhole(world: World, { engine }: Machine, offered: ReadonlySet<string>): Promise<void> {
  if (engine === undefined) throw new Error("an engine");
  const { height: top } = await engine.status();
  for (let height = 0n; height <= top; height++) void engine.payload(Height(height));
  await world.run(world.scheduler.nowMs + 10_000);
  expect(world.trace.fatal).toEqual([]);
  expect(await checkValidity(engine, world.config, offered)).toEqual([]);
}

/** A machine, and the first of its blocks from 2 on that has a payload. */
async function blockOf(world: World): Promise<{ readonly victim: Machine; readonly block: FinalizedBlock }> {
  const [victim] = world.machines;
  for (let height = Height(2n); victim?.engine !== undefined; height = Height(height + 1n)) {
    const block = await victim.engine.blockAt(height);
    if (block === undefined) break;
    if (block.payloadBytes > 0) return { victim, block };
  }
  throw new Error("a block with a payload");
}

/** Every table of the block store that rows can be damaged in (`chainKeys.ts`), but marks of candidates: few live. */
const TABLES = ["b", "c", "f", "h", "m", "n", "o", "p", "t", "v"];

describe("repairs", () => {
  it(
    "HEAL-1, HEAL-2, HEAL-3, HEAL-4: damaged rows of every table are found and brought back while the node runs",
    { timeout: 120_000 },
    async () => {
      const { world, offered } = await aged(6_000);
      const [victim, other] = world.machines;
      if (victim === undefined) throw new Error("a machine");
      const random = seededRandom(5n);
      const rotten = new Map<string, number>();
      for (let tries = 0; tries < 100_000; tries++) {
        victim.disk.store.rot(random, (key) => {
          const table = String.fromCharCode(key[0] ?? 0);
          const count = rotten.get(table) ?? 0;
          rotten.set(table, count + 1);
          return count < 3;
        });
      }
      expect([...rotten.keys()]).toEqual(expect.arrayContaining(TABLES));
      // A restart reads the newest rows at once and the whole store by and by.
      victim.crash();
      victim.restart();
      await world.run(16_000);
      expect(world.trace.fatal).toEqual([]);
      const { engine } = victim;
      if (engine === undefined) throw new Error("an engine");
      expect(engine.sizes()["lostRows"]).toBe(0);
      expect(await checkValidity(engine, world.config, offered)).toEqual([]);
      expect(checkAgreement(world.trace, new Set([0, 1, 2, 3]))).toEqual([]);
      for (const key of offered) {
        const hash = Transaction.hash({ namespace: NAMESPACE, envelope: fromHex(key.slice(2)) });
        const place = await engine.transaction(NAMESPACE, hash);
        expect(place).toEqual(await other?.engine?.transaction(NAMESPACE, hash));
      }
      const { height } = await engine.status();
      for (let at = 0n; at < height; at += 3n) {
        const path = await engine.historyPath(Height(at), height);
        expect(path).toEqual(await other?.engine?.historyPath(Height(at), height));
      }
    },
  );

  it("HEAL-1: the damaged bytes are kept aside", { timeout: 60_000 }, async () => {
    const { world } = await aged(3_000);
    const [victim] = world.machines;
    const key = Keys.block(Height(2n));
    if (victim === undefined) throw new Error("a machine");
    rot(victim, [key]);
    // Whoever reads it meets the damage.
    void victim.engine?.blockAt(Height(2n));
    await world.run(7_000);
    const aside = Uint8Array.of("q".charCodeAt(0), ...key);
    expect(victim.disk.store.get(aside)).toEqual(victim.disk.store.get(key));
    expect(victim.disk.store.get(key)?.length).toBeGreaterThan(100);
  });

  it("HEAL-3: a payload comes back when its committee is lost, too: L1 has that", { timeout: 60_000 }, async () => {
    const { world, offered } = await aged(3_000);
    const { victim, block } = await blockOf(world);
    // One that is used no more: nothing else brings it back.
    world.rotate();
    await world.run(9_000);
    rot(victim, [Keys.payload(block.hash), Keys.committee(block.header.committee)]);
    await expectWhole(world, victim, offered);
  });

  it("HEAL-3: a payload comes back when all that names its block is lost, too", { timeout: 60_000 }, async () => {
    const { world, offered } = await aged(3_000);
    const { victim, block } = await blockOf(world);
    const { hash } = block;
    rot(victim, [Keys.payload(hash), Keys.height(hash), Keys.block(block.header.height)]);
    // Met in this order, the payload is lost before it is known to be of the chain.
    void victim.engine?.blockByHash(hash);
    await expectWhole(world, victim, offered);
    expect(await victim.engine?.blockByHash(hash)).toEqual(block);
  });

  it("HEAL-3: more lost headers in a row than one pass asks for come back together", { timeout: 60_000 }, async () => {
    const { world, offered } = await aged(8_000);
    const [victim] = world.machines;
    if (victim === undefined) throw new Error("a machine");
    const count = ASKED_MAX + 1;
    rot(
      victim,
      Array.from({ length: count }, (_, index) => Keys.block(Height(BigInt(index) + 1n))),
    );
    for (let height = 1n; height <= count; height++) void victim.engine?.blockAt(Height(height));
    await world.run(world.scheduler.nowMs + 4 * PASS_MS);
    await expectWhole(world, victim, offered);
  });

  it("HEAL-3: what is lost is remembered up to its maximum", () => {
    const lost = new LostRows();
    for (let height = 0n; height <= BigInt(LOST_MAX); height++) {
      lost.note(Keys.block(Height(height)));
      lost.note(Keys.committee(CommitteeId(height)));
    }
    expect(lost.size).toBe(LOST_MAX);
  });
});
