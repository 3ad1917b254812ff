import { assert } from "../runtime/assert.ts";

/** JSON whose numbers are all safe integers. */
export type CanonicalValue =
  string | number | boolean | null | readonly CanonicalValue[] | { readonly [name: string]: CanonicalValue };

/**
 * RFC 8785 (JSON Canonicalization Scheme) for values without fractions: members sorted by UTF-16 code units, no white
 * space, ECMAScript string escapes. Two equal values have equal text, so the text can be hashed.
 */
export function canonicalJson(value: CanonicalValue): string {
  if (typeof value === "number") {
    assert(Number.isSafeInteger(value), `${String(value)} must be a safe integer`);
    return JSON.stringify(value);
  }
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(",")}}`;
}

function isList(value: CanonicalValue): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}
