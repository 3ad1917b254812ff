import type { Clock } from "../runtime/clock.ts";
import type { ConnectionLimits } from "./connection.ts";
import { parseAddress } from "./networkField.ts";
import { isBanned, NO_SCORE, penalize, pointsAt, type PeerScore, type TransportOffence } from "./peerScore.ts";
import { SendQueue, type SendQueueOptions } from "./sendQueue.ts";
import {
  PEERS_MAX,
  PeerSetError,
  type DisconnectReason,
  type DropReason,
  type MessageHandler,
  type Offence,
  type Peer,
  type PeerChange,
  type PeerChangeHandler,
  type PeerId,
  type PeerRole,
  type PeerStatus,
  type Priority,
  type SendResult,
  type TransportStats,
} from "./transport.ts";

/** An open connection as the book sees it. */
export interface Link {
  readonly direction: "inbound" | "outbound";
  /** The longest message that the peer takes from us. */
  readonly peerMessageBytesMax: number;
  ageMs(): number;
  sendFrom(queue: SendQueue): void;
  /** Ends it; `PeerBook.closed` is called in turn. */
  close(reason: DisconnectReason): void;
}

export interface PeerBookOptions {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly observersMax: number;
  readonly limits: Readonly<Record<PeerRole, ConnectionLimits>>;
  readonly queue: SendQueueOptions;
}

interface Entry {
  readonly id: PeerId;
  /** Undefined for an observer that is only connected. */
  named: Peer | undefined;
  role: PeerRole;
  readonly queue: SendQueue;
  link: Link | undefined;
  lastDisconnect: DisconnectReason | undefined;
}

/** Penalties that are remembered, of peers that may have left; the oldest give way. */
const SCORES_MAX = 4096;
/**
 * Two connections that were opened within this are one attempt from both sides: the same one must win on both. A newer
 * one that comes later means that the peer lost the older.
 */
const SIMULTANEOUS_MS = 10_000;

/**
 * Who may be connected, who is, and what waits for them: everything about peers that does not depend on how bytes move.
 *
 * - NET-1  only a key that is named, or an observer for which there is room, gets a connection; one per pair.
 */
export class PeerBook {
  readonly #options: PeerBookOptions;
  readonly #entries = new Map<PeerId, Entry>();
  readonly #scores = new Map<PeerId, PeerScore>();
  readonly #dropped: Record<DropReason, number> = {
    "unknown-peer": 0,
    "not-connected": 0,
    "too-large": 0,
    "queue-full": 0,
    closed: 0,
  };
  readonly #disconnects: Partial<Record<DisconnectReason, number>> = {};
  #evicted = 0;
  #sentMessages = 0;
  #sentBytes = 0;
  #receivedMessages = 0;
  #receivedBytes = 0;
  #isClosed = false;
  #onMessage: MessageHandler = () => undefined;
  #onPeerChange: PeerChangeHandler = () => undefined;

  constructor(options: PeerBookOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  onMessage(handler: MessageHandler): void {
    this.#onMessage = handler;
  }

  onPeerChange(handler: PeerChangeHandler): void {
    this.#onPeerChange = handler;
  }

  /** Named peers that have no connection, with an address. */
  unconnected(): Peer[] {
    return [...this.#entries.values()].flatMap(({ named, link }) =>
      named !== undefined && named.address !== null && link === undefined ? [named] : [],
    );
  }

  named(): Peer[] {
    return [...this.#entries.values()].flatMap(({ named }) => (named === undefined ? [] : [named]));
  }

  find(id: PeerId): Peer | undefined {
    return this.#entries.get(id)?.named;
  }

  isConnected(id: PeerId): boolean {
    return this.#entries.get(id)?.link !== undefined;
  }

  setPeers(peers: readonly Peer[]): void {
    const others = peers.filter((peer) => peer.id !== this.#options.self);
    assertPeers(others);
    const named = new Map(others.map((peer) => [peer.id, peer]));
    for (const entry of [...this.#entries.values()]) {
      if (entry.named !== undefined && !named.has(entry.id)) this.#unname(entry);
    }
    for (const peer of others) {
      const entry = this.#entries.get(peer.id) ?? this.#enter(peer.id, peer.role);
      entry.named = peer;
      if (entry.role === peer.role) continue;
      // The limits were agreed for the old role: a new connection agrees on the new ones.
      entry.role = peer.role;
      entry.link?.close("replaced");
    }
  }

  send(to: PeerId, bytes: Uint8Array, priority: Priority): SendResult {
    const entry = this.#entries.get(to);
    const reason = this.#dropReason(entry, bytes, priority);
    if (reason !== undefined) {
      this.#dropped[reason]++;
      return { accepted: false, reason };
    }
    this.#sentMessages++;
    this.#sentBytes += bytes.length;
    entry?.link?.sendFrom(entry.queue);
    return { accepted: true };
  }

  /** The limits for a key that was just proven, or why it gets no connection. */
  authorize(id: PeerId): ConnectionLimits | DisconnectReason {
    if (this.#isClosed) return "goodbye";
    if (id === this.#options.self) return "unknown-key";
    if (isBanned(this.#scores.get(id) ?? NO_SCORE, this.#options.clock.monotonicMs())) return "banned";
    const entry = this.#entries.get(id);
    if (entry !== undefined) return this.#options.limits[entry.role];
    return this.#observers() < this.#options.observersMax ? this.#options.limits.observer : "unknown-key";
  }

  isBanned(id: PeerId): boolean {
    return isBanned(this.#scores.get(id) ?? NO_SCORE, this.#options.clock.monotonicMs());
  }

  /** A link that has proven `id` and agreed on everything: takes it, or closes it or the one it replaces. */
  open(id: PeerId, link: Link): void {
    const refusal = this.authorize(id);
    if (typeof refusal === "string") {
      link.close(refusal);
      return;
    }
    const entry = this.#entries.get(id) ?? this.#enter(id, "observer");
    const known = entry.link;
    if (known !== undefined && !this.#isPreferred(id, link, known)) {
      link.close("duplicate");
      return;
    }
    entry.link = link;
    entry.queue.rewind();
    if (known === undefined) this.#onPeerChange({ kind: "connected", id, role: entry.role });
    else known.close("duplicate");
    if (entry.link === link) link.sendFrom(entry.queue);
  }

  /** A link ended, whether it was taken or not; `id` is undefined if none was proven. */
  closed(id: PeerId | undefined, link: Link | undefined, reason: DisconnectReason): void {
    this.#disconnects[reason] = (this.#disconnects[reason] ?? 0) + 1;
    const entry = id === undefined ? undefined : this.#entries.get(id);
    if (entry === undefined) return;
    if (entry.link !== link || link === undefined) {
      if (entry.link === undefined) entry.lastDisconnect = reason;
      return;
    }
    entry.link = undefined;
    entry.lastDisconnect = reason;
    entry.queue.clear();
    if (reason === "malformed") this.#punish(entry.id, "malformed-frame", entry.role);
    if (reason === "oversize") this.#punish(entry.id, "oversize", entry.role);
    if (entry.named === undefined) this.#leave(entry);
    const change: PeerChange = { kind: "disconnected", id: entry.id, role: entry.role, reason };
    this.#onPeerChange(change);
  }

  received(id: PeerId, link: Link, bytes: Uint8Array): void {
    if (this.#entries.get(id)?.link !== link) return;
    this.#receivedMessages++;
    this.#receivedBytes += bytes.length;
    this.#onMessage(id, bytes);
  }

  penalize(id: PeerId, offence: Offence): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#punish(id, offence, entry.role);
    if (this.isBanned(id)) entry.link?.close("banned");
  }

  peers(): PeerStatus[] {
    const now = this.#options.clock.monotonicMs();
    return [...this.#entries.values()].map((entry) => ({
      id: entry.id,
      role: entry.role,
      address: entry.named?.address ?? null,
      connected: entry.link !== undefined,
      direction: entry.link?.direction ?? null,
      penalty: pointsAt(this.#scores.get(entry.id) ?? NO_SCORE, now),
      queuedBytes: entry.queue.bytes,
      lastDisconnect: entry.lastDisconnect ?? null,
    }));
  }

  stats(): TransportStats {
    const entries = [...this.#entries.values()];
    return {
      connected: entries.filter((entry) => entry.link !== undefined).length,
      sentMessages: this.#sentMessages,
      sentBytes: this.#sentBytes,
      receivedMessages: this.#receivedMessages,
      receivedBytes: this.#receivedBytes,
      queuedBytes: entries.reduce((sum, entry) => sum + entry.queue.bytes, 0),
      dropped: { ...this.#dropped },
      evicted: entries.reduce((sum, entry) => sum + entry.queue.evicted, this.#evicted),
      disconnects: { ...this.#disconnects },
    };
  }

  /** Ends every link; nothing is taken any more. */
  close(): void {
    this.#isClosed = true;
    for (const entry of [...this.#entries.values()]) entry.link?.close("closed-by-us");
  }

  #dropReason(entry: Entry | undefined, bytes: Uint8Array, priority: Priority): DropReason | undefined {
    if (this.#isClosed) return "closed";
    if (entry === undefined) return "unknown-peer";
    if (entry.link === undefined) return "not-connected";
    if (bytes.length > entry.link.peerMessageBytesMax) return "too-large";
    return entry.queue.push(bytes, priority) ? undefined : "queue-full";
  }

  #enter(id: PeerId, role: PeerRole): Entry {
    const entry: Entry = {
      id,
      named: undefined,
      role,
      queue: new SendQueue(this.#options.queue),
      link: undefined,
      lastDisconnect: undefined,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  #leave(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.#evicted += entry.queue.evicted;
  }

  #unname(entry: Entry): void {
    entry.named = undefined;
    if (entry.link === undefined) this.#leave(entry);
    else entry.link.close("removed");
  }

  #observers(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.named === undefined) count++;
    return count;
  }

  /** NET-5: the connection that the smaller id opened wins, on both sides; one of a later attempt wins over an older. */
  #isPreferred(id: PeerId, link: Link, known: Link): boolean {
    if (known.ageMs() > SIMULTANEOUS_MS || link.direction === known.direction) return true;
    return link.direction === (this.#options.self < id ? "outbound" : "inbound");
  }

  #punish(id: PeerId, offence: Offence | TransportOffence, role: PeerRole): void {
    const score = penalize(this.#scores.get(id) ?? NO_SCORE, offence, role, this.#options.clock.monotonicMs());
    this.#scores.delete(id);
    this.#scores.set(id, score);
    const [oldest] = this.#scores.keys();
    if (this.#scores.size > SCORES_MAX && oldest !== undefined) this.#scores.delete(oldest);
  }
}

function assertPeers(peers: readonly Peer[]): void {
  if (peers.length > PEERS_MAX) {
    throw new PeerSetError(`${String(peers.length)} peers exceed the maximum of ${String(PEERS_MAX)}`);
  }
  const ids = new Set<PeerId>();
  for (const { id, address } of peers) {
    if (ids.has(id)) throw new PeerSetError(`${id} is named twice`);
    ids.add(id);
    if (address === null) continue;
    try {
      parseAddress(address);
    } catch (error) {
      throw new PeerSetError(`${id}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
