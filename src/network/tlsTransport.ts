import { createServer, type AddressInfo, type Server, type Socket, type TcpNetConnectOpts } from "node:net";
import {
  connect as connectTls,
  createSecureContext,
  TLSSocket,
  type ConnectionOptions,
  type SecureContext,
} from "node:tls";

import { hashBytes, type Hash } from "../crypto/hash.ts";
import { systemClock, type CancelTimer, type Clock } from "../runtime/clock.ts";
import { silentLogger, type Logger } from "../runtime/logger.ts";
import { systemRandom, type Random } from "../runtime/random.ts";
import { createIdentity, type TransportIdentity } from "./certificate.ts";
import { Connection, type ConnectionLimits, type ConnectionTimes } from "./connection.ts";
import { addressGroup, formatAddress, parseAddress } from "./networkField.ts";
import { PeerBook } from "./peerBook.ts";
import { RateLimiter } from "./rateLimit.ts";
import type { SendQueueOptions } from "./sendQueue.ts";
import {
  MESSAGE_BYTES_MAX,
  OBSERVER_MESSAGE_BYTES_MAX,
  OBSERVERS_MAX,
  type DisconnectReason,
  type Peer,
  type PeerId,
  type PeerRole,
  type Transport,
} from "./transport.ts";

export interface TlsTransportOptions {
  /** The 32-byte ed25519 seed of the transport key. */
  readonly seed: Uint8Array;
  /** Peers of another chain are refused. */
  readonly genesis: Hash;
  /** Multiaddr to listen at (port 0: any); null to only connect. */
  readonly listen: string | null;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  readonly observersMax?: number;
  readonly limits?: Partial<Record<PeerRole, ConnectionLimits>>;
  readonly queue?: SendQueueOptions;
  readonly times?: Partial<TlsTransportTimes>;
  readonly caps?: Partial<TlsTransportCaps>;
}

export interface TlsTransportTimes extends ConnectionTimes {
  readonly dialFirstMs: number;
  readonly dialMaxMs: number;
  /** The side with the greater key waits so long before its first dial: usually the other's is there by then. */
  readonly dialDelayMs: number;
}

/** NET-8: how many inbound connections are held and let in. */
export interface TlsTransportCaps {
  /** From one address, beside two for each named peer at that address. */
  readonly perAddress: number;
  /** From one address in handshake, beside two for each named peer at that address. */
  readonly handshakesPerAddress: number;
  /** In handshake from all addresses that no named peer has. */
  readonly handshakes: number;
  /** New ones in a second from one address, beside the same again for each named peer: handshakes cost time. */
  readonly perSecond: number;
}

const TIMES: TlsTransportTimes = {
  handshakeMs: 5_000,
  pingMs: 5_000,
  idleMs: 20_000,
  stallMs: 20_000,
  dialFirstMs: 200,
  dialMaxMs: 15_000,
  dialDelayMs: 250,
};

const CAPS: TlsTransportCaps = { perAddress: 16, handshakesPerAddress: 8, handshakes: 128, perSecond: 10 };
/** Addresses whose rate is remembered; the oldest give way. */
const ADDRESSES_MAX = 4096;

const MEBIBYTE = 1024 * 1024;
/** Far above what a cluster sends, far below what would starve the other peers. */
export const LIMITS: Readonly<Record<PeerRole, ConnectionLimits>> = {
  validator: {
    messageBytesMax: MESSAGE_BYTES_MAX,
    rate: { bytesPerSecond: 128 * MEBIBYTE, framesPerSecond: 20_000 },
  },
  observer: {
    messageBytesMax: OBSERVER_MESSAGE_BYTES_MAX,
    rate: { bytesPerSecond: 2 * MEBIBYTE, framesPerSecond: 500 },
  },
};

const TICK_MS = 1_000;
/** A connection that lasted so long was a good one: the next dial is a first one again. */
const STABLE_MS = 5_000;

/** The address to listen at cannot be used. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly address: string;
  /** `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, ... */
  readonly code: string;

  constructor(address: string, cause: unknown) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    super(`cannot listen at ${address}: ${code}`, { cause });
    this.address = address;
    this.code = code;
  }
}

export interface TlsTransport extends Transport {
  /** The multiaddr that is listened at, with the real port; null without one. */
  readonly address: string | null;
}

interface Dial {
  attempts: number;
  cancel: CancelTimer | undefined;
  connection: Connection | undefined;
}

/** Opens a transport over TLS 1.3. Throws `ListenError`. */
export async function createTlsTransport(options: TlsTransportOptions): Promise<TlsTransport> {
  const identity = await createIdentity(options.seed);
  const node = new TlsNode(identity, options);
  if (options.listen !== null) await node.listen(options.listen);
  return node;
}

class TlsNode implements TlsTransport {
  readonly self: PeerId;
  readonly #genesis: Uint8Array;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #times: TlsTransportTimes;
  readonly #caps: TlsTransportCaps;
  readonly #book: PeerBook;
  readonly #context: SecureContext;
  readonly #dials = new Map<PeerId, Dial>();
  readonly #connections = new Set<Connection>();
  readonly #inbound = new Map<string, number>();
  readonly #handshakes = new Map<string, number>();
  readonly #arrivals = new Map<string, RateLimiter>();
  #server: Server | undefined;
  #address: string | null = null;
  #cancelTick: CancelTimer;

  constructor(identity: TransportIdentity, options: TlsTransportOptions) {
    this.self = identity.id;
    this.#genesis = hashBytes(options.genesis);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#logger = options.logger ?? silentLogger;
    this.#times = { ...TIMES, ...options.times };
    this.#caps = { ...CAPS, ...options.caps };
    this.#book = new PeerBook({
      self: identity.id,
      clock: this.#clock,
      observersMax: options.observersMax ?? OBSERVERS_MAX,
      limits: { ...LIMITS, ...options.limits },
      queue: options.queue ?? {},
    });
    this.#context = createSecureContext({
      key: identity.privateKey,
      cert: identity.certificate,
      minVersion: "TLSv1.3",
      sigalgs: "ed25519",
    });
    this.#cancelTick = this.#clock.setTimer(TICK_MS, () => {
      this.#tick();
    });
  }

  get address(): string | null {
    return this.#address;
  }

  setPeers(peers: readonly Peer[]): void {
    this.#book.setPeers(peers);
    for (const [id, dial] of this.#dials) {
      if (this.#book.find(id) === undefined) {
        this.#dials.delete(id);
        dial.cancel?.();
        dial.connection?.close("removed");
      }
    }
    for (const peer of this.#book.unconnected()) this.#scheduleDial(peer.id);
  }

  send: Transport["send"] = (to, bytes, priority) => this.#book.send(to, bytes, priority);
  onMessage: Transport["onMessage"] = (handler) => {
    this.#book.onMessage(handler);
  };
  onPeerChange: Transport["onPeerChange"] = (handler) => {
    this.#book.onPeerChange(handler);
  };
  penalize: Transport["penalize"] = (peer, offence) => {
    this.#book.penalize(peer, offence);
  };
  peers: Transport["peers"] = () => this.#book.peers();
  stats: Transport["stats"] = () => this.#book.stats();

  async listen(address: string): Promise<void> {
    const endpoint = parseAddress(address);
    const server = createServer({ noDelay: true }, (socket) => {
      this.#accept(socket);
    });
    this.#server = server;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: endpoint.host, port: endpoint.port, exclusive: true }, resolve);
      });
    } catch (error) {
      this.#server = undefined;
      this.#cancelTick();
      throw new ListenError(address, error);
    }
    // Beyond file descriptors: accepting fails for a while, what is open goes on.
    server.on("error", (error) => {
      this.#logger.warn("accepting failed", { error });
    });
    this.#address = formatAddress({ ...endpoint, port: boundPort(server.address()) });
  }

  async close(): Promise<void> {
    const server = this.#server;
    const isStopped =
      server === undefined || !server.listening
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            server.close(() => {
              resolve();
            });
          });
    this.#cancelTick();
    for (const dial of this.#dials.values()) dial.cancel?.();
    this.#dials.clear();
    const connections = [...this.#connections];
    this.#book.close();
    for (const connection of connections) connection.close("closed-by-us");
    await Promise.all(connections.map((connection) => connection.gone()));
    await isStopped;
  }

  #accept(socket: Socket): void {
    const from = addressGroup(socket.remoteAddress ?? "");
    const refused = this.#isCapped(from);
    if (refused || this.#book.isClosed) {
      socket.on("error", () => undefined);
      socket.destroy();
      if (refused) this.#book.closed(undefined, undefined, "connection-cap");
      return;
    }
    count(this.#inbound, from, 1);
    count(this.#handshakes, from, 1);
    socket.once("close", () => {
      count(this.#inbound, from, -1);
    });
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#context,
      requestCert: true,
      rejectUnauthorized: false,
    });
    let isShaking = true;
    this.#connect(secure, "inbound", undefined, () => {
      if (isShaking) count(this.#handshakes, from, -1);
      isShaking = false;
    });
  }

  #isCapped(from: string): boolean {
    const named = this.#book.named().filter((peer) => peer.address !== null && hostOf(peer.address) === from).length;
    if (this.#isTooFast(from, this.#caps.perSecond * (1 + named))) return true;
    if ((this.#inbound.get(from) ?? 0) >= this.#caps.perAddress + 2 * named) return true;
    if ((this.#handshakes.get(from) ?? 0) >= this.#caps.handshakesPerAddress + 2 * named) return true;
    if (named > 0) return false;
    let handshakes = 0;
    for (const shaking of this.#handshakes.values()) handshakes += shaking;
    return handshakes >= this.#caps.handshakes;
  }

  #isTooFast(from: string, perSecond: number): boolean {
    const now = this.#clock.monotonicMs();
    const limit = { bytesPerSecond: Number.MAX_SAFE_INTEGER, framesPerSecond: perSecond };
    const arrivals = this.#arrivals.get(from) ?? new RateLimiter(limit, now);
    this.#arrivals.delete(from);
    this.#arrivals.set(from, arrivals);
    const [oldest] = this.#arrivals.keys();
    if (this.#arrivals.size > ADDRESSES_MAX && oldest !== undefined) this.#arrivals.delete(oldest);
    arrivals.change(limit, now);
    // Only what is let in counts: who is refused may come again as soon as there is room.
    return !arrivals.take(now);
  }

  #connect(
    socket: TLSSocket,
    direction: "inbound" | "outbound",
    expected: PeerId | undefined,
    onSettled: () => void,
  ): Connection {
    const connection = new Connection({
      socket,
      direction,
      clock: this.#clock,
      genesis: this.#genesis,
      times: this.#times,
      authorize: (id): ConnectionLimits | DisconnectReason =>
        expected !== undefined && id !== expected ? "wrong-key" : this.#book.authorize(id),
      onOpen: (opened, id) => {
        onSettled();
        this.#book.open(id, opened);
      },
      onMessage: (from, id, bytes) => {
        this.#book.received(id, from, bytes);
      },
      onClose: (closed, id, reason) => {
        onSettled();
        void closed.gone().then(() => this.#connections.delete(closed));
        this.#onClose(closed, id ?? expected, reason);
      },
    });
    this.#connections.add(connection);
    return connection;
  }

  #onClose(connection: Connection, id: PeerId | undefined, reason: DisconnectReason): void {
    const dial = id === undefined ? undefined : this.#dials.get(id);
    if (dial?.connection === connection) dial.connection = undefined;
    if (dial !== undefined && connection.ageMs() >= STABLE_MS) dial.attempts = 0;
    this.#logger.debug("connection ended", { peer: id, reason, direction: connection.direction });
    this.#book.closed(id, connection, reason);
    if (id !== undefined) this.#scheduleDial(id);
  }

  #scheduleDial(id: PeerId): void {
    const peer = this.#book.find(id);
    if (this.#book.isClosed || peer === undefined || peer.address === null || this.#book.isConnected(id)) return;
    const dial = this.#dials.get(id) ?? { attempts: 0, cancel: undefined, connection: undefined };
    this.#dials.set(id, dial);
    if (dial.cancel !== undefined || dial.connection !== undefined) return;
    const { dialFirstMs, dialMaxMs, dialDelayMs } = this.#times;
    const backOffMs = Math.min(dialMaxMs, dialFirstMs * 2 ** Math.min(dial.attempts - 1, 30));
    // Jitter, so that a cluster that restarts does not dial in step.
    const waitMs = dial.attempts === 0 ? 0 : backOffMs * (0.5 + this.#random.fraction() / 2);
    dial.cancel = this.#clock.setTimer(waitMs + (this.self < id ? 0 : dialDelayMs), () => {
      dial.cancel = undefined;
      this.#dial(id, dial);
    });
  }

  #dial(id: PeerId, dial: Dial): void {
    const peer = this.#book.find(id);
    if (this.#book.isClosed || peer === undefined || peer.address === null || this.#book.isConnected(id)) return;
    dial.attempts++;
    if (this.#book.isBanned(id)) {
      this.#scheduleDial(id);
      return;
    }
    const { kind, host, port } = parseAddress(peer.address);
    const target: ConnectionOptions & TcpNetConnectOpts = {
      host,
      port,
      family: kind === "ip6" ? 6 : 4,
      secureContext: this.#context,
      minVersion: "TLSv1.3",
      // No authority signs these certificates: `authorize` compares the key itself.
      rejectUnauthorized: false,
      servername: "",
    };
    dial.connection = this.#connect(connectTls(target), "outbound", id, () => undefined);
  }

  #tick(): void {
    for (const connection of this.#connections) connection.tick();
    for (const peer of this.#book.unconnected()) this.#scheduleDial(peer.id);
    this.#cancelTick = this.#clock.setTimer(TICK_MS, () => {
      this.#tick();
    });
  }
}

function boundPort(address: AddressInfo | string | null): number {
  return address === null || typeof address === "string" ? 0 : address.port;
}

function hostOf(address: string): string {
  return addressGroup(parseAddress(address).host);
}

function count(counts: Map<string, number>, key: string, change: number): void {
  const next = (counts.get(key) ?? 0) + change;
  if (next <= 0) counts.delete(key);
  else counts.set(key, next);
}
