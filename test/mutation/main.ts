import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { type Outcome, recordTests, runCampaign, unreliableTests, type Verdict } from "./campaign.ts";
import { EQUIVALENT } from "./equivalent.ts";
import { buildInstrumented } from "./instrumentedBuild.ts";
import { compilable, enumerate, firstAtPlaces, type Mutant, schemata } from "./mutants.ts";
import { parse, projectSources } from "./solidity.ts";
import { testFiles, versionOf } from "./testFiles.ts";
import type { TestRecord } from "./testProcess.ts";

/**
 * `npm run test:mutation`: changes the contracts in many small ways and counts what the contract tests notice.
 *
 *   --contract NAME   only mutants of NAME.sol; may be repeated
 *   --contracts DIR   the contracts as they are there, say of another commit
 *   --sample N        N of them, chosen by --seed S (1)
 *   --mutant ID       one of them; may be repeated
 *   --lanes N         test processes at once (2)
 *   --minutes N       ends after N minutes; the next run goes on from there
 *   --kept            records of the tests as they are, whatever changed since in the tests
 *   --report FILE     where all verdicts go
 *   --json            one JSON object on the last line
 */

const { values: options } = parseArgs({
  options: {
    contract: { type: "string", multiple: true },
    contracts: { type: "string" },
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    mutant: { type: "string", multiple: true },
    lanes: { type: "string", default: "2" },
    report: { type: "string" },
    minutes: { type: "string" },
    kept: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
  },
});

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Records of a test file, and the version of it that they are of. */
type KeptRecords = Record<string, { readonly version: string; readonly records: readonly TestRecord[] }>;

/** Recording is most of a short run, so it is kept, file by file, while contracts and tests are the same. */
async function recordsFor(build: string, probing: string): Promise<TestRecord[]> {
  const path = join(build, "records.json");
  const kept = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as KeptRecords) : {};
  if (options.kept) return Object.values(kept).flatMap(({ records }) => records);
  const files = testFiles();
  const versions = new Map(files.map((file) => [file, versionOf(file)]));
  const changed = files.filter((file) => kept[file]?.version !== versions.get(file));
  if (changed.length > 0) {
    say(`recording ${String(changed.length)} test files`);
    const all = await recordTests(probing, changed);
    const unreliable = await unreliableTests(build, changed);
    for (const file of changed) {
      const records = all.filter((record) => record.file === file && record.passed && !unreliable.has(record.title));
      kept[file] = { version: versions.get(file) ?? "", records };
    }
    writeFileSync(path, JSON.stringify(kept));
  }
  return files.flatMap((file) => kept[file]?.records ?? []);
}

/** Verdicts of earlier runs on the same contracts. What a test killed stays killed while the test is there. */
function earlierVerdicts(path: string, records: readonly TestRecord[]): Map<number, Verdict> {
  if (!existsSync(path)) return new Map();
  const known = JSON.parse(readFileSync(path, "utf8")) as [number, Verdict][];
  const titles = new Set(records.map(({ title }) => title));
  return new Map(
    known.filter(
      ([, { outcome, by }]) =>
        outcome === "timeout" || (outcome === "killed" && (titles.has(by ?? "") || / hook( for |$)/.test(by ?? ""))),
    ),
  );
}

/** Which test noticed a mutant the last time, whatever the contracts were: it is asked first. */
const HINTS = join(tmpdir(), "crema-mutation-hints.json");

function readHints(): Record<string, string> {
  return existsSync(HINTS) ? (JSON.parse(readFileSync(HINTS, "utf8")) as Record<string, string>) : {};
}

function isAlive(verdict: Verdict | undefined): boolean {
  return verdict?.outcome === "survived" || verdict?.outcome === "unreached";
}

function isWanted({ id, file }: Mutant): boolean {
  if (options.mutant !== undefined) return options.mutant.includes(id);
  return options.contract === undefined || options.contract.some((name) => file.endsWith(`/${name}.sol`));
}

/** The mutants in an order that the seed gives, so that any beginning is a fair sample; as many as wanted. */
function sampled(mutants: readonly number[], ids: (index: number) => string): number[] {
  const rank = (index: number): string =>
    createHash("sha256")
      .update(`${options.seed} ${ids(index)}`)
      .digest("hex");
  const ranked = mutants.map((index) => [rank(index), index] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return ranked.slice(0, Number(options.sample ?? mutants.length)).map(([, index]) => index);
}

async function main(): Promise<void> {
  setPriority(5);
  const sources = projectSources(options.contracts);
  const trees = parse(sources);
  const mutants = compilable(sources, trees, enumerate(sources, trees));
  const idOf = (index: number): string => mutants[index]?.id ?? "";
  const wanted = [...mutants.keys()].filter((index) => isWanted(mutants[index]!));
  if (options.list) {
    for (const index of wanted) say(`${idOf(index)} ${mutants[index]!.before} => ${mutants[index]!.after}`);
    return;
  }
  say(
    `${String(mutants.length)} mutants, compiling them twice: to be chosen from, and to see which test reaches which`,
  );
  const build = buildInstrumented(schemata(sources, trees, mutants));
  const firsts = firstAtPlaces(mutants);
  const recorded = await recordsFor(build, buildInstrumented(schemata(sources, trees, mutants, true)));
  const records = recorded.map((record) => {
    const places = new Set(record.hits);
    return {
      ...record,
      hits: [...mutants.keys()].filter((index) => firsts[index]?.some((first) => places.has(first))),
    };
  });
  say(`${String(records.length)} tests recorded`);

  const equivalent = wanted.filter((index) => EQUIVALENT[idOf(index)] !== undefined);
  const candidates = wanted.filter((index) => EQUIVALENT[idOf(index)] === undefined || options.mutant !== undefined);
  const chosen = sampled(candidates, idOf);
  const path = join(build, "verdicts.json");
  const verdicts = earlierVerdicts(path, records);
  const started = Date.now();
  const open = chosen.filter((index) => !verdicts.has(index));
  say(`${String(open.length)} of ${String(chosen.length)} mutants to judge`);
  const hints = readHints();
  await runCampaign({
    build,
    records,
    indices: open,
    lanes: Number(options.lanes),
    minutes: Number(options.minutes ?? Infinity),
    hint: (index) => hints[idOf(index)],
    report: (index, verdict) => {
      verdicts.set(index, verdict);
      writeFileSync(path, JSON.stringify([...verdicts]));
      if (verdict.by !== undefined) hints[idOf(index)] = verdict.by;
      writeFileSync(HINTS, JSON.stringify(hints));
      const { line, before, after } = mutants[index]!;
      if (isAlive(verdict)) say(`${verdict.outcome}: ${idOf(index)} line ${String(line)}: ${before} => ${after}`);
      const seconds = String(Math.round((Date.now() - started) / 1000));
      if (verdicts.size % 25 === 0) say(`${String(verdicts.size)} of ${String(chosen.length)}, ${seconds} s`);
    },
  });
  const judged = chosen.filter((index) => verdicts.has(index)).sort((a, b) => a - b);
  report(
    mutants,
    judged,
    new Map(judged.map((index) => [index, verdicts.get(index)!])),
    candidates.length,
    equivalent.length,
  );
}

function report(
  mutants: readonly Mutant[],
  chosen: readonly number[],
  verdicts: ReadonlyMap<number, Verdict>,
  total: number,
  equivalent: number,
): void {
  const count = (...outcomes: Outcome[]): number =>
    [...verdicts.values()].filter(({ outcome }) => outcomes.includes(outcome)).length;
  const killed = count("killed", "timeout");
  const summary = {
    mutants: chosen.length,
    killed,
    score: chosen.length === 0 ? 0 : Number((killed / chosen.length).toFixed(4)),
    timeouts: count("timeout"),
    equivalent,
    ...(chosen.length < total ? { sampled: chosen.length, total } : {}),
    contracts: Object.fromEntries(
      [...Map.groupBy(chosen, (index) => mutants[index]!.file)].map(([file, indices]) => {
        const dead = indices.filter((index) => !isAlive(verdicts.get(index))).length;
        return [file, { mutants: indices.length, killed: dead, score: Number((dead / indices.length).toFixed(4)) }];
      }),
    ),
  };
  const survivors = chosen
    .filter((index) => isAlive(verdicts.get(index)))
    .map((index) => {
      const { id, file, line, operator, before, after } = mutants[index]!;
      return { id, file, line, operator, before, after, outcome: verdicts.get(index)?.outcome };
    });
  if (options.report !== undefined) {
    writeFileSync(options.report, `${JSON.stringify({ ...summary, survivors }, undefined, 2)}\n`);
  }
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else say(`${String(killed)} of ${String(chosen.length)} killed: ${String(summary.score)}`);
}

await main();
