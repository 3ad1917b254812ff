import type { Hash } from "../crypto/hash.ts";
import * as Header from "../protocol/Header.ts";
import type { History } from "../protocol/History.ts";
import { View } from "../protocol/scalars.ts";
import type { Context } from "./context.ts";
import { chainFault, formFault, isHandoverOf, isReproposal, type HeaderFault } from "./headerRules.ts";
import type { Want } from "./output.ts";
import {
  certifiedBlock,
  FETCHES_MAX,
  headerOf,
  historyOf,
  isNullified,
  recordOf,
  type State,
  type ViewRecord,
} from "./state.ts";

/**
 * SAFE-5, the heart of rule 3: may `header` stand in `view`? Its parent must be certified or finalized in an earlier
 * view u, and every view between u and `view` nullified, all by certificates that this node holds and has stored.
 */
export type Judgement =
  /** `parentView` is the u that was found. For a handover proposed again, `parent` is the handover itself. */
  | { readonly status: "valid"; readonly parentView: View; readonly parent: Header.Header }
  | { readonly status: "invalid"; readonly fault: HeaderFault }
  /** Not now: what would have to be fetched, perhaps nothing (a certification is under way, or never). */
  | { readonly status: "missing"; readonly wants: readonly Want[] };

/**
 * `advice` is the unsigned parent view of the proposal, if there is one: it only says how far down to look for what is
 * missing.
 */
export function judge(
  context: Context,
  state: State,
  view: View,
  header: Header.Header,
  advice: View | undefined,
): Judgement {
  const form = formFault(context, view, header);
  if (form !== undefined) return { status: "invalid", fault: form };
  const again = isReproposal(context, view, header);
  const parentHash = again ? Header.hash(header) : header.parent;
  const chain = again ? undefined : judgeChain(context, state, header);
  if (chain?.status === "invalid") return chain;
  const gap = findGround(state, view, parentHash, advice);
  if (gap.status === "missing") return gap;
  const parent = headerOf(state, parentHash);
  if (parent === undefined || chain?.status === "missing") return { status: "missing", wants: [] };
  return { status: "valid", parentView: gap.ground, parent };
}

/** PROP-5 and HAND-1 as far as the ancestors' headers are held. */
function judgeChain(context: Context, state: State, header: Header.Header): Judgement | undefined {
  const parent = headerOf(state, header.parent);
  const history: History | undefined = historyOf(state, header.parent);
  if (parent === undefined || history === undefined) return { status: "missing", wants: [] };
  if (isHandoverOf(context, parent)) {
    return { status: "invalid", fault: { code: "beyond-handover", given: header.height, handover: parent.height } };
  }
  const fault = chainFault(header, parent, history);
  return fault === undefined ? undefined : { status: "invalid", fault };
}

type Ground =
  { readonly status: "found"; readonly ground: View } | { readonly status: "missing"; readonly wants: readonly Want[] };

/**
 * Walks down from `view`: over nullified views, to the one in which `block` is certified or finalized. A view may hold
 * both certificates, so one that is nullified here may still be the parent's: it is asked for if it was named, or if
 * nothing was.
 */
function findGround(state: State, view: View, block: Hash, advice: View | undefined): Ground {
  const wants: Want[] = [];
  const doubtful: Want[] = [];
  for (let at = view - 1n; at >= state.anchorView && wants.length < FETCHES_MAX; at--) {
    const below = View(at);
    if (certifiedBlock(state, below) === block) {
      return wants.length === 0 ? { status: "found", ground: below } : { status: "missing", wants };
    }
    // A final view that holds another block is never bridged; the parent can only be in a view above.
    if (below === state.anchorView) break;
    const { notarization } = recordOf(state, below);
    if (notarization?.vote.block === block) return { status: "missing", wants };
    const want: Want = { type: "view", epoch: state.epoch, view: below };
    if (!isNullified(state, below)) wants.push(want);
    else if (notarization === undefined && (advice === undefined || below === advice)) doubtful.push(want);
    if (wants.length > 0 && (advice === undefined || below <= advice)) break;
  }
  return { status: "missing", wants: [...wants, ...doubtful].slice(0, FETCHES_MAX) };
}

/** PROP-1: what the leader of `view` builds on. */
export type Base =
  | { readonly status: "found"; readonly parentView: View; readonly parent: Header.Header; readonly history: History }
  | { readonly status: "missing"; readonly wants: readonly Want[] };

/** The highest view below `view` that is certified or finalized, if every view between is nullified. */
export function baseFor(state: State, view: View): Base {
  for (let at = view - 1n; at >= state.anchorView; at--) {
    const below = View(at);
    const block = certifiedBlock(state, below);
    if (block !== undefined) {
      const parent = headerOf(state, block);
      const history = historyOf(state, block);
      if (parent === undefined || history === undefined) return { status: "missing", wants: [] };
      return { status: "found", parentView: below, parent, history };
    }
    if (!isNullified(state, below)) {
      return { status: "missing", wants: [{ type: "view", epoch: state.epoch, view: below }] };
    }
  }
  return { status: "missing", wants: [] };
}

/** Parent view that the proposal of `block` named, if it is known. */
export function adviceFor(record: ViewRecord, block: Hash): View | undefined {
  return record.proposals.find(({ header }) => Header.hash(header) === block)?.parentView;
}
