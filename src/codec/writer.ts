import { assert } from "../runtime/assert.ts";

const U64_MAX = (1n << 64n) - 1n;
const INITIAL_CAPACITY = 256;

/** Writes canonical, big-endian, length-prefixed bytes. Every value is ours, so a value out of range is our fault. */
export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** `capacity`: about how many bytes will be written, where they are many. */
  constructor(capacity = INITIAL_CAPACITY) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xff, `${String(value)} must fit in uint8`);
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, `${String(value)} must fit in uint16`);
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, `${String(value)} must fit in uint32`);
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u64(value: bigint): this {
    assert(value >= 0n && value <= U64_MAX, `${String(value)} must fit in uint64`);
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  /** Bytes whose length the reader knows. */
  fixed(bytes: Uint8Array, length: number): this {
    assert(bytes.length === length, `expected ${String(length)} bytes, got ${String(bytes.length)}`);
    const at = this.#reserve(length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Bytes behind their own uint32 length. */
  bytes(bytes: Uint8Array): this {
    this.u32(bytes.length);
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** A list behind its own uint32 count. */
  list<T>(items: readonly T[], write: (writer: Writer, item: T) => void): this {
    this.u32(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  /** What was written; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}
