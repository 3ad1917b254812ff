import { assert } from "../runtime/assert.ts";
import type { HashLog } from "./historyTree.ts";

const HASH_BYTES = 32;
const INITIAL_HASHES = 1024;

/** A `HashLog` in one growing buffer: 64 bytes per block, so 64 MB for a million blocks. */
export function memoryHashLog(): HashLog {
  let bytes = new Uint8Array(INITIAL_HASHES * HASH_BYTES);
  let length = 0;

  function grow(hashes: number): void {
    if (hashes * HASH_BYTES <= bytes.length) return;
    const grown = new Uint8Array(Math.max(hashes * HASH_BYTES, bytes.length * 2));
    grown.set(bytes);
    bytes = grown;
  }

  return {
    read: (positions) => {
      const hashes = positions.map((at) => {
        assert(at >= 0 && at < length, `hash ${String(at)} must be below ${String(length)}`);
        return bytes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES);
      });
      return Promise.resolve(hashes);
    },
    write: (position, hashes) => {
      assert(position <= length, `a hash log has no gaps: ${String(position)} is above ${String(length)}`);
      grow(position + hashes.length);
      for (const [i, hash] of hashes.entries()) {
        assert(hash.length === HASH_BYTES, "a hash has 32 bytes");
        bytes.set(hash, (position + i) * HASH_BYTES);
      }
      length = Math.max(length, position + hashes.length);
      return Promise.resolve();
    },
  };
}
