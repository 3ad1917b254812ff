import { readFileSync, writeFileSync } from "node:fs";

import { network } from "hardhat";

import * as confirmation from "./gas/confirmationGas.ts";
import * as inbox from "./gas/inboxGas.ts";
import * as lightClient from "./gas/lightClientGas.ts";
import type { Measurements, Price } from "./gas/measurement.ts";
import * as recovery from "./gas/recoveryGas.ts";
import * as slasher from "./gas/slasherGas.ts";
import * as stakeTable from "./gas/stakeTableGas.ts";
import { unlisted, withTable } from "./gas/table.ts";

/**
 * `npm run gas` measures what the protocol's operations cost on L1 (whole transactions under the rules of Osaka, except
 * where a case says `execution`), computes what they will cost under Glamsterdam's, prints both, and writes the snapshot and
 * the table in `docs/gas.md`. With GAS_CHECK=1 it writes nothing, and fails where a figure differs from the snapshot by more
 * than the zero bytes of signatures and times can explain, or the table from the snapshot.
 */
const SNAPSHOT = new URL("../test/snapshots/gas.json", import.meta.url);
const DOCUMENT = new URL("../docs/gas.md", import.meta.url);
const TOLERANCE = 0.002;

async function measureAll(): Promise<Measurements> {
  const all: Measurements = {};
  for (const { measure } of [lightClient, recovery, slasher, stakeTable, confirmation, inbox]) {
    Object.assign(all, await measure(await network.create("osaka")));
  }
  return Object.fromEntries(Object.entries(all).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function isSame(before: Price | undefined, after: Price | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  const isNear = (one = 0, other = 0): boolean => Math.abs(one - other) <= TOLERANCE * one;
  return isNear(before.osaka, after.osaka) && isNear(before.glamsterdam, after.glamsterdam);
}

/** What is not as it was written: cases that changed, appeared or disappeared, and the table. */
function changes(measured: Measurements): string[] {
  const snapshot = JSON.parse(readFileSync(SNAPSHOT, "utf8")) as Measurements;
  const names = new Set([...Object.keys(snapshot), ...Object.keys(measured)]);
  const changed = [...names]
    .filter((name) => !isSame(snapshot[name], measured[name]))
    .map((name) => `${name}: ${JSON.stringify(snapshot[name])} -> ${JSON.stringify(measured[name])}`);
  const document = readFileSync(DOCUMENT, "utf8");
  return withTable(document, snapshot) === document ? changed : [...changed, "docs/gas.md: not the snapshot's table"];
}

const measured = await measureAll();
console.log(JSON.stringify(measured, null, 2));
const problems = unlisted(measured).map((name) => `${name}: no row shows it`);
if (process.env.GAS_CHECK === "1") {
  problems.push(...changes(measured));
} else {
  writeFileSync(SNAPSHOT, `${JSON.stringify(measured, null, 2)}\n`);
  writeFileSync(DOCUMENT, withTable(readFileSync(DOCUMENT, "utf8"), measured));
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
