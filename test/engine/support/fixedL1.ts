import { keccakHash } from "../../../src/crypto/hash.ts";
import type { L1View } from "../../../src/engine/l1View.ts";
import type { Member } from "../../../src/protocol/Committee.ts";
import { CommitteeId } from "../../../src/protocol/scalars.ts";

/** An L1 that stands still at block 10, with one committee made in block 5. */
export function fixedL1(members: readonly Member[]): L1View {
  const randomness = keccakHash(Uint8Array.of(1));
  const committee = { id: CommitteeId(1n), members, randomness, createdNumber: 5n, createdAt: 1_700_000_000n };
  const hash = keccakHash(Uint8Array.of(2));
  return {
    finalized: () => ({ number: 10n, hash }),
    reachable: () => true,
    hashAt: (number) => (number === 10n ? hash : undefined),
    newestCommitteeAt: (number) => (number >= 5n ? CommitteeId(1n) : undefined),
    createdAt: (id) => (id === 1n ? 5n : undefined),
    committee: (id) => (id === 1n ? committee : undefined),
    lightClient: () => "live",
    checkpoint: () => undefined,
    isTrusted: () => true,
    resumes: () => [],
    onChange: () => () => undefined,
  };
}
