import type { Machine } from "./machine.ts";
import type { World } from "./world.ts";

/** A rule that is broken on purpose, here and only here: proof that the checkers see it. */
export type Sabotage = (world: World) => void;

function honestMachines(world: World): readonly Machine[] {
  return world.options.validators.flatMap(({ isHonest }, index) => (isHonest ? (world.machines[index] ?? []) : []));
}

/** While something is not final on the L1 of `finality`, it is replaced so often. */
const REORG_MS = 1_000;

/** SAFE-1: honest machines lose their journal with every crash, and sign without a record. */
const journal: Sabotage = (world) => {
  for (const machine of honestMachines(world)) {
    machine.isRecordless = true;
    machine.disk.forgets.add("journal");
  }
};

/** SAFE-1: the disk says that the journal is synced when nothing is; signed without a record. */
const sync: Sabotage = (world) => {
  for (const machine of honestMachines(world)) {
    machine.isRecordless = true;
    machine.disk.lies.add("journal");
  }
};

/** DISK-1: payloads change on the disk and nobody notices: no checksum. */
const checksum: Sabotage = (world) => {
  for (const machine of honestMachines(world)) machine.disk.store.spoils = "p";
};

/** ETH-2: committees are taken from L1 before they are final there, so that a reorg leaves nodes with different ones. */
const finality: Sabotage = (world) => {
  for (const view of world.l1Views) view.isHasty = true;
  const reorg = (): void => {
    world.l1.reorg();
    world.scheduler.after(REORG_MS, reorg);
  };
  reorg();
};

/** By the name that `npm run simulate -- --sabotage <name>` takes. */
export const SABOTAGES: Readonly<Record<string, Sabotage>> = { journal, sync, checksum, finality };
