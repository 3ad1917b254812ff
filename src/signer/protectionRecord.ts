import { Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import { equalBytes, toHex } from "../codec/hex.ts";
import { PUBLIC_KEY_BYTES } from "../crypto/bls.ts";
import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import type * as Evidence from "../protocol/Evidence.ts";
import * as Resume from "../protocol/Resume.ts";
import { Epoch, View } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import { FileSystemError, type FileSystem } from "../storage/fileSystem.ts";
import { WriteAheadLog, WriteAheadLogCorruptError } from "../storage/writeAheadLog.ts";
import {
  fresh,
  note,
  VIEWS_MAX,
  votesOf,
  type Disabled,
  type Protection,
  type SignedView,
} from "./slashingProtection.ts";

/**
 * The slashing-protection record of one key on disk: a write-ahead log of what was signed, begun by a snapshot and
 * shortened by one now and then. A record exists only because its key was made here or because it was imported; opening
 * never makes one.
 */

/** Entries after which the log is shortened: a snapshot of `VIEWS_MAX` views is no longer than they are. */
export const ENTRIES_BEFORE_SNAPSHOT = 2 * VIEWS_MAX;
const SEGMENT_BYTES = 256 * 1024;
const FORMAT_VERSION = 1;
const MARKER = "record.id";
const IDENTITY_BYTES_MAX = 128;
const DISABLED: readonly (Disabled | undefined)[] = [undefined, "exported", "foreign-signature"];

const TAG = { snapshot: 0, vote: 1, resume: 2 } as const;

/**
 * Why a signer does not start. `missing`: the key has no record, so nobody knows what it signed: make a new key, or
 * import the record from where the key was. `copied`: the files are not the ones that were made here (a backup was
 * restored, or they were moved without export and import). `other-key`, `other-genesis`: of another key or chain.
 * `exists`: one would be overwritten. `locked`: another process signs with it.
 */
export type ProtectionFault = "missing" | "exists" | "copied" | "corrupt" | "other-key" | "other-genesis" | "locked";

export class ProtectionRecordError extends Error {
  override readonly name = "ProtectionRecordError";
  readonly fault: ProtectionFault;
  readonly path: string;

  constructor(fault: ProtectionFault, path: string, detail: string) {
    super(`slashing-protection record ${path}: ${fault}: ${detail}`);
    this.fault = fault;
    this.path = path;
  }
}

export interface ProtectionRecord {
  /** What was signed. Change it only through this record. */
  readonly state: Protection;
  /** Notes a message; durable when the promise resolves. The state has it at once. */
  add(message: Evidence.Message): Promise<void>;
  /** Makes every earlier addition durable. */
  sync(): Promise<void>;
  /** Changes the state as a whole, durably. */
  change(edit: (state: Protection) => void): Promise<void>;
  close(): Promise<void>;
}

function writeView(writer: Writer, view: SignedView): void {
  writer.list(votesOf(view), Vote.write);
}

function snapshot(state: Protection, identity: string): Uint8Array {
  const writer = new Writer();
  writer.u8(TAG.snapshot).u8(FORMAT_VERSION);
  writer.fixed(hashBytes(state.genesis), 32).fixed(state.publicKey, PUBLIC_KEY_BYTES);
  writer.bytes(Buffer.from(identity, "ascii"));
  writer.u64(state.floor.epoch).u64(state.floor.view).u64(state.epochFloor).u64(state.votedEpoch);
  writer.bool(state.awaitsPeers).u8(DISABLED.indexOf(state.disabled));
  writer.bool(state.resumed !== undefined);
  if (state.resumed !== undefined) {
    Resume.write(writer, state.resumed);
  }
  writer.list([...state.views.values()], writeView);
  return writer.finish();
}

function readSnapshot(reader: Reader): { state: Protection; identity: string } {
  const version = reader.u8();
  if (version !== FORMAT_VERSION) reader.refuse(`record format ${String(version)} is unknown`);
  const state = fresh(hashFromBytes(reader.fixed(32)), reader.fixed(PUBLIC_KEY_BYTES));
  const identity = Buffer.from(reader.bytes(IDENTITY_BYTES_MAX)).toString("ascii");
  const floor = { epoch: Epoch(reader.u64()), view: View(reader.u64()) };
  const epochFloor = Epoch(reader.u64());
  const votedEpoch = Epoch(reader.u64());
  const awaitsPeers = reader.bool();
  const disabled = DISABLED[reader.u8()];
  const resumed = reader.bool() ? Resume.read(reader) : undefined;
  for (const votes of reader.list(VIEWS_MAX, (item) => item.list(3, Vote.read))) {
    for (const vote of votes) note(state, vote);
  }
  return { state: Object.assign(state, { floor, epochFloor, votedEpoch, awaitsPeers, disabled, resumed }), identity };
}

function entry(message: Evidence.Message): Uint8Array {
  const writer = new Writer();
  if (message.kind === "resume") {
    Resume.write(writer.u8(TAG.resume), message);
  } else {
    writer.u8(TAG.vote);
    Vote.write(writer, message);
  }
  return writer.finish();
}

function apply(known: Loaded | undefined, bytes: Uint8Array): Loaded | undefined {
  const reader = new Reader(bytes);
  const tag = reader.u8();
  let loaded: Loaded;
  if (tag === TAG.snapshot) {
    loaded = { ...readSnapshot(reader), entries: 0 };
  } else {
    if (tag > TAG.resume) return reader.refuse(`entry of kind ${String(tag)}`);
    // Older than the first snapshot that is left, and so in it.
    if (known === undefined) return undefined;
    note(known.state, tag === TAG.vote ? Vote.read(reader) : { kind: "resume", ...Resume.read(reader) });
    loaded = { ...known, entries: known.entries + 1 };
  }
  reader.end();
  return loaded;
}

interface Loaded {
  readonly state: Protection;
  readonly identity: string;
  readonly entries: number;
}

/** Replays the log; undefined for one in which nothing was ever synced. */
async function load(log: WriteAheadLog, directory: string): Promise<Loaded | undefined> {
  let loaded: Loaded | undefined;
  for await (const { index, data } of log.replay()) {
    try {
      loaded = apply(loaded, data);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ProtectionRecordError("corrupt", directory, `entry ${String(index)}: ${reason}`);
    }
  }
  if (loaded === undefined && log.nextIndex > 0) {
    throw new ProtectionRecordError("corrupt", directory, "no snapshot is left");
  }
  return loaded;
}

async function openLog(fileSystem: FileSystem, directory: string): Promise<WriteAheadLog> {
  try {
    return await WriteAheadLog.open(fileSystem, directory, { segmentBytes: SEGMENT_BYTES });
  } catch (error) {
    if (error instanceof WriteAheadLogCorruptError) {
      throw new ProtectionRecordError("corrupt", directory, error.message);
    }
    if (error instanceof FileSystemError && error.fault === "locked") {
      throw new ProtectionRecordError("locked", directory, "another process signs with this key");
    }
    throw error;
  }
}

async function hasMarker(fileSystem: FileSystem, directory: string): Promise<boolean> {
  try {
    return (await fileSystem.list(directory)).includes(MARKER);
  } catch (error) {
    if (error instanceof FileSystemError && error.fault === "missing") return false;
    throw error;
  }
}

/** The key and chain that a record must be of. */
export interface ProtectedKey {
  readonly genesis: Hash;
  /** 192 bytes. */
  readonly publicKey: Uint8Array;
}

function assertOf(state: Protection, expected: ProtectedKey, directory: string): void {
  if (!equalBytes(state.publicKey, expected.publicKey)) {
    const detail = `it is of key ${toHex(state.publicKey.subarray(0, 16))}…, not ${toHex(expected.publicKey.subarray(0, 16))}…`;
    throw new ProtectionRecordError("other-key", directory, detail);
  }
  if (state.genesis !== expected.genesis) {
    throw new ProtectionRecordError("other-genesis", directory, `it is of ${state.genesis}, not ${expected.genesis}`);
  }
}

function start(log: WriteAheadLog, loaded: Loaded): ProtectionRecord {
  let { entries } = loaded;
  const { state, identity } = loaded;
  async function compact(): Promise<void> {
    entries = 0;
    const index = log.append(snapshot(state, identity));
    await log.sync();
    await log.truncateBelow(index);
  }
  return {
    state,
    add: async (message) => {
      note(state, message);
      log.append(entry(message));
      entries++;
      if (entries >= ENTRIES_BEFORE_SNAPSHOT) await compact();
      else await log.sync();
    },
    sync: () => log.sync(),
    change: async (edit) => {
      edit(state);
      await compact();
    },
    close: () => log.close(),
  };
}

/**
 * Makes the record of a key that has signed nothing, or of one whose `state` was imported. Only for key generation and
 * import: a record that is made for a key in use allows everything to be signed again.
 */
export async function createProtectionRecord(
  fileSystem: FileSystem,
  directory: string,
  state: Protection,
): Promise<void> {
  await fileSystem.makeDirectory(directory);
  if (await hasMarker(fileSystem, directory)) {
    throw new ProtectionRecordError("exists", directory, "a record is never replaced");
  }
  const log = await openLog(fileSystem, directory);
  try {
    if (log.nextIndex > 0) throw new ProtectionRecordError("exists", directory, "a record is never replaced");
    const marker = await fileSystem.open(`${directory}/${MARKER}`, "create");
    await marker.write(Buffer.from("Moving this directory disables the signer: export and import instead.\n"), 0);
    await marker.sync();
    await marker.close();
    await fileSystem.syncDirectory(directory);
    log.append(snapshot(state, await fileSystem.identity(`${directory}/${MARKER}`)));
    await log.sync();
  } finally {
    await log.close();
  }
}

/** Opens the record of a key. Throws `ProtectionRecordError`. */
export async function openProtectionRecord(
  fileSystem: FileSystem,
  directory: string,
  expected: ProtectedKey,
): Promise<ProtectionRecord> {
  if (!(await hasMarker(fileSystem, directory))) {
    throw new ProtectionRecordError("missing", directory, "this key has no record, so what it signed is unknown");
  }
  const log = await openLog(fileSystem, directory);
  try {
    const loaded = await load(log, directory);
    if (loaded === undefined) throw new ProtectionRecordError("missing", directory, "it was never completed");
    assertOf(loaded.state, expected, directory);
    if (!(await fileSystem.matchesIdentity(`${directory}/${MARKER}`, loaded.identity))) {
      throw new ProtectionRecordError("copied", directory, "restored or moved; use export and import");
    }
    return start(log, loaded);
  } catch (error) {
    await log.close();
    throw error;
  }
}
