import { ZERO_HASH } from "../../src/crypto/hash.ts";
import { contractInterface } from "../../src/l1/contracts.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import type { Fork } from "../decide/fork.ts";
import { certificateStruct } from "./encode.ts";

/** `freeze`; without a proof for two finalizations of one height. */
export function encodeFreeze({ lower, higher, proof }: Fork): string {
  const struct = ({ header, certificate }: FinalizedHeader): object => ({
    header,
    certificate: certificateStruct(certificate),
  });
  const args = [struct(lower), struct(higher), proof?.otherBlock ?? ZERO_HASH, proof?.path ?? []];
  return contractInterface("LightClient").encodeFunctionData("freeze", args);
}
