import type { Hash } from "../../crypto/hash.ts";
import * as Header from "../../protocol/Header.ts";
import { persist, reject, type Draft } from "../draft.ts";
import { holdHeader } from "../finality.ts";
import type { HeadersReceived } from "../input.ts";
import { HEADERS_MAX, recordOf, type State } from "../state.ts";

/** FETCH-3: keeps the headers that are the named blocks or their ancestors, as hashes prove; the rest is not wanted. */
export function onHeaders(draft: Draft, input: HeadersReceived): void {
  const wanted = wantedHashes(draft.state);
  const descending = [...input.headers].sort((a, b) => Number(b.height - a.height));
  for (const header of descending) {
    const hash = Header.hash(header);
    const isWithin = header.height - draft.state.anchor.header.height <= HEADERS_MAX;
    if (!wanted.has(hash) || !isWithin) {
      reject(draft, input.from, { code: "unwanted", what: `header ${String(header.height)}` });
      continue;
    }
    persist(draft, { type: "header", header }, false);
    holdHeader(draft, header);
    wanted.delete(hash);
    if (!draft.state.blocks.has(header.parent)) wanted.add(header.parent);
  }
}

/** Hashes of blocks that a certificate or a held block names, and whose headers are not held. */
function wantedHashes(state: State): Set<Hash> {
  const named: Hash[] = [];
  for (const { notarization, finalization } of state.views.values()) {
    if (notarization !== undefined) named.push(notarization.vote.block);
    if (finalization !== undefined) named.push(finalization.vote.block);
  }
  const [current] = recordOf(state, state.view).proposals;
  if (current !== undefined) named.push(current.header.parent);
  for (const { header } of state.blocks.values()) named.push(header.parent);
  return new Set(named.filter((hash) => !state.blocks.has(hash) && hash !== Header.hash(state.anchor.header)));
}
