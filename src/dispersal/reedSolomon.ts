import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

import { ReedSolomonErasure } from "@subspace/reed-solomon-erasure.wasm";

import { assert } from "../runtime/assert.ts";

const path = createRequire(import.meta.url).resolve(
  "@subspace/reed-solomon-erasure.wasm/dist/reed_solomon_erasure_bg.wasm",
);
const coder = ReedSolomonErasure.fromBytes(readFileSync(path));

/** Fills the parity shards that follow the `needed` data shards in `shards`, in place. */
export function encodeParity(shards: Uint8Array, needed: number, total: number): void {
  if (total === needed) return;
  const result = coder.encode(shards, needed, total - needed);
  assert(result === ReedSolomonErasure.RESULT_OK, `Reed-Solomon encoding must succeed, got ${String(result)}`);
}

/** Rebuilds the data shards of `shards`, in place, from any `needed` that `present` marks. */
export function rebuildData(shards: Uint8Array, needed: number, total: number, present: readonly boolean[]): void {
  assert(present.length === total, "one mark a shard");
  assert(present.filter(Boolean).length >= needed, "enough shards must be present");
  if (present.slice(0, needed).every(Boolean)) return;
  const result = coder.reconstruct(shards, needed, total - needed, [...present]);
  assert(result === ReedSolomonErasure.RESULT_OK, `Reed-Solomon decoding must succeed, got ${String(result)}`);
}
