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

/** Places of shards, for copying them in and out. */
interface Places {
  readonly shards: Uint8Array;
  readonly total: number;
  readonly present: (shard: number) => boolean;
}

/** Copies the present shards into the coder's memory, runs `work` there, copies the others back. */
function inPlace({ shards, total, present }: Places, work: (exports: Exports, pointer: number) => number): void {
  const exports = coder();
  const pointer = exports.__wbindgen_malloc(shards.length);
  const length = shards.length / total;
  const inside = new Uint8Array(exports.memory.buffer, pointer, shards.length);
  for (const [from, to] of runs(total, present)) {
    inside.set(shards.subarray(from * length, to * length), from * length);
  }
  const result = work(exports, pointer);
  assert(result === OK, `Reed-Solomon coding must succeed, got ${String(result)}`);
  // The memory may have grown meanwhile, which detaches every earlier view of it.
  const coded = new Uint8Array(exports.memory.buffer, pointer, shards.length);
  for (const [from, to] of runs(total, (shard) => !present(shard))) {
    shards.set(coded.subarray(from * length, to * length), from * length);
  }
  exports.__wbindgen_free(pointer, shards.length);
}

/** Neighbouring shards that `holds` is true of, as [from, to). */
function* runs(total: number, holds: (shard: number) => boolean): Generator<readonly [number, number]> {
  for (let from = 0; from < total; from++) {
    if (!holds(from)) continue;
    let to = from + 1;
    while (to < total && holds(to)) to++;
    yield [from, to];
    from = to;
  }
}

/** Fills the parity shards that follow the `needed` data shards in `shards`, in place. */
export function encodeParity(shards: Uint8Array, needed: number, total: number): void {
  if (total === needed) return;
  inPlace({ shards, total, present: (shard) => shard < needed }, (exports, pointer) =>
    exports.encode(pointer, shards.length, needed, total - needed),
  );
}

/** Fills every missing shard of `shards`, data and parity, in place, from `needed` or more that `present` marks. */
export function completeShards(shards: Uint8Array, needed: number, total: number, present: readonly boolean[]): void {
  assert(present.length === total, "one mark a shard");
  assert(present.filter(Boolean).length >= needed, "enough shards must be present");
  if (present.slice(0, needed).every(Boolean)) {
    encodeParity(shards, needed, total);
    return;
  }
  inPlace({ shards, total, present: (shard) => present[shard] === true }, (exports, pointer) => {
    const marks = exports.__wbindgen_malloc(total);
    new Uint8Array(exports.memory.buffer, marks, total).set(present.map(Number));
    const result = exports.reconstruct(pointer, shards.length, needed, total - needed, marks, total);
    // `reconstruct` fills the data shards only.
    return result === OK ? exports.encode(pointer, shards.length, needed, total - needed) : result;
  });
}
