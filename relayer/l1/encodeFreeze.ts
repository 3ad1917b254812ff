import { ZERO_HASH } from "../../src/crypto/hash.ts";
import { contractInterface } from "../../src/l1/contracts.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import { certificateStruct } from "./encode.ts";

/** `freeze` of two finalizations of one height: neither needs a history proof. */
export function encodeFreeze(first: FinalizedHeader, second: FinalizedHeader): string {
  const struct = ({ header, certificate }: FinalizedHeader): object => ({
    header,
    certificate: certificateStruct(certificate),
  });
  const args = [struct(first), struct(second), ZERO_HASH, []];
  return contractInterface("LightClient").encodeFunctionData("freeze", args);
}
