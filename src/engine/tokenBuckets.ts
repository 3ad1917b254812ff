import type { Clock } from "../runtime/clock.ts";
import type { PeerId } from "../network/transport.ts";

/** Peers that are remembered; the one longest unheard gives way. */
export const BUCKETS_MAX = 1024;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** So much of something a second and peer, with a burst: what is beyond is dropped (LIMIT-1). */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<PeerId, Bucket>();

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Whether the peer may have `amount` more now; takes it if so. */
  take(peer: PeerId, amount = 1): boolean {
    const now = this.#clock.monotonicMs();
    const known = this.#buckets.get(peer);
    const grown = known === undefined ? this.#burst : known.tokens + ((now - known.atMs) * this.#perSecond) / 1000;
    const tokens = Math.min(this.#burst, grown);
    const granted = tokens >= amount;
    this.#buckets.delete(peer);
    this.#buckets.set(peer, { tokens: granted ? tokens - amount : tokens, atMs: now });
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= BUCKETS_MAX) break;
      this.#buckets.delete(oldest);
    }
    return granted;
  }
}
