import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { hashBytes, hashFromBytes } from "../../src/crypto/hash.ts";
import * as Merkle from "../../src/crypto/merkle.ts";
import {
  addShard,
  checkShard,
  commit,
  createCollection,
  disperse,
  rebuild,
  shardAt,
  shardLength,
  shardsFor,
  type Collection,
  type Dispersal,
} from "../../src/dispersal/dispersal.ts";
import { encodeParity } from "../../src/dispersal/reedSolomon.ts";
import { seatOfShard, shardLayout, shardsOfSeat, SHARDS_MAX } from "../../src/dispersal/shardLayout.ts";

const weightsArbitrary = fc.array(fc.bigInt({ min: 1n, max: 65_535n }), { minLength: 1, maxLength: 100 });

function collect(dispersal: Dispersal, shards: readonly number[]): Collection {
  const collection = createCollection(dispersal.commitment, dispersal.layout);
  for (const index of shards) addShard(collection, dispersal.payloadLengthBytes, shardAt(dispersal, index));
  return collection;
}

describe("shardLayout", () => {
  it("DA-1: four equal validators have a shard each and any two rebuild", () => {
    expect(shardLayout([7n, 7n, 7n, 7n], 4)).toEqual({ needed: 2, total: 4, first: [0, 1, 2, 3, 4] });
  });

  it("DA-1: every set above a third holds enough shards, none is held twice, and GF(2^8) suffices", () => {
    fc.assert(
      fc.property(weightsArbitrary, fc.nat(255), fc.infiniteStream(fc.boolean()), (weights, extra, chance) => {
        const target = Math.min(weights.length + extra, 256 - weights.length);
        const layout = shardLayout(weights, target);
        expect(layout.total).toBeGreaterThanOrEqual(target);
        expect(layout.total).toBeLessThanOrEqual(SHARDS_MAX);
        const chosen = weights.map((_, seat) => seat).filter(() => chance.next().value === true);
        const weight = chosen.reduce((sum, seat) => sum + (weights[seat] ?? 0n), 0n);
        const all = weights.reduce((sum, each) => sum + each, 0n);
        const held = chosen.flatMap((seat) => shardsOfSeat(layout, seat));
        expect(new Set(held).size).toBe(held.length);
        if (3n * weight > all) expect(held.length).toBeGreaterThanOrEqual(layout.needed);
      }),
    );
  });

  it("DA-1: a shard has the seat that holds it, and one beyond the last has none", () => {
    const layout = shardLayout([65_535n, 1n, 30_000n, 1n], 9);
    for (const seat of [0, 1, 2, 3]) {
      for (const shard of shardsOfSeat(layout, seat)) expect(seatOfShard(layout, shard)).toBe(seat);
    }
    expect(seatOfShard(layout, layout.total)).toBeUndefined();
    expect(seatOfShard(layout, -1)).toBeUndefined();
  });

  it("DA-1: the largest committee takes T = 156, and not one more", () => {
    const weights = new Array<bigint>(100).fill(1n);
    expect(shardLayout(weights, 156).total).toBeLessThanOrEqual(SHARDS_MAX);
    expect(() => shardLayout(weights, 157)).toThrow(/T = 157/);
  });
});

describe("disperse", () => {
  it("DA-2: the commitment is keccak256(0x02, length, root over all shards)", () => {
    const layout = shardLayout([1n, 1n, 1n, 1n], 4);
    const dispersal = disperse(Uint8Array.of(1, 2, 3), layout);
    const shards = [0, 1, 2, 3].map((index) => shardAt(dispersal, index).bytes);
    expect(dispersal.commitment).toBe(hashFromBytes(Merkle.sizedRoot(3n, Merkle.root(shards))));
    expect(shards[0]).toEqual(Uint8Array.of(1, 2));
    expect(shards[1]).toEqual(Uint8Array.of(3, 0));
  });

  it("DA-2: length 0 and length 1 of zero have shards of one byte and different commitments", () => {
    const layout = shardLayout([1n, 1n, 1n, 1n], 4);
    expect(shardLength(0, 2)).toBe(1);
    expect(commit(new Uint8Array(0), layout)).not.toBe(commit(new Uint8Array(1), layout));
    expect(commit(new Uint8Array(2), layout)).not.toBe(commit(new Uint8Array(1), layout));
  });

  it("DA-4: any k shards rebuild the payload; k - 1 leave it pending", () => {
    const size = fc.integer({ min: 0, max: 3_000 });
    fc.assert(
      fc.property(weightsArbitrary, size, fc.infiniteStream(fc.nat(1_000)), (weights, length, chance) => {
        const layout = shardLayout(weights, weights.length);
        const payload = Uint8Array.from({ length }, () => (chance.next().value as number) & 255);
        const dispersal = disperse(payload, layout);
        const order = Array.from({ length: layout.total }, (_, index) => index);
        order.sort(() => ((chance.next().value as number) % 2 === 0 ? -1 : 1));
        const short = rebuild(collect(dispersal, order.slice(0, layout.needed - 1)));
        expect(short).toEqual({ outcome: "pending", held: layout.needed - 1, needed: layout.needed });
        const rebuilt = rebuild(collect(dispersal, order.slice(0, layout.needed)));
        expect(rebuilt.outcome).toBe("payload");
        if (rebuilt.outcome === "payload") expect(rebuilt.payload).toEqual(payload);
      }),
      { numRuns: 60 },
    );
  });

  it("DA-4: works on, call after call, and with the largest committee", () => {
    const layout = shardLayout(new Array<bigint>(100).fill(65_535n), 100);
    const last = Array.from({ length: layout.needed }, (_, i) => layout.total - 1 - i);
    for (let round = 0; round < 200; round++) {
      const payload = new Uint8Array(500 + round).fill(round);
      const rebuilt = rebuild(collect(disperse(payload, layout), last));
      expect(rebuilt.outcome === "payload" && rebuilt.payload.every((byte) => byte === (round & 255))).toBe(true);
    }
  });
});

describe("checkShard", () => {
  const layout = shardLayout([3n, 2n, 2n, 2n], 4);
  const payload = new Uint8Array(100).map((_, i) => i);
  const dispersal = disperse(payload, layout);

  it("DA-3: accepts every shard of the block", () => {
    for (let index = 0; index < layout.total; index++) {
      expect(checkShard(dispersal.commitment, layout, 100, shardAt(dispersal, index))).toBeUndefined();
    }
    expect(shardsFor(dispersal, 0).shards.map(({ index }) => index)).toEqual(shardsOfSeat(layout, 0));
  });

  it.each([
    ["another byte", { bytes: new Uint8Array(50) }, 100, "shard-proof"],
    ["another number", { index: 1 }, 100, "shard-proof"],
    ["a number beyond the last", { index: layout.total }, 100, "shard-number"],
    ["a longer shard", { bytes: new Uint8Array(51) }, 100, "shard-length"],
    ["another payload length of the same shard length", {}, 99, "shard-proof"],
    ["a shorter proof", { proof: [] }, 100, "shard-proof"],
  ])("DA-3: refuses %s", (_, change, length, code) => {
    const shard = { ...shardAt(dispersal, 0), ...change };
    expect(checkShard(dispersal.commitment, layout, length, shard)).toMatchObject({ code });
  });
});

describe("rebuild", () => {
  /** A leader that commits to shards which lie on no code word. */
  function badlyCoded(spoil: (shards: Uint8Array, length: number) => void): Dispersal {
    const layout = shardLayout([1n, 1n, 1n, 1n, 1n, 1n, 1n], 7);
    const good = disperse(new Uint8Array(90).fill(9), layout);
    const shards = good.shards.slice();
    spoil(shards, good.shardLengthBytes);
    const leafHashes = Array.from({ length: layout.total }, (_, i) =>
      Merkle.leafHash(shards.subarray(i * good.shardLengthBytes, (i + 1) * good.shardLengthBytes)),
    );
    const commitment = hashFromBytes(Merkle.sizedRoot(90n, Merkle.rootOfHashes(leafHashes)));
    return { ...good, shards, leafHashes, commitment };
  }

  it("DA-4: a badly encoded block is found so from every set of k shards", () => {
    const bad = badlyCoded((shards, length) => {
      shards[5 * length] = (shards[5 * length] ?? 0) ^ 1;
    });
    const { needed, total } = bad.layout;
    for (let from = 0; from + needed <= total; from++) {
      const chosen = Array.from({ length: needed }, (_, i) => from + i);
      expect(rebuild(collect(bad, chosen)).outcome, `shards from ${String(from)}`).toBe("bad-encoding");
    }
  });

  it("DA-4: padding that differs between a data shard and the parity gives every set of k shards the same verdict", () => {
    const layout = shardLayout([1n, 1n, 1n, 1n], 4);
    const padded = disperse(Uint8Array.of(1, 2, 3, 77), layout);
    const plain = disperse(Uint8Array.of(1, 2, 3), layout);
    const shards = padded.shards.slice();
    shards.set(plain.shards.subarray(0, 4));
    const leafHashes = [...plain.leafHashes.slice(0, 2), ...padded.leafHashes.slice(2)];
    const commitment = hashFromBytes(Merkle.sizedRoot(3n, Merkle.rootOfHashes(leafHashes)));
    const mixed = { ...plain, shards, leafHashes, commitment };
    for (let first = 0; first < layout.total; first++) {
      for (let second = first + 1; second < layout.total; second++) {
        expect(rebuild(collect(mixed, [first, second])).outcome).toBe("bad-encoding");
      }
    }
  });

  it("DA-4: padding that is not zero is bad encoding, though it lies on a code word", () => {
    const layout = shardLayout([1n, 1n, 1n, 1n], 4);
    const length = shardLength(3, layout.needed);
    const shards = new Uint8Array(length * layout.total);
    shards.set([1, 2, 3, 77]);
    encodeParity(shards, layout.needed, layout.total);
    const leaves = Array.from({ length: layout.total }, (_, i) =>
      Merkle.leafHash(shards.subarray(i * length, (i + 1) * length)),
    );
    const commitment = hashFromBytes(Merkle.sizedRoot(3n, Merkle.rootOfHashes(leaves)));
    const padded = {
      layout,
      commitment,
      payloadLengthBytes: 3,
      shardLengthBytes: length,
      shards,
      leafHashes: leaves,
    };
    expect(hashBytes(commitment)).toHaveLength(32);
    expect(rebuild(collect(padded, [0, 3])).outcome).toBe("bad-encoding");
  });
});
