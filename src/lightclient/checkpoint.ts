import type { Hash } from "../crypto/hash.ts";
import { hashStruct, type StructType } from "../crypto/typedData.ts";
import type { Epoch, Height, View } from "../protocol/scalars.ts";

/** A finalized block as the light client on L1 remembers it: `contracts/types/Checkpoint.sol`, member for member. */
export interface Checkpoint {
  readonly blockHash: Hash;
  /** The block's own `history`: root over the block hashes 0 .. height-1. */
  readonly history: Hash;
  readonly height: Height;
  readonly epoch: Epoch;
  /** View of the finalization. */
  readonly viewNumber: View;
  /** Header time, milliseconds. */
  readonly timestamp: bigint;
  /** L1 time at which it was taken, seconds. */
  readonly receivedAt: bigint;
}

type Member = Exclude<keyof Checkpoint, "blockHash"> | "block";

export const STRUCT: StructType<Member> = {
  name: "Checkpoint",
  members: [
    { name: "block", type: "bytes32" },
    { name: "history", type: "bytes32" },
    { name: "height", type: "uint64" },
    { name: "epoch", type: "uint64" },
    { name: "viewNumber", type: "uint64" },
    { name: "timestamp", type: "uint64" },
    { name: "receivedAt", type: "uint64" },
  ],
};

/** What L1 stores of it. */
export function hash({ blockHash, ...rest }: Checkpoint): Hash {
  return hashStruct(STRUCT, { block: blockHash, ...rest });
}

/** A checkpoint and where the light client keeps it: a place in its ring, or the latest. */
export interface StoredCheckpoint {
  readonly position: bigint;
  readonly height: Height;
  readonly isLatest: boolean;
}

/**
 * LC-20: which checkpoint a block is proven against: the oldest ring entry at or above it, which stays where it is
 * while newer ones come; the latest, which the next `advance` replaces, only where there is none.
 */
export function choose<T extends StoredCheckpoint>(stored: readonly T[], height: Height): T | undefined {
  const above = stored.filter((each) => each.height >= height);
  const kept = above.filter((each) => !each.isLatest).sort((a, b) => (a.height < b.height ? -1 : 1));
  return kept[0] ?? above[0];
}
