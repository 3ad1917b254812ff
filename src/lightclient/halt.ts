import { hashBytes, type Hash } from "../crypto/hash.ts";
import * as Merkle from "../crypto/merkle.ts";
import * as Committee from "../protocol/Committee.ts";
import * as Header from "../protocol/Header.ts";
import type { CommitteeId } from "../protocol/scalars.ts";
import { checkFinalization } from "./advance.ts";
import type { FinalizedHeader } from "./finalizedHeader.ts";
import { refused, trustedUntil, type Fault, type L1, type Outcome, type Setting, type State } from "./lightClient.ts";
import type { Path } from "./proofs.ts";

/** What ends trust: a fork that is proven, and a third of a committee's weight that is slashed. */

/** The block that the history of the higher finalization has at the height of the lower, with its proof. */
export interface ForkProof {
  readonly otherBlock: Hash;
  readonly path: Path;
}

/**
 * LC-40: `LightClient.freeze`: two finalizations of one epoch by one committee that is trusted now, with different
 * blocks at one height. `proof` is needed where the heights differ.
 */
export function freeze(
  state: State,
  lower: FinalizedHeader,
  higher: FinalizedHeader,
  proof: ForkProof | undefined,
  l1: L1,
  setting: Setting,
): Outcome {
  if (state.halt.frozen) return refused({ code: "already-frozen" });
  const { header: low } = lower;
  const { header: high } = higher;
  const committee = l1.committee(low.committee);
  const fault = checkPair(low, high) ?? checkTrusted(state, low.committee, committee, l1, setting);
  if (fault !== undefined) return refused(fault);
  if (committee === undefined) return refused({ code: "no-committee", committee: low.committee });
  const different = checkDifferent(low, high, proof);
  if (different !== undefined) return refused(different);
  const unsigned = checkFinalization(lower, committee, setting) ?? checkFinalization(higher, committee, setting);
  if (unsigned !== undefined) return refused(unsigned);
  const halt = { ...state.halt, endedAt: l1.nowSeconds, frozen: true };
  return { ok: true, state: { ...state, halt, trustedUntil: 0n } };
}

function checkPair(low: Header.Header, high: Header.Header): Fault | undefined {
  if (low.epoch !== high.epoch || low.committee !== high.committee) {
    return { code: "fork-across-epochs", first: low.epoch, second: high.epoch };
  }
  if (low.height > high.height) return { code: "fork-out-of-order", first: low.height, second: high.height };
  return undefined;
}

export function checkTrusted(
  state: State,
  id: CommitteeId,
  committee: Committee.Committee | undefined,
  { nowSeconds }: L1,
  { parameters }: Setting,
): Fault | undefined {
  const until = committee === undefined ? 0n : trustedUntil(state, committee, parameters);
  if (nowSeconds < until) return undefined;
  return { code: "committee-not-trusted", committee: id, trustedUntil: until, nowSeconds };
}

function checkDifferent(low: Header.Header, high: Header.Header, proof: ForkProof | undefined): Fault | undefined {
  const block = Header.hash(low);
  let other = Header.hash(high);
  if (low.height < high.height) {
    if (proof === undefined || !isInHistory(proof.otherBlock, low.height, high, proof.path)) {
      return { code: "history-mismatch", committed: high.history };
    }
    other = proof.otherBlock;
  }
  return other === block ? { code: "no-fork", height: low.height, block } : undefined;
}

/** Whether the history of `head` has `block` at `height`. */
export function isInHistory(block: Hash, height: bigint, head: Header.Header, path: Path): boolean {
  return Merkle.verify(hashBytes(head.history), hashBytes(block), height, head.height, path.map(hashBytes));
}

/**
 * LC-41, LC-54: `LightClient.reportSlashed`: from a third of its weight on, a committee is trusted no more. Seats that
 * were reported before are skipped, so that nobody spoils a report by reporting one of its seats first.
 */
export function reportSlashed(state: State, id: CommitteeId, seats: readonly number[], l1: L1): Outcome {
  const committee = l1.committee(id);
  if (committee === undefined) return refused({ code: "no-committee", committee: id });
  const before = state.slashed.get(id) ?? { reported: new Set<number>(), weight: 0n, expired: false };
  const reported = new Set(before.reported);
  let { weight } = before;
  const { length: size } = committee.members;
  if (seats.length > size) return refused({ code: "seat-out-of-bounds", seat: seats.length });
  for (const seat of seats) {
    const member = committee.members[seat];
    if (member === undefined) return refused({ code: "seat-out-of-bounds", seat });
    if (reported.has(seat)) continue;
    if (!l1.isSlashed(member)) return refused({ code: "seat-not-slashed", seat });
    reported.add(seat);
    weight += member.weight;
  }
  const [first] = seats;
  if (first !== undefined && reported.size === before.reported.size) {
    return refused({ code: "seat-already-reported", seat: first });
  }
  const expired = before.expired || 3n * weight >= Committee.totalWeight(committee);
  const slashed = new Map(state.slashed).set(id, { reported, weight, expired });
  const endsTrust = expired && !before.expired && id === state.position.committee;
  return { ok: true, state: { ...state, slashed, ...(endsTrust && { trustedUntil: 0n }) } };
}
