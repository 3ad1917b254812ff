import * as Certificate from "../protocol/Certificate.ts";
import * as Committee from "../protocol/Committee.ts";
import type { View } from "../protocol/scalars.ts";
import type { Verified } from "../protocol/Verified.ts";
import * as Vote from "../protocol/Vote.ts";
import { expectPresent, assert } from "../runtime/assert.ts";
import { certificatesOf, isSigner } from "./evidence.ts";
import type { Context } from "./context.ts";
import { emit, updateView, type Draft } from "./draft.ts";
import type { Contradiction } from "./output.ts";
import { recordOf, type Slot, type Slots, type State, type ViewRecord, type VoteBook } from "./state.ts";

/**
 * Votes become certificates here, each certificate once. A vote is only buffered, one slot per (member, kind, view)
 * (VOTE-1); signatures are checked as one aggregate when a quorum of weight stands behind one vote (VOTE-2). A vote that
 * contradicts another of its author is checked at once (VOTE-4).
 */

/** Puts a vote into its empty slot, or finds that the slot holds something else. */
export type Admission = "added" | "duplicate" | "different" | "refused";

export function addVote(draft: Draft, signed: Vote.SignedVote, isVerified: boolean): Admission {
  const { kind, view } = signed.vote;
  const { votes } = recordOf(draft.state, view);
  const slot = votes[kind].get(signed.signer);
  if (slot === "refused") return "refused";
  if (slot !== undefined) {
    if (!Vote.equals(slot.signed.vote, signed.vote)) return "different";
    if (isVerified && !slot.isVerified) setSlot(draft, view, kind, signed.signer, { signed, isVerified });
    return "duplicate";
  }
  setSlot(draft, view, kind, signed.signer, { signed, isVerified });
  return "added";
}

export function setSlot(draft: Draft, view: View, kind: Vote.VoteKind, signer: number, slot: Slot): void {
  const { votes } = recordOf(draft.state, view);
  const slots = new Map(votes[kind]);
  slots.set(signer, slot);
  updateView(draft, view, { votes: withSlots(votes, kind, slots) });
}

function withSlots(votes: VoteBook, kind: Vote.VoteKind, slots: Slots): VoteBook {
  return { ...votes, [kind]: slots };
}

/** The votes in the slots that say exactly `vote`. */
function votesFor(record: ViewRecord, vote: Vote.Vote): Exclude<Slot, "refused">[] {
  const held: Exclude<Slot, "refused">[] = [];
  for (const slot of record.votes[vote.kind].values()) {
    if (slot !== "refused" && Vote.equals(slot.signed.vote, vote)) held.push(slot);
  }
  return held;
}

function weightOf(context: Context, votes: readonly Exclude<Slot, "refused">[]): bigint {
  return votes.reduce((sum, { signed }) => sum + Committee.weightOf(context.committee, signed.signer), 0n);
}

function hasCertificate(record: ViewRecord, vote: Vote.Vote): boolean {
  return certificatesOf(record).some((certificate) => certificate.vote.kind === vote.kind);
}

/** VOTE-2: asks for verification of the group that `vote` belongs to, once it has a quorum and no certificate. */
export function verifyAtQuorum(draft: Draft, vote: Vote.Vote): void {
  const record = recordOf(draft.state, vote.view);
  const group = groupKey(vote);
  if (hasCertificate(record, vote) || record.votes.verifying.includes(group)) return;
  const held = votesFor(record, vote);
  if (weightOf(draft.context, held) < draft.context.quorum) return;
  const verifying = [...record.votes.verifying, group];
  updateView(draft, vote.view, { votes: { ...record.votes, verifying } });
  const votes = held.map(({ signed, isVerified }) => ({
    signer: signed.signer,
    signature: signed.signature,
    isVerified,
  }));
  emit(draft, { type: "verify-votes", vote, votes });
}

/** Whether the signatures of votes that say `vote` are being checked: a certificate may be about to form. */
export function isBeingVerified(state: State, vote: Vote.Vote): boolean {
  return recordOf(state, vote.view).votes.verifying.includes(groupKey(vote));
}

/** VOTE-3: takes over what verification found: bad signatures lose their slot for good, the rest is marked. */
export function settleVerification(
  draft: Draft,
  vote: Vote.Vote,
  valid: readonly number[],
  bad: readonly number[],
): void {
  const { votes } = recordOf(draft.state, vote.view);
  const slots = new Map(votes[vote.kind]);
  for (const signer of bad) slots.set(signer, "refused");
  for (const signer of valid) {
    const slot = slots.get(signer);
    if (slot !== undefined && slot !== "refused") slots.set(signer, { ...slot, isVerified: true });
  }
  const verifying = votes.verifying.filter((group) => group !== groupKey(vote));
  updateView(draft, vote.view, { votes: { ...withSlots(votes, vote.kind, slots), verifying } });
}

/** The certificate of verified votes, if their weight is a quorum. */
export function certificateFrom(
  context: Context,
  vote: Vote.Vote,
  signers: readonly number[],
  aggregate: Uint8Array,
): Verified<Certificate.Certificate> | undefined {
  const weight = signers.reduce((sum, signer) => sum + Committee.weightOf(context.committee, signer), 0n);
  if (weight < context.quorum) return undefined;
  const absent = Committee.absentBitmap(context.committee.members.length, new Set(signers));
  return trusted({ vote, absent, signature: aggregate });
}

/** A certificate whose signatures this node checked before: just now as votes, or before it wrote its own journal. */
export function trusted(certificate: Certificate.Certificate): Verified<Certificate.Certificate> {
  const verdict = Certificate.conclude(certificate, true);
  assert(verdict.ok, "a certificate whose signature was found valid is verified");
  return verdict.certificate;
}

/** VOTE-4: what `signed` contradicts among the other votes of its author, and the certificates it stands in. */
export function contradictionOf(
  context: Context,
  record: ViewRecord,
  signed: Vote.SignedVote,
): Contradiction | undefined {
  for (const kind of ["notarize", "nullify", "finalize"] as const) {
    const slot = record.votes[kind].get(signed.signer);
    if (slot === undefined || slot === "refused") continue;
    if (Vote.contradict(slot.signed.vote, signed.vote)) return { type: "vote", vote: slot.signed };
  }
  const certificate = certificatesOf(record).find(
    (held) => Vote.contradict(held.vote, signed.vote) && isSigner(context, held, signed.signer),
  );
  return certificate === undefined ? undefined : { type: "certificate", certificate };
}

/** VOTE-4: has a contradiction verified, one case per member and view. */
export function disputeVote(draft: Draft, signed: Vote.SignedVote): void {
  const record = recordOf(draft.state, signed.vote.view);
  if (record.votes.disputed.includes(signed.signer)) return;
  const against = contradictionOf(draft.context, record, signed);
  if (against === undefined) return;
  const disputed = [...record.votes.disputed, signed.signer];
  updateView(draft, record.view, { votes: { ...record.votes, disputed } });
  emit(draft, { type: "verify-conflict", vote: signed, against });
}

/** VOTE-4: the votes already held are compared with a certificate that came later. */
export function disputeAgainst(draft: Draft, certificate: Certificate.Certificate): void {
  const record = recordOf(draft.state, certificate.vote.view);
  for (const kind of ["notarize", "nullify", "finalize"] as const) {
    for (const slot of record.votes[kind].values()) {
      if (slot === "refused" || !Vote.contradict(slot.signed.vote, certificate.vote)) continue;
      if (isSigner(draft.context, certificate, slot.signed.signer)) disputeVote(draft, slot.signed);
    }
  }
}

/**
 * VOTE-4: a case that came to nothing, for a signature was bad, must not shield its author: the case is closed, and what
 * else is held of that member is compared anew. Each such case costs its author a penalty, which bounds them.
 */
export function closeDispute(draft: Draft, view: View, signer: number): void {
  const { votes } = recordOf(draft.state, view);
  updateView(draft, view, { votes: { ...votes, disputed: votes.disputed.filter((other) => other !== signer) } });
  for (const kind of ["notarize", "nullify", "finalize"] as const) {
    const slot = slotOf(recordOf(draft.state, view), kind, signer);
    if (slot !== undefined && slot !== "refused") disputeVote(draft, slot.signed);
  }
}

export function slotOf(record: ViewRecord, kind: Vote.VoteKind, signer: number): Slot | undefined {
  return record.votes[kind].get(signer);
}

function groupKey(vote: Vote.Vote): string {
  return vote.kind === "nullify" ? vote.kind : `${vote.kind} ${expectPresent(Vote.block(vote), "a block")}`;
}
