import type { Hash } from "../crypto/hash.ts";
import type * as Committee from "../protocol/Committee.ts";
import type { Resume } from "../protocol/Resume.ts";
import type { CommitteeId, Epoch, Height } from "../protocol/scalars.ts";

/** An L1 block that counts as finalized under the cluster config. */
export interface Anchor {
  readonly number: bigint;
  readonly hash: Hash;
}

/** `unknown`: L1 was not read yet. Whoever decides by it takes it for the worst (ETH-14). */
export type LightClientState = "live" | "expired" | "frozen" | "unknown";

/** Where the light client on L1 stands, L1-finalized. */
export interface Position {
  readonly height: Height;
  readonly epoch: Epoch;
  /** 0 before the first is installed. */
  readonly committee: CommitteeId;
}

/** A resume that was applied on L1, and the height of its block. */
export interface AppliedResume extends Resume {
  readonly height: Height;
}

/**
 * What the engine knows of L1, read at any moment without waiting. The adapter follows L1, folds finalized events and
 * calls the listener whenever an answer may have changed; it never answers from unfinalized state. Everything here is
 * advice for voting and proposing, never for certification (docs/spec/consensus.md, rule 3).
 */
export interface L1View {
  /** The newest finalized block seen, or undefined before the first one. */
  finalized(): Anchor | undefined;
  /** Whether L1 answers at present; while it does not, leaders repeat the parent's anchor. */
  reachable(): boolean;
  /**
   * The hash of finalized L1 block `number`; undefined while it is not known (above the newest, or not fetched yet: the
   * adapter then fetches it and calls the listener).
   */
  hashAt(number: bigint): Hash | undefined;
  /** The newest committee id created at or below L1 block `number`, where that block is finalized and folded. */
  newestCommitteeAt(number: bigint): CommitteeId | undefined;
  /** L1 block in which a committee was created. */
  createdAt(id: CommitteeId): bigint | undefined;
  /** A committee, once its creation is finalized; transport keys and addresses as finalized events last set them. */
  committee(id: CommitteeId): Committee.Committee | undefined;
  /** L1-finalized view of the light client: nodes vote only while it is `live`. */
  lightClient(): LightClientState;
  /** The light client's latest checkpoint; undefined before L1 was read. */
  checkpoint(): Position | undefined;
  /**
   * Whether the light client still trusts a committee, so that two conflicting finalizations by it would freeze it; true
   * while nothing else is known.
   */
  isTrusted(id: CommitteeId): boolean;
  /** Resumes that were applied, L1-finalized, oldest first. */
  resumes(): readonly AppliedResume[];
  /** Calls `listener` after a change; returns the way to stop it. */
  onChange(listener: () => void): () => void;
}
