import { parseArgs } from "node:util";

import { jsonLogger } from "../src/runtime/logger.ts";
import { createMclBls } from "../src/crypto/blsMcl.ts";
import { SABOTAGES } from "../test/simulation/sabotage.ts";
import { runScenario, type ScenarioResult } from "../test/simulation/scenario.ts";

/**
 * Runs seeded worlds: `npm run simulate -- --seeds 200 --json`, or one of them again, with its log: `--seed 17 --log`.
 * Ends with 1 if any seed broke a property or stalled; the last line with `--json` is one JSON object.
 * `--sabotage <rule>` plants a broken rule (test/simulation/sabotage.ts) and ends with the first seed that shows it: then
 * 0 means that it was caught.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    json: { type: "boolean", default: false },
    log: { type: "boolean", default: false },
    "real-bls": { type: "boolean", default: false },
    sabotage: { type: "string" },
  },
});

function natural(name: string, text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new Error(`--${name} must be a number, got ${text}`);
  return BigInt(text);
}

interface Summary {
  seeds: number;
  blocks: number;
  readonly faults: Record<string, number>;
  safetyViolations: number;
  stalled: number;
}

function add(summary: Summary, result: ScenarioResult): void {
  summary.seeds += 1;
  summary.blocks += result.blocks;
  summary.safetyViolations += result.violations.length;
  summary.stalled += result.isStalled ? 1 : 0;
  for (const [fault, times] of Object.entries(result.faults)) {
    summary.faults[fault] = (summary.faults[fault] ?? 0) + times;
  }
}

function report(result: ScenarioResult): void {
  const { seed, blocks, epochs, violations, isStalled, digest } = result;
  const verdict = isStalled ? "STALLED" : violations.length > 0 ? "VIOLATION" : "ok";
  process.stderr.write(
    `seed ${String(seed)}: ${verdict}, ${String(blocks)} blocks, ${String(epochs)} epochs, ${digest.slice(0, 18)}\n`,
  );
  for (const { property, detail } of violations.slice(0, 5)) process.stderr.write(`  ${property}: ${detail}\n`);
}

const first = values.seed === undefined ? natural("from", values.from) : natural("seed", values.seed);
const count = values.seed === undefined ? natural("seeds", values.seeds) : 1n;
const summary: Summary = { seeds: 0, blocks: 0, faults: {}, safetyViolations: 0, stalled: 0 };
const bls = values["real-bls"] ? { bls: await createMclBls() } : {};
const logger = values.log ? { logger: (machine: number) => jsonLogger("debug", { machine }, 2) } : {};
const sabotage = values.sabotage === undefined ? undefined : SABOTAGES[values.sabotage];
if (values.sabotage !== undefined && sabotage === undefined) {
  throw new Error(`--sabotage is one of ${Object.keys(SABOTAGES).join(", ")}`);
}
for (let seed = first; seed < first + count; seed++) {
  const result = await runScenario(seed, { ...bls, ...logger, ...(sabotage === undefined ? {} : { sabotage }) });
  add(summary, result);
  if (sabotage !== undefined && (result.isStalled || result.violations.length > 0)) {
    report(result);
    break;
  }
  if (!values.json || result.isStalled || result.violations.length > 0 || values.seed !== undefined) report(result);
}
const line = values.json
  ? JSON.stringify(summary)
  : `${String(summary.seeds)} seeds, ${String(summary.blocks)} blocks, ${String(summary.safetyViolations)} violations, ${String(summary.stalled)} stalled`;
process.stdout.write(`${line}\n`);
const isFaulty = summary.safetyViolations > 0 || summary.stalled > 0;
process.exitCode = isFaulty === (sabotage !== undefined) ? 0 : 1;
