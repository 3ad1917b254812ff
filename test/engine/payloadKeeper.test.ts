import { describe, expect, it, vi } from "vitest";

import { keccakHash, type Hash } from "../../src/crypto/hash.ts";
import { disperse, shardsFor, type Dispersal } from "../../src/dispersal/dispersal.ts";
import { ChainStore } from "../../src/engine/chainStore.ts";
import { membership, type Membership } from "../../src/engine/membership.ts";
import { BLOCKS_MAX, EARLY_SHARDS_PER_SEAT_MAX, PayloadKeeper } from "../../src/engine/payloadKeeper.ts";
import type { Member } from "../../src/protocol/Committee.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as NamespaceTable from "../../src/protocol/NamespaceTable.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { CommitteeId, Epoch, Height, NamespaceId, ValidatorId, View } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import { createMemoryStore } from "../../src/storage/memoryStore.ts";
import { quickConfig } from "../simulation/world.ts";
import { manualClock, type ManualClock } from "./support/manualClock.ts";

const config = quickConfig();
const genesis = Genesis.header(config);
const epoch = Epoch(1n);
const OWN_SEAT = 1;
const FETCH_MS = 100;

const members = [0, 1, 2, 3].map((seat): Member => {
  const common = { seat, weight: 1n, transportKey: new Uint8Array(32).fill(seat + 1), address: "" };
  return { ...common, validator: ValidatorId(BigInt(seat) + 1n), key: new Uint8Array(192).fill(seat + 1) };
});
const randomness = keccakHash(Uint8Array.of(0));
const committee = { id: CommitteeId(1n), members, randomness, createdNumber: 1n, createdAt: 1n };
const own: Membership = membership(epoch, committee, config, members[OWN_SEAT]?.key);

const payload: Payload.Payload = Payload.fromTransactions([
  Transaction.plain(NamespaceId(9n), new TextEncoder().encode("hello")),
]);
const bytes = Payload.encode(payload);
const dispersal = disperse(bytes, own.layout);

function headerOf(of: Dispersal, namespaces: Hash): Header.Header {
  const common = { ...genesis, height: Height(1n), epoch, viewNumber: View(4n), proposer: 2 };
  return { ...common, payload: of.commitment, namespaces };
}

const header = headerOf(dispersal, NamespaceTable.root(Payload.table(payload)));
const block = Header.hash(header);

interface Set {
  readonly keeper: PayloadKeeper;
  readonly clock: ManualClock;
  readonly chain: ChainStore;
  readonly certified: [Hash, string][];
  readonly arrived: Hash[];
  readonly asked: number[];
}

async function setUp(): Promise<Set> {
  const clock = manualClock();
  const chain = await ChainStore.open(createMemoryStore(), genesis);
  const certified: [Hash, string][] = [];
  const arrived: Hash[] = [];
  const asked: number[] = [];
  const keeper = new PayloadKeeper(
    {
      clock,
      chain,
      limits: config.limits,
      inlineBytesMax: 0,
      fetchMs: FETCH_MS,
      hashOf: () => undefined,
      request: (seat) => asked.push(seat),
      certified: (_, hash, verdict) => certified.push([hash, verdict]),
      arrived: (hash) => arrived.push(hash),
      failed: (error) => {
        throw error;
      },
    },
    own,
  );
  return { keeper, clock, chain, certified, arrived, asked };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("PayloadKeeper", () => {
  it("DA-5: certifies as valid when k shards are here, and the payload is in the store first", async () => {
    const { keeper, certified, chain, arrived } = await setUp();
    keeper.learn(header, View(4n));
    keeper.certify(header, View(4n));
    expect(keeper.takeShards(block, 0, shardsFor(dispersal, 0))).toBeUndefined();
    await settle();
    expect(certified).toEqual([]);
    expect(arrived).toEqual([]);
    keeper.takeShards(block, OWN_SEAT, shardsFor(dispersal, OWN_SEAT));
    expect(arrived).toEqual([block]);
    await settle();
    expect(certified).toEqual([[block, "valid"]]);
    expect(await chain.payload(block)).toEqual(bytes);
    expect(keeper.opened(block)?.namespaces).toHaveLength(1);
  });

  it("DA-10: what was prepared is on the disk, and certified as soon as that is asked", async () => {
    const { keeper, certified, chain } = await setUp();
    keeper.learn(header, View(4n));
    for (const seat of [0, OWN_SEAT]) keeper.takeShards(block, seat, shardsFor(dispersal, seat));
    keeper.prepare(block);
    await settle();
    expect(await chain.payload(block)).toEqual(bytes);
    expect(certified).toEqual([]);
    keeper.certify(header, View(4n));
    expect(certified).toEqual([[block, "valid"]]);
  });

  it("DA-10: a payload is saved once, by the leader too", async () => {
    const { keeper, certified, chain } = await setUp();
    const save = vi.spyOn(chain, "saveCandidate");
    keeper.keepBuilt(header, View(4n), dispersal, { bytes, namespaces: [] });
    keeper.prepare(block);
    keeper.certify(header, View(4n));
    expect(certified).toEqual([]);
    await settle();
    expect(certified).toEqual([[block, "valid"]]);
    expect(save).toHaveBeenCalledTimes(1);
  });

  it("DA-5: shards that came before their header count", async () => {
    const { keeper, certified } = await setUp();
    for (const seat of [0, 3]) keeper.takeShards(block, seat, shardsFor(dispersal, seat));
    keeper.certify(header, View(4n));
    await settle();
    expect(certified).toEqual([[block, "valid"]]);
  });

  it("DA-6: bytes that somebody passes off as the payload of a block that is here do not decide its verdict", async () => {
    const { keeper, certified } = await setUp();
    keeper.learn(header, View(4n));
    expect(keeper.takeWhole(block, bytes, true)).toBe(true);
    keeper.certify(header, View(4n));
    keeper.takeWhole(block, new TextEncoder().encode("junk"), true);
    await settle();
    expect(certified).toEqual([[block, "valid"]]);
  });

  it("DA-6: a payload that is not what the header's table says is invalid for everybody", async () => {
    const { keeper, certified } = await setUp();
    const lie = headerOf(dispersal, keccakHash(Uint8Array.of(7)));
    keeper.certify(lie, View(4n));
    for (const seat of [0, 3]) keeper.takeShards(Header.hash(lie), seat, shardsFor(dispersal, seat));
    await settle();
    expect(certified).toEqual([[Header.hash(lie), "invalid"]]);
    expect(keeper.opened(Header.hash(lie))).toBeUndefined();
  });

  it("DA-6: bytes that are no payload are invalid, whole or in shards", async () => {
    const { keeper, certified } = await setUp();
    const nonsense = disperse(Uint8Array.of(1, 2, 3), own.layout);
    const lie = headerOf(nonsense, header.namespaces);
    keeper.certify(lie, View(4n));
    expect(keeper.takeWhole(Header.hash(lie), Uint8Array.of(1, 2, 3), true)).toBe(true);
    await settle();
    expect(certified).toEqual([[Header.hash(lie), "invalid"]]);
  });

  it("DA-3: a shard that is not of the block is refused and changes nothing", async () => {
    const { keeper, certified } = await setUp();
    keeper.certify(header, View(4n));
    const spoilt = shardsFor(dispersal, 0).shards.map((shard) => ({
      ...shard,
      bytes: shard.bytes.map((byte) => byte ^ 1),
    }));
    expect(keeper.takeShards(block, 0, { payloadLengthBytes: bytes.length, shards: spoilt })).toMatchObject({
      code: "shard-proof",
    });
    expect(keeper.takeWhole(block, Uint8Array.of(1), false)).toBe(false);
    await settle();
    expect(certified).toEqual([]);
  });

  it("DA-7: short of shards it asks for the whole payload, proposer first, others in turn, slower each time", async () => {
    const { keeper, clock, asked, certified } = await setUp();
    keeper.certify(header, View(4n));
    await settle();
    clock.advance(FETCH_MS);
    expect(asked).toEqual([2]);
    clock.advance(FETCH_MS);
    expect(asked).toEqual([2]);
    clock.advance(FETCH_MS);
    expect(asked).toEqual([2, 3]);
    clock.advance(100 * FETCH_MS);
    expect(asked.slice(0, 4)).toEqual([2, 3, 0, 2]);
    expect(asked).not.toContain(OWN_SEAT);
    keeper.takeWhole(block, bytes, false);
    await settle();
    expect(certified).toEqual([[block, "valid"]]);
    const before = asked.length;
    clock.advance(1_000 * FETCH_MS);
    expect(asked.length).toBe(before);
  });

  it("DA-8: a vote carries the own shards, none where the payload came whole with the proposal", async () => {
    const { keeper } = await setUp();
    keeper.learn(header, View(4n));
    expect(keeper.shardsOf(block, OWN_SEAT)).toBeUndefined();
    keeper.takeShards(block, OWN_SEAT, shardsFor(dispersal, OWN_SEAT));
    expect(keeper.shardsOf(block, OWN_SEAT)).toEqual(shardsFor(dispersal, OWN_SEAT));
    const other = await setUp();
    other.keeper.learn(header, View(4n));
    other.keeper.takeWhole(block, bytes, true);
    expect(other.keeper.holdsOwnShards(block)).toBe(true);
    expect(other.keeper.shardsOf(block, OWN_SEAT)).toBeUndefined();
  });

  it("DA-5: goes on until a finalization of that view or a higher one, and no longer", async () => {
    const { keeper, clock, asked } = await setUp();
    keeper.certify(header, View(4n));
    await settle();
    keeper.finalized(View(3n));
    clock.advance(FETCH_MS);
    expect(asked).toHaveLength(1);
    keeper.finalized(View(4n));
    clock.advance(1_000 * FETCH_MS);
    expect(asked).toHaveLength(1);
    expect(keeper.heldBlocks).toBe(0);
  });

  it("DA-9: early shards are kept up to the maximum a member, each set no larger than the member's share", async () => {
    const { keeper, certified } = await setUp();
    const set = shardsFor(dispersal, 0);
    const [shard] = set.shards;
    if (shard === undefined) throw new Error("a shard");
    const twice = { ...set, shards: [shard, { ...shard, index: 2 }] };
    expect(keeper.takeShards(block, 0, twice)).toMatchObject({ code: "shard-number", given: 2, total: 1 });
    const long = { ...set, shards: [{ ...shard, bytes: new Uint8Array(shard.bytes.length + 1) }] };
    expect(keeper.takeShards(block, 0, long)).toMatchObject({ code: "shard-length" });
    keeper.takeShards(block, 0, set);
    keeper.takeShards(block, 3, shardsFor(dispersal, 3));
    const others = Array.from({ length: EARLY_SHARDS_PER_SEAT_MAX - 1 }, (_, i) => keccakHash(Uint8Array.of(i)));
    for (const other of others) keeper.takeShards(other, 0, set);
    keeper.certify(header, View(4n));
    await settle();
    expect(certified).toEqual([[block, "valid"]]);
    const crowded = await setUp();
    crowded.keeper.takeShards(block, 0, set);
    crowded.keeper.takeShards(block, 3, shardsFor(dispersal, 3));
    for (const other of [...others, keccakHash(Uint8Array.of(99))]) crowded.keeper.takeShards(other, 0, set);
    crowded.keeper.certify(header, View(4n));
    await settle();
    expect(crowded.certified).toEqual([]);
  });

  it("BOUND: holds the maximum of blocks; one more pushes out the oldest view", async () => {
    const { keeper } = await setUp();
    const at = (view: number): Header.Header => ({ ...header, viewNumber: View(BigInt(view)) });
    for (let view = 1; view <= BLOCKS_MAX; view++) keeper.learn(at(view), View(BigInt(view)));
    expect([keeper.heldBlocks, keeper.isHeld(Header.hash(at(1)))]).toEqual([BLOCKS_MAX, true]);
    keeper.learn(at(BLOCKS_MAX + 1), View(BigInt(BLOCKS_MAX + 1)));
    expect([keeper.heldBlocks, keeper.isHeld(Header.hash(at(1)))]).toEqual([BLOCKS_MAX, false]);
  });
});
