import fc from "fast-check";

import { equalBytes, toHex } from "../../src/codec/hex.ts";
import type { Decoder } from "./decoders.ts";
import { mutations } from "./mutations.ts";

/** Longest input that random bytes make. */
const RANDOM_BYTES_MAX = 600;

/**
 * WIRE-3: any bytes at all are refused in the promised way, or are the one encoding of what they decode to. So what a
 * value holds is bounded by the bytes that came, and not by what they announce.
 */
export function checkDecoder(decoder: Decoder, runs: number, seed?: number): void {
  const mutated = fc
    .tuple(fc.constantFrom(...decoder.samples), mutations)
    .map(([sample, changes]) => changes.reduce((bytes, change) => change(bytes), sample));
  const input = fc.oneof({ weight: 4, arbitrary: mutated }, fc.uint8Array({ maxLength: RANDOM_BYTES_MAX }));
  fc.assert(
    fc.property(input, (bytes) => {
      const again = decoder.reencode(bytes);
      if (again !== undefined && !equalBytes(again, bytes)) {
        throw new Error(`${decoder.name} accepts two encodings: ${toHex(bytes)} and ${toHex(again)}`);
      }
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
  );
}
