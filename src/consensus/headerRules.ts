import type { Hash } from "../crypto/hash.ts";
import * as Header from "../protocol/Header.ts";
import * as History from "../protocol/History.ts";
import type { Height, View } from "../protocol/scalars.ts";
import type { Context } from "./context.ts";
import { leaderOf } from "./leader.ts";

/**
 * What makes a proposal *invalid*: a function of proposal, ancestors, committee and config alone, so every honest node
 * finds the same. Nothing here may look at a clock or at own L1.
 */

/** Why a header is invalid. Every honest node agrees. */
export type HeaderFault =
  | { readonly code: "wrong-epoch"; readonly given: bigint; readonly expected: bigint }
  | { readonly code: "wrong-committee"; readonly given: bigint; readonly expected: bigint }
  | { readonly code: "wrong-view"; readonly given: View; readonly expected: View }
  | { readonly code: "wrong-proposer"; readonly given: number; readonly expected: number }
  | { readonly code: "beyond-handover"; readonly given: Height; readonly handover: Height }
  | { readonly code: "handover-mismatch"; readonly height: Height; readonly nextCommittee: bigint }
  | { readonly code: "committee-decreased"; readonly given: bigint; readonly current: bigint }
  | { readonly code: "anchor-before-committee"; readonly given: bigint; readonly created: bigint }
  | { readonly code: "wrong-height"; readonly given: Height; readonly expected: bigint }
  | { readonly code: "timestamp-not-increased"; readonly given: bigint; readonly parent: bigint }
  | { readonly code: "anchor-decreased"; readonly given: bigint; readonly parent: bigint }
  | { readonly code: "anchor-contradicts-parent"; readonly number: bigint; readonly given: Hash; readonly parent: Hash }
  | { readonly code: "wrong-history"; readonly given: Hash; readonly expected: Hash };

/** Whether `header` is the block that may end this epoch. */
export function isHandoverOf(context: Context, header: Header.Header): boolean {
  return header.epoch === context.epoch && header.height === context.handoverHeight && Header.isHandover(header);
}

/**
 * HAND-2: whether a proposal for `view` can only be a handover proposed again: it was built in an earlier view. Such a
 * header was checked when it was certified; timestamp, anchor and proposer are not checked again.
 */
export function isReproposal(context: Context, view: View, header: Header.Header): boolean {
  return header.viewNumber < view && isHandoverOf(context, header);
}

/** PROP-4: what can be said without the parent. */
export function formFault(context: Context, view: View, header: Header.Header): HeaderFault | undefined {
  const { epoch, committee, handoverHeight } = context;
  if (header.epoch !== epoch) return { code: "wrong-epoch", given: header.epoch, expected: epoch };
  if (header.committee !== committee.id) {
    return { code: "wrong-committee", given: header.committee, expected: committee.id };
  }
  if (header.height > handoverHeight) {
    return { code: "beyond-handover", given: header.height, handover: handoverHeight };
  }
  if (Header.isHandover(header) !== (header.height === handoverHeight)) {
    return { code: "handover-mismatch", height: header.height, nextCommittee: header.nextCommittee };
  }
  if (isReproposal(context, view, header)) return undefined;
  if (header.viewNumber !== view) return { code: "wrong-view", given: header.viewNumber, expected: view };
  const leader = leaderOf(context, view);
  if (header.proposer !== leader) return { code: "wrong-proposer", given: header.proposer, expected: leader };
  if (Header.isHandover(header) && header.nextCommittee < committee.id) {
    return { code: "committee-decreased", given: header.nextCommittee, current: committee.id };
  }
  if (header.l1Number < committee.createdNumber) {
    return { code: "anchor-before-committee", given: header.l1Number, created: committee.createdNumber };
  }
  return undefined;
}

/** PROP-5: what needs the parent, and the frontier of all blocks up to it. */
export function chainFault(
  header: Header.Header,
  parent: Header.Header,
  history: History.History,
): HeaderFault | undefined {
  if (header.height !== parent.height + 1n) {
    return { code: "wrong-height", given: header.height, expected: parent.height + 1n };
  }
  if (header.timestamp <= parent.timestamp) {
    return { code: "timestamp-not-increased", given: header.timestamp, parent: parent.timestamp };
  }
  if (header.l1Number < parent.l1Number) {
    return { code: "anchor-decreased", given: header.l1Number, parent: parent.l1Number };
  }
  if (header.l1Number === parent.l1Number && header.l1Hash !== parent.l1Hash) {
    const { l1Number: number, l1Hash: given } = header;
    return { code: "anchor-contradicts-parent", number, given, parent: parent.l1Hash };
  }
  const expected = History.root(history);
  return header.history === expected ? undefined : { code: "wrong-history", given: header.history, expected };
}
