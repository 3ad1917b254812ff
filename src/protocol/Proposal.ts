import type { Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import { SIGNATURE_BYTES } from "../crypto/bls.ts";
import * as Header from "./Header.ts";
import { Epoch, View } from "./scalars.ts";
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
