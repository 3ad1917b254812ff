/**
 * The long run of the decoder fuzz: `node test/fuzz/main.ts --seconds 600`. Every round has a seed of its own; a failure
 * prints the seed and the smallest input that fast-check found. The last line is one JSON object.
 */
import { parseArgs } from "node:util";

import { systemClock } from "../../src/runtime/clock.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { DECODERS } from "./decoders.ts";
import { checkDecoder } from "./property.ts";

const ROUND = 5_000;

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } });
const untilMs = systemClock.monotonicMs() + Number(values.seconds) * 1_000;
let inputs = 0;
let failures = 0;
while (systemClock.monotonicMs() < untilMs) {
  for (const decoder of DECODERS) {
    const seed = Math.floor(systemRandom.fraction() * 2 ** 31);
    try {
      checkDecoder(decoder, ROUND, seed);
    } catch (error) {
      failures += 1;
      console.error(`${decoder.name}, seed ${String(seed)}:`, error);
    }
    inputs += ROUND;
  }
}
console.log(JSON.stringify({ decoders: DECODERS.length, inputs, failures }));
process.exitCode = failures === 0 ? 0 : 1;
