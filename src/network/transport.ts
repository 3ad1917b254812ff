/**
 * Authenticated messages between nodes. A peer is its ed25519 transport key; a connection proves the key. One primitive,
 * `send`: request and response are messages of the layers above, so that a simulated transport needs nothing else.
 */

declare const peerIdBrand: unique symbol;
/** An ed25519 transport key as 64 lower-case hexadecimal digits, without 0x. */
export type PeerId = string & { readonly [peerIdBrand]: "PeerId" };

const PEER_ID = /^[0-9a-f]{64}$/;

/** Text or bytes that are no transport key. */
export class PeerIdError extends Error {
  override readonly name = "PeerIdError";
}

export function isPeerId(text: string): text is PeerId {
  return PEER_ID.test(text);
}

/** Checks that `text` is 64 lower-case hexadecimal digits. */
export function toPeerId(text: string): PeerId {
  if (!isPeerId(text)) throw new PeerIdError(`not an ed25519 key in lower-case hexadecimal: ${text.slice(0, 80)}`);
  return text;
}

/** The id of the 32 bytes of a transport key. */
export function peerIdFromKey(transportKey: Uint8Array): PeerId {
  return toPeerId(Buffer.from(transportKey).toString("hex"));
}

/** Installed, previous and newest committees (three times 100 seats), seeds and room for operators' own followers. */
export const PEERS_MAX = 512;
/** Observers that may be connected to one node, unless the options say less. */
export const OBSERVERS_MAX = 64;
/** The longest message of a listed peer: a block payload whole with proposal, header and proofs. */
export const MESSAGE_BYTES_MAX = 40 * 1024 * 1024;
/** The longest message of an observer: requests and transactions, never shards. */
export const OBSERVER_MESSAGE_BYTES_MAX = 1024 * 1024;
/** Bytes that may wait for one peer, over all priorities. */
export const SEND_QUEUE_BYTES_MAX = 48 * 1024 * 1024;
/** Messages that may wait for one peer, over all priorities. */
export const SEND_QUEUE_MESSAGES_MAX = 8192;

/**
 * `validator`: named by `setPeers`, limits of a committee member. `observer`: followers and nodes that are in no
 * committee; the ones `setPeers` does not name are admitted while there is room in their class.
 */
export type PeerRole = "validator" | "observer";

/** A node to be connected to. */
export interface Peer {
  readonly id: PeerId;
  /** Multiaddr (`/ip4/…/tcp/…`, `/ip6/…`, `/dns4/…`); null for a peer that only connects to us. */
  readonly address: string | null;
  readonly role: PeerRole;
}

/** Higher ones leave first and evict lower ones: votes and certificates; proposals and shards; everything else. */
export type Priority = "vote" | "block" | "bulk";
export const PRIORITIES: readonly Priority[] = ["vote", "block", "bulk"];

/**
 * Why a message was not taken. `unknown-peer`: neither in `setPeers` nor connected; `not-connected`; `too-large`: beyond
 * what the receiver accepts from us; `queue-full`: the peer is slow and what waits for it is as urgent; `closed`: the
 * transport was closed.
 */
export type DropReason = "unknown-peer" | "not-connected" | "too-large" | "queue-full" | "closed";

/** `accepted` means queued in this node, not received by the peer: a connection that ends loses what it had queued. */
export type SendResult = { readonly accepted: true } | { readonly accepted: false; readonly reason: DropReason };

/** Must not throw on any bytes and must not keep the event loop long: it runs between two reads of a socket. */
export type MessageHandler = (from: PeerId, bytes: Uint8Array) => void;

/** Why a connection ended, or was refused before it counted as one. */
export type DisconnectReason =
  | "removed" // setPeers no longer names it
  | "closed-by-us" // close()
  | "closed-by-peer"
  | "goodbye" // the peer is shutting down
  | "duplicate" // a second connection of the same pair
  | "replaced" // the peer connected anew
  | "wrong-genesis"
  | "wrong-version"
  | "wrong-key" // dialed one key, found another
  | "unknown-key" // neither listed nor room among the observers
  | "banned"
  | "malformed" // a frame that is none
  | "oversize" // a frame or message beyond its maximum
  | "handshake-timeout"
  | "handshake-failed"
  | "idle" // silent, pings included
  | "stalled" // does not read what is sent
  | "connection-cap" // too many connections from one address, or in handshake
  | "dial-failed"
  | "socket-error";

export type PeerChange =
  | { readonly kind: "connected"; readonly id: PeerId; readonly role: PeerRole }
  | { readonly kind: "disconnected"; readonly id: PeerId; readonly role: PeerRole; readonly reason: DisconnectReason };

export type PeerChangeHandler = (change: PeerChange) => void;

/** What a peer did wrong, as the layers above know it; `peerScore.ts` weighs it. */
export type Offence = "malformed-message" | "invalid-signature" | "invalid-message" | "unrequested" | "slow-answer";

export interface PeerStatus {
  readonly id: PeerId;
  readonly role: PeerRole;
  readonly address: string | null;
  readonly connected: boolean;
  /** Who opened the present connection; null without one. */
  readonly direction: "inbound" | "outbound" | null;
  /** Penalty points, decaying; see `peerScore.ts`. */
  readonly penalty: number;
  readonly queuedBytes: number;
  readonly lastDisconnect: DisconnectReason | null;
}

/** Counters since the start, except the `queued` and `connected` gauges. */
export interface TransportStats {
  readonly connected: number;
  readonly sentMessages: number;
  readonly sentBytes: number;
  readonly receivedMessages: number;
  readonly receivedBytes: number;
  readonly queuedBytes: number;
  /** Messages refused by `send`. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Messages that were accepted and then gave way to more urgent ones, or were lost with their connection. */
  readonly evicted: number;
  /** Ended or refused connections by reason. */
  readonly disconnects: Readonly<Partial<Record<DisconnectReason, number>>>;
}

/** Set of peers that cannot be used; the transport keeps the one it had. */
export class PeerSetError extends Error {
  override readonly name = "PeerSetError";
}

/**
 * One node's end of the network. Messages of one peer and priority arrive in the order sent; between priorities the
 * more urgent one overtakes. Nothing is delivered twice; loss is possible at any time and silent.
 */
export interface Transport {
  readonly self: PeerId;
  /**
   * Replaces the whole set of named peers: connects the new, disconnects the gone, keeps the rest. `self` is ignored.
   * Throws `PeerSetError` beyond `PEERS_MAX`, on a repeated id and on an address that is none.
   */
  setPeers(peers: readonly Peer[]): void;
  send(to: PeerId, bytes: Uint8Array, priority: Priority): SendResult;
  /** One handler; a later call replaces it. Without one, messages are dropped. `bytes` belong to the handler. */
  onMessage(handler: MessageHandler): void;
  /** One handler; a later call replaces it. */
  onPeerChange(handler: PeerChangeHandler): void;
  /** Takes note of what a peer did wrong; beyond a limit it is disconnected and banned for a while. */
  penalize(peer: PeerId, offence: Offence): void;
  /** Named peers and connected observers. */
  peers(): readonly PeerStatus[];
  stats(): TransportStats;
  /** Ends all connections; resolves when no socket or timer is left. Idempotent. */
  close(): Promise<void>;
}
