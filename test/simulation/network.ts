import type {
  MessageHandler,
  Offence,
  Peer,
  PeerChangeHandler,
  PeerId,
  SendResult,
  Transport,
} from "../../src/network/transport.ts";
import type { Random } from "../../src/runtime/random.ts";
import type { ProcessClock, Scheduler } from "./virtualTime.ts";

/** How messages travel, changed by the fault plan while the world runs. */
export interface LinkConditions {
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
  /** Chances per message, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
}

export const CALM: LinkConditions = { delayMinMs: 2, delayMaxMs: 30, loss: 0, duplication: 0 };

export interface NetworkCounts {
  sent: number;
  lost: number;
  duplicated: number;
  cut: number;
}

interface Endpoint {
  readonly self: PeerId;
  /** Which half of a split world the process is in. */
  readonly side: string;
  readonly clock: ProcessClock;
  peers: readonly Peer[];
  handler: MessageHandler | undefined;
  onChange: PeerChangeHandler | undefined;
}

/** What honest nodes hold against others, for the checker that nobody honest is ever scored. */
export interface Complaint {
  readonly by: PeerId;
  readonly against: PeerId;
  readonly offence: Offence;
}

/**
 * Joins processes by messages that are delayed, reordered, lost, duplicated and cut, each decided by the seed. Harsher
 * than the contract of `Transport`: order holds for nobody.
 */
export class Network {
  readonly counts: NetworkCounts = { sent: 0, lost: 0, duplicated: 0, cut: 0 };
  readonly complaints: Complaint[] = [];
  conditions: LinkConditions = CALM;
  /** Directed cuts by "from>to". */
  readonly cuts = new Set<string>();
  /** While split, messages stay on their side: the way to keep twins apart, who share an identity. */
  isSplit = false;
  /** Extra delay of a slow node, both ways. */
  readonly slowMs = new Map<PeerId, number>();
  /** Extra delay of one direction of one link, by "from>to". */
  readonly slowLinks = new Map<string, number>();
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  /** Several processes of one key at once are twins. */
  readonly #endpoints = new Map<PeerId, Endpoint[]>();

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  join(self: PeerId, clock: ProcessClock, side = ""): Transport {
    const endpoint: Endpoint = { self, side, clock, peers: [], handler: undefined, onChange: undefined };
    const others = (this.#endpoints.get(self) ?? []).filter((other) => other.clock.isAlive);
    this.#endpoints.set(self, [...others, endpoint]);
    return {
      self,
      setPeers: (peers) => {
        const before = new Set(endpoint.peers.map((peer) => peer.id));
        endpoint.peers = peers.filter((peer) => peer.id !== self);
        for (const { id } of endpoint.peers) if (!before.has(id)) this.#meet(endpoint, id);
      },
      send: (to, bytes) => this.#send(endpoint, to, bytes),
      onMessage: (handler) => {
        endpoint.handler = handler;
      },
      onPeerChange: (handler) => {
        endpoint.onChange = handler;
      },
      penalize: (against, offence) => {
        if (this.complaints.length < 100_000) this.complaints.push({ by: self, against, offence });
      },
      peers: () =>
        this.#connectedTo(endpoint).map((id) => ({
          id,
          role: "validator",
          address: null,
          connected: true,
          direction: "outbound",
          penalty: 0,
          queuedBytes: 0,
          lastDisconnect: null,
        })),
      stats: () => {
        throw new Error("nobody counts in the simulation");
      },
      close: () => Promise.resolve(),
    };
  }

  #alive(id: PeerId): Endpoint[] {
    return (this.#endpoints.get(id) ?? []).filter((endpoint) => endpoint.clock.isAlive);
  }

  /** Connected are those of whom one names the other and both run. */
  #connectedTo(endpoint: Endpoint): PeerId[] {
    const ids = new Set(endpoint.peers.map((peer) => peer.id));
    for (const [id, others] of this.#endpoints) {
      if (others.some((other) => other.clock.isAlive && other.peers.some((peer) => peer.id === endpoint.self)))
        ids.add(id);
    }
    ids.delete(endpoint.self);
    return [...ids].filter((id) => this.#alive(id).length > 0);
  }

  #meet(endpoint: Endpoint, id: PeerId): void {
    this.#scheduler.after(this.#delayMs(endpoint.self, id), () => {
      if (!endpoint.clock.isAlive) return;
      for (const other of this.#alive(id)) {
        other.onChange?.({ kind: "connected", id: endpoint.self, role: "validator" });
        endpoint.onChange?.({ kind: "connected", id, role: "validator" });
      }
    });
  }

  #delayMs(from: PeerId, to: PeerId): number {
    const { delayMinMs, delayMaxMs } = this.conditions;
    const slow = (this.slowMs.get(from) ?? 0) + (this.slowMs.get(to) ?? 0);
    const link = this.slowLinks.get(`${from}>${to}`) ?? 0;
    return delayMinMs + this.#random.fraction() * (delayMaxMs - delayMinMs) + slow + link;
  }

  #send(endpoint: Endpoint, to: PeerId, bytes: Uint8Array): SendResult {
    if (!endpoint.clock.isAlive) return { accepted: false, reason: "closed" };
    this.counts.sent += 1;
    const { loss, duplication } = this.conditions;
    if (this.#random.fraction() < loss) {
      this.counts.lost += 1;
      return { accepted: true };
    }
    const copies = this.#random.fraction() < duplication ? 2 : 1;
    this.counts.duplicated += copies - 1;
    for (let copy = 0; copy < copies; copy++) {
      this.#scheduler.after(this.#delayMs(endpoint.self, to), () => {
        this.#deliver(endpoint, to, bytes);
      });
    }
    return { accepted: true };
  }

  #deliver(from: Endpoint, to: PeerId, bytes: Uint8Array): void {
    if (this.cuts.has(`${from.self}>${to}`)) {
      this.counts.cut += 1;
      return;
    }
    for (const endpoint of this.#alive(to)) {
      if (!this.isSplit || endpoint.side === from.side) endpoint.handler?.(from.self, bytes.slice());
    }
  }
}
