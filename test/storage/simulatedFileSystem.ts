import type { Random } from "../../src/runtime/random.ts";
import { FileSystemError, type FileHandle, type FileSystem } from "../../src/storage/fileSystem.ts";

/** The machine lost its power: every operation fails until `restart`. */
export class PowerLoss extends Error {
  override readonly name = "PowerLoss";
}

type Change =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

interface SimulatedFile {
  readonly identity: string;
  /** What the disk holds for sure. */
  durable: Uint8Array;
  /** What was done since the last sync, in order. */
  changes: Change[];
}

function applyChange(content: Uint8Array, change: Change): Uint8Array {
  const size =
    change.kind === "truncate" ? change.size : Math.max(content.length, change.position + change.bytes.length);
  const out = new Uint8Array(size);
  out.set(content.subarray(0, size));
  if (change.kind === "write") out.set(change.bytes, change.position);
  return out;
}

function contentOf(file: SimulatedFile): Uint8Array {
  return file.changes.reduce(applyChange, file.durable);
}

/** What an unsynced write may have become when the power went. */
export type WriteFate = "kept" | "lost" | "torn" | "zeroed" | "garbled";
const FATES: readonly WriteFate[] = ["kept", "lost", "torn", "zeroed", "garbled"];

/**
 * A disk in memory that keeps what was synced and may do anything to the rest: lose it, keep it, keep a prefix of a
 * write, reorder writes (a later one kept, an earlier one lost), fill it with zeros or garbage; and the same for names
 * in directories that were not synced.
 */
export class SimulatedDisk {
  readonly #random: Random;
  #current = new Map<string, SimulatedFile>();
  #durable = new Map<string, SimulatedFile>();
  readonly #locks = new Set<string>();
  #operations = 0;
  #crashAt = Infinity;
  #isDown = false;
  #identities = 0;
  /** Each sync fails while this is set. */
  failsSync = false;

  constructor(random: Random) {
    this.#random = random;
  }

  get operations(): number {
    return this.#operations;
  }

  /** The power goes at the n-th operation from now; during it, so that it may have happened or not. */
  crashAfter(operations: number): void {
    this.#crashAt = this.#operations + operations;
  }

  /** What is left after a power loss. */
  restart(fate?: WriteFate): void {
    const names = new Set([...this.#current.keys(), ...this.#durable.keys()]);
    const left = new Map<string, SimulatedFile>();
    for (const name of names) {
      const file = this.#random.fraction() < 0.5 ? this.#current.get(name) : this.#durable.get(name);
      const kept = this.#current.get(name) === this.#durable.get(name) ? this.#current.get(name) : file;
      if (kept === undefined) continue;
      const durable = this.#afterLoss(kept, fate);
      left.set(name, { identity: kept.identity, durable, changes: [] });
    }
    this.#current = left;
    this.#durable = new Map(left);
    this.#locks.clear();
    this.#crashAt = Infinity;
    this.#isDown = false;
  }

  files(): string[] {
    return [...this.#current.keys()].sort();
  }

  content(path: string): Uint8Array {
    return contentOf(this.#file(path));
  }

  /** Changes a file behind everybody's back. */
  overwrite(path: string, content: Uint8Array): void {
    Object.assign(this.#file(path), { durable: content, changes: [] });
  }

  /** Copies a directory as a backup tool does: same bytes, other files. */
  copy(from: string, to: string): void {
    for (const [path, file] of [...this.#current]) {
      if (!path.startsWith(`${from}/`)) continue;
      const copied = { identity: this.#nextIdentity(), durable: contentOf(file), changes: [] };
      this.#current.set(to + path.slice(from.length), copied);
      this.#durable.set(to + path.slice(from.length), copied);
    }
  }

  removeDirectory(directory: string): void {
    for (const files of [this.#current, this.#durable]) {
      for (const path of [...files.keys()]) if (path.startsWith(`${directory}/`)) files.delete(path);
    }
  }

  readonly fileSystem: FileSystem = {
    makeDirectory: () => this.#operation(() => undefined),
    list: (directory) =>
      this.#operation(() =>
        [...this.#current.keys()]
          .filter((path) => path.startsWith(`${directory}/`) && !path.slice(directory.length + 1).includes("/"))
          .map((path) => path.slice(directory.length + 1))
          .sort(),
      ),
    open: (path, mode) =>
      this.#operation(() => {
        if (mode === "create") {
          if (this.#current.has(path)) throw new FileSystemError("exists", path, "exists");
          this.#current.set(path, { identity: this.#nextIdentity(), durable: new Uint8Array(0), changes: [] });
        }
        return this.#handle(path, this.#file(path));
      }),
    remove: (path) =>
      this.#operation(() => {
        this.#file(path);
        this.#current.delete(path);
      }),
    rename: (from, to) =>
      this.#operation(() => {
        this.#current.set(to, this.#file(from));
        this.#current.delete(from);
      }),
    syncDirectory: (directory) =>
      this.#operation(() => {
        const inside = (path: string): boolean => path.startsWith(`${directory}/`);
        for (const path of [...this.#durable.keys()]) if (inside(path)) this.#durable.delete(path);
        for (const [path, file] of this.#current) if (inside(path)) this.#durable.set(path, file);
      }),
    identity: (path) => this.#operation(() => this.#file(path).identity),
    matchesIdentity: (path, identity) => this.#operation(() => this.#file(path).identity === identity),
    lock: (directory) =>
      this.#operation(() => {
        if (this.#locks.has(directory)) throw new FileSystemError("locked", directory, "locked");
        this.#locks.add(directory);
        return () => {
          this.#locks.delete(directory);
          return Promise.resolve();
        };
      }),
  };

  #nextIdentity(): string {
    this.#identities++;
    return `file ${String(this.#identities)}`;
  }

  #file(path: string): SimulatedFile {
    const file = this.#current.get(path);
    if (file === undefined) throw new FileSystemError("missing", path, "missing");
    return file;
  }

  #handle(path: string, file: SimulatedFile): FileHandle {
    return {
      write: (bytes, position) =>
        this.#operation(() => {
          file.changes.push({ kind: "write", position, bytes: bytes.slice() });
        }),
      read: (position, length) => this.#operation(() => contentOf(file).slice(position, position + length)),
      size: () => this.#operation(() => contentOf(file).length),
      truncate: (size) =>
        this.#operation(() => {
          file.changes.push({ kind: "truncate", size });
        }),
      sync: () =>
        this.#operation(() => {
          if (this.failsSync) throw new FileSystemError("other", path, "input/output error");
          Object.assign(file, { durable: contentOf(file), changes: [] });
        }),
      close: () => Promise.resolve(),
    };
  }

  async #operation<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    if (this.#isDown) throw new PowerLoss();
    this.#operations++;
    if (this.#operations >= this.#crashAt) {
      this.#isDown = true;
      if (this.#random.fraction() < 0.5) work();
      throw new PowerLoss();
    }
    return work();
  }

  #afterLoss(file: SimulatedFile, fate: WriteFate | undefined): Uint8Array {
    return file.changes.reduce((content, change) => this.#suffer(content, change, fate), file.durable);
  }

  #suffer(content: Uint8Array, change: Change, fixed: WriteFate | undefined): Uint8Array {
    const fate = fixed ?? FATES[Math.floor(this.#random.fraction() * FATES.length)] ?? "lost";
    if (fate === "lost") return content;
    if (change.kind === "truncate" || fate === "kept") return applyChange(content, change);
    if (fate === "zeroed") return applyChange(content, { ...change, bytes: new Uint8Array(change.bytes.length) });
    const kept = Math.floor(this.#random.fraction() * change.bytes.length);
    if (fate === "torn") return applyChange(content, { ...change, bytes: change.bytes.subarray(0, kept) });
    const bytes = change.bytes.slice();
    bytes.set(this.#random.bytes(bytes.length - kept), kept);
    return applyChange(content, { ...change, bytes });
  }
}
