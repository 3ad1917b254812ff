import { PRIORITIES, type DisconnectReason, type Priority } from "./transport.ts";
import type { Fragment } from "./sendQueue.ts";

/**
 * The bytes between two nodes inside TLS. A frame is `uint32 length ‖ uint8 type ‖ body`, integers big-endian:
 *
 *   hello     "crema" ‖ uint16 version ‖ 32-byte genesis hash ‖ uint32 longest message accepted     first, once
 *   message   uint8 lane ‖ uint8 first ‖ (first: uint32 total length) ‖ bytes                        a fragment
 *   ping, pong                                                                                       empty
 *   goodbye   uint8 reason                                                                           last
 *
 * NET-2: a length is compared with its maximum before anything is allocated for it. A message travels in fragments of
 * at most `FRAGMENT_BYTES`, one message per lane at a time, so that a vote never waits for a block to end.
 */

export const PROTOCOL_VERSION = 1;
export const FRAGMENT_BYTES = 64 * 1024;
const MESSAGE_HEADER_BYTES_MAX = 6;
export const FRAME_BODY_BYTES_MAX = FRAGMENT_BYTES + MESSAGE_HEADER_BYTES_MAX;
export const FRAME_HEADER_BYTES = 5;

const HELLO_MAGIC = Buffer.from("crema", "ascii");
const GENESIS_BYTES = 32;
const HELLO_BYTES = HELLO_MAGIC.length + 2 + GENESIS_BYTES + 4;

export const FRAME = { hello: 0, message: 1, ping: 2, pong: 3, goodbye: 4 } as const;

export interface Hello {
  readonly version: number;
  readonly genesis: Uint8Array;
  /** The longest message that the sender of this hello takes from its receiver. */
  readonly messageBytesMax: number;
}

/** Reasons that a peer may state, by their number on the wire. */
const GOODBYES: readonly DisconnectReason[] = [
  "goodbye",
  "duplicate",
  "replaced",
  "removed",
  "wrong-genesis",
  "wrong-version",
  "unknown-key",
  "banned",
  "malformed",
  "oversize",
  "connection-cap",
];

/** A whole frame that has no message in it. */
export function encodeFrame(type: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const out = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length);
  out.writeUInt32BE(body.length, 0);
  out.writeUInt8(type, 4);
  out.set(body, FRAME_HEADER_BYTES);
  return out;
}

export function encodeHello(hello: Hello): Uint8Array {
  const body = Buffer.alloc(HELLO_BYTES);
  let at = HELLO_MAGIC.copy(body, 0);
  at = body.writeUInt16BE(hello.version, at);
  body.set(hello.genesis, at);
  body.writeUInt32BE(hello.messageBytesMax, at + GENESIS_BYTES);
  return encodeFrame(FRAME.hello, body);
}

/** Undefined for a body that is no hello. */
export function decodeHello(bytes: Uint8Array): Hello | undefined {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = HELLO_MAGIC.length;
  if (body.length < at + 2 || !body.subarray(0, at).equals(HELLO_MAGIC)) return undefined;
  const version = body.readUInt16BE(at);
  // Another version may look different from here on; it must still be told apart from garbage.
  if (version !== PROTOCOL_VERSION) return { version, genesis: new Uint8Array(GENESIS_BYTES), messageBytesMax: 0 };
  if (body.length !== HELLO_BYTES) return undefined;
  const genesis = Uint8Array.from(body.subarray(at + 2, at + 2 + GENESIS_BYTES));
  return { version, genesis, messageBytesMax: body.readUInt32BE(at + 2 + GENESIS_BYTES) };
}

export function encodeGoodbye(reason: DisconnectReason): Uint8Array {
  return encodeFrame(FRAME.goodbye, Uint8Array.of(Math.max(0, GOODBYES.indexOf(reason))));
}

/** What the peer stated; `closed-by-peer` for what it cannot state. */
export function decodeGoodbye(body: Uint8Array): DisconnectReason {
  const [code = GOODBYES.length] = body;
  return GOODBYES[code] ?? "closed-by-peer";
}

/** Frame and fragment header of a piece of a message; the piece itself follows without a copy. */
export function encodeFragmentHeader(fragment: Fragment): Uint8Array {
  const headerBytes = fragment.isFirst ? MESSAGE_HEADER_BYTES_MAX : 2;
  const out = Buffer.allocUnsafe(FRAME_HEADER_BYTES + headerBytes);
  out.writeUInt32BE(headerBytes + fragment.bytes.length, 0);
  out.writeUInt8(FRAME.message, 4);
  out.writeUInt8(PRIORITIES.indexOf(fragment.priority), 5);
  out.writeUInt8(fragment.isFirst ? 1 : 0, 6);
  if (fragment.isFirst) out.writeUInt32BE(fragment.total, 7);
  return out;
}

export type FrameFault = "malformed" | "oversize";

export interface Frame {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Cuts a stream of bytes into frames, copying each byte once. */
export class FrameParser {
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerFilled = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;

  /** Calls `onFrame` for each frame that `chunk` completes, until it returns false. Undefined while all is well. */
  push(chunk: Buffer, onFrame: (frame: Frame) => boolean): FrameFault | undefined {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body === undefined) {
        const copied = chunk.copy(this.#header, this.#headerFilled, at);
        at += copied;
        this.#headerFilled += copied;
        if (this.#headerFilled < FRAME_HEADER_BYTES) return undefined;
        const length = this.#header.readUInt32BE(0);
        if (length > FRAME_BODY_BYTES_MAX) return "oversize";
        // Not a Buffer: what is delivered must be a plain array, whose `slice` copies.
        this.#body = new Uint8Array(length);
        this.#bodyFilled = 0;
      }
      const copied = chunk.copy(this.#body, this.#bodyFilled, at);
      at += copied;
      this.#bodyFilled += copied;
      if (this.#bodyFilled < this.#body.length) return undefined;
      const frame = { type: this.#header.readUInt8(4), body: this.#body };
      this.#body = undefined;
      this.#headerFilled = 0;
      if (!onFrame(frame)) return undefined;
    }
    return undefined;
  }
}

export type Assembled =
  { readonly kind: "message"; readonly bytes: Uint8Array } | { readonly kind: "more" } | { readonly kind: FrameFault };

interface Partial {
  readonly total: number;
  readonly pieces: Uint8Array[];
  length: number;
}

/**
 * Puts fragments together, one message per lane at a time. Memory grows with what arrived, not with what was announced:
 * at most three times the longest message.
 */
export class MessageAssembler {
  readonly #partials = new Map<Priority, Partial>();

  /** Takes the body of a message frame. */
  push(body: Uint8Array, messageBytesMax: number): Assembled {
    const [lane = PRIORITIES.length, first = 2] = body;
    const priority = PRIORITIES[lane];
    if (priority === undefined || first > 1) return { kind: "malformed" };
    if (first === 0) return this.add({ priority, total: 0, isFirst: false, bytes: body.subarray(2) }, messageBytesMax);
    if (body.length < MESSAGE_HEADER_BYTES_MAX) return { kind: "malformed" };
    const total = new DataView(body.buffer, body.byteOffset).getUint32(2);
    const bytes = body.subarray(MESSAGE_HEADER_BYTES_MAX);
    return this.add({ priority, total, isFirst: true, bytes }, messageBytesMax);
  }

  /** Takes a fragment; `total` counts only in the first of a message. */
  add(fragment: Fragment, messageBytesMax: number): Assembled {
    const { priority, total, isFirst, bytes } = fragment;
    const known = this.#partials.get(priority);
    if (isFirst !== (known === undefined)) return { kind: "malformed" };
    if (isFirst && total > messageBytesMax) return { kind: "oversize" };
    return this.#extend(priority, known ?? { total, pieces: [], length: 0 }, bytes);
  }

  #extend(priority: Priority, partial: Partial, piece: Uint8Array): Assembled {
    // All pieces but the last are full: many small ones would cost far more memory than their bytes.
    const length = Math.min(FRAGMENT_BYTES, partial.total - partial.length);
    if (piece.length !== length) return { kind: "malformed" };
    partial.pieces.push(piece);
    partial.length += piece.length;
    if (partial.length < partial.total) {
      this.#partials.set(priority, partial);
      return { kind: "more" };
    }
    this.#partials.delete(priority);
    const [only] = partial.pieces;
    if (partial.pieces.length === 1 && only !== undefined) return { kind: "message", bytes: only };
    return { kind: "message", bytes: concatPieces(partial) };
  }
}

function concatPieces(partial: Partial): Uint8Array {
  const out = new Uint8Array(partial.total);
  let at = 0;
  for (const piece of partial.pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
