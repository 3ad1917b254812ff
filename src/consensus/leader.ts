import { hashBytes, keccakHash, type Hash } from "../crypto/hash.ts";
import type { Member } from "../protocol/Committee.ts";
import type { Epoch, View } from "../protocol/scalars.ts";
import { AssertionError } from "../runtime/assert.ts";

/** LEAD-1: seed = keccak256(randomness ‖ uint64 epoch), randomness = prevrandao of the `rotate()` block. */
export function epochSeed(randomness: Hash, epoch: Epoch): Hash {
  return keccakHash(hashBytes(randomness), uint64(epoch));
}

interface Electorate {
  readonly seed: Hash;
  readonly totalWeight: bigint;
  readonly committee: { readonly members: readonly Pick<Member, "weight">[] };
}

/** LEAD-2: the leader of view v is the first i with w_0+…+w_i > uint256(keccak256(seed ‖ uint64 v)) mod W. */
export function leaderOf(electorate: Electorate, view: View): number {
  const { seed, totalWeight, committee } = electorate;
  let ticket = BigInt(keccakHash(hashBytes(seed), uint64(view))) % totalWeight;
  for (const [index, member] of committee.members.entries()) {
    if (ticket < member.weight) return index;
    ticket -= member.weight;
  }
  throw new AssertionError("a ticket below the total weight falls on a member");
}

function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}
