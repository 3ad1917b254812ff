import type * as Certificate from "../protocol/Certificate.ts";
import * as Committee from "../protocol/Committee.ts";
import * as Evidence from "../protocol/Evidence.ts";
import type { SignedVote } from "../protocol/Vote.ts";
import type { Context } from "./context.ts";
import { emit, type Draft } from "./draft.ts";
import type { ViewRecord } from "./state.ts";

/** ACC-1: two verified statements that contradict become evidence. Says nothing where they do not contradict. */
export function reportContradiction(draft: Draft, first: Statement, second: Statement): void {
  const offence = Evidence.offence(messageOf(first), messageOf(second));
  if (offence === undefined) return;
  const evidence = { first: toEvidence(draft.context, first), second: toEvidence(draft.context, second) };
  emit(draft, { type: "report-evidence", offence, evidence });
}

/** A signed statement: one member's vote or a certificate. */
export type Statement = SignedVote | Certificate.Certificate;

/** The certificates held for a view. */
export function certificatesOf(record: ViewRecord): Certificate.Certificate[] {
  return [record.notarization, record.nullification, record.finalization].filter((held) => held !== undefined);
}

/** Whether `signer` stands in the certificate. */
export function isSigner(context: Context, certificate: Certificate.Certificate, signer: number): boolean {
  return Committee.presentMembers(context.committee.members.length, certificate.absent)?.includes(signer) ?? false;
}

function messageOf(statement: Statement): Evidence.Message {
  return statement.vote;
}

function toEvidence(context: Context, statement: Statement): Evidence.Statement {
  const { committee } = context;
  const signers: Evidence.Signers =
    "signer" in statement
      ? { kind: "key", validator: Committee.member(committee, statement.signer).validator }
      : { kind: "committee", committee: committee.id, absent: statement.absent };
  return { message: statement.vote, signers, signature: statement.signature };
}
