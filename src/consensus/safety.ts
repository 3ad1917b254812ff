import type { Hash } from "../crypto/hash.ts";
import type { View } from "../protocol/scalars.ts";
import type { Judgement } from "./ancestry.ts";
import type { Context } from "./context.ts";
import { certifiedBlock, finalizedView, recordOf, type State } from "./state.ts";

/**
 * May I vote? The only three functions that answer it, and every signature of this node passes through one of them
 * (`cast.ts`, which journals first). Read with section 5 of the specification beside it; quotations are from there.
 *
 * The pairs that are slashable, all within one (epoch, view): S1 `notarize` of two blocks, S2 `finalize` of two blocks,
 * S3 `nullify` with `finalize`, S4 `notarize` of one block with `finalize` of another. `own` below is what was journaled,
 * so what may have been signed; it survives restarts. Each function is called with the state as it is at that moment,
 * and the vote enters `own` in the same step.
 */

/** SAFE-7: nothing is signed by an observer, while voting is off, at or below a final view, or after the epoch's end. */
function isOpen(context: Context, state: State, view: View): boolean {
  return (
    context.seat !== undefined && state.isVotingEnabled && state.phase === "running" && view > finalizedView(state)
  );
}

/**
 * SAFE-2: "only while in view v, and never after signing finalize(v) ... At most one per view, ever." (S1, S4)
 * SAFE-5: the block's ancestry was judged valid: parent certified or finalized, the gap nullified.
 */
export function mayNotarize(context: Context, state: State, view: View, judgement: Judgement): boolean {
  const { own } = recordOf(state, view);
  return (
    isOpen(context, state, view) &&
    view === state.view &&
    own.notarize === undefined &&
    own.finalize === undefined &&
    judgement.status === "valid"
  );
}

/**
 * SAFE-3: "when certified valid ... unless nullify(v) was sent [S3], another block was notarized by this node in v [S4],
 * or two proposals of the leader in v were seen"; one `finalize` a view [S2].
 * SAFE-5: "only after the node checked rule 3's ancestry itself and stored the certificates it used."
 * SAFE-6: certified means notarized by certificate and the payload rebuilt and found valid.
 */
export function mayFinalize(context: Context, state: State, view: View, block: Hash, judgement: Judgement): boolean {
  const { own, notarization, proposals } = recordOf(state, view);
  return (
    isOpen(context, state, view) &&
    notarization?.vote.block === block &&
    certifiedBlock(state, view) === block &&
    own.finalize === undefined &&
    !own.nullify &&
    (own.notarize === undefined || own.notarize === block) &&
    proposals.length < 2 &&
    judgement.status === "valid"
  );
}

/** SAFE-4: "broadcast nullify(v) unless finalize(v) was sent" (S3), once. `notarize` with `nullify` is honest. */
export function mayNullify(context: Context, state: State, view: View): boolean {
  const { own } = recordOf(state, view);
  return isOpen(context, state, view) && view <= state.view && own.finalize === undefined && !own.nullify;
}
