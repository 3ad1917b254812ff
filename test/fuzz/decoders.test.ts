import { describe, expect, it } from "vitest";

import { checkDecoder } from "./property.ts";
import { DECODERS } from "./decoders.ts";

/** Inputs for each decoder; `node test/fuzz/main.ts --seconds 600` goes on for as long as one likes. */
const RUNS = 1_500;

describe("decoders", () => {
  for (const decoder of DECODERS) {
    it(`WIRE-3: ${decoder.name}: any bytes are refused as promised, or are the one encoding of their value`, () => {
      for (const sample of decoder.samples) expect(decoder.reencode(sample)).toEqual(sample);
      checkDecoder(decoder, RUNS);
    });
  }
});
