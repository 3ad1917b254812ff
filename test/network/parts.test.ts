import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { keccak256 } from "../../src/crypto/hash.ts";
import { createIdentity, transportKey, TransportSeedError } from "../../src/network/certificate.ts";
import {
  decodeGoodbye,
  decodeHello,
  encodeFragmentHeader,
  encodeFrame,
  encodeGoodbye,
  encodeHello,
  FRAGMENT_BYTES,
  FRAME,
  FRAME_BODY_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FrameParser,
  MessageAssembler,
  PROTOCOL_VERSION,
  type Frame,
} from "../../src/network/frame.ts";
import {
  addressGroup,
  decodeNetworkField,
  encodeNetworkField,
  formatAddress,
  MULTIADDR_TEXT_MAX,
  NETWORK_FIELD_BYTES_MAX,
  NetworkFieldError,
  parseAddress,
} from "../../src/network/networkField.ts";
import {
  BAN_MAX_MS,
  BAN_POINTS,
  HALF_LIFE_MS,
  isBanned,
  NO_SCORE,
  penalize,
  pointsAt,
} from "../../src/network/peerScore.ts";
import { RateLimiter } from "../../src/network/rateLimit.ts";
import { SendQueue } from "../../src/network/sendQueue.ts";
import { PeerIdError, peerIdFromKey, PRIORITIES, toPeerId, type Priority } from "../../src/network/transport.ts";

const priority = fc.constantFrom<Priority[]>(...PRIORITIES);

describe("send queue", () => {
  const message = (length: number, fill = 0): Uint8Array => new Uint8Array(length).fill(fill);
  function drain(queue: SendQueue): string[] {
    const taken: string[] = [];
    for (let next = queue.take(10); next !== undefined; next = queue.take(10)) {
      taken.push(`${next.priority}${String(next.bytes[0] ?? "")}${next.isFirst ? "" : "+"}`);
    }
    return taken;
  }

  it("NET-3: gives the most urgent first, in order within a priority, also between fragments", () => {
    const queue = new SendQueue();
    queue.push(message(25, 1), "bulk");
    queue.push(message(5, 2), "block");
    expect(queue.take(10)).toMatchObject({ priority: "block" });
    expect(queue.take(10)).toMatchObject({ priority: "bulk", total: 25, isFirst: true });
    queue.push(message(5, 3), "vote");
    queue.push(message(5, 4), "vote");
    expect(drain(queue)).toEqual(["vote3", "vote4", "bulk1+", "bulk1+"]);
    expect([queue.bytes, queue.messages, queue.evicted]).toEqual([0, 0, 0]);
  });

  it("NET-3: takes the maximum of bytes and of messages; one more evicts the oldest of the least urgent lane", () => {
    const queue = new SendQueue({ bytesMax: 40, messagesMax: 3 });
    expect([queue.push(message(20, 1), "bulk"), queue.push(message(20, 2), "block")]).toEqual([true, true]);
    expect(queue.push(message(1, 3), "bulk")).toBe(true);
    expect(drain(queue)).toEqual(["block2", "block2+", "bulk3"]);
    for (const fill of [4, 5, 6, 7]) expect(queue.push(message(1, fill), "vote")).toBe(true);
    expect(drain(queue)).toEqual(["vote5", "vote6", "vote7"]);
    expect(queue.evicted).toBe(2);
  });

  it("NET-3: never evicts what is more urgent or already begun, and nothing in vain", () => {
    const queue = new SendQueue({ bytesMax: 40 });
    queue.push(message(20, 1), "bulk");
    queue.take(10);
    queue.push(message(15, 2), "block");
    expect(queue.push(message(10, 3), "bulk")).toBe(false);
    expect(queue.push(message(21, 3), "vote")).toBe(false);
    expect(queue.push(message(20, 3), "vote")).toBe(true);
    expect(drain(queue)).toEqual(["vote3", "vote3+", "bulk1+"]);
    expect(queue.push(message(41), "vote")).toBe(false);
  });

  it("starts a message anew on the next connection", () => {
    const queue = new SendQueue();
    queue.push(message(15, 1), "block");
    queue.take(10);
    queue.rewind();
    expect(drain(queue)).toEqual(["block1", "block1+"]);
  });

  it("NET-3: whatever is pushed and taken, stays within its maxima and loses nothing unnoticed", () => {
    const step = fc.oneof(fc.tuple(priority, fc.nat(30)), fc.constant(undefined));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new SendQueue({ bytesMax: 100, messagesMax: 7 });
        let [accepted, finished] = [0, 0];
        const left = new Map<Priority, number>();
        for (const next of steps) {
          if (next !== undefined) {
            if (queue.push(message(next[1]), next[0])) accepted++;
          } else {
            const fragment = queue.take(10);
            if (fragment === undefined) continue;
            const rest =
              (fragment.isFirst ? fragment.total : (left.get(fragment.priority) ?? 0)) - fragment.bytes.length;
            left.set(fragment.priority, rest);
            if (rest === 0) finished++;
          }
          expect(queue.bytes).toBeLessThanOrEqual(100);
          expect(queue.messages).toBeLessThanOrEqual(7);
          expect(accepted).toBe(finished + queue.messages + queue.evicted);
        }
        queue.clear();
        expect(accepted).toBe(finished + queue.evicted);
      }),
    );
  });
});

describe("frames", () => {
  function parse(stream: Uint8Array, cuts: readonly number[]): { frames: Frame[]; fault: string | undefined } {
    const parser = new FrameParser();
    const frames: Frame[] = [];
    let at = 0;
    for (const cut of [...cuts, stream.length]) {
      const end = Math.min(stream.length, at + cut);
      const fault = parser.push(Buffer.from(stream.slice(at, end)), (frame) => frames.push(frame) > 0);
      if (fault !== undefined) return { frames, fault };
      at = end;
    }
    return { frames, fault: undefined };
  }

  it("NET-2: come out as they went in, wherever the stream is cut", () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 100 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map((body, i) => encodeFrame(i, body)));
        const { frames, fault } = parse(stream, cuts);
        expect(fault).toBeUndefined();
        expect(frames.map(({ type, body }) => [type, [...body]])).toEqual(sent.map((body, i) => [i, [...body]]));
      }),
    );
  });

  it("NET-2: takes a body of the maximum and refuses one byte more by its header alone", () => {
    const longest = encodeFrame(FRAME.message, new Uint8Array(FRAME_BODY_BYTES_MAX));
    expect(parse(longest, []).frames[0]?.body.length).toBe(FRAME_BODY_BYTES_MAX);
    const longer = encodeFrame(FRAME.message, new Uint8Array(FRAME_BODY_BYTES_MAX + 1)).subarray(0, FRAME_HEADER_BYTES);
    expect(parse(longer, []).fault).toBe("oversize");
  });

  it("NET-9: a hello is read back; another version is recognized; anything else is no hello", () => {
    const genesis = keccak256(Buffer.from("genesis"));
    const hello = { version: PROTOCOL_VERSION, genesis, messageBytesMax: 77 };
    const body = encodeHello(hello).slice(FRAME_HEADER_BYTES);
    expect(decodeHello(body)).toEqual(hello);
    expect(decodeHello(encodeHello({ ...hello, version: 9 }).slice(FRAME_HEADER_BYTES))?.version).toBe(9);
    expect(decodeHello(body.subarray(1))).toBeUndefined();
    expect(decodeHello(body.subarray(0, body.length - 1))).toBeUndefined();
    expect(decodeHello(Buffer.concat([body, Buffer.alloc(1)]))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeHello(bytes);
      }),
    );
  });

  it("states reasons of ending, and takes an unknown one for none", () => {
    for (const reason of ["goodbye", "wrong-genesis", "banned", "oversize"] as const) {
      expect(decodeGoodbye(encodeGoodbye(reason).slice(FRAME_HEADER_BYTES))).toBe(reason);
    }
    expect(decodeGoodbye(encodeGoodbye("stalled").slice(FRAME_HEADER_BYTES))).toBe("goodbye");
    expect(decodeGoodbye(Uint8Array.of(200))).toBe("closed-by-peer");
    expect(decodeGoodbye(new Uint8Array(0))).toBe("closed-by-peer");
  });

  it("NET-2: messages of several lanes come out whole, however their fragments interleave", () => {
    const sent = fc.array(fc.tuple(priority, fc.nat(3 * FRAGMENT_BYTES)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sent, fc.infiniteStream(fc.boolean()), (messages, chance) => {
        const queue = new SendQueue();
        const assembler = new MessageAssembler();
        const received = new Map<Priority, number[]>();
        const waiting = [...messages];
        for (;;) {
          const next = waiting.length > 0 && chance.next().value ? waiting.shift() : undefined;
          if (next !== undefined) queue.push(new Uint8Array(next[1]), next[0]);
          const fragment = queue.take(FRAGMENT_BYTES);
          if (fragment === undefined && waiting.length === 0) break;
          if (fragment === undefined) continue;
          const body = Buffer.concat([encodeFragmentHeader(fragment), fragment.bytes]).subarray(FRAME_HEADER_BYTES);
          const assembled = assembler.push(body, 3 * FRAGMENT_BYTES);
          expect(["more", "message"]).toContain(assembled.kind);
          if (assembled.kind !== "message") continue;
          received.set(fragment.priority, [...(received.get(fragment.priority) ?? []), assembled.bytes.length]);
        }
        for (const lane of PRIORITIES) {
          const expected = messages.filter(([of]) => of === lane).map(([, length]) => length);
          expect(received.get(lane) ?? []).toEqual(expected);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("NET-2: no bytes of a fragment do more than be refused", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 20 }), (bodies) => {
        const assembler = new MessageAssembler();
        for (const body of bodies)
          expect(["message", "more", "malformed", "oversize"]).toContain(assembler.push(body, 10).kind);
      }),
    );
  });
});

describe("rate limit", () => {
  it("NET-4: a burst is free, debt has to wait, silence earns no more than a burst", () => {
    const limiter = new RateLimiter({ bytesPerSecond: 1000, framesPerSecond: 10 }, 0);
    expect(limiter.spend(2000, 1, 0)).toBe(0);
    expect(limiter.spend(1, 1, 0)).toBe(1);
    expect(limiter.spend(499, 0, 0)).toBe(500);
    expect(limiter.spend(0, 0, 500)).toBe(0);
    expect(limiter.spend(2000, 0, 1_000_000)).toBe(0);
    expect(limiter.spend(1, 0, 1_000_000)).toBe(1);
    expect(limiter.spend(0, 30, 1_000_000)).toBe(1000);
  });

  it("NET-8: what is refused is not owed", () => {
    const limiter = new RateLimiter({ bytesPerSecond: 1, framesPerSecond: 2 }, 0);
    expect([0, 0, 0, 0, 0, 0].map((now) => limiter.take(now))).toEqual([true, true, true, true, false, false]);
    expect([499, 500, 501].map((now) => limiter.take(now))).toEqual([false, true, false]);
  });

  it("NET-4: a smaller limit cuts what was earned", () => {
    const limiter = new RateLimiter({ bytesPerSecond: 1000, framesPerSecond: 10 }, 0);
    limiter.change({ bytesPerSecond: 10, framesPerSecond: 10 }, 0);
    expect(limiter.spend(21, 1, 0)).toBe(100);
  });
});

describe("peer score", () => {
  it("NET-6: points decay by half in a half-life and are forgotten in time", () => {
    const score = penalize(NO_SCORE, "invalid-signature", "validator", 0);
    expect(pointsAt(score, HALF_LIFE_MS)).toBe(pointsAt(score, 0) / 2);
    expect(isBanned(score, 0)).toBe(false);
    expect(pointsAt(score, 20 * HALF_LIFE_MS)).toBeLessThan(BAN_POINTS / 1000);
  });

  it("NET-6: each ban lasts twice as long, up to the maximum of the role", () => {
    for (const role of ["validator", "observer"] as const) {
      let score = NO_SCORE;
      let now = 0;
      let last = 0;
      for (let ban = 0; ban < 20; ban++) {
        while (!isBanned(score, now)) score = penalize(score, "malformed-message", role, now);
        const lasts = score.bannedUntilMs - now;
        expect(lasts).toBe(last === 0 ? lasts : Math.min(2 * last, BAN_MAX_MS[role]));
        expect(isBanned(score, score.bannedUntilMs - 1)).toBe(true);
        now = score.bannedUntilMs;
        expect(isBanned(score, now)).toBe(false);
        last = lasts;
      }
      expect(last).toBe(BAN_MAX_MS[role]);
    }
  });
});

describe("network field", () => {
  const key = transportKey(keccak256(Buffer.from("seed")));
  const good = [
    "/ip4/127.0.0.1/tcp/1",
    "/ip4/203.0.113.7/tcp/65535",
    "/ip6/2001:db8::1/tcp/4001",
    "/dns4/validator.example.org/tcp/443",
    "/dns4/localhost/tcp/4001",
    `/dns4/${`${"a".repeat(63)}.`.repeat(3)}${"b".repeat(61)}/tcp/65535`,
  ];
  for (const address of good) {
    it(`NET-7: ${address.slice(0, 60)} is read back from its bytes`, () => {
      const bytes = encodeNetworkField(key, address);
      expect(bytes.length).toBeLessThanOrEqual(NETWORK_FIELD_BYTES_MAX);
      expect(decodeNetworkField(bytes)).toEqual({ id: peerIdFromKey(key), transportKey: key, address });
      expect(formatAddress(parseAddress(address))).toBe(address);
    });
  }

  it("NET-7: the longest name makes the longest field, and one byte more is refused", () => {
    const longest = encodeNetworkField(key, good.at(-1) ?? "");
    expect(longest.length).toBe(NETWORK_FIELD_BYTES_MAX);
    expect(() => decodeNetworkField(Buffer.concat([longest, Buffer.alloc(1)]))).toThrow(/exceed/);
  });

  it("NET-8: an IPv6 customer is one address, however many he uses", () => {
    expect(addressGroup("203.0.113.7")).toBe("203.0.113.7");
    expect(addressGroup("::ffff:203.0.113.7")).toBe("203.0.113.7");
    expect(addressGroup("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
    expect(addressGroup("2001:db8:1:2::9")).toBe("2001:db8:1:2::/64");
    expect(addressGroup("2001:db8::9")).toBe("2001:db8:0:0::/64");
    expect(addressGroup("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
    expect(addressGroup("::1")).toBe("0:0:0:0::/64");
  });

  const bad = [
    "",
    "/ip4/127.0.0.1",
    "/ip4/127.0.0.1/udp/1",
    "/ip4/256.0.0.1/tcp/1",
    "/ip4/127.0.0.1/tcp/0",
    "/ip4/127.0.0.1/tcp/65536",
    "/ip4/127.0.0.1/tcp/1/ws",
    "/dns4/-bad-.example/tcp/1",
    `/dns4/${"a".repeat(64)}/tcp/1`,
    "/dns6/example.org/tcp/1",
    "/unix/tmp/socket",
    "127.0.0.1:1",
    `/dns4/${"a.".repeat(MULTIADDR_TEXT_MAX)}a/tcp/1`,
  ];
  for (const address of bad) {
    it(`NET-7: ${address.slice(0, 40)} is refused`, () => {
      expect(() => encodeNetworkField(key, address)).toThrow(NetworkFieldError);
    });
  }

  it("NET-7: no bytes of a stranger do more than be refused, and what is accepted has one form", () => {
    const field = fc.tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 24 }));
    const likely = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((ip) => Uint8Array.of(4, ...ip, 6, 1, 2));
    const mixed = fc.oneof(field, fc.tuple(fc.constant(key), likely));
    fc.assert(
      fc.property(mixed, ([transport, address]) => {
        const bytes = Buffer.concat([transport, address]);
        try {
          const decoded = decodeNetworkField(bytes);
          expect(Buffer.compare(encodeNetworkField(decoded.transportKey, decoded.address), bytes)).toBe(0);
        } catch (error) {
          expect(error).toBeInstanceOf(NetworkFieldError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("transport identity", () => {
  it("is the ed25519 key of its seed (RFC 8032, test 1)", async () => {
    const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
    const expected = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    expect(Buffer.from(transportKey(seed)).toString("hex")).toBe(expected);
    expect((await createIdentity(seed)).id).toBe(expected);
    expect(() => transportKey(seed.subarray(1))).toThrow(TransportSeedError);
  });

  it("a peer id is 64 lower-case digits and nothing else", () => {
    expect(() => toPeerId("AB".repeat(32))).toThrow(PeerIdError);
    expect(() => toPeerId("ab".repeat(31))).toThrow(PeerIdError);
    expect(toPeerId("ab".repeat(32))).toBe("ab".repeat(32));
  });
});
