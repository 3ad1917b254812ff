import type { Hash } from "../crypto/hash.ts";
import { hashStruct, signingDigest, type StructType } from "../crypto/typedData.ts";
import { separator, type Domain } from "./Domain.ts";
import type { CommitteeId, Epoch } from "./scalars.ts";

/** A new committee's word that the chain goes on above `block` in `epoch`, after L1's client expired or froze. */
export interface Resume {
  readonly epoch: Epoch;
  readonly block: Hash;
  readonly committee: CommitteeId;
}

export const STRUCT: StructType<keyof Resume> = {
  name: "Resume",
  members: [
    { name: "epoch", type: "uint64" },
    { name: "block", type: "bytes32" },
    { name: "committee", type: "uint64" },
  ],
};

export function hash(resume: Resume): Hash {
  return hashStruct(STRUCT, { ...resume });
}

export function digest(resume: Resume, domain: Domain): Uint8Array {
  return signingDigest(separator(domain), hash(resume));
}
