import type { Hex } from "../codec/hex.ts";
import type { Hash } from "../crypto/hash.ts";
import { hashStruct, type StructType } from "../crypto/typedData.ts";

/**
 * Where a signature counts: one deployment of `StakeTable` on one L1 and one genesis. `salt` is the genesis hash; it is
 * undefined only for `Register`, which happens before any genesis.
 */
export interface Domain {
  readonly chainId: bigint;
  /** Address of `StakeTable`, 20 bytes. */
  readonly stakeTable: Hex;
  readonly salt: Hash | undefined;
}

const NAME = "Crema";
const VERSION = "1";

const UNSALTED: StructType<"name" | "version" | "chainId" | "verifyingContract"> = {
  name: "EIP712Domain",
  members: [
    { name: "name", type: "string" },
    { name: "version", type: "string" },
    { name: "chainId", type: "uint256" },
    { name: "verifyingContract", type: "address" },
  ],
};

const SALTED: StructType<"name" | "version" | "chainId" | "verifyingContract" | "salt"> = {
  name: "EIP712Domain",
  members: [...UNSALTED.members, { name: "salt", type: "bytes32" }],
};

const known = new WeakMap<Domain, Hash>();

/** EIP-712 domain separator. */
export function separator(domain: Domain): Hash {
  const cached = known.get(domain);
  if (cached !== undefined) return cached;
  const values = { name: NAME, version: VERSION, chainId: domain.chainId, verifyingContract: domain.stakeTable };
  const hash =
    domain.salt === undefined ? hashStruct(UNSALTED, values) : hashStruct(SALTED, { ...values, salt: domain.salt });
  known.set(domain, hash);
  return hash;
}
