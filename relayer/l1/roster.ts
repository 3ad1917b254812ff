/** Where the key of one committee member stands. */
export interface KeyPlace {
  /** Nonce that names the key page. */
  readonly page: number;
  readonly slot: number;
}

/** The part of a committee's description (`CommitteeCode.sol`) that says who its members are. */
export interface Description {
  readonly size: number;
  /** Nonce of the older code that holds the roster; 0 when it is in this one. */
  readonly rosterAt: number;
  readonly places: readonly KeyPlace[];
}

const HEADER_BYTES = 10;
const WEIGHT_BYTES = 2;
const KEY_BYTES = 192;
const PLACE_BYTES = 2;
const NONCE_BYTES = 3;

/** Undefined for bytes of another form: the caller then knows no members, which only delays a report. */
export function readDescription(bytes: Uint8Array): Description | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = view.getUint8(1);
  const pages = view.getUint8(2);
  const rosterAt = uint24(view, 7);
  if (rosterAt !== 0) return { size, rosterAt, places: [] };
  const placesAt = HEADER_BYTES + WEIGHT_BYTES * size + KEY_BYTES;
  const noncesAt = placesAt + PLACE_BYTES * size;
  if (bytes.length !== noncesAt + NONCE_BYTES * pages) return undefined;
  const places = Array.from({ length: size }, (_, index) => {
    const at = placesAt + PLACE_BYTES * index;
    return { page: uint24(view, noncesAt + NONCE_BYTES * view.getUint8(at)), slot: view.getUint8(at + 1) };
  });
  return { size, rosterAt, places };
}

function uint24(view: DataView, at: number): number {
  return (view.getUint8(at) << 16) | view.getUint16(at + 1);
}

/** Who stands where, from events. */
export class Rosters {
  readonly #places = new Map<number, readonly KeyPlace[]>();
  readonly #pages = new Map<number, readonly string[]>();
  readonly #owners = new Map<string, bigint>();
  readonly #committees = new Map<bigint, number>();

  keyProven(keyHash: string, validator: bigint): void {
    this.#owners.set(keyHash, validator);
  }

  pageSealed(page: number, keyHashes: readonly string[]): void {
    this.#pages.set(page, keyHashes);
  }

  committeeCreated(committee: bigint, nonce: number, description: Uint8Array): void {
    const found = readDescription(description);
    if (found === undefined) return;
    if (found.rosterAt === 0) this.#places.set(nonce, found.places);
    this.#committees.set(committee, found.rosterAt === 0 ? nonce : found.rosterAt);
  }

  /** Validators in committee order; undefined while an event of theirs is missing. */
  members(committee: bigint): readonly bigint[] | undefined {
    const places = this.#places.get(this.#committees.get(committee) ?? -1);
    const members = places?.map(({ page, slot }) => this.#owners.get(this.#pages.get(page)?.[slot] ?? ""));
    return members?.every((validator) => validator !== undefined) === true ? members : undefined;
  }
}
