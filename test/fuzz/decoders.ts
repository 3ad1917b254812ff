import { DecodeError } from "../../src/codec/reader.ts";
import { keccakHash } from "../../src/crypto/hash.ts";
import * as Journaled from "../../src/engine/journalRecord.ts";
import * as Message from "../../src/engine/message.ts";
import * as Records from "../../src/engine/records.ts";
import { decodeNetworkField, encodeNetworkField, NetworkFieldError } from "../../src/network/networkField.ts";
import { decodeHello, encodeHello, FRAME_HEADER_BYTES } from "../../src/network/frame.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as History from "../../src/protocol/History.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { CommitteeId, Epoch, Height, NamespaceId, ValidatorId, View } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { quickConfig } from "../simulation/world.ts";

/** One decoder of untrusted or stored bytes. */
export interface Decoder {
  readonly name: string;
  /** Encodings of good values, to start mutations from. */
  readonly samples: readonly Uint8Array[];
  /** The value encoded again; undefined where the bytes are refused in the way that the decoder promises. */
  readonly reencode: (bytes: Uint8Array) => Uint8Array | undefined;
}

const config = quickConfig();
const { limits } = config;
const header = Genesis.header(config);
const block = keccakHash(Uint8Array.of(1));
const [epoch, view] = [Epoch(3n), View(9n)];
const signature = new Uint8Array(48).fill(7);
const vote = Vote.finalize(epoch, view, block);
const certificate = { vote, absent: Uint8Array.of(1), signature };
const proposal = { epoch, view, header, parentView: View(8n), leader: 2, signature };
const shards = {
  payloadLengthBytes: 10,
  shards: [{ index: 3, bytes: new Uint8Array(5), proof: [new Uint8Array(32)] }],
};
const unit = Transaction.bundle([
  { namespace: NamespaceId(4n), data: Uint8Array.of(1, 2, 3) },
  { namespace: NamespaceId(5n), data: Uint8Array.of(4) },
]);
const payload = Payload.fromTransactions([...unit, Transaction.plain(NamespaceId(9n), new Uint8Array(40))]);

const MESSAGES: readonly Message.Message[] = [
  { type: "proposal", proposal, body: { kind: "none" } },
  { type: "proposal", proposal, body: { kind: "whole", payload: Payload.encode(payload) } },
  { type: "proposal", proposal, body: { kind: "shards", receiver: shards, leader: shards } },
  { type: "vote", signed: { vote: Vote.notarize(epoch, view, block), signer: 1, signature }, shards },
  { type: "certificate", certificate, header },
  { type: "view", epoch, view, certificates: [certificate], proposal, header },
  { type: "ancestors-request", block, height: Height(5n), above: Height(2n) },
  { type: "headers", headers: [header, header] },
  { type: "range", headers: [header], certificate },
  { type: "payload", block, payload: Uint8Array.of(1, 2) },
  { type: "payloads-request", blocks: [block, block] },
  { type: "payloads", payloads: [{ block, payload: Uint8Array.of(1, 2) }], missing: [block] },
  { type: "status", epoch, view, height: Height(40n) },
  { type: "transactions", units: [unit] },
];

const JOURNAL: readonly Parameters<typeof Journaled.encode>[1][] = [
  { type: "vote", vote },
  { type: "certificate", certificate },
  { type: "proposal", proposal },
  { type: "proposed", epoch, view, parentView: View(1n), header },
  { type: "header", header },
  { type: "verdict", epoch, block, verdict: "valid" },
];

/** A decoder that throws `DecodeError`, and nothing else. */
function strict<T>(
  name: string,
  values: readonly T[],
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): Decoder {
  return {
    name,
    samples: values.map(encode),
    reencode: (bytes) => {
      try {
        return encode(decode(bytes));
      } catch (error) {
        if (error instanceof DecodeError) return undefined;
        throw error;
      }
    },
  };
}

const member = {
  ...{ validator: ValidatorId(1n), seat: 0, key: new Uint8Array(192).fill(3), weight: 65_535n },
  ...{ transportKey: new Uint8Array(32).fill(4), address: "/ip4/127.0.0.1/tcp/7000" },
};
const committee = { id: CommitteeId(1n), members: [member], randomness: block, createdNumber: 5n, createdAt: 6n };
const statement = (about: Vote.Vote) => ({
  ...{ message: about, signers: { kind: "key" as const, validator: ValidatorId(2n) }, signature },
});

export const DECODERS: readonly Decoder[] = [
  {
    name: "message",
    samples: MESSAGES.map(Message.encode),
    reencode: (bytes) => {
      const decoded = Message.decode(bytes, limits);
      return decoded.ok ? Message.encode(decoded.message) : undefined;
    },
  },
  {
    name: "payload",
    samples: [Payload.encode(payload), Payload.encode([])],
    reencode: (bytes) => {
      const decoded = Payload.decode(bytes, limits);
      return decoded.ok ? Payload.encode(decoded.payload) : undefined;
    },
  },
  {
    name: "envelope",
    samples: unit.map(({ envelope }) => envelope),
    // What opens is kept as it came: the bytes themselves are what is hashed and ordered.
    reencode: (bytes) => (Transaction.open(bytes).ok ? bytes : undefined),
  },
  strict("header", [header], Header.encode, Header.decode),
  strict(
    "journal record",
    JOURNAL.map((record) => ({ epoch, record })),
    (journaled) => Journaled.encode(journaled.epoch, journaled.record),
    Journaled.decode,
  ),
  strict(
    "tip",
    [{ header, certificate, history: History.append(History.EMPTY, block) }],
    Records.encodeTip,
    Records.decodeTip,
  ),
  strict("stored block", [{ header, payloadBytes: 17 }], Records.encodeBlock, Records.decodeBlock),
  strict("certificate", [certificate], Records.encodeCertificate, Records.decodeCertificate),
  strict("place", [{ height: Height(7n), index: 3 }], Records.encodePlace, Records.decodePlace),
  strict("height", [Height(7n)], Records.encodeHeight, Records.decodeHeight),
  strict("committee", [committee], Records.encodeCommittee, Records.decodeCommittee),
  strict(
    "evidence",
    [{ first: statement(vote), second: statement(Vote.nullify(epoch, view)) }],
    Records.encodeEvidence,
    Records.decodeEvidence,
  ),
  {
    name: "hello",
    samples: [
      encodeHello({ version: 1, genesis: new Uint8Array(32), messageBytesMax: 1_000_000 }).subarray(FRAME_HEADER_BYTES),
    ],
    reencode: (bytes) => {
      const hello = decodeHello(bytes);
      return hello === undefined ? undefined : encodeHello(hello).subarray(FRAME_HEADER_BYTES);
    },
  },
  {
    name: "network field",
    samples: ["/ip4/10.0.0.1/tcp/7000", "/dns4/node.example.org/tcp/7000", "/ip6/::1/tcp/7000"].map((address) =>
      encodeNetworkField(new Uint8Array(32).fill(9), address),
    ),
    reencode: (bytes) => {
      try {
        const { transportKey, address } = decodeNetworkField(bytes);
        return encodeNetworkField(transportKey, address);
      } catch (error) {
        if (error instanceof NetworkFieldError) return undefined;
        throw error;
      }
    },
  },
];
