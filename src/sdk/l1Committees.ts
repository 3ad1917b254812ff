import { Contract, getCreateAddress, Result, type Provider } from "ethers";

import { concatBytes, fromHex } from "../codec/hex.ts";
import { bigEndian, FIELD_MODULUS, toBigEndian } from "../crypto/bls.ts";
import { ZERO_HASH } from "../crypto/hash.ts";
import type * as Committee from "../protocol/Committee.ts";
import { ValidatorId } from "../protocol/scalars.ts";
import type { CommitteeSource } from "./committees.ts";

/**
 * Committees straight from L1, with calls and code only, no events: `StakeTable.rotate()` writes each committee as
 * contract code (`contracts/libraries/CommitteeCode.sol`), and keys as pages of code (`KeyPages.sol`).
 *
 *     0x00 | n u8 | m u8 | W u32 | roster u24 | n x weight u16 | [ aggregate key | n x (page u8, slot u8) | m x nonce u24 ]
 */

const ABI = [
  "function committee(uint64 id) view returns (tuple(address code, uint40 createdAt, uint32 createdBlock, uint24 nonce))",
  "function trustedUntil(uint64 committee) view returns (uint256)",
];

const HEAD_BYTES = 10;
const WEIGHT_BYTES = 2;
const KEY_BYTES = 192;
const REFERENCE_BYTES = 2;
const NONCE_BYTES = 3;
const PAGE_ENTRY_BYTES = 196;
const COORDINATE_BYTES = 48;

export interface L1CommitteesOptions {
  readonly provider: Provider;
  readonly stakeTable: string;
  readonly lightClient: string;
  /** L1 block that is read; default the finalized one. `latest` is for development chains. */
  readonly blockTag?: "finalized" | "safe" | "latest";
}

/** What the code on L1 does not have the form for; only a wrong address can cause it. */
export class CommitteeCodeError extends Error {
  override readonly name = "CommitteeCodeError";
}

/**
 * Trusts the L1 node behind `provider`, and nothing else. Members carry what verification needs (key, weight,
 * validator); seats, addresses and randomness are not in the code and stay empty.
 */
export function l1Committees({ provider, stakeTable, lightClient, blockTag }: L1CommitteesOptions): CommitteeSource {
  const table = new Contract(stakeTable, ABI, provider);
  const client = new Contract(lightClient, ABI, provider);
  const overrides = { blockTag: blockTag ?? "finalized" };

  async function codeOf(address: string): Promise<Uint8Array> {
    return fromHex(await provider.getCode(address, overrides.blockTag));
  }

  const createdAt = (nonce: number): string => getCreateAddress({ from: stakeTable, nonce });

  return {
    committee: async (id) => {
      const record: unknown = await table.getFunction("committee").staticCall(id, overrides);
      const { code, created, createdBlock } = recordOf(record);
      if (BigInt(code) === 0n) return undefined;
      const trustedUntil: unknown = await client.getFunction("trustedUntil").staticCall(id, overrides);
      const members = await readMembers(await codeOf(code), async (nonce) => codeOf(createdAt(nonce)));
      const committee = { id, members, randomness: ZERO_HASH, createdNumber: createdBlock, createdAt: created };
      return { committee, trustedUntil: BigInt(String(trustedUntil)) };
    },
  };
}

function recordOf(record: unknown): { code: string; created: bigint; createdBlock: bigint } {
  if (!(record instanceof Result)) throw new CommitteeCodeError("the stake table answered no committee record");
  const values: readonly unknown[] = record.toArray();
  const [code, created, createdBlock] = values.map(String);
  return { code: code ?? "0x0", created: BigInt(created ?? 0), createdBlock: BigInt(createdBlock ?? 0) };
}

/** Where a member's key stands. */
interface KeyReference {
  readonly page: number;
  readonly slot: number;
}

/** Reads the code of a committee; exported for the test that holds it against what the contract writes. */
export async function readMembers(
  code: Uint8Array,
  codeByNonce: (nonce: number) => Promise<Uint8Array>,
): Promise<Committee.Member[]> {
  const head = viewOf(code);
  const [size, pageCount] = [head.getUint8(1), head.getUint8(2)];
  const rosterNonce = unsigned(code, 7, NONCE_BYTES);
  const rosterStart = HEAD_BYTES + WEIGHT_BYTES * size;
  const roster = (rosterNonce === 0 ? code : await codeByNonce(rosterNonce)).subarray(rosterStart);
  const noncesStart = KEY_BYTES + REFERENCE_BYTES * size;
  if (roster.length < noncesStart + NONCE_BYTES * pageCount) throw new CommitteeCodeError("the roster is too short");
  const nonces = Array.from({ length: pageCount }, (_, page) =>
    unsigned(roster, noncesStart + NONCE_BYTES * page, NONCE_BYTES),
  );
  const pages = await Promise.all(nonces.map(codeByNonce));
  return Array.from({ length: size }, (_, index): Committee.Member => {
    const at = KEY_BYTES + REFERENCE_BYTES * index;
    const reference = { page: unsigned(roster, at, 1), slot: unsigned(roster, at + 1, 1) };
    return {
      ...readKey(pages, reference),
      seat: index,
      weight: BigInt(head.getUint16(HEAD_BYTES + WEIGHT_BYTES * index)),
      transportKey: new Uint8Array(0),
      address: "",
    };
  });
}

/** Pages hold keys negated, so that L1 subtracts an absent signer by adding; the key itself is negated back. */
function readKey(
  pages: readonly Uint8Array[],
  { page, slot }: KeyReference,
): { validator: ValidatorId; key: Uint8Array } {
  const start = 1 + PAGE_ENTRY_BYTES * slot;
  const entry = pages[page]?.subarray(start, start + PAGE_ENTRY_BYTES);
  if (entry?.length !== PAGE_ENTRY_BYTES)
    throw new CommitteeCodeError(`page ${String(page)} has no slot ${String(slot)}`);
  const coordinate = (index: number): Uint8Array =>
    entry.subarray(COORDINATE_BYTES * index, COORDINATE_BYTES * (index + 1));
  const key = concatBytes(coordinate(0), coordinate(1), negate(coordinate(2)), negate(coordinate(3)));
  return { validator: ValidatorId(BigInt(unsigned(entry, KEY_BYTES, 4))), key };
}

function negate(coordinate: Uint8Array): Uint8Array {
  const value = bigEndian(coordinate);
  return toBigEndian(value === 0n ? 0n : FIELD_MODULUS - value, COORDINATE_BYTES);
}

function unsigned(bytes: Uint8Array, at: number, length: number): number {
  return Number(bigEndian(bytes.subarray(at, at + length)));
}

function viewOf(bytes: Uint8Array): DataView {
  if (bytes.length < HEAD_BYTES) throw new CommitteeCodeError("there is no committee code");
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
