import { describe, expect, it } from "vitest";

import { openUnit } from "../../src/engine/unit.ts";
import { NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";

const data = (byte: number): Uint8Array => Uint8Array.of(byte, byte);
const plain = (namespace: number, byte: number): Transaction.Transaction =>
  Transaction.plain(NamespaceId(BigInt(namespace)), data(byte));
const bundle = Transaction.bundle([
  { namespace: NamespaceId(1n), data: data(1) },
  { namespace: NamespaceId(2n), data: data(2) },
]);
const [left, right] = bundle;

describe("openUnit", () => {
  it("MEM-4: takes one plain transaction, or the whole bundle in order", () => {
    expect(openUnit([plain(1, 1)]).ok).toBe(true);
    const opened = openUnit(bundle);
    expect(opened.ok && opened.unit.parts.map(({ namespace }) => namespace)).toEqual([1n, 2n]);
  });

  it.each([
    ["nothing", [], "empty"],
    ["two plain transactions", [plain(1, 1), plain(1, 2)], "mixed"],
    ["one part alone", left === undefined ? [] : [left], "lone-part"],
    ["parts in the wrong order", [...bundle].reverse(), "mixed"],
    [
      "a part in another namespace",
      left === undefined || right === undefined ? [] : [left, { ...right, namespace: NamespaceId(3n) }],
      "wrong-bundle-id",
    ],
    ["an empty envelope", [{ namespace: NamespaceId(1n), envelope: new Uint8Array(0) }], "empty-envelope"],
    ["an unknown envelope", [{ namespace: NamespaceId(1n), envelope: Uint8Array.of(9) }], "unknown-envelope"],
  ])("MEM-4: refuses %s", (_, transactions, code) => {
    expect(openUnit(transactions)).toMatchObject({ ok: false, fault: { code } });
  });
});
