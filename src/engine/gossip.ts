import type { PeerId } from "../network/transport.ts";
import * as Mempool from "../mempool/mempool.ts";
import type * as Transaction from "../protocol/Transaction.ts";
import type { CancelTimer } from "../runtime/clock.ts";
import type { Kernel } from "./kernel.ts";
import { TRANSACTIONS_BYTES_MAX, UNITS_MAX } from "./message.ts";
import { TokenBuckets } from "./tokenBuckets.ts";
import { openUnit } from "./unit.ts";

/** How long units are gathered into one message. */
export const FLUSH_MS = 10;
/** How often what this node took from users is sent again while it waits. */
export const REPEAT_MS = 5_000;
/** Own units that are sent again; the oldest are forgotten by gossip, not by the pool. */
export const OWN_UNITS_MAX = 4_096;
export const REPEATED_UNITS_MAX = 256;
/** Units gathered for the next message. */
export const QUEUED_UNITS_MAX = 16_384;
/** Bytes of transactions a second from one peer, and at once. */
export const PEER_BYTES_PER_SECOND = 16 * 1024 * 1024;
export const PEER_BYTES_BURST = 32 * 1024 * 1024;

type Unit = readonly Transaction.Transaction[];

/**
 * GOSSIP-1: what users give this node goes to the whole committee in one hop; what an observer gives it is passed on
 * once; what a member sent is not, for it sent the same to everyone.
 */
export class Gossip {
  readonly #kernel: Kernel;
  readonly #onAdded: () => void;
  readonly #bytes: TokenBuckets;
  readonly #own = new Map<string, Unit>();
  #queued: Unit[] = [];
  #flush: CancelTimer | undefined;
  #repeat: CancelTimer | undefined;

  constructor(kernel: Kernel, onAdded: () => void) {
    this.#kernel = kernel;
    this.#onAdded = onAdded;
    this.#bytes = new TokenBuckets(kernel.ports.clock, PEER_BYTES_PER_SECOND, PEER_BYTES_BURST);
  }

  start(): void {
    this.#repeat = this.#kernel.ports.clock.setTimer(REPEAT_MS, () => {
      this.#repeatOwn();
      this.start();
    });
  }

  /** Units of a user of this node, already in the pool. */
  submitted(unit: Mempool.Unit): void {
    this.#own.set(keyOf(unit), unit.parts);
    for (const oldest of this.#own.keys()) {
      if (this.#own.size <= OWN_UNITS_MAX) break;
      this.#own.delete(oldest);
    }
    this.#enqueue(unit.parts);
    this.#onAdded();
  }

  receive(from: PeerId, units: readonly Unit[]): void {
    const { mempool, ports } = this.#kernel;
    const bytes = units.flat().reduce((sum, part) => sum + part.envelope.length, 0);
    if (!this.#bytes.take(from, bytes)) return;
    const passOn = !this.#kernel.membership().known.has(from);
    let added = false;
    for (const parts of units) {
      const opened = openUnit(parts);
      if (!opened.ok) {
        ports.transport.penalize(from, "invalid-message");
        return;
      }
      if (!Mempool.add(mempool, opened.unit, ports.clock.monotonicMs()).added) continue;
      added = true;
      if (passOn) this.#enqueue(parts);
    }
    if (added) this.#onAdded();
  }

  #enqueue(unit: Unit): void {
    if (this.#queued.length >= QUEUED_UNITS_MAX) return;
    this.#queued.push(unit);
    this.#flush ??= this.#kernel.ports.clock.setTimer(FLUSH_MS, () => {
      this.#flush = undefined;
      this.#sendQueued();
    });
  }

  #sendQueued(): void {
    const units = this.#queued;
    this.#queued = [];
    let batch: Unit[] = [];
    let bytes = 0;
    for (const unit of units) {
      const size = unit.reduce((sum, part) => sum + part.envelope.length, 0);
      if (batch.length >= UNITS_MAX || (batch.length > 0 && bytes + size > TRANSACTIONS_BYTES_MAX)) {
        this.#kernel.sendToCommittee({ type: "transactions", units: batch });
        batch = [];
        bytes = 0;
      }
      batch.push(unit);
      bytes += size;
    }
    if (batch.length > 0) this.#kernel.sendToCommittee({ type: "transactions", units: batch });
  }

  /** GOSSIP-2: messages get lost, and a follower never leads: what still waits is sent again. */
  #repeatOwn(): void {
    const { mempool, ports } = this.#kernel;
    Mempool.expire(mempool, ports.clock.monotonicMs());
    for (const key of [...this.#own.keys()]) if (!mempool.byKey.has(key)) this.#own.delete(key);
    for (const unit of [...this.#own.values()].slice(0, REPEATED_UNITS_MAX)) this.#enqueue(unit);
  }

  close(): void {
    this.#flush?.();
    this.#repeat?.();
    this.#queued = [];
  }
}

function keyOf(unit: Mempool.Unit): string {
  const [first] = unit.parts;
  return Mempool.keyOf(first.namespace, first.hash);
}
