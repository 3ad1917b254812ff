/**
 * `npm run soak -- --minutes 10 --json`: validator processes under load, one killed without warning every few seconds
 * (`soak.ts`). Prints one JSON object as its last line; exit code 1 when anything was lost, doubled, contradicted, grew
 * or stood still.
 */
import { parseArgs } from "node:util";

import { failuresOf, runSoak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    validators: { type: "string", default: "5" },
    "kill-every": { type: "string", default: "5" },
    rate: { type: "string", default: "40" },
    "data-dir": { type: "string" },
    json: { type: "boolean", default: false },
  },
});

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} takes a positive number, not ${text}`);
  return value;
}

const report = await runSoak({
  validators: positive("validators", values.validators),
  seconds: positive("minutes", values.minutes) * 60,
  killEverySeconds: positive("kill-every", values["kill-every"]),
  transactionsPerSecond: positive("rate", values.rate),
  json: values.json,
  ...(values["data-dir"] === undefined ? {} : { dataDir: values["data-dir"] }),
});
const failures = failuresOf(report);
for (const failure of failures) process.stderr.write(`FAILED: ${failure}\n`);
console.log(values.json ? JSON.stringify(report) : JSON.stringify(report, null, 2));
process.exit(failures.length === 0 ? 0 : 1);
