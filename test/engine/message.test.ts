import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { keccakHash } from "../../src/crypto/hash.ts";
import { decode, encode, HEADERS_MAX, UNITS_MAX, type Message } from "../../src/engine/message.ts";
import type { BlockLimits } from "../../src/protocol/ClusterConfig.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { Epoch, Height, NamespaceId, View } from "../../src/protocol/scalars.ts";
import { BUNDLE_PARTS_MAX } from "../../src/protocol/Transaction.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { quickConfig } from "../simulation/world.ts";

const config = quickConfig();
const limits: BlockLimits = config.limits;
const header = Genesis.header(config);
const block = keccakHash(Uint8Array.of(1));
const epoch = Epoch(3n);
const view = View(9n);
const signature = new Uint8Array(48).fill(7);
const certificate = { vote: Vote.finalize(epoch, view, block), absent: Uint8Array.of(1), signature };
const proposal = { epoch, view, header, parentView: View(8n), leader: 2, signature };
const shards = {
  payloadLengthBytes: 10,
  shards: [{ index: 3, bytes: new Uint8Array(5), proof: [new Uint8Array(32)] }],
};

const MESSAGES: readonly Message[] = [
  { type: "proposal", proposal, body: { kind: "none" } },
  { type: "proposal", proposal, body: { kind: "whole", payload: new Uint8Array(9) } },
  { type: "proposal", proposal, body: { kind: "shards", receiver: shards, leader: shards } },
  { type: "vote", signed: { vote: Vote.notarize(epoch, view, block), signer: 1, signature }, shards },
  { type: "vote", signed: { vote: Vote.nullify(epoch, view), signer: 1, signature } },
  { type: "certificate", certificate },
  { type: "certificate", certificate, header },
  { type: "view-request", epoch, view },
  { type: "view", epoch, view, certificates: [certificate], proposal, header },
  { type: "view", epoch, view, certificates: [] },
  { type: "ancestors-request", block, height: Height(5n), above: Height(2n) },
  { type: "headers", headers: [header, header] },
  { type: "range-request", from: Height(7n), count: 12 },
  { type: "range", headers: [header], certificate },
  { type: "range", headers: [] },
  { type: "payload-request", block },
  { type: "payload", block, payload: Uint8Array.of(1, 2) },
  { type: "status", epoch, view, height: Height(40n) },
  { type: "transactions", units: [[{ namespace: NamespaceId(4n), envelope: Uint8Array.of(0, 1) }]] },
];

describe("message", () => {
  it.each(MESSAGES.map((message) => [message.type, message] as const))(
    "WIRE-1: %s comes back as it was sent",
    (_, message) => {
      expect(decode(encode(message), limits)).toEqual({ ok: true, message });
    },
  );

  it("WIRE-1: every cut message and every message with a byte more is refused, and nothing throws", () => {
    for (const message of MESSAGES) {
      const bytes = encode(message);
      for (let length = 0; length < bytes.length; length++) {
        expect(decode(bytes.slice(0, length), limits).ok, `${message.type} cut to ${String(length)}`).toBe(false);
      }
      expect(decode(Uint8Array.of(...bytes, 0), limits)).toMatchObject({ ok: false, fault: { code: "trailing" } });
    }
  });

  it("WIRE-1: what is accepted is canonical: encoding it again gives the same bytes", () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...MESSAGES), flips, (message, changes) => {
        const bytes = encode(message).slice();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const decoded = decode(bytes, limits);
        if (decoded.ok) expect(encode(decoded.message)).toEqual(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it("WIRE-1: random bytes never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const decoded = decode(bytes, limits);
        if (decoded.ok) expect(encode(decoded.message)).toEqual(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [
      "headers",
      HEADERS_MAX,
      (count: number): Message => ({ type: "headers", headers: new Array<typeof header>(count).fill(header) }),
    ],
    [
      "units",
      UNITS_MAX,
      (count: number): Message => {
        const unit = [{ namespace: NamespaceId(1n), envelope: Uint8Array.of(0) }];
        return { type: "transactions", units: new Array<typeof unit>(count).fill(unit) };
      },
    ],
    [
      "parts of a unit",
      BUNDLE_PARTS_MAX,
      (count: number): Message => {
        const transaction = { namespace: NamespaceId(1n), envelope: Uint8Array.of(0) };
        return { type: "transactions", units: [new Array<typeof transaction>(count).fill(transaction)] };
      },
    ],
    [
      "bytes of a payload",
      limits.payloadBytesMax,
      (count: number): Message => ({ type: "payload", block, payload: new Uint8Array(count) }),
    ],
    [
      "bytes of an envelope",
      limits.transactionBytesMax,
      (count: number): Message => ({
        type: "transactions",
        units: [[{ namespace: NamespaceId(1n), envelope: new Uint8Array(count) }]],
      }),
    ],
  ])("WIRE-2: takes the maximum of %s and not one more", (_, maximum, make) => {
    expect(decode(encode(make(maximum)), limits).ok).toBe(true);
    expect(decode(encode(make(maximum + 1)), limits)).toMatchObject({ ok: false, fault: { code: "too-long" } });
  });

  it("WIRE-2: a shard is no longer than the payload it is of", () => {
    const long = { payloadLengthBytes: 4, shards: [{ index: 0, bytes: new Uint8Array(5), proof: [] }] };
    const message: Message = {
      type: "vote",
      signed: { vote: Vote.notarize(epoch, view, block), signer: 1, signature },
      shards: long,
    };
    expect(decode(encode(message), limits)).toMatchObject({ ok: false, fault: { code: "too-long" } });
  });
});
