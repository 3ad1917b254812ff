import type { StakeTable } from "../l1/contracts.ts";
import { inPages, type RegisteredKey } from "../l1/waitingKeys.ts";
import { mined } from "./account.ts";

/** Writes those of the keys that still wait to key pages; how many of them waited. */
export async function sealKeys(table: StakeTable, keys: readonly RegisteredKey[]): Promise<number> {
  const waiting = await unsealed(table, keys);
  for (const page of inPages(waiting)) {
    try {
      await mined(table.seal(`0x${page.map(({ key }) => key.slice(2)).join("")}`));
    } catch (error) {
      // A relayer may have been faster: then it is done.
      if ((await unsealed(table, page)).length > 0) throw error;
    }
  }
  return waiting.length;
}

async function unsealed(table: StakeTable, keys: readonly RegisteredKey[]): Promise<readonly RegisteredKey[]> {
  const waiting: RegisteredKey[] = [];
  for (const key of keys) if ((await table.keyOf(key.keyHash)).page === 0n) waiting.push(key);
  return waiting;
}
