import type { Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import { SIGNATURE_BYTES } from "../crypto/bls.ts";
import type { SignatureCheck } from "./Certificate.ts";
import type * as Committee from "./Committee.ts";
import type { Domain } from "./Domain.ts";
import * as Header from "./Header.ts";
import { Epoch, View } from "./scalars.ts";
import type { Verified } from "./Verified.ts";
import * as Vote from "./Vote.ts";

/**
 * A leader's block for a view, valid only with the leader's `notarize` of it. The view is that of the vote: it differs
 * from `header.viewNumber` when a handover is proposed again. `parentView` is unsigned advice.
 */
export interface Proposal {
  readonly epoch: Epoch;
  readonly view: View;
  readonly header: Header.Header;
  /** View in which the parent was notarized; 0 for the first block of an epoch. */
  readonly parentView: View;
  /** Committee index of the leader of `view`. */
  readonly leader: number;
  /** The leader's signature over `notarize(epoch, view, hash(header))`, 48 bytes. */
  readonly signature: Uint8Array;
}

/** The leader's vote that a proposal carries. */
export function vote(proposal: Proposal): Vote.SignedVote {
  return {
    vote: Vote.notarize(proposal.epoch, proposal.view, Header.hash(proposal.header)),
    signer: proposal.leader,
    signature: proposal.signature,
  };
}

/** The one signature check that makes a proposal worth looking at; undefined if its leader has no seat. */
export function check(proposal: Proposal, committee: Committee.Committee, domain: Domain): SignatureCheck | undefined {
  const leader = committee.members[proposal.leader];
  if (leader === undefined) return undefined;
  const { vote: statement, signature } = vote(proposal);
  return { keys: [leader.key], digest: Vote.digest(statement, domain), signature };
}

/** Closes a verification whose signature check (from `check`) ran elsewhere. */
export function conclude(proposal: Proposal, isSignatureValid: boolean): Verified<Proposal> | undefined {
  return isSignatureValid ? (proposal as Verified<Proposal>) : undefined;
}

export function write(writer: Writer, proposal: Proposal): void {
  writer.u64(proposal.epoch).u64(proposal.view);
  Header.write(writer, proposal.header);
  writer.u64(proposal.parentView).u16(proposal.leader).fixed(proposal.signature, SIGNATURE_BYTES);
}

export function read(reader: Reader): Proposal {
  return {
    epoch: Epoch(reader.u64()),
    view: View(reader.u64()),
    header: Header.read(reader),
    parentView: View(reader.u64()),
    leader: reader.u16(),
    signature: reader.fixed(SIGNATURE_BYTES),
  };
}
