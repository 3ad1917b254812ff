import type { Hash } from "../crypto/hash.ts";
import { commit } from "../dispersal/dispersal.ts";
import type { ShardLayout } from "../dispersal/shardLayout.ts";
import type { PeerId } from "../network/transport.ts";
import type { BlockLimits } from "../protocol/ClusterConfig.ts";
import * as Header from "../protocol/Header.ts";
import { EMPTY_NAMESPACES } from "../protocol/NamespaceTable.ts";
import type { CancelTimer, Clock } from "../runtime/clock.ts";
import { openPayload, type OpenedPayload } from "./openedPayload.ts";

/** Payloads asked for at once. */
export const FETCHES_MAX = 64;

interface Wanted {
  readonly header: Header.Header;
  readonly layout: ShardLayout;
  readonly peers: readonly PeerId[];
  readonly resolve: (opened: OpenedPayload) => void;
  attempts: number;
  cancel: CancelTimer | undefined;
}

export interface FetcherPorts {
  readonly clock: Clock;
  readonly limits: BlockLimits;
  readonly fetchMs: number;
  request(peer: PeerId, block: Hash): void;
}

/**
 * Payloads of blocks that are known to be final: they exist, valid, at honest nodes with more than a third of the
 * weight (DA-4), so asking one peer after the other ends.
 */
export class PayloadFetcher {
  readonly #ports: FetcherPorts;
  readonly #wanted = new Map<Hash, Wanted>();

  constructor(ports: FetcherPorts) {
    this.#ports = ports;
  }

  get underWay(): number {
    return this.#wanted.size;
  }

  /** `peers` in the order to ask. Resolves when a peer gave it; never, if the engine stops first. */
  fetch(header: Header.Header, layout: ShardLayout, peers: readonly PeerId[]): Promise<OpenedPayload> {
    // With an empty table only the empty payload is valid: nothing needs to be fetched.
    if (header.namespaces === EMPTY_NAMESPACES) return Promise.resolve({ bytes: new Uint8Array(0), namespaces: [] });
    return new Promise((resolve) => {
      const wanted: Wanted = { header, layout, peers, resolve, attempts: 0, cancel: undefined };
      this.#wanted.set(Header.hash(header), wanted);
      this.#ask(wanted);
    });
  }

  #ask(wanted: Wanted): void {
    const peer = wanted.peers[wanted.attempts % Math.max(1, wanted.peers.length)];
    if (peer !== undefined) this.#ports.request(peer, Header.hash(wanted.header));
    const delayMs =
      this.#ports.fetchMs * 2 ** Math.min(Math.floor(wanted.attempts / Math.max(1, wanted.peers.length)), 4);
    wanted.attempts += 1;
    wanted.cancel = this.#ports.clock.setTimer(delayMs, () => {
      this.#ask(wanted);
    });
  }

  isWanted(block: Hash): boolean {
    return this.#wanted.has(block);
  }

  /** Takes an answer. False if it is not what the block commits to. */
  take(block: Hash, payload: Uint8Array): boolean {
    const wanted = this.#wanted.get(block);
    if (wanted === undefined) return false;
    if (commit(payload, wanted.layout) !== wanted.header.payload) return false;
    const opened = openPayload(payload, wanted.header.namespaces, this.#ports.limits);
    if (opened === undefined) return false;
    wanted.cancel?.();
    this.#wanted.delete(block);
    wanted.resolve(opened);
    return true;
  }

  close(): void {
    for (const wanted of this.#wanted.values()) wanted.cancel?.();
    this.#wanted.clear();
  }
}
