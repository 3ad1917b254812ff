import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { keccakHash } from "../../src/crypto/hash.ts";
import {
  add,
  createMempool,
  DEFAULT_LIMITS,
  expire,
  has,
  hashOf,
  keyOf,
  markIncluded,
  select,
  type Limits,
  type Mempool,
  type Part,
  type Room,
  type Unit,
} from "../../src/mempool/mempool.ts";
import { NamespaceId } from "../../src/protocol/scalars.ts";

function part(namespace: number, label: string, bytes = 10): Part {
  const envelope = new Uint8Array(bytes);
  const name = new TextEncoder().encode(label);
  envelope.set(name.subarray(0, bytes), 0);
  return { namespace: NamespaceId(BigInt(namespace)), envelope, hash: keccakHash(new TextEncoder().encode(label)) };
}

function plain(namespace: number, label: string, bytes = 10): Unit {
  return { parts: [part(namespace, label, bytes)] };
}

function pool(changes: Partial<Limits> = {}): Mempool {
  return createMempool({ ...DEFAULT_LIMITS, ...changes });
}

const ROOM: Room = {
  bytes: 1_000_000,
  transactions: 1_000,
  namespaces: 100,
  bytesPerNamespace: 0,
  bytesPerTransaction: 0,
};

function labels(units: readonly Unit[]): string[] {
  return units.map(({ parts }) => new TextDecoder().decode(parts[0].envelope).replace(/\0+$/, ""));
}

describe("add", () => {
  it("MEM-2: a transaction waits once, and not again once included", () => {
    const target = pool();
    expect(add(target, plain(1, "a"), 0).added).toBe(true);
    expect(add(target, plain(1, "a"), 0)).toMatchObject({ added: false, refusal: { code: "known" } });
    expect(add(target, plain(2, "a"), 0).added).toBe(true);
    const { namespace, hash } = part(1, "a");
    markIncluded(target, [keyOf(namespace, hash)]);
    expect(has(target, namespace, hash)).toBe(false);
    expect(add(target, plain(1, "a"), 0)).toMatchObject({ added: false, refusal: { code: "already-included" } });
  });

  it("MEM-2: the memory of included transactions holds its maximum and forgets the oldest beyond", () => {
    const target = pool({ maxIncluded: 3 });
    const keys = ["a", "b", "c", "d"].map((label) => keyOf(NamespaceId(1n), part(1, label).hash));
    markIncluded(target, keys.slice(0, 3));
    expect(add(target, plain(1, "a"), 0).added).toBe(false);
    markIncluded(target, keys.slice(3));
    expect(target.included.size).toBe(3);
    expect(add(target, plain(1, "a"), 0).added).toBe(true);
    expect(add(target, plain(1, "b"), 0).added).toBe(false);
  });

  it("MEM-3: a namespace takes its maximum of units and bytes, and not one more", () => {
    const target = pool({ maxUnitsPerNamespace: 2, maxBytesPerNamespace: 100 });
    expect(add(target, plain(1, "a"), 0).added).toBe(true);
    expect(add(target, plain(1, "b"), 0).added).toBe(true);
    expect(add(target, plain(1, "c"), 0)).toMatchObject({ refusal: { code: "namespace-full", units: 2 } });
    expect(add(target, plain(2, "d", 100), 0).added).toBe(true);
    expect(add(target, plain(3, "e", 60), 0).added).toBe(true);
    expect(add(target, plain(3, "f", 41), 0)).toMatchObject({ refusal: { code: "namespace-full", bytes: 60 } });
    expect(add(target, plain(3, "g", 40), 0).added).toBe(true);
  });

  it("MEM-3: there are as many namespaces as the maximum says, and not one more", () => {
    const target = pool({ maxNamespaces: 2 });
    expect(add(target, plain(1, "a"), 0).added).toBe(true);
    expect(add(target, plain(2, "b"), 0).added).toBe(true);
    expect(add(target, plain(3, "c"), 0)).toMatchObject({ refusal: { code: "too-many-namespaces", maximum: 2 } });
    expect(add(target, plain(2, "d"), 0).added).toBe(true);
  });

  it("MEM-3: a unit of the maximum length is taken, one byte more is not", () => {
    const target = pool({ maxUnitBytes: 20 });
    expect(add(target, plain(1, "a", 20), 0).added).toBe(true);
    expect(add(target, plain(1, "b", 21), 0)).toMatchObject({ refusal: { code: "too-large", given: 21, maximum: 20 } });
  });

  it("MEM-3: a unit of the maximum number of parts is taken, one part more is not", () => {
    const target = pool({ maxUnitParts: 2 });
    expect(add(target, { parts: [part(1, "a"), part(2, "b")] }, 0).added).toBe(true);
    const three: Unit = { parts: [part(1, "c"), part(2, "d"), part(3, "e")] };
    expect(add(target, three, 0)).toMatchObject({ refusal: { code: "too-many-parts", given: 3, maximum: 2 } });
  });

  it("MEM-3: in a full pool the newest of the fullest namespace gives way to a smaller one", () => {
    const target = pool({ maxBytes: 50 });
    for (const label of ["a", "b", "c", "d"]) add(target, plain(1, label), 0);
    add(target, plain(2, "e"), 0);
    const outcome = add(target, plain(3, "f"), 0);
    expect(outcome).toMatchObject({ added: true });
    expect(outcome.added && labels(outcome.evicted)).toEqual(["d"]);
    expect(target.bytes).toBe(50);
    expect(has(target, NamespaceId(1n), part(1, "d").hash)).toBe(false);
  });

  it("MEM-3: the fullest namespace crowds out nobody, and a refusal loses nothing", () => {
    const target = pool({ maxUnits: 4 });
    for (const label of ["a", "b", "c"]) add(target, plain(1, label), 0);
    add(target, plain(2, "d"), 0);
    expect(add(target, plain(1, "e"), 0)).toMatchObject({ added: false, refusal: { code: "full", units: 4 } });
    expect(labels(select(target, ROOM, 0, new Set()))).toEqual(["a", "b", "c", "d"]);
    const large = pool({ maxBytes: 100 });
    for (const label of ["a", "b"]) add(large, plain(1, label, 45), 0);
    // One unit of the fullest would have to go, then the newcomer itself would be the fullest.
    expect(add(large, plain(2, "f", 60), 0).added).toBe(false);
    expect(large.bytes).toBe(90);
  });

  it("MEM-3: keeps its sums and bounds over any sequence", () => {
    const step = fc.record({
      namespace: fc.integer({ min: 1, max: 5 }),
      label: fc.integer({ min: 0, max: 60 }),
      bytes: fc.integer({ min: 1, max: 40 }),
      include: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const limits = {
          maxBytes: 200,
          maxUnits: 12,
          maxBytesPerNamespace: 120,
          maxUnitsPerNamespace: 8,
          maxNamespaces: 4,
        };
        const target = pool(limits);
        for (const { namespace, label, bytes, include } of steps) {
          const unit = plain(namespace, `tx ${String(label)}`, bytes);
          add(target, unit, 0);
          if (include) markIncluded(target, [keyOf(unit.parts[0].namespace, unit.parts[0].hash)]);
          const units = [...target.entries.values()];
          const sum = units.reduce((total, entry) => total + entry.bytes, 0);
          expect(target.bytes).toBe(sum);
          expect(sum).toBeLessThanOrEqual(limits.maxBytes);
          expect(units.length).toBeLessThanOrEqual(limits.maxUnits);
          expect(target.byKey.size).toBe(units.length);
          for (const lane of target.lanes.values()) {
            expect(lane.entries.size).toBeGreaterThan(0);
            expect(lane.bytes).toBeLessThanOrEqual(limits.maxBytesPerNamespace);
          }
        }
      }),
    );
  });
});

describe("expire", () => {
  it("MEM-5: drops what has waited for the lifetime, keeps what is a moment younger", () => {
    const target = pool({ lifetimeMs: 100 });
    add(target, plain(1, "old"), 0);
    add(target, plain(1, "young"), 1);
    expect(expire(target, 99)).toBe(0);
    expect(expire(target, 100)).toBe(1);
    expect(labels(select(target, ROOM, 0, new Set()))).toEqual(["young"]);
  });
});

describe("select", () => {
  it("MEM-6: a waiting transaction is known by its bytes, and no longer once it has left", () => {
    const target = pool();
    const waiting = part(1, "a");
    add(target, { parts: [waiting] }, 0);
    expect(hashOf(target, waiting.envelope.slice())).toBe(waiting.hash);
    expect(hashOf(target, part(1, "b").envelope)).toBeUndefined();
    markIncluded(target, [keyOf(waiting.namespace, waiting.hash)]);
    expect(hashOf(target, waiting.envelope)).toBeUndefined();
    expect(target.byChecksum.size).toBe(0);
  });

  it("MEM-6: bytes with the checksum of a waiting transaction are not taken for it", () => {
    const target = pool();
    const waiting = part(1, "a");
    add(target, { parts: [waiting] }, 0);
    const [checksum] = target.byChecksum.keys();
    const other = part(1, "b");
    target.byChecksum.set(checksum ?? 0, other);
    expect(hashOf(target, waiting.envelope)).toBeUndefined();
  });

  it("MEM-1: inside a namespace first in is first out, whatever the turn", () => {
    const target = pool();
    const order = Array.from({ length: 20 }, (_, i) => `tx ${String(i)}`);
    for (const [i, label] of order.entries()) add(target, plain(1 + (i % 3), label), 0);
    for (const turn of [0, 1, 2, 3]) expect(labels(select(target, ROOM, turn, new Set()))).toEqual(order);
  });

  it("MEM-1: a crowded block is shared equally, and what one leaves falls to the others", () => {
    const target = pool();
    for (let i = 0; i < 100; i++) add(target, plain(1, `flood ${String(i)}`, 8_192), 0);
    for (let i = 0; i < 10; i++) add(target, plain(2, `second ${String(i)}`, 8_192), 0);
    add(target, plain(3, "third", 100), 0);
    const chosen = select(target, { ...ROOM, bytes: 20 * 8_192 + 100 }, 0, new Set());
    const count = (namespace: bigint): number => chosen.filter(({ parts }) => parts[0].namespace === namespace).length;
    expect([count(1n), count(2n), count(3n)]).toEqual([10, 10, 1]);
  });

  it("MEM-1: the turn decides who is first when there is room for one", () => {
    const target = pool();
    for (const namespace of [1, 2, 3]) add(target, plain(namespace, `of ${String(namespace)}`), 0);
    const first = (turn: number): string[] => labels(select(target, { ...ROOM, transactions: 1 }, turn, new Set()));
    expect([first(0), first(1), first(2), first(3)]).toEqual([["of 1"], ["of 2"], ["of 3"], ["of 1"]]);
  });

  it("MEM-1: passes over what unfinalized ancestors carry", () => {
    const target = pool();
    for (const label of ["a", "b", "c"]) add(target, plain(1, label), 0);
    const excluded = new Set([keyOf(NamespaceId(1n), part(1, "a").hash)]);
    expect(labels(select(target, ROOM, 0, excluded))).toEqual(["b", "c"]);
  });

  it("MEM-4: a bundle is taken whole, once, at its place in every namespace", () => {
    const target = pool();
    add(target, plain(2, "before"), 0);
    add(target, { parts: [part(1, "left"), part(2, "right")] }, 0);
    add(target, plain(1, "after"), 0);
    const chosen = select(target, ROOM, 0, new Set());
    expect(labels(chosen)).toEqual(["before", "left", "after"]);
    expect(chosen[1]?.parts.length).toBe(2);
    expect(select(target, { ...ROOM, transactions: 2 }, 0, new Set()).flatMap(({ parts }) => parts)).toHaveLength(2);
  });

  it("MEM-1: never exceeds the room, counting what transactions and namespaces cost beside their bytes", () => {
    const unit = fc.record({ namespace: fc.integer({ min: 1, max: 6 }), bytes: fc.integer({ min: 1, max: 300 }) });
    const room = fc.record({
      bytes: fc.integer({ min: 0, max: 2_000 }),
      transactions: fc.integer({ min: 0, max: 20 }),
      namespaces: fc.integer({ min: 0, max: 6 }),
    });
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 40 }), room, fc.nat(10), (units, given, turn) => {
        const target = pool();
        for (const [i, { namespace, bytes }] of units.entries())
          add(target, plain(namespace, `${String(i)}!`, bytes), 0);
        const full = { ...given, bytesPerNamespace: 12, bytesPerTransaction: 4 };
        const parts = select(target, full, turn, new Set()).flatMap((chosen) => chosen.parts);
        const namespaces = new Set(parts.map(({ namespace }) => namespace));
        const bytes = parts.reduce((sum, { envelope }) => sum + envelope.length + 4, 0) + 12 * namespaces.size;
        expect(bytes).toBeLessThanOrEqual(given.bytes);
        expect(parts.length).toBeLessThanOrEqual(given.transactions);
        expect(namespaces.size).toBeLessThanOrEqual(given.namespaces);
      }),
    );
  });
});
