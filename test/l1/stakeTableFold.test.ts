import { describe, expect, it } from "vitest";

import { toHash } from "../../src/crypto/hash.ts";
import { L1DataError } from "../../src/l1/l1Errors.ts";
import {
  applyEvent,
  committeeOf,
  emptyFold,
  newestCommitteeAt,
  validatorOfKey,
  type NetworkDecoder,
  type StakeEvent,
  type StakeFold,
} from "../../src/l1/stakeTableFold.ts";
import { CommitteeId, ValidatorId } from "../../src/protocol/scalars.ts";

const hashOf = (byte: string): ReturnType<typeof toHash> => toHash(`0x${byte.repeat(32)}`);
const KEY_A = { keyHash: hashOf("aa"), key: new Uint8Array(192).fill(1) };
const KEY_B = { keyHash: hashOf("bb"), key: new Uint8Array(192).fill(2) };
const ONE = ValidatorId(1n);
const TWO = ValidatorId(2n);

function registered(validator: ValidatorId, seat: number, key: typeof KEY_A, network: number): StakeEvent[] {
  return [
    { kind: "registered", validator, operator: "0x00" },
    { kind: "key-proven", validator, ...key },
    { kind: "key-rotated", validator, keyHash: key.keyHash },
    { kind: "network", validator, network: new Uint8Array([network]) },
    { kind: "seat-taken", validator, seat },
  ];
}

const PAGE = 0x01_02_03;
type Reference = readonly [page: number, slot: number];

/** Committee code with its own roster, or one that refers to the roster of another nonce. */
function code(
  weights: readonly bigint[],
  references: readonly Reference[],
  pages: readonly number[],
  other = 0,
): Uint8Array {
  const u16 = (value: bigint): number[] => [Number(value >> 8n), Number(value & 0xffn)];
  const u24 = (value: number): number[] => [value >> 16, (value >> 8) & 0xff, value & 0xff];
  const own = other === 0 ? [...new Array<number>(192).fill(0), ...references.flat(), ...pages.flatMap(u24)] : [];
  const head = [0, weights.length, pages.length, 0, 0, 0, 1, ...u24(other)];
  return new Uint8Array([...head, ...weights.flatMap(u16), ...own]);
}

function created(id: bigint, nonce: number, description: Uint8Array, createdNumber: bigint): StakeEvent {
  const times = { createdNumber, createdAt: createdNumber * 12n };
  return { kind: "committee", id: CommitteeId(id), nonce, randomness: hashOf("cc"), description, ...times };
}

function fold(...events: StakeEvent[]): StakeFold {
  const state = emptyFold();
  for (const event of events) applyEvent(state, event);
  return state;
}

/** Network fields here are one byte; zero stands for one that nobody can use. */
const decode: NetworkDecoder = (network) =>
  network[0] === undefined || network[0] === 0
    ? undefined
    : { transportKey: new Uint8Array(32).fill(network[0]), address: `/ip4/10.0.0.${String(network[0])}/tcp/1` };

describe("stake table, rebuilt from events", () => {
  const base: StakeEvent[] = [
    ...registered(ONE, 0, KEY_A, 1),
    ...registered(TWO, 3, KEY_B, 2),
    { kind: "page-sealed", page: PAGE, keyHashes: [KEY_B.keyHash, KEY_A.keyHash] },
  ];
  const both = code(
    [65_535n, 100n],
    [
      [0, 1],
      [0, 0],
    ],
    [PAGE],
  );
  const onlyOne = code([1n], [[0, 1]], [PAGE]);

  it("ETH-8: a committee has the seats, weights and keys of the moment it was made", () => {
    const later: StakeEvent[] = [
      { kind: "key-proven", validator: ONE, keyHash: hashOf("dd"), key: new Uint8Array(192).fill(3) },
      { kind: "page-sealed", page: 9, keyHashes: [hashOf("dd")] },
    ];
    const rotated = code(
      [65_535n, 100n],
      [
        [1, 0],
        [0, 0],
      ],
      [PAGE, 9],
    );
    const state = fold(...base, created(1n, 5, both, 10n), ...later, created(2n, 6, rotated, 20n));
    const keysOf = (id: bigint): number[] =>
      committeeOf(state, CommitteeId(id), decode)?.members.map(({ key }) => key[0] ?? -1) ?? [];
    expect(keysOf(1n)).toEqual([1, 2]);
    expect(keysOf(2n)).toEqual([3, 2]);
    expect(committeeOf(state, CommitteeId(1n), decode)).toMatchObject({
      id: 1n,
      createdNumber: 10n,
      createdAt: 120n,
      members: [
        { validator: 1n, seat: 0, weight: 65_535n },
        { validator: 2n, seat: 3, weight: 100n },
      ],
    });
    expect(committeeOf(state, CommitteeId(3n), decode)).toBeUndefined();
  });

  it("ETH-9: a committee that refers to an older roster has its members with its own weights", () => {
    const state = fold(...base, created(1n, 5, both, 10n), created(2n, 6, code([7n, 8n], [], [], 5), 20n));
    expect(committeeOf(state, CommitteeId(2n), decode)?.members).toMatchObject([
      { validator: 1n, weight: 7n },
      { validator: 2n, weight: 8n },
    ]);
  });

  it("ETH-10: where members listen is what they said last, also in older committees", () => {
    const moved: StakeEvent = { kind: "network", validator: ONE, network: new Uint8Array([9]) };
    const state = fold(...base, created(1n, 5, onlyOne, 10n), moved);
    expect(committeeOf(state, CommitteeId(1n), decode)?.members[0]?.address).toBe("/ip4/10.0.0.9/tcp/1");
  });

  it("ETH-11: a network field that nobody can use makes a member unreachable, not the committee unreadable", () => {
    const garbage: StakeEvent = { kind: "network", validator: ONE, network: new Uint8Array([0]) };
    const state = fold(...base, garbage, created(1n, 5, onlyOne, 10n));
    expect(committeeOf(state, CommitteeId(1n), decode)?.members).toMatchObject([
      { validator: 1n, address: "", transportKey: new Uint8Array(32) },
    ]);
  });

  it("ETH-13: the newest committee at an L1 block is the last one created at or below it", () => {
    const state = fold(...base, created(1n, 5, both, 10n), created(2n, 6, onlyOne, 20n));
    const at = (number: bigint): bigint | undefined => newestCommitteeAt(state, number);
    expect([at(9n), at(10n), at(19n), at(20n), at(99n)]).toEqual([undefined, 1n, 1n, 2n, 2n]);
  });

  it("finds the validator of a key, current or not, with its state", () => {
    const state = fold(...base, { kind: "exited", validator: TWO });
    expect(validatorOfKey(state, KEY_A.keyHash)).toMatchObject({ id: 1n, status: "active" });
    expect(validatorOfKey(state, KEY_B.keyHash)).toMatchObject({ id: 2n, status: "exited" });
    expect(validatorOfKey(state, hashOf("ee"))).toBeUndefined();
  });

  it("ETH-12: events that the contract cannot have emitted there are refused, never guessed around", () => {
    const refused = (...events: StakeEvent[]): void => {
      expect(() => fold(...base, ...events)).toThrow(L1DataError);
    };
    refused(created(2n, 5, both, 10n));
    refused(created(1n, 5, code([1n], [[0, 2]], [PAGE]), 10n));
    refused(created(1n, 5, code([1n], [[1, 0]], [PAGE]), 10n));
    refused(created(1n, 5, code([1n], [[0, 0]], [PAGE + 1]), 10n));
    refused(created(1n, 5, code([1n], [], [], 4), 10n));
    refused(created(1n, 5, both.subarray(0, both.length - 1), 10n));
    refused(created(1n, 5, new Uint8Array([...both, 0]), 10n));
    refused(created(1n, 5, new Uint8Array(9), 10n));
    refused(created(1n, 5, both, 10n), created(2n, 6, code([1n], [], [], 5), 20n));
    refused({ kind: "network", validator: ValidatorId(7n), network: new Uint8Array() });
  });
});
