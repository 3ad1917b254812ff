import type { Bls } from "../crypto/bls.ts";
import type { Hash } from "../crypto/hash.ts";
import * as Certificate from "../protocol/Certificate.ts";
import type * as Committee from "../protocol/Committee.ts";
import type { Domain } from "../protocol/Domain.ts";
import * as Header from "../protocol/Header.ts";
import type { CommitteeId, Epoch, Height, View } from "../protocol/scalars.ts";

/** A header and the certificate of its finalization: all that convinces somebody who trusts the committee. */
export interface FinalizedHeader {
  readonly header: Header.Header;
  readonly certificate: Certificate.Finalization;
}

/** Why a header with a certificate is not a finalized block of a committee. */
export type FinalizedHeaderFault =
  | Certificate.CertificateFault
  | { readonly code: "wrong-committee"; readonly given: CommitteeId; readonly expected: CommitteeId }
  | { readonly code: "wrong-block"; readonly given: Hash; readonly expected: Hash }
  | { readonly code: "wrong-epoch"; readonly given: Epoch; readonly expected: Epoch }
  | { readonly code: "wrong-view"; readonly given: View; readonly header: View; readonly handover: boolean }
  | { readonly code: "beyond-epoch"; readonly height: Height; readonly last: bigint }
  | { readonly code: "handover-mismatch"; readonly height: Height; readonly nextCommittee: CommitteeId };

export type FinalizedHeaderVerdict =
  { readonly ok: true } | { readonly ok: false; readonly fault: FinalizedHeaderFault };

/** What a committee's signatures are checked against. */
export interface Verifier {
  readonly domain: Domain;
  /** From the cluster config: the handover of epoch e is at height e · epochLength. */
  readonly epochLength: bigint;
  readonly bls: Pick<Bls, "verifyAggregate">;
}

/** LC-1: the cheap half of `verify`: everything about form, and nothing about signatures. */
export function checkForm(
  { header, certificate }: FinalizedHeader,
  committee: CommitteeId,
  epochLength: bigint,
): FinalizedHeaderFault | undefined {
  const { vote } = certificate;
  if (header.committee !== committee) return { code: "wrong-committee", given: header.committee, expected: committee };
  const last = header.epoch * epochLength;
  if (header.height > last) return { code: "beyond-epoch", height: header.height, last };
  const handover = Header.isHandover(header);
  if ((header.height === last) !== handover) {
    return { code: "handover-mismatch", height: header.height, nextCommittee: header.nextCommittee };
  }
  const expected = Header.hash(header);
  if (vote.block !== expected) return { code: "wrong-block", given: vote.block, expected };
  if (vote.epoch !== header.epoch) return { code: "wrong-epoch", given: vote.epoch, expected: header.epoch };
  const isViewRight = handover ? vote.view >= header.viewNumber : vote.view === header.viewNumber;
  if (!isViewRight) return { code: "wrong-view", given: vote.view, header: header.viewNumber, handover };
  return undefined;
}

/** LC-2: a header is finalized iff a quorum of its committee signed `finalize` of its hash, epoch and view. */
export function verify(
  finalized: FinalizedHeader,
  committee: Committee.Committee,
  verifier: Verifier,
): FinalizedHeaderVerdict {
  const fault = checkForm(finalized, committee.id, verifier.epochLength);
  if (fault !== undefined) return { ok: false, fault };
  const checked = Certificate.checkWeight(finalized.certificate, committee, verifier.domain);
  if (!checked.ok) return checked;
  const { keys, digest, signature } = checked.check;
  if (verifier.bls.verifyAggregate(keys, digest, signature, "vote")) return { ok: true };
  return { ok: false, fault: { code: "bad-signature" } };
}
