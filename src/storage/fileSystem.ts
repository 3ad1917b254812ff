/**
 * The few file operations that durable code needs, so that a simulator can tear, lose and corrupt writes. Paths use "/".
 * All failures reject with `FileSystemError`.
 */

/** What went wrong, as far as callers distinguish it. */
export type FileFault = "missing" | "exists" | "locked" | "no-space" | "denied" | "other";

export class FileSystemError extends Error {
  override readonly name = "FileSystemError";
  readonly fault: FileFault;
  readonly path: string;

  constructor(fault: FileFault, path: string, message: string) {
    super(`${path}: ${message}`);
    this.fault = fault;
    this.path = path;
  }
}

export interface FileHandle {
  /** Writes all of `bytes` at `position`, growing the file. Durable only after `sync`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Up to `length` bytes from `position`; fewer only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  size(): Promise<number>;
  truncate(size: number): Promise<void>;
  /** fdatasync: content and size are durable when it resolves. After a rejection nothing is known of the file. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Releases a lock; idempotent. */
export type Unlock = () => Promise<void>;

export interface FileSystem {
  /** Creates the directory and its parents where missing, with mode 0700. */
  makeDirectory(path: string): Promise<void>;
  /** Names (not paths) of the files of a directory, sorted. */
  list(directory: string): Promise<readonly string[]>;
  /** Opens for reading and writing. `create` makes a new file with mode 0600 and rejects with `exists` if there is one. */
  open(path: string, mode: "create" | "existing"): Promise<FileHandle>;
  remove(path: string): Promise<void>;
  /** Replaces `to` atomically. Durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Makes creations, removals and renames in a directory durable. */
  syncDirectory(directory: string): Promise<void>;
  /** A name of this very file that a copy of it does not have, as far as the platform can tell. */
  identity(path: string): Promise<string>;
  /** Whether `path` is the file that `identity` named once. */
  matchesIdentity(path: string, identity: string): Promise<boolean>;
  /** Holds a lock that ends with the process; rejects with `locked` while another process (or opener) holds it. */
  lock(directory: string): Promise<Unlock>;
}
