import type { Draft } from "../draft.ts";
import { moveAnchor } from "../finality.ts";
import type { Adopt } from "../input.ts";
import { assert } from "../../runtime/assert.ts";

/** FIN-5: state sync went past the anchor. The caller has verified and stored everything up to the new one. */
export function onAdopt(draft: Draft, input: Adopt): void {
  const { anchor } = input;
  const { state } = draft;
  assert(anchor.certificate?.vote.epoch === state.epoch, "an anchor is adopted in the epoch that finalized it");
  if (state.phase !== "running" || anchor.header.height <= state.anchor.header.height) return;
  moveAnchor(draft, anchor);
}
