import { keccak_256 } from "@noble/hashes/sha3.js";
import { createKeccak } from "hash-wasm";

import { fromHex, toHex, type Hex } from "../codec/hex.ts";

declare const hashBrand: unique symbol;
/** A 32-byte value as lower-case 0x text: compare with ===, use as a map key. */
export type Hash = Hex & { readonly [hashBrand]: "Hash" };

const HASH = /^0x[0-9a-f]{64}$/;

/** Text or bytes that are not 32 bytes of lower-case hexadecimal. */
export class HashError extends Error {
  override readonly name = "HashError";
}

export function isHash(text: string): text is Hash {
  return HASH.test(text);
}

/** Checks that `text` is a 32-byte lower-case 0x string. */
export function toHash(text: string): Hash {
  if (!isHash(text)) throw new HashError(`not 32 bytes of lower-case hexadecimal: ${text.slice(0, 80)}`);
  return text;
}

/** A hash from its 32 bytes. */
export function hashFromBytes(bytes: Uint8Array): Hash {
  return toHash(toHex(bytes));
}

export function hashBytes(hash: Hash): Uint8Array {
  return fromHex(hash);
}

export const ZERO_HASH: Hash = toHash(`0x${"00".repeat(32)}`);

// hash-wasm is several times faster than portable code, but loads asynchronously and only pays from this length on.
const wasm = await createKeccak(256);

/** The runtime's own (OpenSSL 3.2 and newer) where there is one: a third faster yet, from this length on. */
const NATIVE_BYTES_MIN = 2_048;
const native = nativeKeccak();

type Incremental = (parts: readonly Uint8Array[]) => Uint8Array;

/** Undefined in browsers and older versions of Node. */
function nativeKeccak(): Incremental | undefined {
  if (typeof process === "undefined" || !("getBuiltinModule" in process)) return undefined;
  const { createHash, getHashes } = process.getBuiltinModule("node:crypto");
  if (!getHashes().includes("keccak-256")) return undefined;
  return (parts) => {
    const hash = createHash("keccak-256");
    for (const part of parts) hash.update(part);
    // Copied out of the Buffer, which may share its memory with others.
    return Uint8Array.from(hash.digest());
  };
}

/** keccak-256 as Ethereum uses it (the original Keccak padding, not SHA3-256), 32 bytes. */
export function keccak256(...parts: readonly Uint8Array[]): Uint8Array {
  if (native !== undefined && parts.some(({ length }) => length >= NATIVE_BYTES_MIN)) return native(parts);
  wasm.init();
  for (const part of parts) wasm.update(part);
  return wasm.digest("binary");
}

/** `keccak256` in portable code: the oracle the fast path is tested against. */
export function keccak256Portable(bytes: Uint8Array): Uint8Array {
  return keccak_256(bytes);
}

export function keccakHash(...parts: readonly Uint8Array[]): Hash {
  return hashFromBytes(keccak256(...parts));
}
