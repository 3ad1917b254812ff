import type { Journal } from "../../../src/engine/ports.ts";

/** A journal that forgets with the process: for tests that crash nothing. */
export function memoryJournal(): Journal {
  const records: { readonly index: number; readonly data: Uint8Array }[] = [];
  let next = 0;
  return {
    get nextIndex() {
      return next;
    },
    append: (data) => {
      records.push({ index: next, data });
      return next++;
    },
    sync: () => Promise.resolve(),
    replay: async function* () {
      for (const record of records) yield await Promise.resolve(record);
    },
    truncateBelow: (index) => {
      while ((records[0]?.index ?? index) < index) records.shift();
      return Promise.resolve();
    },
  };
}
