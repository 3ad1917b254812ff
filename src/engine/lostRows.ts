import { toHex } from "../codec/hex.ts";
import { hashFromBytes, type Hash } from "../crypto/hash.ts";
import { Height } from "../protocol/scalars.ts";
import * as Keys from "./chainKeys.ts";

/** Rows of each kind that are remembered; the rest is met again when it is read again. */
export const LOST_MAX = 4_096;
const PAYLOAD_KEY_BYTES = 33;

/** Rows of the block store that were damaged and that only peers, or a walk through the chain, can bring back. */
export class LostRows {
  /** Headers of final blocks. */
  readonly heights = new Set<Height>();
  /** Payloads, by block. */
  readonly payloads = new Set<Hash>();
  /** Places of transactions: the keys by their text. */
  readonly places = new Map<string, Uint8Array>();

  get size(): number {
    return this.heights.size + this.payloads.size + this.places.size;
  }

  note(key: Uint8Array): void {
    const table = String.fromCharCode(key[0] ?? 0);
    if (table === "h") this.noteHeight(Height(Keys.numberOf(key)));
    else if (table === "p" && key.length === PAYLOAD_KEY_BYTES) this.notePayload(hashFromBytes(key.slice(1)));
    else if (table === "t" && this.places.size < LOST_MAX) this.places.set(toHex(key), key);
  }

  noteHeight(height: Height): void {
    if (this.heights.size < LOST_MAX) this.heights.add(height);
  }

  notePayload(block: Hash): void {
    if (this.payloads.size < LOST_MAX) this.payloads.add(block);
  }
}
