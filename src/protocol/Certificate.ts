import type { Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import { SIGNATURE_BYTES, type Bls } from "../crypto/bls.ts";
import * as Committee from "./Committee.ts";
import type { Domain } from "./Domain.ts";
import type { Verified } from "./Verified.ts";
import * as Vote from "./Vote.ts";

/**
 * A quorum certificate: one aggregate signature by members with at least a quorum of the weight over one vote. A
 * certificate of `notarize` is a notarization, of `nullify` a nullification, of `finalize` a finalization.
 */
export interface Certificate {
  readonly vote: Vote.Vote;
  /** Bitmap of the members that did not sign, exactly ceil(n/8) bytes. */
  readonly absent: Uint8Array;
  /** Aggregate signature, 48 bytes compressed. */
  readonly signature: Uint8Array;
}

export type Notarization = Certificate & { readonly vote: Extract<Vote.Vote, { kind: "notarize" }> };
export type Nullification = Certificate & { readonly vote: Extract<Vote.Vote, { kind: "nullify" }> };
export type Finalization = Certificate & { readonly vote: Extract<Vote.Vote, { kind: "finalize" }> };

/** Why a certificate proves nothing. */
export type CertificateFault =
  | { readonly code: "malformed-bitmap"; readonly bytes: number; readonly members: number }
  | { readonly code: "below-quorum"; readonly weight: bigint; readonly quorum: bigint }
  | { readonly code: "bad-signature" };

/** The one pairing check that remains once a certificate's form and weight are found right. */
export interface SignatureCheck {
  readonly keys: readonly Uint8Array[];
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

export type Checked = { readonly ok: true; readonly check: SignatureCheck } | Refused;
export type Verdict = { readonly ok: true; readonly certificate: Verified<Certificate> } | Refused;
interface Refused {
  readonly ok: false;
  readonly fault: CertificateFault;
}

export function isNotarization(certificate: Certificate): certificate is Notarization {
  return certificate.vote.kind === "notarize";
}

export function isNullification(certificate: Certificate): certificate is Nullification {
  return certificate.vote.kind === "nullify";
}

export function isFinalization(certificate: Certificate): certificate is Finalization {
  return certificate.vote.kind === "finalize";
}

/** Bitmap and weight, the cheap part of verification: all that is left is the returned signature check. */
export function checkWeight(certificate: Certificate, committee: Committee.Committee, domain: Domain): Checked {
  const size = committee.members.length;
  const present = Committee.presentMembers(size, certificate.absent);
  if (present === undefined) {
    return { ok: false, fault: { code: "malformed-bitmap", bytes: certificate.absent.length, members: size } };
  }
  const signers = present.map((index) => Committee.member(committee, index));
  const weight = signers.reduce((sum, signer) => sum + signer.weight, 0n);
  const quorum = Committee.quorum(Committee.totalWeight(committee));
  if (weight < quorum) return { ok: false, fault: { code: "below-quorum", weight, quorum } };
  const check = {
    keys: signers.map((signer) => signer.key),
    digest: Vote.digest(certificate.vote, domain),
    signature: certificate.signature,
  };
  return { ok: true, check };
}

/** Full verification in place (about 5 ms with the fast backend). */
export function verify(certificate: Certificate, committee: Committee.Committee, domain: Domain, bls: Bls): Verdict {
  const checked = checkWeight(certificate, committee, domain);
  if (!checked.ok) return checked;
  const { keys, digest, signature } = checked.check;
  return conclude(certificate, bls.verifyAggregate(keys, digest, signature, "vote"));
}

/** Closes a verification whose signature check (from `checkWeight`) ran elsewhere, in a worker thread say. */
export function conclude(certificate: Certificate, isSignatureValid: boolean): Verdict {
  return isSignatureValid
    ? { ok: true, certificate: certificate as Verified<Certificate> }
    : { ok: false, fault: { code: "bad-signature" } };
}

/** The certificate of `votes`, which all sign `vote`, by different members; undefined if a signature is invalid. */
export function fromVotes(
  vote: Vote.Vote,
  votes: readonly Vote.SignedVote[],
  members: number,
  bls: Pick<Bls, "aggregate">,
): Certificate | undefined {
  const signature = bls.aggregate(votes.map((signed) => signed.signature));
  if (signature === undefined) return undefined;
  return { vote, absent: Committee.absentBitmap(members, new Set(votes.map((signed) => signed.signer))), signature };
}

export function write(writer: Writer, certificate: Certificate): void {
  Vote.write(writer, certificate.vote);
  writer.bytes(certificate.absent).fixed(certificate.signature, SIGNATURE_BYTES);
}

export function read(reader: Reader): Certificate {
  return {
    vote: Vote.read(reader),
    absent: reader.bytes(Committee.bitmapBytes(Committee.SEATS_MAX)),
    signature: reader.fixed(SIGNATURE_BYTES),
  };
}
