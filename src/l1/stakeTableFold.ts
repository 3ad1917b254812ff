import type { Hash } from "../crypto/hash.ts";
import type * as Committee from "../protocol/Committee.ts";
import type { CommitteeId, ValidatorId } from "../protocol/scalars.ts";
import { parseCommitteeCode, type KeyReference } from "./committeeCode.ts";
import { L1DataError } from "./l1Errors.ts";

/** The events of `StakeTable` from which validators, keys and committees are rebuilt, as plain values. */
export type StakeEvent =
  | { readonly kind: "registered"; readonly validator: ValidatorId; readonly operator: string }
  | { readonly kind: "network"; readonly validator: ValidatorId; readonly network: Uint8Array }
  | { readonly kind: "key-proven"; readonly validator: ValidatorId; readonly keyHash: Hash; readonly key: Uint8Array }
  | { readonly kind: "key-rotated"; readonly validator: ValidatorId; readonly keyHash: Hash }
  | { readonly kind: "exited"; readonly validator: ValidatorId }
  | { readonly kind: "slashed"; readonly validator: ValidatorId }
  | { readonly kind: "seat-taken"; readonly validator: ValidatorId; readonly seat: number }
  | { readonly kind: "page-sealed"; readonly page: number; readonly keyHashes: readonly Hash[] }
  | {
      readonly kind: "committee";
      readonly id: CommitteeId;
      /** Names the code that describes it; a later committee may refer to it. */
      readonly nonce: number;
      readonly randomness: Hash;
      readonly description: Uint8Array;
      readonly createdNumber: bigint;
      /** Seconds. */
      readonly createdAt: bigint;
    };

export interface ValidatorEntry {
  readonly id: ValidatorId;
  readonly operator: string;
  /** As on L1: ed25519 transport key (32 bytes) ‖ multiaddr, not yet checked. */
  readonly network: Uint8Array;
  readonly keyHash: Hash | undefined;
  readonly status: "active" | "exited" | "slashed";
}

/** A committee with the keys that its members had when it was made; where they listen changes later. */
interface CommitteeEntry {
  readonly id: CommitteeId;
  readonly randomness: Hash;
  readonly createdNumber: bigint;
  readonly createdAt: bigint;
  readonly members: readonly MemberEntry[];
}

interface MemberEntry {
  readonly validator: ValidatorId;
  readonly seat: number;
  readonly weight: bigint;
  readonly key: Uint8Array;
}

/** Where a member listens; undefined when its network field is not of the prescribed form. */
export type NetworkDecoder = (
  network: Uint8Array,
) => { readonly transportKey: Uint8Array; readonly address: string } | undefined;

/** What `StakeTable` said up to some L1 block. Grows with registrations and rotations, both of which cost L1 gas. */
export interface StakeFold {
  readonly validators: Map<ValidatorId, ValidatorEntry>;
  readonly keys: Map<Hash, { readonly validator: ValidatorId; readonly key: Uint8Array }>;
  /** Key hashes of each code page, in order of their slots. */
  readonly pages: Map<number, readonly Hash[]>;
  /** The seat that a validator took last. */
  readonly seats: Map<ValidatorId, number>;
  /** Rosters by the nonce of the code that holds them. */
  readonly rosters: Map<number, readonly KeyReference[]>;
  /** In order of id, the first at 0. */
  readonly committees: CommitteeEntry[];
}

export function emptyFold(): StakeFold {
  return {
    validators: new Map(),
    keys: new Map(),
    pages: new Map(),
    seats: new Map(),
    rosters: new Map(),
    committees: [],
  };
}

/** Takes in one event, in chain order. Throws `L1DataError` on one that the contract cannot have emitted there. */
export function applyEvent(fold: StakeFold, event: StakeEvent): void {
  switch (event.kind) {
    case "registered":
      fold.validators.set(event.validator, {
        id: event.validator,
        operator: event.operator,
        network: new Uint8Array(),
        keyHash: undefined,
        status: "active",
      });
      return;
    case "network":
      update(fold, event.validator, { network: event.network });
      return;
    case "key-proven":
      fold.keys.set(event.keyHash, { validator: event.validator, key: event.key });
      return;
    case "key-rotated":
      update(fold, event.validator, { keyHash: event.keyHash });
      return;
    case "exited":
      update(fold, event.validator, { status: "exited" });
      return;
    case "slashed":
      update(fold, event.validator, { status: "slashed" });
      return;
    case "seat-taken":
      fold.seats.set(event.validator, event.seat);
      return;
    case "page-sealed":
      fold.pages.set(event.page, event.keyHashes);
      return;
    case "committee":
      addCommittee(fold, event);
      return;
  }
}

function update(fold: StakeFold, id: ValidatorId, change: Partial<ValidatorEntry>): void {
  fold.validators.set(id, { ...validator(fold, id), ...change });
}

function validator(fold: StakeFold, id: ValidatorId): ValidatorEntry {
  const entry = fold.validators.get(id);
  if (entry === undefined) throw new L1DataError(`an event names validator ${String(id)}, which was never registered`);
  return entry;
}

function addCommittee(fold: StakeFold, event: Extract<StakeEvent, { kind: "committee" }>): void {
  const expected = BigInt(fold.committees.length + 1);
  if (event.id !== expected) {
    throw new L1DataError(`committee ${String(event.id)} was created where ${String(expected)} is due`);
  }
  const code = parseCommitteeCode(event.description);
  if (code.roster.kind === "own") fold.rosters.set(event.nonce, code.roster.keys);
  const roster = code.roster.kind === "own" ? code.roster.keys : fold.rosters.get(code.roster.nonce);
  if (roster?.length !== code.weights.length) {
    throw new L1DataError(`committee ${String(event.id)} refers to a roster that does not fit it`);
  }
  const members = roster.map((reference, index) => memberAt(fold, reference, code.weights[index] ?? 0n));
  const { id, randomness, createdNumber, createdAt } = event;
  fold.committees.push({ id, randomness, createdNumber, createdAt, members });
}

function memberAt(fold: StakeFold, { page, slot }: KeyReference, weight: bigint): MemberEntry {
  const keyHash = fold.pages.get(page)?.[slot];
  const record = keyHash === undefined ? undefined : fold.keys.get(keyHash);
  if (record === undefined)
    throw new L1DataError(`no known key stands in slot ${String(slot)} of page ${String(page)}`);
  const seat = fold.seats.get(record.validator);
  if (seat === undefined) throw new L1DataError(`member ${String(record.validator)} never took a seat`);
  return { validator: record.validator, seat, weight, key: record.key };
}

/** The validator that registered a key, if any did. */
export function validatorOfKey(fold: StakeFold, keyHash: Hash): ValidatorEntry | undefined {
  const record = fold.keys.get(keyHash);
  return record === undefined ? undefined : fold.validators.get(record.validator);
}

export function newestCommitteeAt(fold: StakeFold, l1Number: bigint): CommitteeId | undefined {
  return fold.committees.findLast(({ createdNumber }) => createdNumber <= l1Number)?.id;
}

/** No node listens under this key: it is the encoding of no point that a private key is known for. */
const NO_TRANSPORT_KEY = new Uint8Array(32);

/**
 * A committee in the form that the core uses. A member whose network field is unusable has a zero transport key and no
 * address: it can be reached by nobody, which is its own doing, and stays a voter.
 */
export function committeeOf(fold: StakeFold, id: CommitteeId, decode: NetworkDecoder): Committee.Committee | undefined {
  const entry = fold.committees[Number(id) - 1];
  if (entry === undefined) return undefined;
  const members = entry.members.map(({ validator: member, seat, key, weight }) => {
    const network = decode(validator(fold, member).network);
    const { transportKey, address } = network ?? { transportKey: NO_TRANSPORT_KEY, address: "" };
    return { validator: member, seat, key, weight, transportKey, address };
  });
  return { id, members, randomness: entry.randomness, createdNumber: entry.createdNumber, createdAt: entry.createdAt };
}
