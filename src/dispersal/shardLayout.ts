import { assert, expectPresent } from "../runtime/assert.ts";

/** GF(2^8) has 255 places that shards can use. */
export const SHARDS_MAX = 255;

/** Which shards of a block go to which seat of the committee, and how many of them rebuild the payload. */
export interface ShardLayout {
  /** k: how many shards rebuild the payload. */
  readonly needed: number;
  /** How many shards exist: at least T, more when rounding up by weight gives some seat a share more. */
  readonly total: number;
  /** First shard of each seat, in committee order; seat i holds [first[i], first[i + 1]). One entry more than seats. */
  readonly first: readonly number[];
}

/**
 * DA-1: validator i gets ceil(w_i·T/W) shards, in committee order, and any k = floor(T/3) + 1 rebuild the payload; so
 * every set that weighs more than W/3 holds at least k.
 */
export function shardLayout(weights: readonly bigint[], target: number): ShardLayout {
  const seats = weights.length;
  assert(target >= seats && target <= 256 - seats, `T = ${String(target)} must be in n..256-n for ${String(seats)}`);
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  const first = [0];
  let next = 0;
  for (const weight of weights) {
    assert(weight > 0n, "a seat of the committee has weight");
    next += Number((weight * BigInt(target) + total - 1n) / total);
    first.push(next);
  }
  assert(next <= SHARDS_MAX, `${String(next)} shards must fit GF(2^8)`);
  return { needed: Math.floor(target / 3) + 1, total: next, first };
}

/** The shard numbers of one seat. */
export function shardsOfSeat(layout: ShardLayout, seat: number): readonly number[] {
  const from = expectPresent(layout.first[seat], "seat");
  const to = expectPresent(layout.first[seat + 1], "seat");
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** The seat that holds a shard, or undefined where no such shard exists. */
export function seatOfShard(layout: ShardLayout, shard: number): number | undefined {
  if (!Number.isInteger(shard) || shard < 0 || shard >= layout.total) return undefined;
  let low = 0;
  let high = layout.first.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (expectPresent(layout.first[middle], "seat") <= shard) low = middle;
    else high = middle;
  }
  return low;
}
