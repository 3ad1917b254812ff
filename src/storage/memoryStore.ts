import { assert, expectPresent } from "../runtime/assert.ts";
import {
  BATCH_OPERATIONS_MAX,
  KEY_BYTES_MAX,
  VALUE_BYTES_MAX,
  type Entry,
  type Operation,
  type Range,
  type Store,
} from "./store.ts";

/** Latin-1 text of bytes: compares like the bytes do. */
function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The first position in `keys` whose key is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Asserts the maxima that every store shares: batches are ours, so beyond them is our fault. */
export function assertBatch(operations: readonly Operation[]): void {
  assert(operations.length <= BATCH_OPERATIONS_MAX, `${String(operations.length)} operations exceed a batch`);
  for (const operation of operations) {
    const { length } = operation.key;
    assert(length > 0 && length <= KEY_BYTES_MAX, `a key of ${String(length)} bytes must fit`);
    if (operation.kind === "put") {
      assert(operation.value.length <= VALUE_BYTES_MAX, `a value of ${String(operation.value.length)} bytes must fit`);
    }
  }
}

/** A store in memory: for tests, and for followers that keep nothing. */
export function createMemoryStore(): Store {
  const values = new Map<string, Uint8Array>();
  const keys: string[] = [];
  let closed = false;

  function* entries(range: Range): Generator<Entry> {
    const start = toText(range.start);
    const end = toText(range.end);
    let left = range.limit ?? Infinity;
    // The position is found anew for each entry, since batches may run between two of them.
    let at = range.reverse === true ? end : start;
    for (; left > 0; left--) {
      const found = lowerBound(keys, at);
      const key = range.reverse === true ? keys[found - 1] : keys[found];
      if (key === undefined || key < start || key >= end) return;
      const value = expectPresent(values.get(key), "the value of a listed key");
      yield { key: Uint8Array.from(Buffer.from(key, "latin1")), value: value.slice() };
      at = range.reverse === true ? key : `${key}\0`;
    }
  }

  function apply(operation: Operation): void {
    const key = toText(operation.key);
    const at = lowerBound(keys, key);
    const isKnown = keys[at] === key;
    if (operation.kind === "put") {
      if (!isKnown) keys.splice(at, 0, key);
      values.set(key, operation.value.slice());
    } else if (isKnown) {
      keys.splice(at, 1);
      values.delete(key);
    }
  }

  return {
    get: (key) => {
      assert(!closed, "the store must be open");
      return Promise.resolve(values.get(toText(key))?.slice());
    },
    batch: (operations) => {
      assert(!closed, "the store must be open");
      assertBatch(operations);
      for (const operation of operations) apply(operation);
      return Promise.resolve();
    },
    range: async function* (range) {
      assert(!closed, "the store must be open");
      for (const entry of entries(range)) yield await Promise.resolve(entry);
    },
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}
