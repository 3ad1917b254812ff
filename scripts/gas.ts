import { readFileSync, writeFileSync } from "node:fs";

import { network } from "hardhat";

import * as confirmation from "./gas/confirmationGas.ts";
import * as lightClient from "./gas/lightClientGas.ts";
import type { Measurements } from "./gas/measurement.ts";
import * as recovery from "./gas/recoveryGas.ts";
import * as slasher from "./gas/slasherGas.ts";
import * as stakeTable from "./gas/stakeTableGas.ts";

/**
 * `npm run gas` measures what the protocol's operations cost on L1 (whole transactions under the rules of Osaka, except
 * where a case says `execution`), prints them and writes the snapshot. With GAS_CHECK=1 it writes nothing, and fails where
 * a figure differs from the snapshot by more than the zero bytes of signatures and times can explain.
 */
const SNAPSHOT = new URL("../test/snapshots/gas.json", import.meta.url);
const TOLERANCE = 0.002;

async function measureAll(): Promise<Measurements> {
  const all: Measurements = {};
  for (const { measure } of [lightClient, recovery, slasher, stakeTable, confirmation]) {
    Object.assign(all, await measure(await network.create("osaka")));
  }
  const names = Object.keys(all).sort();
  return Object.fromEntries(names.map((name) => [name, all[name] ?? 0]));
}

/** Names whose figure changed, appeared or disappeared. */
function changes(snapshot: Measurements, measured: Measurements): string[] {
  const names = new Set([...Object.keys(snapshot), ...Object.keys(measured)]);
  return [...names].filter((name) => {
    const [before = 0, after = 0] = [snapshot[name], measured[name]];
    return Math.abs(after - before) > TOLERANCE * before;
  });
}

const measured = await measureAll();
console.log(JSON.stringify(measured, null, 2));
if (process.env.GAS_CHECK === "1") {
  const snapshot = JSON.parse(readFileSync(SNAPSHOT, "utf8")) as Measurements;
  const changed = changes(snapshot, measured);
  for (const name of changed) console.error(`${name}: ${String(snapshot[name])} -> ${String(measured[name])}`);
  process.exitCode = changed.length === 0 ? 0 : 1;
} else {
  writeFileSync(SNAPSHOT, `${JSON.stringify(measured, null, 2)}\n`);
}
