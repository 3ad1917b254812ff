import { mkdir, readdir } from "node:fs/promises";
import { crc32 } from "node:zlib";

import { ClassicLevel } from "classic-level";

import { assertBatch } from "./memoryStore.ts";
import {
  StoreCorruptError,
  StoreLockedError,
  StoreUnavailableError,
  type Entry,
  type Range,
  type Store,
} from "./store.ts";

const CHECKSUM_BYTES = 4;

export interface DiskStoreOptions {
  /** Bytes of blocks cached in memory. */
  readonly cacheBytes?: number;
}

const CACHE_BYTES = 32 * 1024 * 1024;
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** LevelDB names the file in its message where it knows it. */
function typedError(path: string, error: unknown): Error {
  if (error instanceof StoreCorruptError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = errorCode(cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  if (code === "LEVEL_LOCKED") return new StoreLockedError(path);
  if (code === "LEVEL_CORRUPTION" || message.startsWith("Corruption")) {
    const file = /[^\s:]+\.(?:ldb|sst|log)\b/.exec(message)?.[0];
    return new StoreCorruptError(file ?? path, undefined, message);
  }
  return new StoreUnavailableError(path, cause);
}

async function hasFiles(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length > 0;
  } catch {
    return false;
  }
}

/** The value with its checksum in front; the key is covered too, so that a value is never taken for another key's. */
function seal(key: Uint8Array, value: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length);
  out.writeUInt32BE(crc32(value, crc32(key)), 0);
  out.set(value, CHECKSUM_BYTES);
  return out;
}

/** A Buffer's `slice` shares memory, a Uint8Array's copies: nobody shall have to know which one he holds. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function unseal(path: string, key: Uint8Array, sealed: Uint8Array): Uint8Array {
  const damaged = (reason: string): StoreCorruptError =>
    new StoreCorruptError(path, plain(key).slice(), reason, plain(sealed).slice());
  if (sealed.length < CHECKSUM_BYTES) throw damaged("the value has no checksum");
  const value = plain(sealed).subarray(CHECKSUM_BYTES);
  const expected = new DataView(sealed.buffer, sealed.byteOffset, CHECKSUM_BYTES).getUint32(0);
  if (crc32(value, crc32(key)) !== expected) throw damaged("the checksum differs");
  return value;
}

/**
 * Opens a store in a directory, made where missing (LevelDB). One process at a time. Throws `StoreLockedError`,
 * `StoreCorruptError` and `StoreUnavailableError`.
 */
export async function openDiskStore(path: string, options: DiskStoreOptions = {}): Promise<Store> {
  const database = new ClassicLevel<Uint8Array, Uint8Array>(path, {
    keyEncoding: "view",
    valueEncoding: "view",
    cacheSize: options.cacheBytes ?? CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
  });
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await database.open();
  } catch (error) {
    const typed = typedError(path, error);
    // The directory is there: a file that is not was named by a damaged one.
    const isMissing = typed instanceof StoreUnavailableError && typed.message.includes("No such file");
    throw isMissing && (await hasFiles(path)) ? new StoreCorruptError(path, undefined, typed.message) : typed;
  }

  async function* range(bounds: Range): AsyncGenerator<Entry> {
    const { start, end, reverse = false, limit = -1 } = bounds;
    const iterator = database.iterator({ gte: start, lt: end, reverse, limit });
    try {
      for (;;) {
        const next = await iterator.next();
        if (next === undefined) return;
        const [key, sealed] = next;
        yield { key: plain(key), value: unseal(path, key, sealed) };
      }
    } catch (error) {
      throw typedError(path, error);
    } finally {
      await iterator.close();
    }
  }

  return {
    get: async (key) => {
      try {
        const sealed = await database.get(key);
        return sealed === undefined ? undefined : unseal(path, key, sealed);
      } catch (error) {
        throw typedError(path, error);
      }
    },
    batch: async (operations, { sync }) => {
      assertBatch(operations);
      const rows = operations.map((operation) =>
        operation.kind === "put"
          ? { type: "put" as const, key: operation.key, value: seal(operation.key, operation.value) }
          : { type: "del" as const, key: operation.key },
      );
      try {
        await database.batch(rows, { sync });
      } catch (error) {
        throw typedError(path, error);
      }
    },
    range,
    close: () => database.close(),
  };
}
