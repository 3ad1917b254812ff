import { describe, expect, it } from "vitest";

import { ZERO_HASH } from "../../src/crypto/hash.ts";
import { CommitteePeers, peersOf } from "../../src/engine/committeePeers.ts";
import { createMemoryNetwork } from "../../src/network/memoryTransport.ts";
import { peerIdFromKey, type Peer, type PeerId } from "../../src/network/transport.ts";
import type { Committee, Member } from "../../src/protocol/Committee.ts";
import { CommitteeId, ValidatorId } from "../../src/protocol/scalars.ts";

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const id = (byte: number): PeerId => peerIdFromKey(key(byte));

function committee(members: readonly (readonly [number, string])[]): Committee {
  return {
    id: CommitteeId(1n),
    members: members.map(([byte, address], seat): Member => {
      const common = { seat, key: new Uint8Array(192), weight: 1n };
      return { ...common, validator: ValidatorId(BigInt(byte)), transportKey: key(byte), address };
    }),
    randomness: ZERO_HASH,
    createdNumber: 1n,
    createdAt: 1n,
  };
}

describe("peersOf", () => {
  it("PEERS-1: names the members of all committees and the seeds, each once, without oneself", () => {
    const current = committee([
      [1, "/ip4/127.0.0.1/tcp/1"],
      [2, "/ip4/127.0.0.1/tcp/2"],
    ]);
    const next = committee([
      [2, "/ip4/127.0.0.1/tcp/99"],
      [3, "/ip4/127.0.0.1/tcp/3"],
    ]);
    const seed: Peer = { id: id(4), address: null, role: "observer" };
    expect(peersOf([current, undefined, next], [seed, { ...seed, id: id(3) }], id(1))).toEqual([
      { id: id(2), address: "/ip4/127.0.0.1/tcp/2", role: "validator" },
      { id: id(3), address: "/ip4/127.0.0.1/tcp/3", role: "validator" },
      seed,
    ]);
  });

  it("PEERS-1: an address that is none, or a key held twice, cuts off nobody else", () => {
    const odd = committee([
      [2, "not an address"],
      [3, "/ip4/127.0.0.1/tcp/3"],
      [3, "/ip4/127.0.0.1/tcp/4"],
    ]);
    const peers = peersOf([odd], [], id(1));
    expect(peers.map(({ address }) => address)).toEqual([null, "/ip4/127.0.0.1/tcp/3"]);
    const transport = createMemoryNetwork().join({ self: id(1) });
    expect(() => {
      new CommitteePeers(transport).update([odd], []);
    }).not.toThrow();
    expect(transport.peers().map((peer) => peer.id)).toEqual([id(2), id(3)]);
  });
});
