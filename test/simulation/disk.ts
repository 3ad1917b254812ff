import type { Random } from "../../src/runtime/random.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { FileSystemError, type FileHandle, type FileSystem } from "../../src/storage/fileSystem.ts";
import { StoreCorruptError, type Operation, type Range, type Store } from "../../src/storage/store.ts";

interface File {
  readonly id: number;
  durable: Uint8Array;
  current: Uint8Array;
  pending: { readonly bytes: Uint8Array; readonly position: number }[];
}

/** How long a sync takes on this machine. */
export interface DiskSpeed {
  readonly syncMs: () => number;
}

/** One machine's disk. What was not synced when the process dies is lost, kept or torn, write by write. */
export class Disk {
  readonly files = new Map<string, File>();
  readonly locks = new Set<string>();
  readonly store = new DurableMap();
  /** Called when a write begins to wait for its sync. */
  onWrite: (() => void) | undefined;
  /** Planted fault: directories that a crash wipes, whatever was promised. */
  readonly forgets = new Set<string>();
  /** Planted fault: directories whose syncs resolve and do nothing. */
  readonly lies = new Set<string>();
  #nextId = 1;

  createFile(path: string): File {
    const file = { id: this.#nextId++, durable: new Uint8Array(0), current: new Uint8Array(0), pending: [] };
    this.files.set(path, file);
    return file;
  }

  /** The process died, or the power went. */
  crash(random: Random): { lost: number; torn: number } {
    let lost = 0;
    let torn = 0;
    this.locks.clear();
    this.onWrite = undefined;
    for (const path of [...this.files.keys()]) {
      if ([...this.forgets].some((directory) => path.startsWith(`${directory}/`))) this.files.delete(path);
    }
    for (const file of this.files.values()) {
      for (const { bytes, position } of file.pending) {
        const chance = random.fraction();
        const kept = chance < 0.4 ? 0 : chance < 0.7 ? Math.floor(random.fraction() * bytes.length) : bytes.length;
        if (kept === 0) lost += 1;
        else if (kept < bytes.length) torn += 1;
        if (kept > 0) file.durable = written(file.durable, bytes.subarray(0, kept), position);
      }
      file.pending = [];
      file.current = file.durable.slice();
    }
    lost += this.store.crash(random);
    return { lost, torn };
  }
}

function written(file: Uint8Array, bytes: Uint8Array, position: number): Uint8Array {
  const end = position + bytes.length;
  let out = file;
  if (end > file.length) {
    out = new Uint8Array(end);
    out.set(file);
  }
  out.set(bytes, position);
  return out;
}

function wait(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}

/** The disk as one process sees it. */
export function processFileSystem(disk: Disk, clock: Clock, speed: DiskSpeed): FileSystem {
  const find = (path: string): File => {
    const file = disk.files.get(path);
    if (file === undefined) throw new FileSystemError("missing", path, "no such file");
    return file;
  };
  return {
    makeDirectory: () => Promise.resolve(),
    list: (directory) => {
      const prefix = `${directory}/`;
      const names = [...disk.files.keys()].filter((path) => path.startsWith(prefix));
      return Promise.resolve(names.map((path) => path.slice(prefix.length)).sort());
    },
    open: (path, mode) => {
      if (mode === "create" && disk.files.has(path)) {
        return Promise.reject(new FileSystemError("exists", path, "file exists"));
      }
      try {
        return Promise.resolve(
          handleOf(disk, path, mode === "create" ? disk.createFile(path) : find(path), clock, speed),
        );
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
    },
    remove: (path) => {
      disk.files.delete(path);
      return Promise.resolve();
    },
    rename: (from, to) => {
      disk.files.set(to, find(from));
      disk.files.delete(from);
      return Promise.resolve();
    },
    syncDirectory: () => wait(clock, speed.syncMs()),
    identity: (path) => Promise.resolve(String(find(path).id)),
    matchesIdentity: (path, identity) => Promise.resolve(String(find(path).id) === identity),
    lock: (directory) => {
      if (disk.locks.has(directory)) return Promise.reject(new FileSystemError("locked", directory, "in use"));
      disk.locks.add(directory);
      return Promise.resolve(() => {
        disk.locks.delete(directory);
        return Promise.resolve();
      });
    },
  };
}

function handleOf(disk: Disk, path: string, file: File, clock: Clock, speed: DiskSpeed): FileHandle {
  const isLying = (): boolean => [...disk.lies].some((directory) => path.startsWith(`${directory}/`));
  return {
    write: (bytes, position) => {
      const copy = bytes.slice();
      file.pending.push({ bytes: copy, position });
      file.current = written(file.current, copy, position);
      disk.onWrite?.();
      return Promise.resolve();
    },
    read: (position, length) => Promise.resolve(file.current.slice(position, position + length)),
    size: () => Promise.resolve(file.current.length),
    truncate: (size) => {
      file.current = file.current.slice(0, size);
      // A truncation is modelled as durable: what it cut off was never promised.
      file.durable = file.durable.slice(0, size);
      file.pending = [];
      return Promise.resolve();
    },
    sync: async () => {
      const covered = [...file.pending];
      await wait(clock, speed.syncMs());
      if (isLying()) return;
      for (const { bytes, position } of covered) file.durable = written(file.durable, bytes, position);
      file.pending = file.pending.filter((write) => !covered.includes(write));
    },
    close: () => Promise.resolve(),
  };
}

/** The ordered map of one machine: batches are whole, but those not synced may be lost from some one on. */
export class DurableMap {
  readonly #durable = new Map<string, Uint8Array>();
  #current = new Map<string, Uint8Array>();
  #keys: string[] = [];
  #unsynced: (readonly Operation[])[] = [];
  readonly #rotten = new Set<string>();
  /** Planted fault: a table whose values are read with a wrong bit. */
  spoils: string | undefined;

  get(key: Uint8Array): Uint8Array | undefined {
    const text = textOf(key);
    this.#assertSound(text);
    const value = this.#current.get(text);
    if (value === undefined || this.spoils === undefined || !text.startsWith(this.spoils)) return value;
    return value.map((byte, index) => (index === value.length - 1 ? byte ^ 1 : byte));
  }

  apply(operations: readonly Operation[]): void {
    this.#unsynced.push(operations);
    for (const operation of operations) {
      const key = textOf(operation.key);
      const at = lowerBound(this.#keys, key);
      const isKnown = this.#keys[at] === key;
      this.#rotten.delete(key);
      if (operation.kind === "put" && !isKnown) this.#keys.splice(at, 0, key);
      if (operation.kind === "delete" && isKnown) this.#keys.splice(at, 1);
    }
    applyTo(this.#current, operations);
  }

  /** How many batches a sync that begins now will cover. */
  get unsynced(): number {
    return this.#unsynced.length;
  }

  /** The first `count` of the batches not synced are durable. */
  makeDurable(upTo: readonly Operation[]): void {
    const count = this.#unsynced.indexOf(upTo) + 1;
    for (const operations of this.#unsynced.splice(0, count)) applyTo(this.#durable, operations);
  }

  crash(random: Random): number {
    const kept = Math.floor(random.fraction() * (this.#unsynced.length + 1));
    const lost = this.#unsynced.length - kept;
    for (const operations of this.#unsynced.slice(0, kept)) applyTo(this.#durable, operations);
    this.#unsynced = [];
    this.#current = new Map(this.#durable);
    this.#keys = [...this.#current.keys()].sort();
    return lost;
  }

  /** Bits rot: one row, if it may, reads as damaged from now on, until it is written anew. */
  rot(random: Random, mayRot: (key: Uint8Array) => boolean): boolean {
    const key = this.#keys[Math.floor(random.fraction() * this.#keys.length)];
    if (key === undefined || !mayRot(bytesOf(key))) return false;
    this.#rotten.add(key);
    return true;
  }

  #assertSound(key: string): void {
    if (!this.#rotten.has(key)) return;
    throw new StoreCorruptError("simulated disk", bytesOf(key), "bits rotted", this.#current.get(key));
  }

  range({ start, end, reverse = false, limit = Infinity }: Range): { key: Uint8Array; value: Uint8Array }[] {
    const from = lowerBound(this.#keys, textOf(start));
    const to = lowerBound(this.#keys, textOf(end));
    const count = Math.min(limit, Math.max(0, to - from));
    const keys = reverse ? this.#keys.slice(to - count, to).reverse() : this.#keys.slice(from, from + count);
    return keys.map((key) => {
      this.#assertSound(key);
      return { key: bytesOf(key), value: this.#current.get(key) ?? new Uint8Array(0) };
    });
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function applyTo(map: Map<string, Uint8Array>, operations: readonly Operation[]): void {
  for (const operation of operations) {
    if (operation.kind === "put") map.set(textOf(operation.key), operation.value);
    else map.delete(textOf(operation.key));
  }
}

// Latin-1 keeps the order of bytes and costs one character a byte.
function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** The store of one process on that machine. */
export function processStore(disk: Disk, clock: Clock, speed: DiskSpeed): Store {
  const map = disk.store;
  return {
    get: async (key) => Promise.resolve(map.get(key)),
    batch: async (operations, { sync }) => {
      const copy = [...operations];
      map.apply(copy);
      disk.onWrite?.();
      if (!sync) return;
      await wait(clock, speed.syncMs());
      map.makeDurable(copy);
    },
    range: async function* (range) {
      // One by one: what stands before a damaged row is read all the same.
      let { start, end } = range;
      for (let left = range.limit ?? Infinity; left > 0; left--) {
        const [entry] = map.range({ ...range, start, end, limit: 1 });
        if (entry === undefined) return;
        if (range.reverse === true) end = entry.key;
        else start = bytesOf(`${textOf(entry.key)}\0`);
        yield await Promise.resolve(entry);
      }
    },
    close: () => Promise.resolve(),
  };
}
