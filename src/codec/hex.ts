/** Lower-case hexadecimal with 0x. */
export type Hex = `0x${string}`;

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const HEX = /^0x(?:[0-9a-fA-F]{2})*$/;

/** Text that is not an even number of hexadecimal digits behind 0x. */
export class HexError extends Error {
  override readonly name = "HexError";
}

export function toHex(bytes: Uint8Array): Hex {
  let text = "";
  for (const byte of bytes) text += DIGITS[byte] ?? "";
  return `0x${text}`;
}

export function isHex(text: string): text is Hex {
  return HEX.test(text);
}

/** Bytes of a 0x string; throws `HexError` on anything else. */
export function fromHex(text: string): Uint8Array {
  if (!isHex(text)) throw new HexError(`not hexadecimal bytes: ${text.slice(0, 80)}`);
  const out = new Uint8Array((text.length - 2) / 2);
  for (let i = 0; i < out.length; i++) out[i] = (digit(text, 2 + 2 * i) << 4) | digit(text, 3 + 2 * i);
  return out;
}

/** The value of a hexadecimal digit that is known to be one: 0-9 are codes 48 to 57, letters differ by one bit. */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 58 ? code - 48 : (code | 0x20) - 87;
}

/** Joins byte strings. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
