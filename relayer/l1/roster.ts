import { parseCommitteeCode, type KeyReference } from "../../src/l1/committeeCode.ts";

/** Who sits where in each committee, put together from the events of keys, pages and committees. */
export class Rosters {
  readonly #keys = new Map<number, readonly KeyReference[]>();
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
    const { roster } = parseCommitteeCode(description);
    if (roster.kind === "own") this.#keys.set(nonce, roster.keys);
    this.#committees.set(committee, roster.kind === "own" ? nonce : roster.nonce);
  }

  /** Validators in committee order; undefined while an event of theirs is missing. */
  members(committee: bigint): readonly bigint[] | undefined {
    const keys = this.#keys.get(this.#committees.get(committee) ?? -1);
    const members = keys?.map(({ page, slot }) => this.#owners.get(this.#pages.get(page)?.[slot] ?? ""));
    return members?.every((validator) => validator !== undefined) === true ? members : undefined;
  }
}
