import { crc32 } from "node:zlib";

/**
 * The bytes of one write-ahead log file: a header, then records.
 *
 *   header  "CREMAWAL" ‖ uint32 version ‖ uint64 first index ‖ crc32
 *   record  uint32 magic ‖ uint32 kind ‖ uint32 length ‖ uint64 index ‖ uint64 synced below ‖ crc32 ‖ data
 *
 * Integers are big-endian; a crc32 covers what stands before it in its structure, for records without the magic and
 * with the data (CRC-32 of ISO-HDLC: native in zlib, and as strong as CRC-32C for bursts up to 32 bits).
 *
 * `synced below` is what tells a torn tail from lost data: every record says below which index all records were durable
 * when it was written. A bad record that a later good one calls durable was damaged after it had been promised; one that
 * none does was on its way when the power went, whatever the disk kept of its successors.
 */

export const SEGMENT_HEADER_BYTES = 24;
export const RECORD_HEADER_BYTES = 32;
/** The longest record: one message of the network with its framing. */
export const RECORD_BYTES_MAX = 40 * 1024 * 1024;

const SEGMENT_MAGIC = Buffer.from("CREMAWAL", "ascii");
const SEGMENT_VERSION = 1;
const RECORD_MAGIC = Buffer.from([0xc7, 0xe3, 0xa1, 0x5d]);
const NAME = /^([0-9a-f]{16})\.wal$/;

const KIND_DATA = 0;
/** No data and no index of its own: only says what is durable. Written on a clean close. */
const KIND_MARK = 1;

export function segmentName(firstIndex: number): string {
  return `${firstIndex.toString(16).padStart(16, "0")}.wal`;
}

/** The first index of a segment by its file name; undefined for any other file. */
export function segmentFirstIndex(name: string): number | undefined {
  const match = NAME.exec(name);
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 16);
}

export function encodeSegmentHeader(firstIndex: number): Uint8Array {
  const out = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(out, 0);
  out.writeUInt32BE(SEGMENT_VERSION, 8);
  out.writeBigUInt64BE(BigInt(firstIndex), 12);
  out.writeUInt32BE(crc32(out.subarray(0, 20)), 20);
  return out;
}

/** Whether the file begins with the header of the segment that starts at `firstIndex`. */
export function hasSegmentHeader(file: Uint8Array, firstIndex: number): boolean {
  return (
    file.length >= SEGMENT_HEADER_BYTES &&
    Buffer.compare(file.subarray(0, SEGMENT_HEADER_BYTES), encodeSegmentHeader(firstIndex)) === 0
  );
}

function encode(kind: number, index: number, syncedBelow: number, data: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(RECORD_HEADER_BYTES + data.length);
  RECORD_MAGIC.copy(out, 0);
  out.writeUInt32BE(kind, 4);
  out.writeUInt32BE(data.length, 8);
  out.writeBigUInt64BE(BigInt(index), 12);
  out.writeBigUInt64BE(BigInt(syncedBelow), 20);
  out.writeUInt32BE(crc32(data, crc32(out.subarray(4, 28))), 28);
  out.set(data, RECORD_HEADER_BYTES);
  return out;
}

export function encodeRecord(index: number, syncedBelow: number, data: Uint8Array): Uint8Array {
  return encode(KIND_DATA, index, syncedBelow, data);
}

export function encodeMark(nextIndex: number): Uint8Array {
  return encode(KIND_MARK, nextIndex, nextIndex, new Uint8Array(0));
}

interface Record {
  readonly kind: number;
  readonly index: number;
  readonly syncedBelow: number;
  readonly start: number;
  readonly end: number;
}

/** The record at `offset`, if the bytes there are one, whole and undamaged. */
function recordAt(file: Buffer, offset: number): Record | undefined {
  if (file.length - offset < RECORD_HEADER_BYTES) return undefined;
  if (RECORD_MAGIC.compare(file, offset, offset + 4) !== 0) return undefined;
  const kind = file.readUInt32BE(offset + 4);
  const length = file.readUInt32BE(offset + 8);
  const start = offset + RECORD_HEADER_BYTES;
  if (kind > KIND_MARK || length > RECORD_BYTES_MAX || length > file.length - start) return undefined;
  const crc = crc32(file.subarray(start, start + length), crc32(file.subarray(offset + 4, offset + 28)));
  if (crc !== file.readUInt32BE(offset + 28)) return undefined;
  const index = Number(file.readBigUInt64BE(offset + 12));
  const syncedBelow = Number(file.readBigUInt64BE(offset + 20));
  return { kind, index, syncedBelow, start, end: start + length };
}

export interface ScannedRecord {
  readonly index: number;
  /** A view into the file that was scanned. */
  readonly data: Uint8Array;
}

export interface Scan {
  readonly records: readonly ScannedRecord[];
  /** Where the undamaged part ends. */
  readonly end: number;
  readonly nextIndex: number;
  /** What follows the undamaged part: nothing, a tail that was never promised, or damage to something that was. */
  readonly rest: "none" | "torn" | "corrupt";
}

/** Reads the records of a segment whose header was checked, or of any bytes at all. */
export function scanSegment(bytes: Uint8Array, firstIndex: number): Scan {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: ScannedRecord[] = [];
  let end = SEGMENT_HEADER_BYTES;
  let nextIndex = firstIndex;
  while (end < file.length) {
    const record = recordAt(file, end);
    if (record?.index !== nextIndex) break;
    if (record.kind === KIND_DATA) {
      records.push({ index: record.index, data: plain.subarray(record.start, record.end) });
      nextIndex++;
    }
    end = record.end;
  }
  const durableBelow = durableAfter(file, end);
  const rest = end >= file.length ? "none" : durableBelow > nextIndex ? "corrupt" : "torn";
  return { records, end, nextIndex, rest };
}

/** The highest `synced below` of any good record at or behind `offset`; 0 without one. */
export function durableAfter(bytes: Uint8Array, offset: number): number {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let durable = 0;
  let at = file.indexOf(RECORD_MAGIC, offset);
  while (at >= 0) {
    const record = recordAt(file, at);
    if (record !== undefined) durable = Math.max(durable, record.syncedBelow);
    // A payload may hold the magic by chance or by malice: only a good record is stepped over as a whole.
    at = file.indexOf(RECORD_MAGIC, record?.end ?? at + 1);
  }
  return durable;
}
