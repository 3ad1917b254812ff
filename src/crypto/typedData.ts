import { fromHex } from "../codec/hex.ts";
import { concatBytes } from "../codec/hex.ts";
import { assert } from "../runtime/assert.ts";
import { keccak256, keccakHash, type Hash } from "./hash.ts";

/** The EIP-712 member types that the protocol uses: all of one word. */
export type WordType = "uint16" | "uint64" | "uint256" | "bytes32" | "address" | "string";

/** An EIP-712 struct type: its type string is the definition that spec, Solidity and vectors share. */
export interface StructType<Name extends string = string> {
  readonly name: string;
  readonly members: readonly { readonly name: Name; readonly type: WordType }[];
}

export type WordValue = bigint | string;

const textEncoder = new TextEncoder();
const BITS: Readonly<Partial<Record<WordType, bigint>>> = { uint16: 16n, uint64: 64n, uint256: 256n };
const WORD_BYTES = 32;
const ADDRESS_BYTES = 20;

/** `Name(type member,type member)`, without a space after the comma (EIP-712 encodeType). */
export function typeString(struct: StructType): string {
  return `${struct.name}(${struct.members.map((member) => `${member.type} ${member.name}`).join(",")})`;
}

export function typeHash(struct: StructType): Uint8Array {
  return keccak256(textEncoder.encode(typeString(struct)));
}

/** EIP-712 hashStruct: keccak256(typeHash ‖ encodeData). */
export function hashStruct<Name extends string>(
  struct: StructType<Name>,
  values: Readonly<Record<Name, WordValue>>,
): Hash {
  return keccakHash(typeHash(struct), ...struct.members.map((member) => word(member.type, values[member.name])));
}

/** EIP-712 signing digest: keccak256(0x19 ‖ 0x01 ‖ domainSeparator ‖ hashStruct). */
export function signingDigest(domainSeparator: Hash, structHash: Hash): Uint8Array {
  return keccak256(Uint8Array.of(0x19, 0x01), fromHex(domainSeparator), fromHex(structHash));
}

function word(type: WordType, value: WordValue): Uint8Array {
  if (type === "string") return keccak256(textEncoder.encode(String(value)));
  const bits = BITS[type];
  if (bits !== undefined) {
    assert(typeof value === "bigint" && value >= 0n && value < 1n << bits, `${String(value)} must be a ${type}`);
    return wordOf(value);
  }
  assert(typeof value === "string", `${type} values are 0x strings`);
  const bytes = fromHex(value);
  const length = type === "address" ? ADDRESS_BYTES : WORD_BYTES;
  assert(bytes.length === length, `${value} must be ${String(length)} bytes`);
  return concatBytes(new Uint8Array(WORD_BYTES - length), bytes);
}

/** An unsigned integer as one ABI word. */
export function wordOf(value: bigint): Uint8Array {
  assert(value >= 0n && value < 1n << 256n, `${String(value)} must fit in a word`);
  return fromHex(`0x${value.toString(16).padStart(64, "0")}`);
}
