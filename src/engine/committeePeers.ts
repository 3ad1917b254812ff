import { parseAddress } from "../network/networkField.ts";
import { peerIdFromKey, type Peer, type PeerId, type Transport } from "../network/transport.ts";
import type { Committee } from "../protocol/Committee.ts";

/** The address, or null where it is none that this node understands: one bad field must not cut off the others. */
function usable(address: string): string | null {
  try {
    parseAddress(address);
    return address;
  } catch {
    return null;
  }
}

/** PEERS-1: everybody to be connected to: the members of these committees, then the seeds, each once, without oneself. */
export function peersOf(committees: readonly (Committee | undefined)[], seeds: readonly Peer[], self: PeerId): Peer[] {
  const peers = new Map<PeerId, Peer>();
  for (const committee of committees) {
    for (const member of committee?.members ?? []) {
      const id = peerIdFromKey(member.transportKey);
      if (!peers.has(id)) peers.set(id, { id, address: usable(member.address), role: "validator" });
    }
  }
  for (const seed of seeds) if (!peers.has(seed.id)) peers.set(seed.id, seed);
  peers.delete(self);
  return [...peers.values()];
}

/** Names the peers to the transport where they differ from what it was told last. */
export class CommitteePeers {
  readonly #transport: Transport;
  #named = "";

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  update(committees: readonly (Committee | undefined)[], seeds: readonly Peer[]): void {
    const peers = peersOf(committees, seeds, this.#transport.self);
    const named = JSON.stringify(peers);
    if (named === this.#named) return;
    this.#named = named;
    this.#transport.setPeers(peers);
  }
}
