import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { assert } from "../runtime/assert.ts";

/**
 * Reed-Solomon over GF(2^8), systematic, by @subspace/reed-solomon-erasure.wasm (the Rust crate reed-solomon-erasure).
 * Its JavaScript wrapper is not used: `reconstruct` takes its list of present shards by ownership and frees it, and the
 * wrapper frees it again, which corrupts the allocator after some calls. Here that list is left to the callee.
 */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __wbindgen_malloc: (bytes: number) => number;
  readonly __wbindgen_free: (pointer: number, bytes: number) => void;
  readonly encode: (pointer: number, bytes: number, data: number, parity: number) => number;
  readonly reconstruct: (
    pointer: number,
    bytes: number,
    data: number,
    parity: number,
    presentPointer: number,
    presentBytes: number,
  ) => number;
}

const OK = 0;
/** The crate leaves memory behind at every call, so an instance is replaced after so many; making one takes 0.2 ms. */
const CALLS_MAX = 64;

const path = createRequire(import.meta.url).resolve(
  "@subspace/reed-solomon-erasure.wasm/dist/reed_solomon_erasure_bg.wasm",
);
const compiled = new WebAssembly.Module(readFileSync(path));

let instance: Exports | undefined;
let calls = 0;

function coder(): Exports {
  if (instance === undefined || calls >= CALLS_MAX) {
    instance = new WebAssembly.Instance<Exports>(compiled).exports;
    calls = 0;
  }
  calls += 1;
  return instance;
}

/** Runs `work` on a copy of `shards` in the coder's memory and copies the result back. */
function inPlace(shards: Uint8Array, work: (exports: Exports, pointer: number) => number): void {
  const exports = coder();
  const pointer = exports.__wbindgen_malloc(shards.length);
  new Uint8Array(exports.memory.buffer, pointer, shards.length).set(shards);
  const result = work(exports, pointer);
  assert(result === OK, `Reed-Solomon coding must succeed, got ${String(result)}`);
  // The memory may have grown meanwhile, which detaches every earlier view of it.
  shards.set(new Uint8Array(exports.memory.buffer, pointer, shards.length));
  exports.__wbindgen_free(pointer, shards.length);
}

/** Fills the parity shards that follow the `needed` data shards in `shards`, in place. */
export function encodeParity(shards: Uint8Array, needed: number, total: number): void {
  if (total === needed) return;
  inPlace(shards, (exports, pointer) => exports.encode(pointer, shards.length, needed, total - needed));
}

/** Rebuilds the data shards of `shards`, in place, from any `needed` that `present` marks. */
export function rebuildData(shards: Uint8Array, needed: number, total: number, present: readonly boolean[]): void {
  assert(present.length === total, "one mark a shard");
  assert(present.filter(Boolean).length >= needed, "enough shards must be present");
  if (present.slice(0, needed).every(Boolean)) return;
  inPlace(shards, (exports, pointer) => {
    const marks = exports.__wbindgen_malloc(total);
    new Uint8Array(exports.memory.buffer, marks, total).set(present.map(Number));
    return exports.reconstruct(pointer, shards.length, needed, total - needed, marks, total);
  });
}
