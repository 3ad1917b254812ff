import { L1DataError } from "./l1Errors.ts";

/** Where a member's key stands: the code page that the stake table created with this nonce, and the place in it. */
export interface KeyReference {
  readonly page: number;
  readonly slot: number;
}

/** A committee as `StakeTable.rotate()` describes it. */
export interface CommitteeCode {
  /** In committee order. */
  readonly weights: readonly bigint[];
  /** Whose weights they are: here, or where an older committee with the same members has it. */
  readonly roster:
    | { readonly kind: "own"; readonly keys: readonly KeyReference[] }
    | { readonly kind: "other"; readonly nonce: number };
}

const HEAD_BYTES = 10;
const ROSTER_AT = 7;
const KEY_BYTES = 192;
const WEIGHT_BYTES = 2;
const REFERENCE_BYTES = 2;
const NONCE_BYTES = 3;

/**
 * Reads the code that describes a committee (contracts/libraries/CommitteeCode.sol):
 *
 *     00 | n u8 | m u8 | W u32 | roster u24 | n x weight u16 | [ aggregate key 192 | n x (page u8, slot u8) | m x nonce u24 ]
 *
 * The part in brackets stands there iff `roster` is 0; otherwise that is the nonce of the code that has it.
 */
export function parseCommitteeCode(code: Uint8Array): CommitteeCode {
  const view = new DataView(code.buffer, code.byteOffset, code.length);
  if (code.length < HEAD_BYTES) throw new L1DataError(`${String(code.length)} bytes describe no committee`);
  const members = view.getUint8(1);
  const pages = view.getUint8(2);
  const roster = uint24(view, ROSTER_AT);
  const weightsEnd = HEAD_BYTES + members * WEIGHT_BYTES;
  const rosterBytes = KEY_BYTES + members * REFERENCE_BYTES + pages * NONCE_BYTES;
  const expected = weightsEnd + (roster === 0 ? rosterBytes : 0);
  if (code.length !== expected) {
    throw new L1DataError(
      `a committee of ${String(members)} needs ${String(expected)} bytes, not ${String(code.length)}`,
    );
  }
  const weights = indices(members).map((index) => BigInt(view.getUint16(HEAD_BYTES + index * WEIGHT_BYTES)));
  if (roster !== 0) return { weights, roster: { kind: "other", nonce: roster } };
  const referencesAt = weightsEnd + KEY_BYTES;
  const noncesAt = referencesAt + members * REFERENCE_BYTES;
  const nonces = indices(pages).map((index) => uint24(view, noncesAt + index * NONCE_BYTES));
  const keys = indices(members).map((index) => {
    const at = referencesAt + index * REFERENCE_BYTES;
    const page = nonces[view.getUint8(at)];
    if (page === undefined) throw new L1DataError(`member ${String(index)} refers to a page that is not listed`);
    return { page, slot: view.getUint8(at + 1) };
  });
  return { weights, roster: { kind: "own", keys } };
}

function uint24(view: DataView, at: number): number {
  return view.getUint16(at) * 256 + view.getUint8(at + 2);
}

function indices(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
