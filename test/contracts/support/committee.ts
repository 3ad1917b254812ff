import { concat, hexlify, toBeHex } from "ethers";

import { type G1Words, G2_BASE, keyPair, type KeyPair, pack, sign, sumOfSecrets } from "./bls.ts";

/** A committee whose secret keys the test has. */
export interface TestCommittee {
  readonly id: bigint;
  readonly members: readonly TestMember[];
}

export interface TestMember extends KeyPair {
  readonly weight: number;
  /** Creation nonce of the key page. */
  readonly page: number;
  readonly slot: number;
  readonly validator: number;
}

export interface TestCertificate {
  readonly viewNumber: bigint;
  readonly absent: string;
  readonly signature: G1Words;
}

const keys = new Map<string, KeyPair>();

/** Key pairs are slow to make, so a test run makes each once. */
export function memberKey(name: string): KeyPair {
  const known = keys.get(name) ?? keyPair(name);
  keys.set(name, known);
  return known;
}

export function totalWeight(committee: TestCommittee): number {
  return committee.members.reduce((sum, member) => sum + member.weight, 0);
}

/** Committee code, written from the layout in `contracts/libraries/CommitteeCode.sol` and nothing else. */
export function encodeCode(committee: TestCommittee, rosterNonce = 0): string {
  const { members } = committee;
  const pages = [...new Set(members.map((member) => member.page))];
  const head = concat([
    "0x00",
    toBeHex(members.length, 1),
    toBeHex(pages.length, 1),
    toBeHex(totalWeight(committee), 4),
    toBeHex(rosterNonce, 3),
    ...members.map((member) => toBeHex(member.weight, 2)),
  ]);
  if (rosterNonce !== 0) return head;
  return concat([
    head,
    pack(G2_BASE.multiply(sumOfSecrets(members))),
    ...members.flatMap((member) => [toBeHex(pages.indexOf(member.page), 1), toBeHex(member.slot, 1)]),
    ...pages.map((page) => toBeHex(page, 3)),
  ]);
}

/** Bit i is byte i / 8, mask 1 << (i mod 8). */
export function absentBitmap(size: number, absent: readonly number[]): string {
  const bitmap = new Uint8Array(Math.ceil(size / 8));
  for (const index of absent) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  return hexlify(bitmap);
}

/** The certificate that all members but the absent ones make over a digest. */
export function certify(
  committee: TestCommittee,
  digest: string,
  viewNumber: bigint,
  absent: readonly number[] = [],
): TestCertificate {
  const signers = committee.members.filter((_, index) => !absent.includes(index));
  return {
    viewNumber,
    absent: absentBitmap(committee.members.length, absent),
    signature: sign(sumOfSecrets(signers), digest),
  };
}
