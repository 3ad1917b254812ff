import fc from "fast-check";

import { concatBytes } from "../../src/codec/hex.ts";

/** A change of bytes as an attacker or a bad disk would make it. */
export type Mutation = (bytes: Uint8Array) => Uint8Array;

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

function at(bytes: Uint8Array, share: number): number {
  return Math.floor(bytes.length * share);
}

const flip = fc.tuple(place, fc.nat(7)).map(([share, bit]): Mutation => (bytes) => {
  const out = bytes.slice();
  const index = at(out, share);
  if (index < out.length) out[index] = (out[index] ?? 0) ^ (1 << bit);
  return out;
});
const overwrite = fc.tuple(place, fc.uint8Array({ maxLength: 8 })).map(([share, given]): Mutation => (bytes) => {
  const out = bytes.slice();
  for (const [index, byte] of given.entries())
    if (at(out, share) + index < out.length) out[at(out, share) + index] = byte;
  return out;
});
/** Lengths and counts are where memory is lost. */
const hugeCount = fc
  .tuple(place, fc.constantFrom(0xffff_ffff, 0x7fff_ffff, 0x0001_0000, 1_025, 65, 0))
  .map(([share, count]): Mutation => (bytes) => {
    const out = bytes.slice();
    const index = at(out, share);
    if (index + 4 <= out.length) new DataView(out.buffer, out.byteOffset).setUint32(index, count);
    return out;
  });
const cut = place.map(
  (share): Mutation =>
    (bytes) =>
      bytes.slice(0, at(bytes, share)),
);
const insert = fc.tuple(place, fc.uint8Array({ maxLength: 40 })).map(
  ([share, more]): Mutation =>
    (bytes) =>
      concatBytes(bytes.slice(0, at(bytes, share)), more, bytes.slice(at(bytes, share))),
);
const repeat = fc.tuple(place, place).map(
  ([from, to]): Mutation =>
    (bytes) =>
      concatBytes(bytes, bytes.slice(at(bytes, from), at(bytes, to))),
);

/** One to five changes, one after the other. */
export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(
  fc.oneof(flip, overwrite, hugeCount, cut, insert, repeat),
  { minLength: 1, maxLength: 5 },
);
