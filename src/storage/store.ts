import { toHex } from "../codec/hex.ts";

/**
 * An ordered map from byte strings to byte strings that survives crashes. Keys compare as unsigned bytes, a prefix
 * before what it begins.
 */

/** LevelDB takes longer keys; ours are composed of fixed-width parts. */
export const KEY_BYTES_MAX = 256;
/** The largest payload a cluster may configure, with its framing. */
export const VALUE_BYTES_MAX = 40 * 1024 * 1024;
/** Operations of one batch. */
export const BATCH_OPERATIONS_MAX = 100_000;

export type Operation =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: Uint8Array };

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Keys from `start` (included) to `end` (excluded). */
export interface Range {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  /** From the end; the bounds stay what they are. */
  readonly reverse?: boolean;
  /** At most so many entries. */
  readonly limit?: number;
}

export interface BatchOptions {
  /** Whether the batch must have reached the disk when the promise resolves. */
  readonly sync: boolean;
}

/** A value, or the database around it, is not what was written. Recover by `delete` of the key and a fetch from peers. */
export class StoreCorruptError extends Error {
  override readonly name = "StoreCorruptError";
  /** Directory or file that holds the damage. */
  readonly path: string;
  /** The key whose value is damaged, 0x hexadecimal; null where the damage is not within one value. */
  readonly key: string | null;
  readonly damagedKey: Uint8Array | undefined;
  /** What stands there, as far as it can be read. */
  readonly bytes: Uint8Array | undefined;

  constructor(path: string, damagedKey: Uint8Array | undefined, reason: string, bytes?: Uint8Array) {
    const key = damagedKey === undefined ? null : toHex(damagedKey);
    super(`corrupt store ${path}${key === null ? "" : ` at key ${key}`}: ${reason}`);
    this.path = path;
    this.key = key;
    this.damagedKey = damagedKey;
    this.bytes = bytes;
  }
}

/** Another process has the store open. */
export class StoreLockedError extends Error {
  override readonly name = "StoreLockedError";
  readonly path: string;

  constructor(path: string) {
    super(`${path} is in use by another process`);
    this.path = path;
  }
}

/** The store cannot be read or written (no permission, disk full, closed). */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
  readonly path: string;

  constructor(path: string, cause: unknown) {
    super(`${path} is not available: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.path = path;
  }
}

export interface Store {
  /** The value of `key`, or undefined. Throws `StoreCorruptError`. */
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** All operations or none, in order (a later one on the same key wins). */
  batch(operations: readonly Operation[], options: BatchOptions): Promise<void>;
  /**
   * Entries of a range, in key order. It sees each key's state at some moment of the iteration. Throws
   * `StoreCorruptError` on reaching a damaged value.
   */
  range(range: Range): AsyncIterable<Entry>;
  /** Idempotent; later calls of anything else reject. */
  close(): Promise<void>;
}
