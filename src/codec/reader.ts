/** Why bytes were refused; the values say where and what. */
export type DecodeFault =
  | { readonly code: "truncated"; readonly needed: number; readonly left: number; readonly at: number }
  | { readonly code: "trailing"; readonly left: number; readonly at: number }
  | { readonly code: "too-long"; readonly given: number; readonly maximum: number; readonly at: number }
  | { readonly code: "not-canonical"; readonly reason: string; readonly at: number }
  | { readonly code: "unknown-tag"; readonly given: number; readonly at: number };

/** Untrusted bytes that are not a canonical encoding. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly fault: DecodeFault;

  constructor(fault: DecodeFault) {
    super(`${fault.code} at byte ${String(fault.at)}: ${JSON.stringify(fault)}`);
    this.fault = fault;
  }
}

/** Reads what `Writer` wrote, from bytes nobody vouches for. Every length is checked against a maximum before use. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // Node's Buffer overrides `slice` to share memory: a vote would keep alive, and hand to a worker thread, the whole
    // message that it came in.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  bool(): boolean {
    const at = this.#at;
    const value = this.u8();
    if (value > 1) throw new DecodeError({ code: "not-canonical", reason: "a boolean is 0 or 1", at });
    return value === 1;
  }

  /** `length` bytes, copied so that the message they came in can be freed. */
  fixed(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  /** As `bytes`, but not copied: whoever keeps them keeps the message that they came in. */
  view(maximum: number): Uint8Array {
    const length = this.#count(maximum);
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Bytes behind their own uint32 length, at most `maximum`. */
  bytes(maximum: number): Uint8Array {
    return this.fixed(this.#count(maximum));
  }

  /** A list behind its own uint32 count, at most `maximum` items. */
  list<T>(maximum: number, read: (reader: Reader) => T): T[] {
    const count = this.#count(maximum);
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read(this));
    return items;
  }

  /** Refuses what a decoder finds to be not the one canonical form. */
  refuse(reason: string): never {
    throw new DecodeError({ code: "not-canonical", reason, at: this.#at });
  }

  /** Ends decoding: nothing may follow. */
  end(): void {
    if (this.left !== 0) throw new DecodeError({ code: "trailing", left: this.left, at: this.#at });
  }

  #count(maximum: number): number {
    const at = this.#at;
    const given = this.u32();
    if (given > maximum) throw new DecodeError({ code: "too-long", given, maximum, at });
    return given;
  }

  #take(length: number): number {
    if (length > this.left) throw new DecodeError({ code: "truncated", needed: length, left: this.left, at: this.#at });
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

/** Decodes all of `bytes` with `read`; throws `DecodeError` on anything but one canonical encoding. */
export function decodeAll<T>(bytes: Uint8Array, read: (reader: Reader) => T): T {
  const reader = new Reader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}
