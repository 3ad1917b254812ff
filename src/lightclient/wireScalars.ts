import * as z from "zod";

import { fromHex, toHex } from "../codec/hex.ts";
import { isHash, toHash, type Hash } from "../crypto/hash.ts";
import * as Scalars from "../protocol/scalars.ts";

/**
 * How scalars stand in JSON: 64-bit integers as decimal strings (a JSON number loses bits above 2^53), hashes and bytes
 * as lower-case 0x strings, counts and 16-bit integers as numbers. Each is a zod codec, so that one definition parses
 * what comes in, prints what goes out, and describes itself in OpenAPI.
 */

const UINT64_MAX = 2n ** 64n - 1n;
const DECIMAL = /^(?:0|[1-9]\d{0,19})$/;
const DECIMAL_256 = /^(?:0|[1-9]\d{0,77})$/;

/** A decimal uint64 as one branded scalar. */
function uint64As<T extends bigint>(brand: (value: bigint) => T, name: string) {
  return z.codec(
    z
      .string()
      .regex(DECIMAL, "expected a decimal integer")
      .meta({ description: `${name}: uint64, decimal` }),
    z.custom<T>((value) => typeof value === "bigint" && value >= 0n && value <= UINT64_MAX, "expected a uint64"),
    {
      decode: (text, context) => {
        const value = BigInt(text);
        if (value <= UINT64_MAX) return brand(value);
        context.issues.push({ code: "custom", message: "must be below 2^64", input: text });
        return z.NEVER;
      },
      encode: (value) => value.toString(),
    },
  );
}

export const uint64 = uint64As((value) => value, "integer");
export const height = uint64As(Scalars.Height, "height");
export const view = uint64As(Scalars.View, "view");
export const epoch = uint64As(Scalars.Epoch, "epoch");
export const committeeId = uint64As(Scalars.CommitteeId, "committee id");
export const validatorId = uint64As(Scalars.ValidatorId, "validator id");
export const namespaceId = uint64As(Scalars.NamespaceId, "namespace id");

/** A decimal uint256. */
export const uint256 = z.codec(z.string().regex(DECIMAL_256, "expected a decimal integer"), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (value) => value.toString(),
});

/** 32 bytes; input of either case is taken, output is lower case. */
export const hash = z.codec(
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/, "expected 32 bytes of hexadecimal behind 0x")
    .meta({ description: "32 bytes, hexadecimal" }),
  z.custom<Hash>((value) => typeof value === "string" && isHash(value), "expected a hash"),
  { decode: (text) => toHash(text.toLowerCase()), encode: (value) => value },
);

/** Byte strings of at most `maximum` bytes. */
export function bytes(maximum: number) {
  return z.codec(
    z
      .string()
      .max(2 + 2 * maximum, `expected at most ${String(maximum)} bytes`)
      .regex(/^0x(?:[0-9a-fA-F]{2})*$/, "expected hexadecimal bytes behind 0x"),
    z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes"),
    { decode: fromHex, encode: toHex },
  );
}

/** Byte strings of exactly `length` bytes. */
export function fixedBytes(length: number) {
  return z.codec(
    z.string().regex(new RegExp(`^0x[0-9a-fA-F]{${String(2 * length)}}$`), `expected ${String(length)} bytes`),
    z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length, "expected bytes"),
    { decode: fromHex, encode: toHex },
  );
}
