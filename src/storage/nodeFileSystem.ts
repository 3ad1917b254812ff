import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { ClassicLevel } from "classic-level";

import { FileSystemError, type FileFault, type FileHandle, type FileSystem, type Unlock } from "./fileSystem.ts";

const FAULTS: Readonly<Record<string, FileFault>> = {
  ENOENT: "missing",
  EEXIST: "exists",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
};

/** Name of the lock inside a locked directory. */
const LOCK_NAME = "lock";

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FileSystemError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new FileSystemError(FAULTS[errorCode(error)] ?? "other", path, message);
  }
}

async function openFile(path: string, mode: "create" | "existing"): Promise<FileHandle> {
  const file = await open(path, mode === "create" ? "wx+" : "r+", 0o600);
  return {
    write: (bytes, position) =>
      attempt(path, async () => {
        let written = 0;
        while (written < bytes.length) {
          const result = await file.write(bytes, written, bytes.length - written, position + written);
          written += result.bytesWritten;
        }
      }),
    read: (position, length) =>
      attempt(path, async () => {
        const out = Buffer.allocUnsafe(length);
        let read = 0;
        while (read < length) {
          const { bytesRead } = await file.read(out, read, length - read, position + read);
          if (bytesRead === 0) break;
          read += bytesRead;
        }
        return out.subarray(0, read);
      }),
    size: () => attempt(path, async () => (await file.stat()).size),
    truncate: (size) => attempt(path, () => file.truncate(size)),
    sync: () => attempt(path, () => file.datasync()),
    close: () => attempt(path, () => file.close()),
  };
}

/** Each directory that was made is an entry of its parent, which must be durable too. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let parent = dirname(resolve(path)); parent.length >= top.length; parent = dirname(parent)) {
    await syncDirectory(parent);
    if (parent === top) return;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The inode and its time of birth: a copy or a restored backup has another. Where the file system does not record the
 * birth, Node reports the last change instead, which moves: then the inode alone has to do.
 */
async function identity(path: string): Promise<string> {
  const status = await stat(path, { bigint: true });
  const born = status.birthtimeNs === status.ctimeNs ? 0n : status.birthtimeNs;
  return `${status.ino.toString()}:${born.toString()}`;
}

async function matchesIdentity(path: string, known: string): Promise<boolean> {
  const [inode, born] = (await identity(path)).split(":");
  const [knownInode, knownBorn] = known.split(":");
  return inode === knownInode && (born === "0" || knownBorn === "0" || born === knownBorn);
}

/**
 * Node has no file locks; LevelDB takes one that the system itself releases when the process dies, so an empty database
 * serves as the lock.
 */
async function lock(directory: string): Promise<Unlock> {
  const path = `${directory}/${LOCK_NAME}`;
  const holder = new ClassicLevel(path, { writeBufferSize: 4096, cacheSize: 0 });
  try {
    await holder.open();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (errorCode(cause) === "LEVEL_LOCKED") throw new FileSystemError("locked", path, "in use by another process");
    throw new FileSystemError("other", path, cause instanceof Error ? cause.message : String(error));
  }
  return () => holder.close();
}

/** The file system of this machine. */
export const nodeFileSystem: FileSystem = {
  makeDirectory: (path) => attempt(path, () => makeDirectory(path)),
  list: (directory) =>
    attempt(directory, async () => {
      const entries = await readdir(directory, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name)
        .sort();
    }),
  open: (path, mode) => attempt(path, () => openFile(path, mode)),
  remove: (path) => attempt(path, () => rm(path)),
  rename: (from, to) => attempt(from, () => rename(from, to)),
  syncDirectory: (directory) => attempt(directory, () => syncDirectory(directory)),
  identity: (path) => attempt(path, () => identity(path)),
  matchesIdentity: (path, known) => attempt(path, () => matchesIdentity(path, known)),
  lock: (directory) => attempt(directory, () => lock(directory)),
};
