import fc from "fast-check";

import { hashFromBytes } from "../../src/crypto/hash.ts";
import type * as Header from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch, Height, View } from "../../src/protocol/scalars.ts";

/** Any uint64. */
export const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

/** Any 32 bytes. */
export const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(hashFromBytes);

/** Any header, whether or not a chain could hold it. */
export const header: fc.Arbitrary<Header.Header> = fc.record({
  height: u64.map(Height),
  epoch: u64.map(Epoch),
  viewNumber: u64.map(View),
  committee: u64.map(CommitteeId),
  timestamp: u64,
  parent: hash,
  history: hash,
  payload: hash,
  namespaces: hash,
  l1Number: u64,
  l1Hash: hash,
  nextCommittee: u64.map(CommitteeId),
  proposer: fc.nat(65535),
});
