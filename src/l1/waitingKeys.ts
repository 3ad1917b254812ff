import type { Hex } from "../codec/hex.ts";
import { toHex } from "../codec/hex.ts";
import type { AddressBook } from "./addressBook.ts";
import { contractInterface } from "./contracts.ts";
import type { L1Client } from "./l1Client.ts";
import { eventTopics, parseEvent } from "./stakeTableEvents.ts";

/** Keys that one call of `StakeTable.seal` takes: what fits a code page. */
export const PAGE_KEYS_MAX = 125;

/** A key as it is registered on L1. */
export interface RegisteredKey {
  readonly keyHash: Hex;
  /** 192 bytes. */
  readonly key: Hex;
}

/** The proven keys that no page holds at the newest L1 block, the oldest first. Not final: only for what may be repeated. */
export async function waitingKeys(client: L1Client, book: AddressBook): Promise<readonly RegisteredKey[]> {
  const abi = contractInterface("StakeTable");
  const topics = eventTopics(abi);
  const waiting = new Map<Hex, RegisteredKey>();
  const { number } = await client.latestBlock();
  for (const range of client.logRanges(BigInt(book.deployedAtBlock), number)) {
    for (const log of await client.logs({ address: book.stakeTable, topics, ...range })) {
      const event = parseEvent(abi, log, 0n);
      if (event.kind === "key-proven") waiting.set(event.keyHash, { keyHash: event.keyHash, key: toHex(event.key) });
      if (event.kind === "page-sealed") for (const keyHash of event.keyHashes) waiting.delete(keyHash);
    }
  }
  return [...waiting.values()];
}

/** JOIN-4: the keys in portions that one page holds. */
export function inPages(keys: readonly RegisteredKey[]): readonly (readonly RegisteredKey[])[] {
  const pages = Math.ceil(keys.length / PAGE_KEYS_MAX);
  return Array.from({ length: pages }, (_, page) => keys.slice(page * PAGE_KEYS_MAX, (page + 1) * PAGE_KEYS_MAX));
}
