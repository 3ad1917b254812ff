import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import * as Header from "../../src/protocol/Header.ts";

/**
 * FORK-1: two finalizations of one height in one epoch by one committee, with different blocks. Whether both are real is
 * for L1 to say; one that is invented makes the call revert in its preflight.
 */
export function findFork(offered: readonly FinalizedHeader[]): readonly [FinalizedHeader, FinalizedHeader] | undefined {
  for (const [index, first] of offered.entries()) {
    const second = offered.slice(index + 1).find(({ header }) => conflicts(first.header, header));
    if (second !== undefined) return [first, second];
  }
  return undefined;
}

function conflicts(a: Header.Header, b: Header.Header): boolean {
  const samePlace = a.height === b.height && a.epoch === b.epoch && a.committee === b.committee;
  return samePlace && Header.hash(a) !== Header.hash(b);
}
