import type { Hash } from "../crypto/hash.ts";
import type * as Committee from "../protocol/Committee.ts";
import type { CommitteeId, ValidatorId } from "../protocol/scalars.ts";
import { L1DataError } from "./l1Errors.ts";

/** The events of `StakeTable` from which validators, keys and committees are rebuilt, as plain values. */
export type StakeEvent =
  | { readonly kind: "registered"; readonly validator: ValidatorId; readonly operator: string }
  | { readonly kind: "network"; readonly validator: ValidatorId; readonly network: Uint8Array }
  | { readonly kind: "key-proven"; readonly validator: ValidatorId; readonly keyHash: Hash; readonly key: Uint8Array }
  | { readonly kind: "key-rotated"; readonly validator: ValidatorId; readonly keyHash: Hash }
  | { readonly kind: "exited"; readonly validator: ValidatorId }
  | { readonly kind: "slashed"; readonly validator: ValidatorId }
  | {
      readonly kind: "committee";
      readonly id: CommitteeId;
      readonly randomness: Hash;
      readonly seats: readonly SeatWeight[];
      readonly createdNumber: bigint;
      /** Seconds. */
      readonly createdAt: bigint;
    };

export interface SeatWeight {
  readonly seat: number;
  readonly validator: ValidatorId;
  readonly weight: bigint;
}

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
  readonly members: readonly (SeatWeight & { readonly key: Uint8Array })[];
}

/** Where a member listens; undefined when its network field is not of the prescribed form. */
export type NetworkDecoder = (
  network: Uint8Array,
) => { readonly transportKey: Uint8Array; readonly address: string } | undefined;

/** What `StakeTable` said up to some L1 block. Grows with registrations and rotations, both of which cost L1 gas. */
export interface StakeFold {
  readonly validators: Map<ValidatorId, ValidatorEntry>;
  readonly keys: Map<Hash, { readonly validator: ValidatorId; readonly key: Uint8Array }>;
  /** In order of id, the first at 0. */
  readonly committees: CommitteeEntry[];
}

export function emptyFold(): StakeFold {
  return { validators: new Map(), keys: new Map(), committees: [] };
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
  const members = event.seats.map((seat) => {
    const keyHash = validator(fold, seat.validator).keyHash;
    const key = keyHash === undefined ? undefined : fold.keys.get(keyHash)?.key;
    if (key === undefined) throw new L1DataError(`validator ${String(seat.validator)} is seated without a known key`);
    return { ...seat, key };
  });
  const { id, randomness, createdNumber, createdAt } = event;
  fold.committees.push({ id, randomness, createdNumber, createdAt, members });
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
