/** `npm run chaos -- relayer [--minutes 5 | --seconds 40] [--seed 1] [--json]`; exit code 1 if anything is stuck or lost. */
import { parseArgs } from "node:util";

import { runRelayerChaos } from "./relayerChaos.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seconds: { type: "string" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const seconds = values.seconds === undefined ? 60 * Number(values.minutes) : Number(values.seconds);
if (!(seconds > 0) || !/^\d{1,19}$/.test(values.seed)) {
  console.error("--minutes and --seconds are numbers above 0, --seed a whole number");
  process.exit(2);
}
const say = values.json
  ? () => undefined
  : (text: string): void => {
      console.error(text);
    };
const report = await runRelayerChaos({ seconds, seed: BigInt(values.seed), say });
console.log(JSON.stringify(report));
process.exit(report.stuck === 0 && report.lost === 0 ? 0 : 1);
