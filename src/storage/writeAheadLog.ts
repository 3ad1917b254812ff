import { assert } from "../runtime/assert.ts";
import { type FileHandle, type FileSystem, type Unlock } from "./fileSystem.ts";
import {
  durableAfter,
  encodeMark,
  encodeRecord,
  encodeSegmentHeader,
  hasSegmentHeader,
  RECORD_BYTES_MAX,
  RECORD_HEADER_BYTES,
  scanSegment,
  SEGMENT_HEADER_BYTES,
  segmentFirstIndex,
  segmentName,
  type Scan,
  type ScannedRecord,
} from "./writeAheadLogSegment.ts";

/** Bytes that may wait for a sync. */
export const PENDING_BYTES_MAX = 128 * 1024 * 1024;
/** A segment that has grown to this is closed and followed by the next. */
export const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Segments that may exist at once: the owner must raise the floor (`truncateBelow`) before. */
export const SEGMENTS_MAX = 4096;
/** A segment of any age is at most two full ones and a record long (a batch is cut at the segment length). */
const SEGMENT_FILE_BYTES_MAX = 4 * RECORD_BYTES_MAX;

export interface WriteAheadLogOptions {
  readonly segmentBytes?: number;
  readonly segmentsMax?: number;
  readonly pendingBytesMax?: number;
}

/** Something that had been synced is damaged. The log must not be used: what it promised is unknown. */
export class WriteAheadLogCorruptError extends Error {
  override readonly name = "WriteAheadLogCorruptError";
  readonly file: string;
  readonly offset: number;

  constructor(file: string, offset: number, reason: string) {
    super(`corrupt write-ahead log ${file} at byte ${String(offset)}: ${reason}`);
    this.file = file;
    this.offset = offset;
  }
}

/** A write or sync failed, so nothing is known of the disk's state: reopen the log. */
export class WriteAheadLogFailedError extends Error {
  override readonly name = "WriteAheadLogFailedError";

  constructor(directory: string, cause: unknown) {
    super(`write-ahead log ${directory} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** A maximum is reached; the record was not taken. */
export class WriteAheadLogFullError extends Error {
  override readonly name = "WriteAheadLogFullError";
  readonly limit: "record" | "pending" | "segments";
  readonly given: number;
  readonly maximum: number;

  constructor(limit: "record" | "pending" | "segments", given: number, maximum: number) {
    super(`write-ahead log: ${String(given)} exceeds the maximum of ${String(maximum)} (${limit})`);
    this.limit = limit;
    this.given = given;
    this.maximum = maximum;
  }
}

/** What opening found. */
export interface Recovery {
  readonly firstIndex: number;
  /** Records from `firstIndex` up to here are there. */
  readonly nextIndex: number;
  /** Bytes of a tail that no sync had promised, removed. */
  readonly tornBytes: number;
}

interface Segment {
  readonly firstIndex: number;
  readonly name: string;
}

interface Waiter {
  readonly below: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * An append-only log of numbered records. WAL-1: what `sync` resolved for survives a crash at any later instant;
 * what it did not may be lost from some record on, never damaged or reordered.
 */
export class WriteAheadLog {
  readonly recovery: Recovery;
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #options: Required<WriteAheadLogOptions>;
  readonly #unlock: Unlock;
  readonly #segments: Segment[];
  #handle: FileHandle;
  #size: number;
  #nextIndex: number;
  #durableBelow: number;
  #pending: { index: number; bytes: Uint8Array }[] = [];
  #pendingBytes = 0;
  #waiters: Waiter[] = [];
  #flushing = false;
  #turn: Promise<void> = Promise.resolve();
  #failure: WriteAheadLogFailedError | undefined;
  #closed = false;

  private constructor(
    fileSystem: FileSystem,
    directory: string,
    options: Required<WriteAheadLogOptions>,
    opened: OpenedSegments,
    unlock: Unlock,
  ) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#options = options;
    this.#unlock = unlock;
    this.#segments = opened.segments;
    this.#handle = opened.handle;
    this.#size = opened.size;
    this.#nextIndex = opened.recovery.nextIndex;
    this.#durableBelow = opened.recovery.nextIndex;
    this.recovery = opened.recovery;
  }

  /**
   * Opens the log of a directory, made where missing, and repairs its tail. Throws `WriteAheadLogCorruptError`, and
   * `FileSystemError` (`locked` while another process has it).
   */
  static async open(
    fileSystem: FileSystem,
    directory: string,
    options: WriteAheadLogOptions = {},
  ): Promise<WriteAheadLog> {
    const limits = {
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
      segmentsMax: options.segmentsMax ?? SEGMENTS_MAX,
      pendingBytesMax: options.pendingBytesMax ?? PENDING_BYTES_MAX,
    };
    await fileSystem.makeDirectory(directory);
    const unlock = await fileSystem.lock(directory);
    try {
      return new WriteAheadLog(fileSystem, directory, limits, await openSegments(fileSystem, directory), unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /** The index that the next record gets. */
  get nextIndex(): number {
    return this.#nextIndex;
  }

  /** The lowest index that is still there (if any record is). */
  get firstIndex(): number {
    return this.#segments[0]?.firstIndex ?? this.#nextIndex;
  }

  /**
   * Takes a record and returns its index; it is durable once a later `sync` resolves. `bytes` must not change until
   * then. Throws `WriteAheadLogFullError`, and `WriteAheadLogFailedError` after a failure.
   */
  append(bytes: Uint8Array): number {
    assert(!this.#closed, "append must not follow close");
    if (this.#failure !== undefined) throw this.#failure;
    if (bytes.length > RECORD_BYTES_MAX) throw new WriteAheadLogFullError("record", bytes.length, RECORD_BYTES_MAX);
    const pending = this.#pendingBytes + bytes.length + RECORD_HEADER_BYTES;
    if (pending > this.#options.pendingBytesMax) {
      throw new WriteAheadLogFullError("pending", pending, this.#options.pendingBytesMax);
    }
    if (this.#segments.length >= this.#options.segmentsMax && this.#size >= this.#options.segmentBytes) {
      throw new WriteAheadLogFullError("segments", this.#segments.length + 1, this.#options.segmentsMax);
    }
    const index = this.#nextIndex++;
    this.#pending.push({ index, bytes });
    this.#pendingBytes = pending;
    return index;
  }

  /** Resolves when every record appended so far is durable. Callers that wait at once share one disk sync. */
  sync(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const below = this.#nextIndex;
    if (this.#durableBelow >= below) return Promise.resolve();
    const done = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ below, resolve, reject });
    });
    if (!this.#flushing) {
      this.#flushing = true;
      void this.#exclusive(() => this.#flush());
    }
    return done;
  }

  /** All durable records, oldest first. Nothing may be appended or truncated while it runs. */
  async *replay(): AsyncGenerator<ScannedRecord> {
    assert(this.#pending.length === 0, "replay must not run beside append");
    for (const segment of [...this.#segments]) {
      const { scan } = await readSegment(this.#fileSystem, this.#directory, segment);
      yield* scan.records;
    }
  }

  /** Allows the log to forget records below `index`: whole segments go, so some may stay. */
  truncateBelow(index: number): Promise<void> {
    return this.#exclusive(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      let removed = 0;
      while ((this.#segments[removed + 1]?.firstIndex ?? Infinity) <= index) removed++;
      for (const segment of this.#segments.splice(0, removed)) {
        await this.#fileSystem.remove(`${this.#directory}/${segment.name}`);
        // One by one: of several unsynced removals a crash may keep the later and undo the earlier, which is a gap.
        await this.#fileSystem.syncDirectory(this.#directory);
      }
    });
  }

  /** Syncs, marks the end as durable, and lets go of the files. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const synced = this.#failure === undefined ? this.sync() : Promise.resolve();
    this.#closed = true;
    try {
      await synced;
      await this.#exclusive(async () => {
        if (this.#failure === undefined) {
          await this.#handle.write(encodeMark(this.#nextIndex), this.#size);
          await this.#handle.sync();
        }
      });
    } finally {
      await this.#handle.close();
      await this.#unlock();
    }
  }

  #exclusive(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiters.length > 0) {
        if (this.#size >= this.#options.segmentBytes) await this.#rotate();
        const batch = this.#takeBatch();
        await this.#handle.write(batch.bytes, this.#size);
        await this.#handle.sync();
        this.#size += batch.bytes.length;
        this.#durableBelow = batch.nextIndex;
        const served = this.#waiters.filter((waiter) => waiter.below <= this.#durableBelow);
        this.#waiters = this.#waiters.filter((waiter) => waiter.below > this.#durableBelow);
        for (const waiter of served) waiter.resolve();
      }
    } catch (error) {
      // After a failed fdatasync the kernel may have dropped the dirty pages: a second attempt that succeeds proves
      // nothing (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
      this.#failure = new WriteAheadLogFailedError(this.#directory, error);
      for (const waiter of this.#waiters) waiter.reject(this.#failure);
      this.#waiters = [];
    } finally {
      this.#flushing = false;
    }
  }

  #takeBatch(): { bytes: Uint8Array; nextIndex: number } {
    const encoded: Uint8Array[] = [];
    let length = 0;
    let taken = 0;
    for (const record of this.#pending) {
      if (length >= this.#options.segmentBytes) break;
      const bytes = encodeRecord(record.index, this.#durableBelow, record.bytes);
      encoded.push(bytes);
      length += bytes.length;
      taken++;
    }
    this.#pending.splice(0, taken);
    this.#pendingBytes -= length;
    return { bytes: Buffer.concat(encoded, length), nextIndex: this.#durableBelow + taken };
  }

  /** Everything in the present segment is durable here: each batch is synced before the next is begun. */
  async #rotate(): Promise<void> {
    await this.#handle.close();
    const segment = { firstIndex: this.#durableBelow, name: segmentName(this.#durableBelow) };
    this.#handle = await createSegment(this.#fileSystem, this.#directory, segment);
    this.#size = SEGMENT_HEADER_BYTES;
    this.#segments.push(segment);
  }
}

interface OpenedSegments {
  readonly segments: Segment[];
  readonly handle: FileHandle;
  readonly size: number;
  readonly recovery: Recovery;
}

async function createSegment(fileSystem: FileSystem, directory: string, segment: Segment): Promise<FileHandle> {
  const handle = await fileSystem.open(`${directory}/${segment.name}`, "create");
  await handle.write(encodeSegmentHeader(segment.firstIndex), 0);
  await handle.sync();
  await fileSystem.syncDirectory(directory);
  return handle;
}

async function readSegment(
  fileSystem: FileSystem,
  directory: string,
  segment: Segment,
): Promise<{ file: Uint8Array; scan: Scan; headerGood: boolean }> {
  const path = `${directory}/${segment.name}`;
  const handle = await fileSystem.open(path, "existing");
  try {
    const size = await handle.size();
    if (size > SEGMENT_FILE_BYTES_MAX) {
      throw new WriteAheadLogCorruptError(
        path,
        SEGMENT_FILE_BYTES_MAX,
        `${String(size)} bytes are more than ever written`,
      );
    }
    const file = await handle.read(0, size);
    const headerGood = hasSegmentHeader(file, segment.firstIndex);
    return { file, headerGood, scan: scanSegment(file, segment.firstIndex) };
  } finally {
    await handle.close();
  }
}

async function openSegments(fileSystem: FileSystem, directory: string): Promise<OpenedSegments> {
  const segments: Segment[] = [];
  for (const name of await fileSystem.list(directory)) {
    const firstIndex = segmentFirstIndex(name);
    if (firstIndex !== undefined) segments.push({ firstIndex, name });
  }
  const last = segments.at(-1);
  if (last === undefined) {
    const segment = { firstIndex: 0, name: segmentName(0) };
    const handle = await createSegment(fileSystem, directory, segment);
    const recovery = { firstIndex: 0, nextIndex: 0, tornBytes: 0 };
    return { segments: [segment], handle, size: SEGMENT_HEADER_BYTES, recovery };
  }
  const firstIndex = segments[0]?.firstIndex ?? 0;
  let nextIndex = firstIndex;
  for (const segment of segments.slice(0, -1)) {
    nextIndex = (await readClosedSegment(fileSystem, directory, segment, nextIndex)).nextIndex;
  }
  if (last.firstIndex !== nextIndex) throw missing(directory, last, nextIndex);
  const opened = await repairLastSegment(fileSystem, directory, last);
  return { ...opened, segments, recovery: { firstIndex, nextIndex: opened.nextIndex, tornBytes: opened.tornBytes } };
}

function missing(directory: string, segment: Segment, nextIndex: number): WriteAheadLogCorruptError {
  const reason = `it begins with record ${String(segment.firstIndex)}, expected ${String(nextIndex)}`;
  return new WriteAheadLogCorruptError(`${directory}/${segment.name}`, 0, reason);
}

/** A segment that has a successor was synced whole before that was made: nothing in it may be bad. */
async function readClosedSegment(
  fileSystem: FileSystem,
  directory: string,
  segment: Segment,
  expectedIndex: number,
): Promise<Scan> {
  const path = `${directory}/${segment.name}`;
  if (segment.firstIndex !== expectedIndex) throw missing(directory, segment, expectedIndex);
  const { scan, headerGood } = await readSegment(fileSystem, directory, segment);
  if (!headerGood) throw new WriteAheadLogCorruptError(path, 0, "bad header");
  if (scan.rest !== "none") throw new WriteAheadLogCorruptError(path, scan.end, "bad record in a closed segment");
  return scan;
}

async function repairLastSegment(
  fileSystem: FileSystem,
  directory: string,
  segment: Segment,
): Promise<{ handle: FileHandle; size: number; nextIndex: number; tornBytes: number }> {
  const path = `${directory}/${segment.name}`;
  const { file, scan, headerGood } = await readSegment(fileSystem, directory, segment);
  if (!headerGood) {
    // The header is synced before the first record is written: a good record behind a bad header is damage.
    if (scan.records.length > 0 || durableAfter(file, 0) > 0) {
      throw new WriteAheadLogCorruptError(path, 0, "bad header before good records");
    }
    await fileSystem.remove(path);
    const handle = await createSegment(fileSystem, directory, segment);
    return { handle, size: SEGMENT_HEADER_BYTES, nextIndex: segment.firstIndex, tornBytes: file.length };
  }
  if (scan.rest === "corrupt") {
    throw new WriteAheadLogCorruptError(path, scan.end, `record ${String(scan.nextIndex)} was durable and is damaged`);
  }
  const handle = await fileSystem.open(path, "existing");
  if (scan.rest === "torn") await handle.truncate(scan.end);
  // Also where nothing was torn: what was read may have been in the cache only, and is promised from now on.
  await handle.sync();
  return { handle, size: scan.end, nextIndex: scan.nextIndex, tornBytes: file.length - scan.end };
}
