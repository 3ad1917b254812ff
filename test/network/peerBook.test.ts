import { describe, expect, it } from "vitest";

import { PeerBook, type Link } from "../../src/network/peerBook.ts";
import type { SendQueue } from "../../src/network/sendQueue.ts";
import { toPeerId, type DisconnectReason, type PeerChange, type PeerId } from "../../src/network/transport.ts";
import type { Clock } from "../../src/runtime/clock.ts";

const LOW = toPeerId("11".repeat(32));
const HIGH = toPeerId("ee".repeat(32));
const LIMITS = { messageBytesMax: 100, rate: { bytesPerSecond: 1, framesPerSecond: 1 } };

/** One node's book, with a clock that stands until it is moved. */
function node(self: PeerId) {
  const time = { nowMs: 0 };
  const clock: Clock = { monotonicMs: () => time.nowMs, wallMs: () => 0, setTimer: () => () => undefined };
  const book = new PeerBook({
    self,
    clock,
    observersMax: 1,
    limits: { validator: LIMITS, observer: LIMITS },
    queue: {},
  });
  const changes: PeerChange[] = [];
  book.onPeerChange((change) => changes.push(change));
  const other = self === LOW ? HIGH : LOW;
  book.setPeers([{ id: other, address: null, role: "validator" }]);

  function link(direction: Link["direction"]) {
    const openedMs = time.nowMs;
    const sent: number[] = [];
    let closed: DisconnectReason | undefined;
    const made = {
      direction,
      peerMessageBytesMax: 100,
      ageMs: () => time.nowMs - openedMs,
      sendFrom: (queue: SendQueue) => {
        if (closed !== undefined) return;
        for (let next = queue.take(100); next !== undefined; next = queue.take(100)) sent.push(next.bytes.length);
      },
      close: (reason: DisconnectReason) => {
        if (closed !== undefined) return;
        closed = reason;
        book.closed(other, made, reason);
      },
    };
    return { made, sent, reason: () => closed };
  }
  return { book, time, changes, other, link };
}

describe("peer book", () => {
  for (const self of [LOW, HIGH]) {
    for (const first of ["inbound", "outbound"] as const) {
      const winner = self === LOW ? "outbound" : "inbound";
      const side = self === LOW ? "smaller" : "greater";
      it(`NET-5: of two at once the ${side} id keeps the ${winner} one, whichever came first (${first})`, () => {
        const { book, link, changes, other } = node(self);
        const a = link(first);
        const b = link(first === "inbound" ? "outbound" : "inbound");
        book.open(other, a.made);
        book.open(other, b.made);
        const [kept, lost] = a.made.direction === winner ? [a, b] : [b, a];
        expect([kept.reason(), lost.reason()]).toEqual([undefined, "duplicate"]);
        expect(book.send(other, new Uint8Array(7), "vote")).toEqual({ accepted: true });
        expect([kept.sent, lost.sent]).toEqual([[7], []]);
        // The layers above see one peer that came, and none that went.
        expect(changes.map(({ kind }) => kind)).toEqual(["connected"]);
      });
    }
  }

  it("NET-5: a later connection replaces the older one, whoever opened it: the peer has lost that", () => {
    for (const direction of ["inbound", "outbound"] as const) {
      const { book, link, other, time, changes } = node(LOW);
      const old = link("outbound");
      book.open(other, old.made);
      time.nowMs = 10_000;
      const early = link("inbound");
      book.open(other, early.made);
      expect(early.reason()).toBe("duplicate");
      time.nowMs = 10_001;
      const late = link(direction);
      book.open(other, late.made);
      expect([old.reason(), late.reason()]).toEqual(["duplicate", undefined]);
      expect(changes.length).toBe(1);
    }
  });

  it("loses what waited when the last connection ends, and counts it", () => {
    const { book, link, other, changes } = node(LOW);
    const stuck = link("outbound");
    stuck.made.sendFrom = () => undefined;
    book.open(other, stuck.made);
    book.send(other, new Uint8Array(7), "bulk");
    expect(book.stats()).toMatchObject({ queuedBytes: 7, evicted: 0 });
    book.setPeers([]);
    expect(stuck.reason()).toBe("removed");
    expect(book.stats()).toMatchObject({ queuedBytes: 0, evicted: 1 });
    expect(changes.map(({ kind }) => kind)).toEqual(["connected", "disconnected"]);
  });

  it("NET-1: a role that changes ends the connection, since its limits were agreed for the old one", () => {
    const { book, link, other } = node(LOW);
    const known = link("outbound");
    book.open(other, known.made);
    book.setPeers([{ id: other, address: null, role: "observer" }]);
    expect(known.reason()).toBe("replaced");
    expect(book.peers()[0]).toMatchObject({ role: "observer", connected: false });
  });

  it("NET-6: the transport's own findings count like those of the layers above", () => {
    const { book, link, other } = node(LOW);
    for (const reason of ["malformed", "oversize"] as const) {
      const bad = link("outbound");
      book.open(other, bad.made);
      bad.made.close(reason);
    }
    expect(book.isBanned(other)).toBe(true);
    expect(book.authorize(other)).toBe("banned");
  });

  it("ignores what a connection delivers that was not taken", () => {
    const { book, link, other } = node(LOW);
    let received = 0;
    book.onMessage(() => received++);
    const kept = link("outbound");
    book.open(other, kept.made);
    book.received(other, link("inbound").made, new Uint8Array(1));
    expect(received).toBe(0);
    book.received(other, kept.made, new Uint8Array(1));
    expect(received).toBe(1);
  });
});
