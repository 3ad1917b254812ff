import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { concatBytes } from "../../src/codec/hex.ts";
import { Writer } from "../../src/codec/writer.ts";
import { keccakHash } from "../../src/crypto/hash.ts";
import type { BlockLimits } from "../../src/protocol/ClusterConfig.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";

const LIMITS: BlockLimits = { transactionBytesMax: 64, transactionsMax: 6, namespacesMax: 3, payloadBytesMax: 300 };
const plain = (namespace: bigint, ...data: number[]): Transaction.Transaction =>
  Transaction.plain(NamespaceId(namespace), Uint8Array.from(data));
const bytesOf = (...transactions: Transaction.Transaction[]): Uint8Array =>
  Payload.encode(Payload.fromTransactions(transactions));
const faultOf = (bytes: Uint8Array, limits = LIMITS): unknown => {
  const result = Payload.decode(bytes, limits);
  return result.ok ? undefined : result.fault;
};

/** Writes what `Payload.encode` would never write. */
function raw(groups: readonly (readonly [bigint, readonly Uint8Array[]])[]): Uint8Array {
  return new Writer()
    .list(groups, (writer, [namespace, envelopes]) => {
      writer.u64(namespace).list(envelopes, (inner, envelope) => inner.bytes(envelope));
    })
    .finish();
}

const transactions = fc.array(
  fc.tuple(fc.bigInt({ min: 0n, max: 2n }), fc.uint8Array({ maxLength: 20 })).map(([ns, data]) => plain(ns, ...data)),
  { maxLength: 6 },
);

describe("Payload", () => {
  it("PAYLOAD-1: decodes what it encoded, keeping the order inside each namespace", () => {
    fc.assert(
      fc.property(transactions, (list) => {
        const payload = Payload.fromTransactions(list);
        const result = Payload.decode(Payload.encode(payload), LIMITS);
        expect(result).toEqual({ ok: true, payload });
        for (const { namespace, envelopes } of payload) {
          expect(envelopes).toEqual(list.filter((item) => item.namespace === namespace).map((item) => item.envelope));
        }
      }),
    );
  });

  it("PAYLOAD-2: never throws on foreign bytes, and accepts only canonical ones", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const result = Payload.decode(bytes, LIMITS);
        if (result.ok) expect(Payload.encode(result.payload)).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it("PAYLOAD-3: an empty payload has no bytes, and an encoded empty list is refused", () => {
    expect(Payload.encode([])).toHaveLength(0);
    expect(faultOf(raw([]))).toMatchObject({ code: "not-canonical" });
  });

  it("PAYLOAD-4: namespaces increase strictly and hold at least one transaction", () => {
    const one = Uint8Array.of(0);
    expect(
      faultOf(
        raw([
          [2n, [one]],
          [1n, [one]],
        ]),
      ),
    ).toEqual({
      code: "namespaces-not-increasing",
      namespace: 1n,
      previous: 2n,
    });
    expect(
      faultOf(
        raw([
          [2n, [one]],
          [2n, [one]],
        ]),
      ),
    ).toMatchObject({ code: "namespaces-not-increasing" });
    expect(faultOf(raw([[2n, []]]))).toEqual({ code: "empty-namespace", namespace: 2n });
  });

  it("PAYLOAD-5: limits hold at the maximum and not one above", () => {
    const filled = (count: number, bytes: number): Transaction.Transaction[] =>
      Array.from({ length: count }, () => plain(1n, ...new Array<number>(bytes - 1).fill(7)));
    expect(faultOf(bytesOf(...filled(1, 64)))).toBeUndefined();
    expect(faultOf(bytesOf(...filled(1, 65)))).toMatchObject({ code: "too-long", given: 65, maximum: 64 });
    expect(faultOf(bytesOf(...filled(6, 2)))).toBeUndefined();
    expect(faultOf(bytesOf(...filled(7, 2)))).toMatchObject({ code: "too-long", given: 7, maximum: 6 });
    const spread = [...filled(4, 2), plain(2n, 1), plain(2n, 1), plain(2n, 1)];
    expect(faultOf(bytesOf(...spread))).toEqual({ code: "too-many-transactions", given: 7, maximum: 6 });
    expect(faultOf(bytesOf(plain(1n), plain(2n), plain(3n)))).toBeUndefined();
    expect(faultOf(bytesOf(plain(1n), plain(2n), plain(3n), plain(4n)))).toMatchObject({ code: "too-long" });
    const bytes = bytesOf(...filled(3, 40));
    expect(faultOf(bytes, { ...LIMITS, payloadBytesMax: bytes.length })).toBeUndefined();
    expect(faultOf(bytes, { ...LIMITS, payloadBytesMax: bytes.length - 1 })).toMatchObject({
      code: "payload-too-large",
    });
  });

  it.each([
    [new Uint8Array(0), "empty-envelope"],
    [Uint8Array.of(2), "unknown-envelope"],
    [Uint8Array.of(1, 2, 3), "truncated-envelope"],
    [concatBytes(Uint8Array.of(1), new Uint8Array(32), Uint8Array.of(2, 2)), "bad-bundle-index"],
    [concatBytes(Uint8Array.of(1), new Uint8Array(32), Uint8Array.of(0, 1)), "bad-bundle-index"],
    [concatBytes(Uint8Array.of(1), new Uint8Array(32), Uint8Array.of(0, 17)), "bad-bundle-index"],
  ])("PAYLOAD-6: refuses the envelope %#: %s", (envelope, code) => {
    expect(faultOf(raw([[1n, [envelope]]]))).toMatchObject({ code });
  });
});

describe("bundles", () => {
  const parts = [
    { namespace: NamespaceId(1n), data: Uint8Array.of(1) },
    { namespace: NamespaceId(2n), data: Uint8Array.of(2) },
  ];
  const [first, second] = Transaction.bundle(parts);

  it("BUNDLE-1: a block holds every part of a bundle or none", () => {
    expect(faultOf(bytesOf(first!, second!))).toBeUndefined();
    expect(faultOf(bytesOf(first!))).toMatchObject({ code: "incomplete-bundle", found: 1, count: 2 });
    expect(faultOf(bytesOf(first!, first!, second!))).toMatchObject({ code: "wrong-bundle" });
  });

  it("BUNDLE-2: the id is the hash of namespaces and data, so a part cannot be moved or changed", () => {
    const moved = { ...second!, namespace: NamespaceId(3n) };
    expect(faultOf(bytesOf(first!, moved))).toMatchObject({ code: "wrong-bundle" });
    const changed = { ...second!, envelope: concatBytes(second!.envelope, Uint8Array.of(0)) };
    expect(faultOf(bytesOf(first!, changed))).toMatchObject({ code: "wrong-bundle" });
  });

  it("BUNDLE-3: a transaction's hash is that of its envelope", () => {
    expect(Transaction.hash(first!)).toBe(keccakHash(first!.envelope));
  });
});
