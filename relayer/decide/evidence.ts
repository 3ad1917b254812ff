import type { Evidence, Statement } from "../../src/protocol/Evidence.ts";
import { presentMembers } from "../../src/protocol/Committee.ts";
import type { CommitteeStatement } from "../l1/encodeEvidence.ts";
import { SIGNERS_AT_ONCE } from "../l1/encodeEvidence.ts";

/** How a piece of evidence is put to the Slasher. */
export type Case =
  | { readonly kind: "pair"; readonly validator: bigint }
  | {
      readonly kind: "member";
      readonly certificate: CommitteeStatement;
      readonly vote: Statement;
      /** Place in the certificate's committee. */
      readonly index: number;
      readonly validator: bigint;
    }
  | {
      readonly kind: "certificates";
      readonly first: CommitteeStatement;
      readonly second: CommitteeStatement;
      readonly inBoth: readonly { readonly first: number; readonly second: number; readonly validator: bigint }[];
    }
  | { readonly kind: "none"; readonly reason: string };

/**
 * REPORT-1: two votes of one key, a vote against a certificate that its signer signed as well, or members of two
 * certificates that signed both; none of them slashed yet.
 * `membersOf` gives a committee's validators in committee order.
 */
export function caseOf(
  { first, second }: Evidence,
  membersOf: (committee: bigint) => readonly bigint[] | undefined,
  slashed: ReadonlySet<bigint>,
): Case {
  if (first.signers.kind === "key" && second.signers.kind === "key") {
    if (first.signers.validator !== second.signers.validator) return { kind: "none", reason: "two validators" };
    const { validator } = first.signers;
    return slashed.has(validator) ? { kind: "none", reason: "slashed already" } : { kind: "pair", validator };
  }
  if (isCommittee(first) && !isCommittee(second)) return caseOfMember(first, second, membersOf, slashed);
  if (isCommittee(second) && !isCommittee(first)) return caseOfMember(second, first, membersOf, slashed);
  if (!isCommittee(first) || !isCommittee(second)) return { kind: "none", reason: "nobody signed" };
  const [inFirst, inSecond] = [signersOf(first, membersOf), signersOf(second, membersOf)];
  if (inFirst === undefined || inSecond === undefined) return { kind: "none", reason: "an unknown committee" };
  const inBoth = [...inFirst].flatMap(([validator, index]) => {
    const other = inSecond.get(validator);
    return other === undefined || slashed.has(validator) ? [] : [{ first: index, second: other, validator }];
  });
  if (inBoth.length === 0) return { kind: "none", reason: "nobody is left to slash" };
  return { kind: "certificates", first, second, inBoth: inBoth.slice(0, SIGNERS_AT_ONCE) };
}

function caseOfMember(
  certificate: CommitteeStatement,
  vote: Statement,
  membersOf: (committee: bigint) => readonly bigint[] | undefined,
  slashed: ReadonlySet<bigint>,
): Case {
  if (vote.signers.kind !== "key") return { kind: "none", reason: "nobody signed" };
  const { validator } = vote.signers;
  if (slashed.has(validator)) return { kind: "none", reason: "slashed already" };
  const signers = signersOf(certificate, membersOf);
  if (signers === undefined) return { kind: "none", reason: "an unknown committee" };
  const index = signers.get(validator);
  if (index === undefined) return { kind: "none", reason: "not among the certificate's signers" };
  return { kind: "member", certificate, vote, index, validator };
}

function isCommittee(statement: Statement): statement is CommitteeStatement {
  return statement.signers.kind === "committee";
}

function signersOf(
  { signers }: CommitteeStatement,
  membersOf: (committee: bigint) => readonly bigint[] | undefined,
): Map<bigint, number> | undefined {
  const members = membersOf(signers.committee);
  const present = members === undefined ? undefined : presentMembers(members.length, signers.absent);
  if (members === undefined || present === undefined) return undefined;
  return new Map(present.flatMap((index) => (members[index] === undefined ? [] : [[members[index], index]])));
}
