import type { Hex } from "../codec/hex.ts";
import { keyHash, type Bls } from "../crypto/bls.ts";
import type { Hash } from "../crypto/hash.ts";
import { hashStruct, signingDigest, type StructType } from "../crypto/typedData.ts";
import { separator, type Domain } from "./Domain.ts";

/** What a proof of possession signs: the key belongs to this account, so the proof cannot be copied. */
export interface Registration {
  /** The account that registers. */
  readonly validator: Hex;
  readonly keyHash: Hash;
}

export const STRUCT: StructType<keyof Registration> = {
  name: "Register",
  members: [
    { name: "validator", type: "address" },
    { name: "keyHash", type: "bytes32" },
  ],
};

export function hash(registration: Registration): Hash {
  return hashStruct(STRUCT, { ...registration });
}

/** Uses the domain without salt: keys are registered before there is a genesis. */
export function digest(registration: Registration, domain: Omit<Domain, "salt">): Uint8Array {
  return signingDigest(separator({ ...domain, salt: undefined }), hash(registration));
}

/** Proof that the holder of `secretKey` registers it for `validator`: a 48-byte signature. */
export function provePossession(
  bls: Bls,
  secretKey: Uint8Array,
  validator: Hex,
  domain: Omit<Domain, "salt">,
): Uint8Array {
  const registration = { validator, keyHash: keyHash(bls.publicKey(secretKey)) };
  return bls.sign(secretKey, digest(registration, domain), "possession");
}
