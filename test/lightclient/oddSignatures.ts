import { bls12_381 } from "@noble/curves/bls12-381.js";

import { fromHex, toHex } from "../../src/codec/hex.ts";
import type { SignatureWords } from "./twins.ts";

/** Signatures that are none, in both encodings: 48 bytes compressed, and the four words of L1. */
export interface Oddity {
  readonly signature: Uint8Array;
  readonly words: SignatureWords;
}

const { Fp } = bls12_381.fields;
const COMPRESSED = 0x80;
const INFINITY = 0x40;

function words(x: bigint, y: bigint): SignatureWords {
  const bytes = fromHex(`0x${x.toString(16).padStart(128, "0")}${y.toString(16).padStart(128, "0")}`);
  const word = (index: number) => toHex(bytes.subarray(32 * index, 32 * (index + 1)));
  return [word(0), word(1), word(2), word(3)];
}

function compressed(x: bigint, flags: number): Uint8Array {
  const bytes = fromHex(`0x${x.toString(16).padStart(96, "0")}`);
  bytes[0] = (bytes[0] ?? 0) | flags;
  return bytes;
}

/** y² = x³ + 4, or undefined where that is no square. */
function rootAt(x: bigint): bigint | undefined {
  try {
    return Fp.sqrt(Fp.add(Fp.pow(x, 3n), 4n));
  } catch {
    return undefined;
  }
}

function findX(isWanted: (x: bigint) => boolean): bigint {
  for (let x = 1n; ; x++) if (isWanted(x)) return x;
}

export const IDENTITY: Oddity = { signature: compressed(0n, COMPRESSED | INFINITY), words: words(0n, 0n) };

const notOnCurve = findX((x) => rootAt(x) === undefined);
export const G1_NOT_ON_CURVE: Oddity = { signature: compressed(notOnCurve, COMPRESSED), words: words(notOnCurve, 1n) };

const outside = findX((x) => {
  const y = rootAt(x);
  return y !== undefined && !bls12_381.G1.Point.fromAffine({ x, y }).isTorsionFree();
});
/** On the curve, but not in the subgroup of prime order. */
export const G1_OUTSIDE_SUBGROUP: Oddity = {
  signature: compressed(outside, COMPRESSED),
  words: words(outside, rootAt(outside) ?? 0n),
};
