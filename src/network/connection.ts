import type { TLSSocket } from "node:tls";

import { equalBytes } from "../codec/hex.ts";
import type { CancelTimer, Clock } from "../runtime/clock.ts";
import { certificateId } from "./certificate.ts";
import {
  decodeGoodbye,
  decodeHello,
  encodeFragmentHeader,
  encodeFrame,
  encodeGoodbye,
  encodeHello,
  FRAGMENT_BYTES,
  FRAME,
  FrameParser,
  MessageAssembler,
  PROTOCOL_VERSION,
  type Frame,
} from "./frame.ts";
import { RateLimiter, type RateLimit } from "./rateLimit.ts";
import type { SendQueue } from "./sendQueue.ts";
import type { DisconnectReason, PeerId } from "./transport.ts";

/** What a connection allows its peer. */
export interface ConnectionLimits {
  readonly messageBytesMax: number;
  readonly rate: RateLimit;
}

export interface ConnectionTimes {
  readonly handshakeMs: number;
  readonly pingMs: number;
  readonly idleMs: number;
  readonly stallMs: number;
}

export interface ConnectionOptions {
  readonly socket: TLSSocket;
  readonly direction: "inbound" | "outbound";
  readonly clock: Clock;
  readonly genesis: Uint8Array;
  readonly times: ConnectionTimes;
  /** The limits of the key that the peer proved, or why it is not wanted. */
  readonly authorize: (id: PeerId) => ConnectionLimits | DisconnectReason;
  /** Both hellos are exchanged. From now on `sendFrom` may be called. */
  readonly onOpen: (connection: Connection, id: PeerId) => void;
  readonly onMessage: (connection: Connection, id: PeerId, bytes: Uint8Array) => void;
  /** Once, whatever happened, and last. `id` is undefined if no key was proven. */
  readonly onClose: (connection: Connection, id: PeerId | undefined, reason: DisconnectReason) => void;
}

/** What may wait in the socket itself, where nothing can overtake any more: enough to keep it busy, and little more. */
const SOCKET_BYTES_MAX = 4 * FRAGMENT_BYTES;
/** How long a closing socket may take to deliver its goodbye. */
const GOODBYE_MS = 500;

type State = "handshake" | "hello" | "open" | "closed";

/** One TLS connection, from the first byte to the last. Everything a peer can do to it ends in a `DisconnectReason`. */
export class Connection {
  readonly direction: "inbound" | "outbound";
  #id: PeerId | undefined;
  readonly #options: ConnectionOptions;
  readonly #socket: TLSSocket;
  readonly #clock: Clock;
  readonly #parser = new FrameParser();
  readonly #assembler = new MessageAssembler();
  #state: State = "handshake";
  #isConnected: boolean;
  #limits: ConnectionLimits | undefined;
  #limiter: RateLimiter | undefined;
  #peerMessageBytesMax = 0;
  #openedMs: number | undefined;
  #receivedMs: number;
  #progressMs: number;
  #pingedMs: number;
  #isResting = false;
  #queue: SendQueue | undefined;
  readonly #onWritten = (): void => {
    this.#progressMs = this.#clock.monotonicMs();
    this.#pump();
  };
  #cancelHandshake: CancelTimer | undefined;
  #cancelRest: CancelTimer | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#clock = options.clock;
    this.direction = options.direction;
    this.#isConnected = options.direction === "inbound";
    const now = this.#clock.monotonicMs();
    this.#receivedMs = now;
    this.#progressMs = now;
    this.#pingedMs = now;
    this.#cancelHandshake = this.#clock.setTimer(options.times.handshakeMs, () => {
      this.close("handshake-timeout");
    });
    this.#socket.setNoDelay(true);
    this.#socket.once(options.direction === "inbound" ? "secure" : "secureConnect", () => {
      this.#onSecure();
    });
    this.#socket.on("data", (chunk: Buffer) => {
      this.#onData(chunk);
    });
    this.#socket.once("connect", () => {
      this.#isConnected = true;
    });
    this.#socket.on("error", () => {
      this.close(this.#state === "handshake" ? this.#handshakeFault() : "socket-error");
    });
    this.#socket.on("close", () => {
      this.close(this.#state === "handshake" ? this.#handshakeFault() : "closed-by-peer");
    });
  }

  /** The longest message that the peer takes from us. */
  get peerMessageBytesMax(): number {
    return this.#peerMessageBytesMax;
  }

  /** Milliseconds since both hellos were exchanged; 0 before. */
  ageMs(): number {
    return this.#openedMs === undefined ? 0 : this.#clock.monotonicMs() - this.#openedMs;
  }

  /** Starts to send what is in the queue, and goes on whenever it is called again. */
  sendFrom(queue: SendQueue): void {
    this.#queue = queue;
    this.#pump();
  }

  /** Other limits, as the peer's role changed. What the peer was told of message lengths stays. */
  limit(limits: ConnectionLimits): void {
    this.#limits = limits;
    this.#limiter?.change(limits.rate, this.#clock.monotonicMs());
  }

  /** Pings a quiet peer, drops one that is silent or does not read. Called about once a second. */
  tick(): void {
    if (this.#state !== "open") return;
    const now = this.#clock.monotonicMs();
    const { times } = this.#options;
    // While we do not read, silence is ours.
    if (this.#isResting) this.#receivedMs = now;
    if (!this.#socket.writableNeedDrain) this.#progressMs = now;
    if (now - this.#receivedMs > times.idleMs) this.close("idle");
    else if (now - this.#progressMs > times.stallMs) this.close("stalled");
    else if (now - this.#pingedMs >= times.pingMs && !this.#socket.writableNeedDrain) {
      this.#pingedMs = now;
      this.#socket.write(encodeFrame(FRAME.ping));
    }
  }

  /** Ends the connection, telling the peer why where that is possible. Idempotent. */
  close(reason: DisconnectReason): void {
    if (this.#state === "closed") return;
    const isSecure = this.#state !== "handshake";
    this.#state = "closed";
    this.#cancelHandshake?.();
    this.#cancelRest?.();
    const socket = this.#socket;
    if (isSecure && socket.writable && !socket.writableNeedDrain && reason !== "closed-by-peer") {
      const cancel = this.#clock.setTimer(GOODBYE_MS, () => socket.destroy());
      socket.once("close", cancel);
      // Read on, so that the end of the other side is noticed; nothing is kept of it.
      socket.resume();
      socket.end(encodeGoodbye(reason === "closed-by-us" ? "goodbye" : reason));
    } else {
      socket.destroy();
    }
    this.#options.onClose(this, this.#id, reason);
  }

  /** Resolves when the socket is gone. */
  gone(): Promise<void> {
    if (this.#socket.closed) return Promise.resolve();
    return new Promise((resolve) => this.#socket.once("close", resolve));
  }

  #onSecure(): void {
    if (this.#state !== "handshake") return;
    const certificate = this.#socket.getPeerX509Certificate();
    const id = certificate === undefined ? undefined : certificateId(certificate);
    if (id === undefined) {
      this.close("handshake-failed");
      return;
    }
    this.#state = "hello";
    const limits = this.#options.authorize(id);
    if (typeof limits === "string") {
      this.close(limits);
      return;
    }
    this.#id = id;
    this.#limits = limits;
    this.#limiter = new RateLimiter(limits.rate, this.#clock.monotonicMs());
    const { genesis } = this.#options;
    this.#socket.write(encodeHello({ version: PROTOCOL_VERSION, genesis, messageBytesMax: limits.messageBytesMax }));
  }

  #onData(chunk: Buffer): void {
    if (this.#state === "closed") return;
    this.#receivedMs = this.#clock.monotonicMs();
    let frames = 0;
    const fault = this.#parser.push(chunk, (frame) => {
      frames++;
      this.#onFrame(frame);
      return this.#isListening();
    });
    if (fault !== undefined) this.close(fault);
    else this.#rest(chunk.length, frames);
  }

  #handshakeFault(): DisconnectReason {
    return this.#isConnected ? "handshake-failed" : "dial-failed";
  }

  #isListening(): boolean {
    return this.#state !== "closed";
  }

  /** NET-4: a peer beyond its rate is not read for a while; TCP passes the pressure on, and nobody else notices. */
  #rest(bytes: number, frames: number): void {
    // A data event of few bytes costs as much as a frame does.
    const waitMs = this.#limiter?.spend(bytes, Math.max(1, frames), this.#receivedMs) ?? 0;
    if (waitMs === 0 || this.#state === "closed" || this.#isResting) return;
    this.#isResting = true;
    this.#socket.pause();
    this.#cancelRest = this.#clock.setTimer(waitMs, () => {
      this.#isResting = false;
      this.#socket.resume();
    });
  }

  #onFrame(frame: Frame): void {
    if (this.#state === "hello") this.#onHello(frame);
    else if (this.#state !== "open") this.close("malformed");
    else if (frame.type === FRAME.message) this.#onFragment(frame.body);
    else if (frame.type === FRAME.goodbye) this.#onGoodbye(frame.body);
    else if (frame.body.length > 0 || (frame.type !== FRAME.ping && frame.type !== FRAME.pong)) this.close("malformed");
    // Pongs wait for a socket that drains: a peer that pings and does not read must not fill it.
    else if (frame.type === FRAME.ping && !this.#socket.writableNeedDrain) this.#socket.write(encodeFrame(FRAME.pong));
  }

  #onHello(frame: Frame): void {
    if (frame.type === FRAME.goodbye) {
      this.#onGoodbye(frame.body);
      return;
    }
    const hello = frame.type === FRAME.hello ? decodeHello(frame.body) : undefined;
    if (hello === undefined) this.close("malformed");
    else if (hello.version !== PROTOCOL_VERSION) this.close("wrong-version");
    else if (!equalBytes(hello.genesis, this.#options.genesis)) this.close("wrong-genesis");
    else {
      this.#state = "open";
      this.#cancelHandshake?.();
      this.#peerMessageBytesMax = hello.messageBytesMax;
      this.#openedMs = this.#clock.monotonicMs();
      if (this.#id !== undefined) this.#options.onOpen(this, this.#id);
    }
  }

  #onFragment(body: Uint8Array): void {
    const assembled = this.#assembler.push(body, this.#limits?.messageBytesMax ?? 0);
    if (assembled.kind === "more" || this.#id === undefined) return;
    if (assembled.kind === "message") this.#options.onMessage(this, this.#id, assembled.bytes);
    else this.close(assembled.kind);
  }

  #onGoodbye(body: Uint8Array): void {
    this.#state = "closed";
    this.#cancelHandshake?.();
    this.#cancelRest?.();
    this.#socket.destroy();
    this.#options.onClose(this, this.#id, decodeGoodbye(body));
  }

  #pump(): void {
    const queue = this.#queue;
    if (queue === undefined || this.#state !== "open") return;
    while (this.#socket.writableLength < SOCKET_BYTES_MAX) {
      const fragment = queue.take(FRAGMENT_BYTES);
      if (fragment === undefined) return;
      this.#socket.cork();
      this.#socket.write(encodeFragmentHeader(fragment));
      this.#socket.write(fragment.bytes, this.#onWritten);
      this.#socket.uncork();
    }
  }
}
