import type { BytesLike } from "ethers";
import type * as z from "zod";

import { toHex, type Hex } from "../../src/codec/hex.ts";
import { nobleBls } from "../../src/crypto/blsNoble.ts";
import { contractInterface } from "../../src/l1/contracts.ts";
import type { Checkpoint } from "../../src/lightclient/checkpoint.ts";
import type * as Wire from "../../src/lightclient/wire.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";

/** Calldata of the calls that the relayer makes, from protocol nouns. */

/** A signature that is no point of the group: whoever gave it is wrong, L1 need not be asked. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";
}

/** A 48-byte signature as `bytes32[4]`, the EIP-2537 form. */
export function signatureWords(signature: Uint8Array): readonly [Hex, Hex, Hex, Hex] {
  const point = nobleBls.signatureToL1(signature);
  if (point === undefined) throw new SignatureError(`not a signature: ${toHex(signature)}`);
  const word = (index: number): Hex => toHex(point.subarray(index * 32, (index + 1) * 32));
  return [word(0), word(1), word(2), word(3)];
}

/** `Certificate` of L1. */
export function certificateStruct(certificate: FinalizedHeader["certificate"]): {
  readonly viewNumber: bigint;
  readonly absent: Hex;
  readonly signature: readonly BytesLike[];
} {
  const { vote, absent, signature } = certificate;
  return { viewNumber: vote.view, absent: toHex(absent), signature: signatureWords(signature) };
}

export function encodeAdvance({ header, certificate }: FinalizedHeader): string {
  return contractInterface("LightClient").encodeFunctionData("advance", [header, certificateStruct(certificate)]);
}

export function encodeSeal(keys: readonly Uint8Array[]): string {
  return contractInterface("StakeTable").encodeFunctionData("seal", [toHex(Buffer.concat(keys))]);
}

export function encodeRotate(): string {
  return contractInterface("StakeTable").encodeFunctionData("rotate");
}

export function encodeSettle(validator: bigint): string {
  return contractInterface("Slasher").encodeFunctionData("settle", [validator]);
}

export function encodeReportSlashed(committee: bigint, seats: readonly number[]): string {
  return contractInterface("LightClient").encodeFunctionData("reportSlashed", [committee, seats]);
}

/** `resume`: the message under its quorum's signature, its block's header, and L1's checkpoint in that block's history. */
export function encodeResume(
  { message, header, absent, signature }: z.output<typeof Wire.resume>,
  latest: Checkpoint,
  path: readonly string[],
): string {
  const { epoch, block: blockHash, committee } = message;
  const certificate = { viewNumber: 0n, absent: toHex(absent), signature: signatureWords(signature) };
  const args = [{ epoch, blockHash, committee }, certificate, header, latest, path];
  return contractInterface("LightClient").encodeFunctionData("resume", args);
}

export function encodeApplyResume(): string {
  return contractInterface("LightClient").encodeFunctionData("applyResume");
}
