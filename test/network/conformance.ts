import { afterEach, describe, expect, it } from "vitest";

import {
  PEERS_MAX,
  toPeerId,
  type Peer,
  type PeerChange,
  type PeerId,
  type Transport,
} from "../../src/network/transport.ts";

/** One node of a test network; `peer` is how the others name it. */
export interface TestNode {
  readonly transport: Transport;
  readonly peer: Peer;
}

export interface JoinOptions {
  readonly genesis?: "other";
  readonly observersMax?: number;
  readonly queueBytesMax?: number;
  readonly messageBytesMax?: number;
  /** Makes this node the n-th; the same number twice is the same key. */
  readonly seat?: number;
}

export interface TestNetwork {
  join(options?: JoinOptions): Promise<TestNode>;
  close(): Promise<void>;
}

interface Received {
  readonly from: PeerId;
  readonly bytes: Uint8Array;
}

/** Collects what a transport delivers and waits for it. */
export function watch(transport: Transport) {
  const messages: Received[] = [];
  const changes: PeerChange[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const check of [...waiting]) check();
  };
  transport.onMessage((from, bytes) => {
    messages.push({ from, bytes });
    wake();
  });
  transport.onPeerChange((change) => {
    changes.push(change);
    wake();
  });
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return {
    messages,
    changes,
    until,
    connected: (id: PeerId) => until(() => transport.peers().some((peer) => peer.id === id && peer.connected)),
    disconnected: (id: PeerId) => until(() => !transport.peers().some((peer) => peer.id === id && peer.connected)),
  };
}

export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bytesOf = (value: string): Uint8Array => Buffer.from(value);

/** Connects nodes to each other, all as validators, and waits until they are. */
async function mesh(nodes: readonly TestNode[]) {
  const watches = nodes.map((node) => watch(node.transport));
  for (const node of nodes) node.transport.setPeers(nodes.map(({ peer }) => peer));
  for (const [i, node] of nodes.entries()) {
    for (const other of nodes) if (other !== node) await watches[i]?.connected(other.peer.id);
  }
  return watches;
}

/** What every transport promises; run on each implementation. */
export function describeTransport(name: string, createNetwork: () => Promise<TestNetwork>): void {
  describe(`a ${name} transport`, () => {
    const networks: TestNetwork[] = [];
    async function network(): Promise<TestNetwork> {
      const created = await createNetwork();
      networks.push(created);
      return created;
    }
    afterEach(async () => {
      for (const created of networks.splice(0)) await created.close();
    });

    async function pair(options: JoinOptions = {}, otherOptions: JoinOptions = {}) {
      const net = await network();
      const a = await net.join(options);
      const b = await net.join(otherOptions);
      const [atA, atB] = await mesh([a, b]);
      if (atA === undefined || atB === undefined) throw new Error("mesh must watch both");
      return { net, a, b, atA, atB };
    }

    it("delivers messages of one priority in order, with their author, both ways", async () => {
      const { a, b, atA, atB } = await pair();
      for (let i = 0; i < 200; i++) {
        expect(a.transport.send(b.peer.id, bytesOf(`a${String(i)}`), "vote")).toEqual({ accepted: true });
        expect(b.transport.send(a.peer.id, bytesOf(`b${String(i)}`), "bulk")).toEqual({ accepted: true });
      }
      await atB.until(() => atB.messages.length === 200);
      await atA.until(() => atA.messages.length === 200);
      expect(atB.messages.map(({ bytes }) => text(bytes))).toEqual(
        Array.from({ length: 200 }, (_, i) => `a${String(i)}`),
      );
      expect(atA.messages.map(({ bytes }) => text(bytes))).toEqual(
        Array.from({ length: 200 }, (_, i) => `b${String(i)}`),
      );
      expect(new Set(atB.messages.map(({ from }) => from))).toEqual(new Set([a.peer.id]));
    });

    it("delivers empty messages and messages of many fragments whole", async () => {
      const { a, b, atB } = await pair();
      const large = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 31) & 0xff);
      a.transport.send(b.peer.id, new Uint8Array(0), "block");
      a.transport.send(b.peer.id, large, "block");
      await atB.until(() => atB.messages.length === 2);
      expect(atB.messages[0]?.bytes.length).toBe(0);
      expect(Buffer.compare(atB.messages[1]?.bytes ?? new Uint8Array(0), large)).toBe(0);
    });

    it("NET-3: a vote overtakes bulk that was queued before it", async () => {
      const { a, b, atB } = await pair();
      for (let i = 0; i < 40; i++) a.transport.send(b.peer.id, new Uint8Array(1_000_000), "bulk");
      a.transport.send(b.peer.id, bytesOf("vote"), "vote");
      await atB.until(() => atB.messages.length === 41);
      expect(atB.messages.findIndex(({ bytes }) => bytes.length === 4)).toBeLessThan(40);
    });

    it("takes a message of the maximum length and refuses one byte more", async () => {
      const { a, b, atB } = await pair({}, { messageBytesMax: 200_000 });
      const longest = a.transport.send(b.peer.id, new Uint8Array(200_000), "bulk");
      expect(longest).toEqual({ accepted: true });
      expect(a.transport.send(b.peer.id, new Uint8Array(200_001), "bulk")).toEqual({
        accepted: false,
        reason: "too-large",
      });
      await atB.until(() => atB.messages.length === 1);
      expect(a.transport.stats().dropped["too-large"]).toBe(1);
    });

    it("NET-3: takes what fits in the queue, then evicts the oldest bulk, and refuses what can evict nothing", async () => {
      const { a, b } = await pair({ queueBytesMax: 1000 });
      const fill = a.transport.send(b.peer.id, new Uint8Array(1000), "vote");
      expect(fill).toEqual({ accepted: true });
      expect(a.transport.send(b.peer.id, new Uint8Array(1001), "vote")).toEqual({
        accepted: false,
        reason: "queue-full",
      });
    });

    it("says why it does not take a message", async () => {
      const net = await network();
      const a = await net.join();
      const absent = toPeerId("ab".repeat(32));
      expect(a.transport.send(absent, new Uint8Array(1), "vote")).toEqual({ accepted: false, reason: "unknown-peer" });
      a.transport.setPeers([{ id: absent, address: null, role: "validator" }]);
      expect(a.transport.send(absent, new Uint8Array(1), "vote")).toEqual({ accepted: false, reason: "not-connected" });
      await a.transport.close();
      expect(a.transport.send(absent, new Uint8Array(1), "vote")).toEqual({ accepted: false, reason: "closed" });
    });

    it("NET-1: keeps one connection for a pair, however both sides dial", async () => {
      const net = await network();
      const nodes = await Promise.all([net.join(), net.join(), net.join(), net.join()]);
      await mesh(nodes);
      for (const { transport } of nodes) expect(transport.stats().connected).toBe(3);
    });

    it("does not connect to itself", async () => {
      const { a } = await pair();
      expect(a.transport.peers().map(({ id }) => id)).not.toContain(a.peer.id);
    });

    it("NET-1: admits observers up to the maximum and not one above, and forgets them when they go", async () => {
      const net = await network();
      const server = await net.join({ observersMax: 2 });
      const atServer = watch(server.transport);
      server.transport.setPeers([]);
      const observers = [await net.join(), await net.join()];
      for (const { transport, peer } of observers) {
        const seen = watch(transport);
        transport.setPeers([server.peer]);
        await seen.connected(server.peer.id);
        await atServer.connected(peer.id);
      }
      expect(server.transport.peers().map(({ role }) => role)).toEqual(["observer", "observer"]);
      const third = await net.join();
      third.transport.setPeers([server.peer]);
      await eventually(() => (third.transport.stats().disconnects["unknown-key"] ?? 0) > 0);
      expect(server.transport.stats().connected).toBe(2);
      await observers[0]?.transport.close();
      await atServer.until(() => server.transport.peers().length === 1);
    });

    it("NET-1: disconnects who is no longer named", async () => {
      const { a, b, atA, atB } = await pair({ observersMax: 0 }, { observersMax: 0 });
      a.transport.setPeers([]);
      await atA.disconnected(b.peer.id);
      await atB.disconnected(a.peer.id);
      expect(atA.changes.at(-1)).toEqual({ kind: "disconnected", id: b.peer.id, role: "validator", reason: "removed" });
    });

    it("NET-9: refuses a node of another genesis and says so on both sides", async () => {
      const net = await network();
      const a = await net.join();
      const b = await net.join({ genesis: "other" });
      a.transport.setPeers([b.peer]);
      b.transport.setPeers([a.peer]);
      await eventually(() => (a.transport.stats().disconnects["wrong-genesis"] ?? 0) > 0);
      await eventually(() => (b.transport.stats().disconnects["wrong-genesis"] ?? 0) > 0);
      expect(a.transport.stats().connected + b.transport.stats().connected).toBe(0);
      expect(a.transport.peers()[0]?.lastDisconnect).toBe("wrong-genesis");
    });

    it("NET-6: bans a peer that the layers above penalized too often", async () => {
      const { a, b, atA } = await pair();
      a.transport.penalize(b.peer.id, "malformed-message");
      expect(a.transport.stats().connected).toBe(1);
      a.transport.penalize(b.peer.id, "malformed-message");
      await atA.disconnected(b.peer.id);
      expect(atA.changes.at(-1)).toMatchObject({ kind: "disconnected", reason: "banned" });
    });

    it("takes the maximum number of peers and refuses one more, keeping the set it had", async () => {
      const net = await network();
      const a = await net.join();
      const many = Array.from({ length: PEERS_MAX + 1 }, (_, i): Peer => {
        return { id: toPeerId(i.toString(16).padStart(64, "0")), address: null, role: "validator" };
      });
      a.transport.setPeers(many.slice(1));
      expect(a.transport.peers().length).toBe(PEERS_MAX);
      expect(() => {
        a.transport.setPeers(many);
      }).toThrow(/exceed the maximum/);
      expect(() => {
        a.transport.setPeers([...many.slice(0, 1), ...many.slice(0, 1)]);
      }).toThrow(/named twice/);
      expect(a.transport.peers().length).toBe(PEERS_MAX);
    });

    it("reports the end of a peer, and closes twice without harm", async () => {
      const { a, b, atB } = await pair();
      await a.transport.close();
      await a.transport.close();
      await atB.disconnected(a.peer.id);
      expect(atB.changes.at(-1)).toMatchObject({ kind: "disconnected", id: a.peer.id, reason: "goodbye" });
      expect(b.transport.send(a.peer.id, new Uint8Array(1), "vote")).toEqual({
        accepted: false,
        reason: "not-connected",
      });
    });

    it("connects again when a peer comes back", async () => {
      const { net, a, b, atA } = await pair({ seat: 70 }, { seat: 71 });
      await b.transport.close();
      await atA.disconnected(b.peer.id);
      const again = await net.join({ seat: 71 });
      const atAgain = watch(again.transport);
      a.transport.setPeers([again.peer]);
      again.transport.setPeers([a.peer]);
      await atA.connected(again.peer.id);
      await atAgain.connected(a.peer.id);
      a.transport.send(again.peer.id, bytesOf("welcome"), "vote");
      await atAgain.until(() => atAgain.messages.length === 1);
    });
  });
}
