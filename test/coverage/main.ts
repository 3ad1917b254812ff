import { setPriority } from "node:os";
import { parseArgs } from "node:util";

import { recordTests } from "../mutation/campaign.ts";
import { buildInstrumented } from "../mutation/instrumentedBuild.ts";
import { parse, projectSources } from "../mutation/solidity.ts";
import { testFiles } from "../mutation/testFiles.ts";
import { instrument } from "./branches.ts";
import { EXPLAINED } from "./explained.ts";

/** `npm run test:coverage`: which branches of the contracts the contract tests take. `--json` prints one object. */

const { values: options } = parseArgs({ options: { json: { type: "boolean", default: false } } });

setPriority(5);
const sources = projectSources();
const { branches, sources: probed } = instrument(sources, parse(sources));
const records = await recordTests(buildInstrumented(probed), testFiles());
const taken = new Set(records.flatMap(({ hits }) => hits));
const gaps = branches.flatMap(({ id, file, line, what }, index) => {
  if (taken.has(index)) return [];
  const reason = EXPLAINED[id];
  return [{ id, file, line, what, ...(reason === undefined ? {} : { reason }) }];
});
const missing = new Set(gaps.map(({ id }) => id));
const needless = Object.keys(EXPLAINED).filter((id) => !missing.has(id));
const unexplained = gaps.filter((gap) => !("reason" in gap));
for (const { id, file, line, what } of unexplained) {
  process.stderr.write(`not taken: ${file}:${String(line)} ${what} (${id})\n`);
}
for (const id of needless) process.stderr.write(`explained, but taken or gone: ${id}\n`);
const summary = {
  branches: branches.length,
  covered: branches.length - gaps.length,
  explained: gaps.length - unexplained.length,
  tests: records.length,
  gaps,
};
if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
else
  process.stderr.write(
    `${String(summary.covered)} of ${String(summary.branches)} branches, ${String(summary.explained)} gaps explained\n`,
  );
process.exitCode = unexplained.length + needless.length === 0 ? 0 : 1;
