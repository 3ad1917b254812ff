import type { Hash } from "../crypto/hash.ts";
import { commit } from "../dispersal/dispersal.ts";
import type { ShardLayout } from "../dispersal/shardLayout.ts";
import type { PeerId } from "../network/transport.ts";
import type { BlockLimits } from "../protocol/ClusterConfig.ts";
import * as Header from "../protocol/Header.ts";
import { EMPTY_NAMESPACES } from "../protocol/NamespaceTable.ts";
import { assert } from "../runtime/assert.ts";
import type { CancelTimer, Clock } from "../runtime/clock.ts";
import { PAYLOADS_MAX, type PayloadsAnswer } from "./message.ts";
import { openPayload, type OpenedPayload } from "./openedPayload.ts";

/** Payloads that are wanted at once. */
export const WANTED_MAX = 1_024;
/** Requests under way at once, each to another peer. */
export const REQUESTS_MAX = 4;
/** A wait grows up to so many doublings. */
const DOUBLINGS_MAX = 4;

/** A payload; or that it is gone: too many peers say that they have it no more; undefined: the fetcher was closed. */
export type Fetched = OpenedPayload | "gone" | undefined;

export interface PayloadWish {
  readonly header: Header.Header;
  readonly layout: ShardLayout;
  /** Whom to ask, the most likely first. */
  readonly peers: readonly PeerId[];
  /** Whether the payload counts as gone once these peers said that they do not have it; absent: never. */
  readonly isGone?: (missing: ReadonlySet<PeerId>) => boolean;
}

interface Wanted extends PayloadWish {
  readonly hash: Hash;
  /** Everybody who waits for it. */
  readonly waiting: ((fetched: Fetched) => void)[];
  /** Peers that were asked: only their answers count (LIMIT-2). */
  readonly asked: Set<PeerId>;
  readonly missing: Set<PeerId>;
  /** How often each peer was asked in vain. */
  readonly failures: Map<PeerId, number>;
  notBeforeMs: number;
  underWay: PeerId | undefined;
}

interface Request {
  readonly wanted: readonly Wanted[];
  readonly cancel: CancelTimer;
}

export interface FetcherPorts {
  readonly clock: Clock;
  readonly limits: BlockLimits;
  /** How long a peer has to answer the first time. */
  readonly fetchMs: number;
  request(peer: PeerId, blocks: readonly Hash[]): void;
}

/**
 * Payloads of blocks that are known to be final: they exist, valid, at honest nodes with more than a third of the
 * weight (DA-4), so asking one peer after the other ends. Asked for in batches, of several peers side by side; a peer
 * that does not have one says so, and the next is asked at once (SYNC-4).
 */
export class PayloadFetcher {
  readonly #ports: FetcherPorts;
  readonly #wanted = new Map<Hash, Wanted>();
  readonly #requests = new Map<PeerId, Request>();
  #cancelWake: CancelTimer | undefined;

  constructor(ports: FetcherPorts) {
    this.#ports = ports;
  }

  get underWay(): number {
    return this.#wanted.size;
  }

  /** Resolves when a peer gave it, when it is gone, or when this is closed. */
  fetch(wish: PayloadWish): Promise<Fetched> {
    // With an empty table only the empty payload is valid: nothing needs to be fetched.
    if (wish.header.namespaces === EMPTY_NAMESPACES) {
      return Promise.resolve({ bytes: new Uint8Array(0), namespaces: [] });
    }
    const hash = Header.hash(wish.header);
    const known = this.#wanted.get(hash);
    assert(known !== undefined || this.#wanted.size < WANTED_MAX, "payloads are wanted in bounded number");
    return new Promise((resolve) => {
      if (known !== undefined) {
        known.waiting.push(resolve);
        return;
      }
      this.#wanted.set(hash, {
        ...wish,
        ...{ hash, waiting: [resolve], asked: new Set(), missing: new Set(), failures: new Map() },
        ...{ notBeforeMs: 0, underWay: undefined },
      });
      this.#wake(0);
    });
  }

  /** Takes what a peer gave. False if something is not what its block commits to. */
  take(from: PeerId, { payloads, missing }: PayloadsAnswer): boolean {
    let isGood = true;
    const asked = this.#end(from);
    for (const { block, payload } of payloads) isGood = this.#takeOne(from, block, payload) && isGood;
    for (const block of missing) this.#miss(from, block);
    // What it lacks is asked elsewhere; nothing of what was asked is as good as no answer. Only the answer that is
    // waited for counts so: a peer that repeats itself must not put off the next round.
    const isInVain = !isGood || payloads.length === 0;
    for (const wanted of asked) if (isInVain || wanted.missing.has(from)) this.#fail(wanted, from);
    this.#wake(0);
    return isGood;
  }

  #takeOne(from: PeerId, block: Hash, payload: Uint8Array): boolean {
    const wanted = this.#wanted.get(block);
    if (wanted?.asked.has(from) !== true) return true;
    const opened =
      commit(payload, wanted.layout) === wanted.header.payload
        ? openPayload(payload, wanted.header.namespaces, this.#ports.limits)
        : undefined;
    if (opened !== undefined) this.#conclude(wanted, opened);
    return opened !== undefined;
  }

  #miss(from: PeerId, block: Hash): void {
    const wanted = this.#wanted.get(block);
    if (wanted?.asked.has(from) !== true) return;
    wanted.missing.add(from);
    if (wanted.isGone?.(wanted.missing) === true) this.#conclude(wanted, "gone");
  }

  #conclude(wanted: Wanted, fetched: Fetched): void {
    this.#wanted.delete(wanted.hash);
    for (const resolve of wanted.waiting) resolve(fetched);
  }

  /** Once every peer failed, all wait a while before the next round. */
  #fail(wanted: Wanted, peer: PeerId): void {
    wanted.failures.set(peer, (wanted.failures.get(peer) ?? 0) + 1);
    const rounds = Math.min(...wanted.peers.map((each) => wanted.failures.get(each) ?? 0));
    if (rounds > 0) wanted.notBeforeMs = this.#ports.clock.monotonicMs() + this.#waitMs(rounds - 1);
  }

  #waitMs(rounds: number): number {
    return this.#ports.fetchMs * 2 ** Math.min(rounds, DOUBLINGS_MAX);
  }

  /** The request to a peer is over; what it held may be asked elsewhere. */
  #end(peer: PeerId): readonly Wanted[] {
    const request = this.#requests.get(peer);
    if (request === undefined) return [];
    request.cancel();
    this.#requests.delete(peer);
    for (const wanted of request.wanted) wanted.underWay = undefined;
    return request.wanted;
  }

  #wake(delayMs: number): void {
    this.#cancelWake?.();
    this.#cancelWake = this.#ports.clock.setTimer(delayMs, () => {
      this.#cancelWake = undefined;
      this.#pump();
    });
  }

  #pump(): void {
    const now = this.#ports.clock.monotonicMs();
    const ready = [...this.#wanted.values()].filter(({ underWay, notBeforeMs }) => {
      return underWay === undefined && notBeforeMs <= now;
    });
    while (this.#requests.size < REQUESTS_MAX) {
      const batch = this.#nextBatch(ready);
      if (batch === undefined) break;
      this.#ask(batch.peer, batch.wanted);
    }
    const later = [...this.#wanted.values()].filter(({ notBeforeMs }) => notBeforeMs > now);
    if (later.length > 0) this.#wake(Math.min(...later.map(({ notBeforeMs }) => notBeforeMs)) - now);
  }

  /** For the first that can be asked for: the idle peer that failed least, and whatever else it may have. */
  #nextBatch(ready: readonly Wanted[]): { readonly peer: PeerId; readonly wanted: Wanted[] } | undefined {
    const open = ready.filter(({ underWay }) => underWay === undefined);
    for (const first of open) {
      const peer = this.#bestPeer(first);
      if (peer === undefined) continue;
      const failures = first.failures.get(peer) ?? 0;
      const wanted = open.filter((each) => (each.failures.get(peer) ?? 0) <= failures);
      return { peer, wanted: wanted.slice(0, PAYLOADS_MAX) };
    }
    return undefined;
  }

  #bestPeer({ peers, failures }: Wanted): PeerId | undefined {
    let best: PeerId | undefined;
    for (const peer of peers) {
      const isBetter = best === undefined || (failures.get(peer) ?? 0) < (failures.get(best) ?? 0);
      if (isBetter && !this.#requests.has(peer)) best = peer;
    }
    return best;
  }

  #ask(peer: PeerId, wanted: readonly Wanted[]): void {
    const rounds = Math.max(...wanted.map(({ failures }) => failures.get(peer) ?? 0));
    const cancel = this.#ports.clock.setTimer(this.#waitMs(rounds), () => {
      for (const each of this.#end(peer)) this.#fail(each, peer);
      this.#pump();
    });
    this.#requests.set(peer, { wanted, cancel });
    for (const each of wanted) {
      each.underWay = peer;
      each.asked.add(peer);
    }
    this.#ports.request(
      peer,
      wanted.map(({ hash }) => hash),
    );
  }

  close(): void {
    this.#cancelWake?.();
    for (const { cancel } of this.#requests.values()) cancel();
    this.#requests.clear();
    const given = [...this.#wanted.values()];
    this.#wanted.clear();
    for (const { waiting } of given) for (const resolve of waiting) resolve(undefined);
  }
}
