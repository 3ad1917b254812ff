import { systemClock, type Clock } from "../runtime/clock.ts";
import { FRAGMENT_BYTES, MessageAssembler } from "./frame.ts";
import { PeerBook, type Link } from "./peerBook.ts";
import type { Fragment, SendQueue, SendQueueOptions } from "./sendQueue.ts";
import {
  MESSAGE_BYTES_MAX,
  OBSERVER_MESSAGE_BYTES_MAX,
  OBSERVERS_MAX,
  type DisconnectReason,
  type PeerId,
  type PeerRole,
  type Transport,
} from "./transport.ts";

/** What a node may set when it joins a memory network. */
export interface MemoryTransportOptions {
  readonly self: PeerId;
  /** Nodes of another genesis refuse each other; the same text for all unless a test says so. */
  readonly genesis?: string;
  readonly observersMax?: number;
  readonly queue?: SendQueueOptions;
  readonly messageBytesMax?: Partial<Record<PeerRole, number>>;
  readonly clock?: Clock;
}

/** Nodes of one process, joined without sockets: the same rules of who is connected, queues and limits, no TLS. */
export interface MemoryNetwork {
  /** Adds a node. It is connected to whom both sides agree on, in a later turn of the event loop. */
  join(options: MemoryTransportOptions): Transport;
}

interface Node {
  readonly self: PeerId;
  readonly genesis: string;
  readonly book: PeerBook;
  readonly clock: Clock;
}

const RATE = { bytesPerSecond: Number.MAX_SAFE_INTEGER, framesPerSecond: Number.MAX_SAFE_INTEGER };

/** One direction of a pair: fragments leave the queue in turns of the event loop, so that priorities can overtake. */
class MemoryLink implements Link {
  readonly direction: "inbound" | "outbound";
  readonly peerMessageBytesMax: number;
  readonly #owner: Node;
  readonly #remote: Node;
  readonly #assembler = new MessageAssembler();
  readonly #openedMs: number;
  #other: MemoryLink | undefined;
  #isPumping = false;
  #isClosed = false;

  constructor(owner: Node, remote: Node, direction: "inbound" | "outbound", peerMessageBytesMax: number) {
    this.#owner = owner;
    this.#remote = remote;
    this.direction = direction;
    this.peerMessageBytesMax = peerMessageBytesMax;
    this.#openedMs = owner.clock.monotonicMs();
  }

  join(other: MemoryLink): void {
    this.#other = other;
  }

  ageMs(): number {
    return this.#owner.clock.monotonicMs() - this.#openedMs;
  }

  sendFrom(queue: SendQueue): void {
    if (this.#isPumping || this.#isClosed) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      this.#pump(queue);
    });
  }

  close(reason: DisconnectReason): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#owner.book.closed(this.#remote.self, this, reason);
    const told = reason === "closed-by-us" ? "goodbye" : reason;
    setImmediate(() => this.#other?.close(told));
  }

  #pump(queue: SendQueue): void {
    const other = this.#other;
    if (this.#isClosed || other === undefined || other.#isClosed) return;
    const fragment = queue.take(FRAGMENT_BYTES);
    if (fragment === undefined) return;
    other.#assemble({ ...fragment, bytes: fragment.bytes.slice() });
    this.sendFrom(queue);
  }

  #assemble(fragment: Fragment): void {
    const assembled = this.#assembler.add(fragment, Infinity);
    if (assembled.kind === "message") this.#owner.book.received(this.#remote.self, this, assembled.bytes);
  }
}

/** Connects a pair where both agree and one of them names the other. */
function meet(first: Node, second: Node): void {
  if (first.book.isConnected(second.self)) return;
  if (first.book.find(second.self) === undefined && second.book.find(first.self) === undefined) return;
  const toFirst = first.book.authorize(second.self);
  const toSecond = second.book.authorize(first.self);
  const refusal = first.genesis !== second.genesis ? "wrong-genesis" : typeof toFirst === "string" ? toFirst : toSecond;
  if (typeof refusal === "string" || typeof toFirst === "string") {
    const reason = typeof refusal === "string" ? refusal : "unknown-key";
    first.book.closed(second.self, undefined, reason);
    second.book.closed(first.self, undefined, reason);
    return;
  }
  const out = new MemoryLink(first, second, "outbound", refusal.messageBytesMax);
  const back = new MemoryLink(second, first, "inbound", toFirst.messageBytesMax);
  out.join(back);
  back.join(out);
  first.book.open(second.self, out);
  second.book.open(first.self, back);
}

function createBook(options: MemoryTransportOptions, clock: Clock): PeerBook {
  const lengths = { validator: MESSAGE_BYTES_MAX, observer: OBSERVER_MESSAGE_BYTES_MAX, ...options.messageBytesMax };
  return new PeerBook({
    self: options.self,
    clock,
    observersMax: options.observersMax ?? OBSERVERS_MAX,
    limits: {
      validator: { messageBytesMax: lengths.validator, rate: RATE },
      observer: { messageBytesMax: lengths.observer, rate: RATE },
    },
    queue: options.queue ?? {},
  });
}

/** Makes an empty network. */
export function createMemoryNetwork(): MemoryNetwork {
  const nodes = new Map<PeerId, Node>();

  function meetAll(node: Node): void {
    for (const other of nodes.values()) {
      if (other === node || nodes.get(node.self) !== node) continue;
      if (node.self < other.self) meet(node, other);
      else meet(other, node);
    }
  }

  function join(options: MemoryTransportOptions): Transport {
    const clock = options.clock ?? systemClock;
    const book = createBook(options, clock);
    const node: Node = { self: options.self, genesis: options.genesis ?? "", book, clock };
    nodes.set(node.self, node);
    return {
      self: node.self,
      setPeers: (peers) => {
        book.setPeers(peers);
        setImmediate(() => {
          meetAll(node);
        });
      },
      send: (to, bytes, priority) => book.send(to, bytes, priority),
      onMessage: (handler) => {
        book.onMessage(handler);
      },
      onPeerChange: (handler) => {
        book.onPeerChange(handler);
      },
      penalize: (peer, offence) => {
        book.penalize(peer, offence);
      },
      peers: () => book.peers(),
      stats: () => book.stats(),
      close: async () => {
        if (nodes.get(node.self) === node) nodes.delete(node.self);
        book.close();
        await new Promise((resolve) => setImmediate(resolve));
      },
    };
  }

  return { join };
}
