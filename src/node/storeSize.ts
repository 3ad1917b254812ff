import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

import type { Clock } from "../runtime/clock.ts";

/** Reading the sizes of thousands of files at every scrape would be felt. */
const FRESH_MS = 60_000;

/** Bytes of the files in each named directory (not in directories below), read at most once a minute. */
export function storeSize(
  directories: Readonly<Record<string, string>>,
  clock: Clock,
): () => Promise<Readonly<Record<string, number>>> {
  let known: Readonly<Record<string, number>> = {};
  let readAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (clock.monotonicMs() - readAtMs < FRESH_MS) return known;
    readAtMs = clock.monotonicMs();
    const sizes = Object.entries(directories).map(async ([name, path]) => [name, await bytesIn(path)] as const);
    known = Object.fromEntries(await Promise.all(sizes));
    return known;
  };
}

/** A file may be gone between the two looks: it has no size then. */
async function bytesIn(path: string): Promise<number> {
  const names = await readdir(path).catch(() => []);
  let bytes = 0;
  for (const name of names) {
    const found = await stat(join(path, name)).catch(() => undefined);
    if (found?.isFile() === true) bytes += found.size;
  }
  return bytes;
}
