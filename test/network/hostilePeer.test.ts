import "reflect-metadata";
import { connect, createServer, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, type TLSSocket } from "node:tls";

import * as x509 from "@peculiar/x509";
import { afterEach, describe, expect, it } from "vitest";

import { hashBytes, keccak256, keccakHash } from "../../src/crypto/hash.ts";
import { createIdentity, type TransportIdentity } from "../../src/network/certificate.ts";
import {
  encodeFragmentHeader,
  encodeFrame,
  encodeHello,
  FRAGMENT_BYTES,
  FRAME,
  FRAME_BODY_BYTES_MAX,
  PROTOCOL_VERSION,
} from "../../src/network/frame.ts";
import { parseAddress } from "../../src/network/networkField.ts";
import {
  createTlsTransport,
  LIMITS,
  ListenError,
  type TlsTransport,
  type TlsTransportOptions,
} from "../../src/network/tlsTransport.ts";
import type { DisconnectReason, Peer, Transport } from "../../src/network/transport.ts";
import { eventually, watch } from "./conformance.ts";

const GENESIS = keccakHash(Buffer.from("genesis"));
const seedOf = (name: string): Uint8Array => keccak256(Buffer.from(name));
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function join(name: string, options: Partial<TlsTransportOptions> = {}): Promise<TlsTransport> {
  const transport = await createTlsTransport({
    seed: seedOf(name),
    genesis: GENESIS,
    listen: "/ip4/127.0.0.1/tcp/0",
    ...options,
    times: { dialFirstMs: 10, dialMaxMs: 50, dialDelayMs: 20, ...options.times },
  });
  closers.push(() => transport.close());
  return transport;
}

const named = (transport: TlsTransport): Peer => {
  return { id: transport.self, address: transport.address, role: "validator" };
};

const ended = (transport: Transport, reason: DisconnectReason): number => transport.stats().disconnects[reason] ?? 0;

function plain(target: TlsTransport): Socket {
  const { host, port } = parseAddress(target.address ?? "");
  const socket = connect(port, host);
  socket.on("error", () => undefined);
  closers.push(() => socket.destroy());
  return socket;
}

/** A TLS connection to a node, made by hand. */
async function attack(
  target: TlsTransport,
  identity?: TransportIdentity,
  maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3",
) {
  const { host, port } = parseAddress(target.address ?? "");
  const key = identity === undefined ? {} : { key: identity.privateKey, cert: identity.certificate };
  const socket = connectTls({ host, port, rejectUnauthorized: false, servername: "", maxVersion, ...key });
  closers.push(() => socket.destroy());
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => {
    socket.once("secureConnect", resolve);
    socket.once("close", () => {
      resolve();
    });
  });
  return socket;
}

const hello = (version = PROTOCOL_VERSION): Uint8Array =>
  encodeHello({ version, genesis: hashBytes(GENESIS), messageBytesMax: 1000 });

/** An attacker that has come as far as an honest node does. */
async function intrude(target: TlsTransport, name = "attacker"): Promise<TLSSocket> {
  const socket = await attack(target, await createIdentity(seedOf(name)));
  socket.write(hello());
  return socket;
}

function fragment(total: number, bytes: Uint8Array, isFirst = true): Buffer {
  return Buffer.concat([encodeFragmentHeader({ priority: "bulk", total, isFirst, bytes }), bytes]);
}

/** Two honest nodes that must not notice anything. */
async function honestPair(options: Partial<TlsTransportOptions> = {}) {
  const a = await join("a", options);
  const b = await join("b");
  const [atA, atB] = [watch(a), watch(b)];
  a.setPeers([named(b)]);
  b.setPeers([named(a)]);
  await atA.connected(b.self);
  await atB.connected(a.self);
  async function exchange(): Promise<void> {
    const [before, returned] = [atB.messages.length, atA.messages.filter(({ from }) => from === b.self).length];
    for (let i = 0; i < 20; i++) {
      expect(a.send(b.self, Uint8Array.of(i), "vote").accepted).toBe(true);
      expect(b.send(a.self, Uint8Array.of(i), "vote").accepted).toBe(true);
    }
    await atB.until(() => atB.messages.length === before + 20);
    await atA.until(() => atA.messages.filter(({ from }) => from === b.self).length === returned + 20);
  }
  return { a, b, atA, exchange };
}

describe("a hostile peer", () => {
  it("that speaks no TLS, or an old one, gets nowhere", async () => {
    const { a, exchange } = await honestPair();
    for (const garbage of [
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      Buffer.alloc(100_000, 0xff),
      Buffer.from([22, 3, 1]),
    ]) {
      const before = ended(a, "handshake-failed");
      const socket = plain(a);
      socket.end(garbage);
      await eventually(() => ended(a, "handshake-failed") > before);
    }
    const before = ended(a, "handshake-failed");
    await attack(a, await createIdentity(seedOf("old")), "TLSv1.2");
    await eventually(() => ended(a, "handshake-failed") > before);
    await exchange();
    expect(a.stats().connected).toBe(1);
  });

  it("NET-1: without a certificate, or with one of another kind of key, is refused", async () => {
    const { a, exchange } = await honestPair();
    await attack(a);
    await eventually(() => ended(a, "handshake-failed") === 1);
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({ keys, signingAlgorithm: algorithm });
    const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
    const privateKey = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
    await attack(a, { id: a.self, certificate: certificate.toString("pem"), privateKey });
    await eventually(() => ended(a, "handshake-failed") === 2);
    await exchange();
  });

  it("NET-1: with a key that nobody named is an observer, or nothing where none is admitted", async () => {
    const { a, exchange } = await honestPair({ observersMax: 0 });
    await intrude(a);
    await eventually(() => ended(a, "unknown-key") === 1);
    await exchange();
  });

  it("NET-1: at the address of a peer, with another key, is found out by the one who dials", async () => {
    const a = await join("a");
    const impostor = await join("impostor");
    const victim = await createIdentity(seedOf("victim"));
    a.setPeers([{ id: victim.id, address: impostor.address, role: "validator" }]);
    await eventually(() => ended(a, "wrong-key") > 0);
    expect(a.peers()[0]).toMatchObject({ id: victim.id, connected: false, lastDisconnect: "wrong-key" });
  });

  it("NET-9: of another version is told so", async () => {
    const { a } = await honestPair();
    const socket = await attack(a, await createIdentity(seedOf("new")));
    socket.write(hello(PROTOCOL_VERSION + 1));
    await eventually(() => ended(a, "wrong-version") === 1);
  });

  const malformed: readonly (readonly [string, readonly Uint8Array[], DisconnectReason])[] = [
    ["sends a message before its hello", [fragment(1, Uint8Array.of(1))], "malformed"],
    ["sends a hello that is none", [encodeFrame(FRAME.hello, Buffer.from("hello"))], "malformed"],
    ["says hello twice", [hello(), hello()], "malformed"],
    ["sends an unknown frame", [hello(), encodeFrame(9)], "malformed"],
    ["sends a ping with a body", [hello(), encodeFrame(FRAME.ping, Uint8Array.of(1))], "malformed"],
    ["sends a fragment of an unknown lane", [hello(), encodeFrame(FRAME.message, Uint8Array.of(3, 1))], "malformed"],
    ["sends a fragment without a beginning", [hello(), fragment(0, Uint8Array.of(1), false)], "malformed"],
    ["sends small fragments", [hello(), fragment(100, Uint8Array.of(1))], "malformed"],
    ["sends more than it announced", [hello(), fragment(1, Uint8Array.of(1, 2))], "malformed"],
    [
      "begins a message twice",
      [hello(), ...twice(fragment(2 * FRAGMENT_BYTES, new Uint8Array(FRAGMENT_BYTES)))],
      "malformed",
    ],
    ["announces the largest frame", [hello(), Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1)], "oversize"],
    ["announces a frame one byte too long", [hello(), frameHeader(FRAME_BODY_BYTES_MAX + 1)], "oversize"],
    [
      "announces a message one byte too long",
      [hello(), fragment(1_048_577, new Uint8Array(FRAGMENT_BYTES))],
      "oversize",
    ],
  ];
  for (const [title, frames, reason] of malformed) {
    it(`NET-2: that ${title} is disconnected (${reason})`, async () => {
      const { a, exchange } = await honestPair();
      const socket = await attack(a, await createIdentity(seedOf("attacker")));
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.resume();
      for (const frame of frames) socket.write(frame);
      await eventually(() => ended(a, reason) === 1);
      await closed;
      await exchange();
      expect(a.stats().connected).toBe(1);
    });
  }

  it("NET-2: a frame and a message of exactly the maximum are taken", async () => {
    const { a, atA } = await honestPair();
    const socket = await intrude(a);
    const pieces = Array.from({ length: 16 }, (_, i) => fragment(1_048_576, new Uint8Array(FRAGMENT_BYTES), i === 0));
    for (const piece of pieces) socket.write(piece);
    await atA.until(() => atA.messages.some(({ bytes }) => bytes.length === 1_048_576));
  });

  it("NET-6: that is malformed again and again is banned", async () => {
    const { a, exchange } = await honestPair();
    for (let i = 0; i < 2; i++) {
      const socket = await intrude(a);
      await eventually(() => a.stats().connected === 2);
      socket.write(encodeFrame(9));
      await eventually(() => a.stats().connected === 1);
    }
    await intrude(a);
    await eventually(() => ended(a, "banned") === 1);
    await exchange();
  });

  it("NET-4: that floods is read at its rate, and the others do not notice", async () => {
    const rate = { bytesPerSecond: 1_000_000, framesPerSecond: 1 };
    const { a, atA, exchange } = await honestPair({ limits: { observer: { messageBytesMax: 1000, rate } } });
    const socket = await intrude(a, "flooder");
    await eventually(() => a.stats().connected === 2);
    const total = 100_000;
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => fragment(1, Uint8Array.of(1))));
    for (let i = 0; i < total / 1000; i++) socket.write(flood);
    for (let i = 0; i < 5; i++) await exchange();
    // What one read of the socket delivers may pass; the next read has to wait for hours.
    expect(atA.messages.filter(({ from }) => from !== named(a).id).length).toBeLessThan(total / 2);
  });

  it("NET-3: that does not read costs bounded memory, loses its own messages, and is dropped", async () => {
    const { a, exchange } = await honestPair({
      times: { stallMs: 1_500, idleMs: 60_000, pingMs: 60_000 },
      queue: { bytesMax: 1_000_000 },
    });
    const identity = await createIdentity(seedOf("sloth"));
    const socket = await attack(a, identity);
    socket.pause();
    socket.write(hello());
    await eventually(() => a.peers().some(({ id, connected }) => id === identity.id && connected));
    let most = 0;
    for (let i = 0; i < 30_000; i++) {
      a.send(identity.id, new Uint8Array(1000), "bulk");
      most = Math.max(most, a.stats().queuedBytes);
      if (i % 1000 === 0) await exchange();
    }
    expect(most).toBeLessThanOrEqual(1_000_000);
    expect(a.stats().evicted).toBeGreaterThan(10_000);
    await eventually(() => ended(a, "stalled") === 1);
    await exchange();
  });

  it("NET-5: that leaves a connection half open at any step is let go", async () => {
    const { a, exchange } = await honestPair({ times: { handshakeMs: 200, idleMs: 2_500, pingMs: 500 } });
    plain(a);
    await eventually(() => ended(a, "handshake-timeout") === 1);
    await attack(a, await createIdentity(seedOf("mute")));
    await eventually(() => ended(a, "handshake-timeout") === 2);
    const socket = await intrude(a);
    socket.resume();
    await eventually(() => ended(a, "idle") === 1);
    await exchange();
  });

  it("NET-5: an honest quiet peer stays, since it answers pings", async () => {
    const { a, exchange } = await honestPair({ times: { idleMs: 3_000, pingMs: 500 } });
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    expect(ended(a, "idle")).toBe(0);
    await exchange();
  });

  it("NET-8: that opens connections without end gets as many as its address may have, and named peers still come", async () => {
    const { a, exchange } = await honestPair({ caps: { perAddress: 6, handshakesPerAddress: 4, handshakes: 4 } });
    const sockets = Array.from({ length: 60 }, () => plain(a));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    // Two more for the one peer that is named at this address.
    await eventually(() => ended(a, "connection-cap") >= 60 - (4 + 2));
    expect(sockets.filter((socket) => !socket.closed).length).toBeGreaterThan(0);
    await exchange();
    const c = await join("c");
    const atC = watch(c);
    c.setPeers([named(a)]);
    a.setPeers([
      ...a.peers().flatMap(({ id, address, role }) => (role === "validator" ? [{ id, address, role }] : [])),
      named(c),
    ]);
    await atC.connected(a.self);
    await exchange();
  });

  it("NET-8: that connects again and again is let in at a bounded rate", async () => {
    const { a, exchange } = await honestPair({ caps: { perSecond: 1 } });
    for (let i = 0; i < 40; i++) {
      const socket = plain(a);
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.destroy();
    }
    await eventually(() => ended(a, "connection-cap") > 0);
    await exchange();
  });

  it("NET-5: a peer that a restart made forget its connection is taken back at once", async () => {
    const { a, b } = await honestPair();
    await b.close();
    await eventually(() => a.stats().connected === 0);
    const again = await join("b");
    const atAgain = watch(again);
    again.setPeers([named(a)]);
    await atAgain.connected(a.self);
    expect(a.stats().connected).toBe(1);
  });

  it("NET-5: a peer that is not there is dialed again, and found when it comes", async () => {
    const a = await join("a");
    const reserved = createServer();
    await new Promise<void>((resolve) => reserved.listen(0, "127.0.0.1", resolve));
    const port = String((reserved.address() as { port: number }).port);
    await new Promise((resolve) => reserved.close(resolve));
    const late = await createIdentity(seedOf("late"));
    const atA = watch(a);
    a.setPeers([{ id: late.id, address: `/ip4/127.0.0.1/tcp/${port}`, role: "validator" }]);
    await eventually(() => ended(a, "dial-failed") >= 3);
    await join("late", { listen: `/ip4/127.0.0.1/tcp/${port}` });
    await atA.connected(late.id);
  });

  it("says that its port is in use", async () => {
    const a = await join("a");
    await expect(join("b", { listen: a.address })).rejects.toMatchObject({ name: "ListenError", code: "EADDRINUSE" });
    await expect(join("b", { listen: a.address })).rejects.toBeInstanceOf(ListenError);
  });

  it("that sends garbage where TLS records were ends alone", async () => {
    const { a, exchange } = await honestPair();
    const raw = plain(a);
    const identity = await createIdentity(seedOf("attacker"));
    const context = createSecureContext({ key: identity.privateKey, cert: identity.certificate });
    const socket = connectTls({ socket: raw, secureContext: context, rejectUnauthorized: false, servername: "" });
    socket.on("error", () => undefined);
    socket.write(hello());
    await eventually(() => a.stats().connected === 2);
    // Through a second wrapper of the same descriptor: bytes that no TLS stack would send.
    socket.removeAllListeners("data");
    raw.write(Buffer.alloc(1000, 0x41));
    raw.resetAndDestroy();
    await eventually(() => a.stats().connected === 1);
    await exchange();
    expect(LIMITS.validator.messageBytesMax).toBeGreaterThan(LIMITS.observer.messageBytesMax);
  });
});

function twice<T>(value: T): T[] {
  return [value, value];
}

function frameHeader(length: number): Uint8Array {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(length, 0);
  header.writeUInt8(FRAME.message, 4);
  return header;
}
