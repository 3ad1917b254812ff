import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { canonicalJson } from "../../src/codec/canonicalJson.ts";
import { fromHex, HexError, toHex } from "../../src/codec/hex.ts";
import { decodeAll, DecodeError, Reader } from "../../src/codec/reader.ts";
import { Writer } from "../../src/codec/writer.ts";

describe("Writer and Reader", () => {
  it("CODEC-1: what was written is read back, whatever the sizes", () => {
    const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.nat(65535),
        u64,
        fc.uint8Array({ maxLength: 900 }),
        fc.array(u64),
        (a, b, c, d, e) => {
          const bytes = new Writer()
            .u8(a)
            .u16(b)
            .u64(c)
            .bytes(d)
            .bool(true)
            .list(e, (out, item) => out.u64(item))
            .finish();
          const back = decodeAll(bytes, (reader) => [
            reader.u8(),
            reader.u16(),
            reader.u64(),
            reader.bytes(900),
            reader.bool(),
            reader.list(100, (inner) => inner.u64()),
          ]);
          expect(back).toEqual([a, b, c, d, true, e]);
        },
      ),
    );
  });

  it("CODEC-1: a buffer that grows at any kind of value keeps all that was written", () => {
    for (let filled = 250; filled < 262; filled++) {
      const writer = new Writer().fixed(new Uint8Array(filled).fill(7), filled);
      const bytes = writer.u8(1).bool(true).u16(2).u32(3).u64(4n).finish();
      expect([...bytes.subarray(filled)]).toEqual([1, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4]);
      expect(bytes.subarray(0, filled).every((byte) => byte === 7)).toBe(true);
    }
  });

  it("CODEC-2: a length is checked against its maximum before anything is allocated", () => {
    const huge = new Writer().u32(0xffffffff).finish();
    expect(() => new Reader(huge).bytes(10)).toThrow(DecodeError);
    expect(() => new Reader(huge).list(10, (reader) => reader.u8())).toThrow(/too-long/);
    const exact = new Writer().bytes(new Uint8Array(10)).finish();
    expect(new Reader(exact).bytes(10)).toHaveLength(10);
    expect(() => new Reader(exact).bytes(9)).toThrow(/too-long/);
  });

  it("CODEC-4: what is read is a copy of its own, from a Buffer as well", () => {
    const message = Buffer.from(new Writer().fixed(Uint8Array.of(1, 2), 2).bytes(new Uint8Array(1000)).finish());
    const reader = new Reader(message);
    const [first, rest] = [reader.fixed(2), reader.bytes(1000)];
    message.fill(9);
    expect([...first]).toEqual([1, 2]);
    expect(first.buffer.byteLength).toBe(2);
    expect(rest.every((byte) => byte === 0)).toBe(true);
  });

  it("CODEC-3: refuses trailing bytes, truncation and a boolean that is neither 0 nor 1", () => {
    expect(() => decodeAll(Uint8Array.of(1, 2), (reader) => reader.u8())).toThrow(/trailing/);
    expect(() => decodeAll(Uint8Array.of(1), (reader) => reader.u16())).toThrow(/truncated/);
    expect(() => decodeAll(Uint8Array.of(2), (reader) => reader.bool())).toThrow(/not-canonical/);
  });
});

describe("hex", () => {
  it("HEX-1: round trips, and refuses what is not whole bytes behind 0x", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
      }),
    );
    for (const bad of ["", "0x1", "12", "0xzz", "0x 1", "0x12 "]) expect(() => fromHex(bad)).toThrow(HexError);
  });
});

describe("canonical JSON", () => {
  it("JSON-1: members are sorted and nothing is optional (RFC 8785)", () => {
    expect(canonicalJson({ b: [1, null, true], a: 'x"\n', "10": {}, "1": [] })).toBe(
      '{"1":[],"10":{},"a":"x\\"\\n","b":[1,null,true]}',
    );
  });
});
