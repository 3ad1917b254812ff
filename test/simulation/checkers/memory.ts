import type { Violation } from "./violation.ts";

/** The most of each thing that a node may ever hold, by the names of `Engine.sizes`. */
const MAXIMA: Readonly<Record<string, number>> = {
  mempoolUnits: 65_536,
  mempoolBytes: 64 * 1024 * 1024,
  inputs: 65_536,
  // Three timers a view that were never cancelled, retries, and one for each thing that waits.
  timers: 8_192,
  heldBlocks: 256,
  pendingChecks: 64,
  payloadFetches: 64,
  finalizations: 1_024,
  signatureChecks: 16 * 128,
  journalMarks: 65_536,
  lostRows: 3 * 4_096,
  resumes: 2_048,
  views: 65_536 + 1_024,
  blocks: 4_096 + 1_024,
  fetches: 64,
};

/** Bounded memory: nothing outgrows its maximum, and every size that a node reports has one. */
export function checkMemory(machine: number, sizes: Readonly<Record<string, number>>): Violation[] {
  return Object.entries(sizes).flatMap(([name, size]): Violation[] => {
    const maximum = MAXIMA[name];
    if (maximum !== undefined && size <= maximum) return [];
    const detail = `machine ${String(machine)}: ${name} is ${String(size)}, at most ${String(maximum)}`;
    return [{ property: "memory", detail }];
  });
}
