import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import type { ForkProof } from "../../src/lightclient/halt.ts";
import * as Header from "../../src/protocol/Header.ts";
import type { Sequencer } from "../sequencer.ts";

/** Two finalizations that cannot both be of one chain, as L1 wants them. */
export interface Fork {
  readonly lower: FinalizedHeader;
  readonly higher: FinalizedHeader;
  /** What the history of the higher one has at the height of the lower; undefined at equal heights. */
  readonly proof: ForkProof | undefined;
}

/** Pairs of different heights looked at in one go: each costs a question to every node. */
export const PAIRS_MAX = 8;

/**
 * FORK-1: two finalizations of one height in one epoch by one committee, with different blocks. Whether both are real is
 * for L1 to say; one that is invented makes the call revert in its preflight.
 */
export function findFork(offered: readonly FinalizedHeader[]): Fork | undefined {
  for (const [index, lower] of offered.entries()) {
    const higher = offered.slice(index + 1).find(({ header }) => conflicts(lower.header, header));
    if (higher !== undefined) return { lower, higher, proof: undefined };
  }
  return undefined;
}

/**
 * FORK-2: two finalizations of different heights, where the history of the higher has another block at the height of the
 * lower. L1 compares within one epoch: against a finalization of a later epoch stands its handover in the lower's epoch.
 * `offered` as nodes give their newest, the highest first.
 */
export async function findDeepFork(
  offered: readonly FinalizedHeader[],
  sequencer: Pick<Sequencer, "handover" | "inHistory">,
): Promise<Fork | undefined> {
  const [highest, ...others] = offered;
  if (highest === undefined) return undefined;
  const below = others.filter(({ header }) => header.height < highest.header.height);
  for (const lower of below.slice(0, PAIRS_MAX)) {
    const sameEpoch = lower.header.epoch === highest.header.epoch;
    const against = sameEpoch ? [highest] : await sequencer.handover(lower.header.epoch);
    const level = findFork([lower, ...against]);
    if (level !== undefined) return level;
    for (const higher of against) {
      const proof = await differs(lower, higher, sequencer);
      if (proof !== undefined) return { lower, higher, proof };
    }
  }
  return undefined;
}

async function differs(
  lower: FinalizedHeader,
  higher: FinalizedHeader,
  sequencer: Pick<Sequencer, "inHistory">,
): Promise<ForkProof | undefined> {
  const [low, high] = [lower.header, higher.header];
  if (low.height >= high.height || low.epoch !== high.epoch || low.committee !== high.committee) return undefined;
  const other = await sequencer.inHistory(low.height, high);
  const otherBlock = other === undefined ? undefined : Header.hash(other.header);
  if (other === undefined || otherBlock === undefined || otherBlock === Header.hash(low)) return undefined;
  return { otherBlock, path: other.path };
}

function conflicts(a: Header.Header, b: Header.Header): boolean {
  const samePlace = a.height === b.height && a.epoch === b.epoch && a.committee === b.committee;
  return samePlace && Header.hash(a) !== Header.hash(b);
}
