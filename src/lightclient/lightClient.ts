import type { Bls } from "../crypto/bls.ts";
import { hashFromBytes, type Hash } from "../crypto/hash.ts";
import { EMPTY_ROOT } from "../crypto/merkle.ts";
import type * as Certificate from "../protocol/Certificate.ts";
import type * as Committee from "../protocol/Committee.ts";
import type { Domain } from "../protocol/Domain.ts";
import type * as Header from "../protocol/Header.ts";
import { Epoch, GENESIS_HEIGHT, NO_COMMITTEE, View, type CommitteeId, type Height } from "../protocol/scalars.ts";
import type { Checkpoint } from "./checkpoint.ts";

/**
 * `contracts/LightClient.sol`, rule for rule, as functions of a state: what L1 would do with a transaction at a given
 * time. The relayer decides with it what is worth sending; tests hold it against the contract. Every fault has the name
 * of the contract's error, without `LightClient` and in kebab case.
 */

/** Fixed at deployment. Times in seconds. */
export interface Parameters {
  readonly epochLength: bigint;
  /** For how long after its creation a committee is trusted: escrow less margin. */
  readonly trustPeriod: bigint;
  readonly l1Drift: bigint;
  readonly ringInterval: bigint;
  readonly resumeDelay: bigint;
}

export interface Setting {
  readonly parameters: Parameters;
  readonly domain: Domain;
  readonly bls: Pick<Bls, "verifyAggregate">;
}

/** What the contract sees of L1 in the block that its transaction is in. */
export interface L1 {
  readonly nowSeconds: bigint;
  readonly blockNumber: bigint;
  /** As `StakeTable` has it; undefined where no such committee was made. */
  committee(id: CommitteeId): Committee.Committee | undefined;
  /** Whether the validator in a seat is tombstoned. */
  isSlashed(member: Committee.Member): boolean;
}

/** Entries of the ring. */
export const RING_SIZE = 64;
/** The position of the latest checkpoint, beside the ring's. */
export const LATEST_POSITION = BigInt(RING_SIZE);

export interface Position {
  readonly height: Height;
  readonly epoch: Epoch;
  readonly view: View;
  /** The installed committee; 0 before the first. */
  readonly committee: CommitteeId;
  /** The lesser of header time and time received, seconds. */
  readonly freshAt: bigint;
}

/** Seats of one committee that were reported as slashed, by committee index. */
export interface SlashedSeats {
  readonly reported: ReadonlySet<number>;
  readonly weight: bigint;
  readonly expired: boolean;
}

/** A resume that waits for its delay. */
export interface PendingResume {
  readonly epoch: Epoch;
  readonly committee: CommitteeId;
  readonly applicableAt: bigint;
  readonly checkpoint: Checkpoint;
}

export interface State {
  readonly position: Position;
  /** L1 time from which the installed committee is not trusted; 0 once its trust was ended. */
  readonly trustedUntil: bigint;
  readonly latest: Checkpoint;
  /** At most `RING_SIZE`, by place. */
  readonly ring: ReadonlyMap<number, Checkpoint>;
  readonly keptAt: bigint;
  /** What ended trust: a freeze in committees created until `endedAt`, a resume in those below `resumed`. */
  readonly halt: { readonly endedAt: bigint; readonly resumed: CommitteeId; readonly frozen: boolean };
  readonly slashed: ReadonlyMap<CommitteeId, SlashedSeats>;
  readonly barred: ReadonlySet<Epoch>;
  readonly pending: PendingResume | undefined;
}

/** A fault with the offending values. */
export type Fault =
  | Certificate.CertificateFault
  | { readonly code: "expired"; readonly trustedUntil: bigint; readonly nowSeconds: bigint }
  | { readonly code: "frozen" | "already-frozen" | "no-pending-resume" }
  | { readonly code: "no-committee"; readonly committee: CommitteeId }
  | { readonly code: "wrong-committee"; readonly given: CommitteeId; readonly installed: CommitteeId }
  | { readonly code: "height-not-increasing"; readonly given: bigint; readonly latest: bigint }
  | { readonly code: "epoch-not-increasing"; readonly given: bigint; readonly latest: bigint }
  | { readonly code: "view-not-increasing"; readonly given: bigint; readonly latest: bigint }
  | { readonly code: "height-beyond-epoch"; readonly height: bigint; readonly lastHeight: bigint }
  | { readonly code: "handover-malformed"; readonly height: bigint; readonly epoch: bigint; readonly next: bigint }
  | { readonly code: "wrong-view"; readonly given: bigint; readonly header: bigint }
  | { readonly code: "wrong-block"; readonly given: Hash; readonly signed: Hash }
  | { readonly code: "header-from-future"; readonly headerSeconds: bigint; readonly latestSeconds: bigint }
  | { readonly code: "next-committee-too-old"; readonly given: bigint; readonly installed: bigint }
  | { readonly code: "next-committee-not-newest"; readonly given: bigint; readonly newer: bigint }
  | { readonly code: "next-committee-not-created"; readonly given: bigint; readonly l1Number: bigint }
  | { readonly code: "anchor-from-future"; readonly l1Number: bigint; readonly blockNumber: bigint }
  | { readonly code: "value-too-large"; readonly value: bigint; readonly limit: bigint }
  | { readonly code: "seat-not-slashed" | "seat-already-reported" | "seat-out-of-bounds"; readonly seat: number }
  | {
      readonly code: "committee-not-trusted";
      readonly committee: CommitteeId;
      readonly trustedUntil: bigint;
      readonly nowSeconds: bigint;
    }
  | { readonly code: "no-fork"; readonly height: bigint; readonly block: Hash }
  | { readonly code: "fork-across-epochs"; readonly first: bigint; readonly second: bigint }
  | { readonly code: "fork-out-of-order"; readonly first: bigint; readonly second: bigint }
  | { readonly code: "history-mismatch"; readonly committed: Hash }
  | { readonly code: "still-trusted"; readonly trustedUntil: bigint; readonly nowSeconds: bigint }
  | {
      readonly code: "resume-epoch-out-of-bounds";
      readonly given: bigint;
      readonly above: bigint;
      readonly most: bigint;
    }
  | { readonly code: "resume-epoch-barred"; readonly epoch: bigint }
  | { readonly code: "resume-height-beyond-epoch"; readonly height: bigint; readonly lastHeight: bigint }
  | { readonly code: "resume-committee-not-newer"; readonly given: bigint; readonly installed: bigint }
  | { readonly code: "resume-committee-too-young"; readonly createdAt: bigint; readonly latestCreation: bigint }
  | { readonly code: "resume-committee-too-old"; readonly trustedUntil: bigint; readonly least: bigint }
  | { readonly code: "resume-superseded"; readonly given: bigint; readonly pending: bigint }
  | { readonly code: "resume-already-pending"; readonly epoch: bigint }
  | { readonly code: "resume-not-due"; readonly applicableAt: bigint; readonly nowSeconds: bigint };

export type Outcome = { readonly ok: true; readonly state: State } | { readonly ok: false; readonly fault: Fault };

export function refused(fault: Fault): Outcome {
  return { ok: false, fault };
}

const MS_PER_SECOND = 1000n;

export const seconds = (milliseconds: bigint): bigint => milliseconds / MS_PER_SECOND;

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** A client as deployed: genesis is its checkpoint, no committee is installed. */
export function create(genesisHash: Hash, nowSeconds: bigint): State {
  const latest = {
    blockHash: genesisHash,
    history: hashFromBytes(EMPTY_ROOT),
    height: GENESIS_HEIGHT,
    epoch: Epoch(0n),
    viewNumber: View(0n),
    timestamp: 0n,
    receivedAt: nowSeconds,
  };
  const position = { height: GENESIS_HEIGHT, epoch: Epoch(0n), view: View(0n), committee: NO_COMMITTEE, freshAt: 0n };
  return {
    position,
    trustedUntil: 0n,
    latest,
    ring: new Map(),
    keptAt: 0n,
    halt: { endedAt: 0n, resumed: NO_COMMITTEE, frozen: false },
    slashed: new Map(),
    barred: new Set(),
    pending: undefined,
  };
}

/** LC-30: a committee is trusted until `trustPeriod` after its creation, unless slashed weight or a halt ended it. */
export function trustedUntil(state: State, committee: Committee.Committee, { trustPeriod }: Parameters): bigint {
  if (state.slashed.get(committee.id)?.expired === true) return 0n;
  if (committee.createdAt <= state.halt.endedAt || committee.id < state.halt.resumed) return 0n;
  return committee.createdAt + trustPeriod;
}

/** LC-31: trusted, and the latest checkpoint is at most `maxAge` seconds old by the lesser of its two times. */
export function isLive(state: State, nowSeconds: bigint, maxAge: bigint): boolean {
  return nowSeconds < state.trustedUntil && nowSeconds - state.position.freshAt <= maxAge;
}

/** LC-32: a committee is installed even when it is trusted no more: the chain did go over to it. */
export function install(state: State, committee: Committee.Committee, parameters: Parameters): State {
  const position = { ...state.position, committee: committee.id };
  return { ...state, position, trustedUntil: trustedUntil(state, committee, parameters) };
}

/**
 * LC-33: a checkpoint becomes the latest, and goes into the ring iff the last entry is `ringInterval` old, so that many
 * cheap advances cannot flush the ring. Its place follows from the time: it stays for at least RING_SIZE - 1 intervals.
 */
export function store(state: State, checkpoint: Checkpoint, nowSeconds: bigint, { ringInterval }: Parameters): State {
  const freshAt = min(checkpoint.receivedAt, seconds(checkpoint.timestamp));
  const stored = { ...state, latest: checkpoint, position: { ...state.position, freshAt } };
  if (nowSeconds < state.keptAt + ringInterval) return stored;
  const ring = new Map(state.ring).set(ringPlace(nowSeconds, ringInterval), checkpoint);
  return { ...stored, ring, keptAt: nowSeconds };
}

/** Widths of the places that L1 has for a position in its one word of state, in bits. */
const POSITION_BITS = { height: 40n, epoch: 30n, view: 32n } as const;

/** LC-35: a height, epoch or view that outgrows its place is refused. */
export function checkPosition({ position }: State): Fault | undefined {
  for (const member of ["height", "epoch", "view"] as const) {
    const limit = (1n << POSITION_BITS[member]) - 1n;
    if (position[member] > limit) return { code: "value-too-large", value: position[member], limit };
  }
  return undefined;
}

/** Where in the ring an entry of this time stands. */
export function ringPlace(nowSeconds: bigint, ringInterval: bigint): number {
  return Number((nowSeconds / ringInterval) % BigInt(RING_SIZE));
}

export function checkpointOf(header: Header.Header, blockHash: Hash, view: View, receivedAt: bigint): Checkpoint {
  const { history, height, epoch, timestamp } = header;
  return { blockHash, history, height, epoch, viewNumber: view, timestamp, receivedAt };
}
