import type { Hash } from "../crypto/hash.ts";
import type * as Committee from "../protocol/Committee.ts";
import type { CommitteeId } from "../protocol/scalars.ts";

/** An L1 block that counts as finalized under the cluster config. */
export interface Anchor {
  readonly number: bigint;
  readonly hash: Hash;
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
  /** L1-finalized view of the light client: nodes stop voting while it is `expired` or `frozen`. */
  lightClient(): "live" | "expired" | "frozen";
  /** Calls `listener` after a change; returns the way to stop it. */
  onChange(listener: () => void): () => void;
}
