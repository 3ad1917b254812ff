import { decodeAll, DecodeError, type DecodeFault, type Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import { SHARD_PROOF_LENGTH_MAX, type Shard, type ShardSet } from "../dispersal/dispersal.ts";
import { SHARDS_MAX } from "../dispersal/shardLayout.ts";
import * as Certificate from "../protocol/Certificate.ts";
import type { BlockLimits } from "../protocol/ClusterConfig.ts";
import * as Header from "../protocol/Header.ts";
import * as Proposal from "../protocol/Proposal.ts";
import * as Resume from "../protocol/Resume.ts";
import { Epoch, Height, NamespaceId, View } from "../protocol/scalars.ts";
import { BUNDLE_PARTS_MAX, type Transaction } from "../protocol/Transaction.ts";
import * as Vote from "../protocol/Vote.ts";
import { unreachable } from "../runtime/assert.ts";

/** What nodes say to each other (WIRE-2: every list and byte string has its maximum here). Wire-only, so in the codec's form: fixed widths, bounded lists, one encoding each. */
export type Message =
  | ProposalMessage
  | VoteMessage
  | { readonly type: "certificate"; readonly certificate: Certificate.Certificate; readonly header?: Header.Header }
  | { readonly type: "view-request"; readonly epoch: Epoch; readonly view: View }
  | ViewAnswer
  | AncestorsRequest
  | { readonly type: "headers"; readonly headers: readonly Header.Header[] }
  | { readonly type: "range-request"; readonly from: Height; readonly count: number }
  | RangeAnswer
  | { readonly type: "payload-request"; readonly block: Hash }
  | { readonly type: "payload"; readonly block: Hash; readonly payload: Uint8Array }
  | { readonly type: "status"; readonly epoch: Epoch; readonly view: View; readonly height: Height }
  | { readonly type: "resumes"; readonly votes: readonly Resume.SignedResume[] }
  | { readonly type: "transactions"; readonly units: readonly (readonly Transaction[])[] }
  | { readonly type: "payloads-request"; readonly blocks: readonly Hash[] }
  | PayloadsAnswer;

/** What comes with a proposal: the whole payload, the receiver's and the leader's shards, or nothing. */
export type Body =
  | { readonly kind: "none" }
  | { readonly kind: "whole"; readonly payload: Uint8Array }
  | { readonly kind: "shards"; readonly receiver: ShardSet; readonly leader: ShardSet };

export interface ProposalMessage {
  readonly type: "proposal";
  readonly proposal: Proposal.Proposal;
  readonly body: Body;
}

export interface VoteMessage {
  readonly type: "vote";
  readonly signed: Vote.SignedVote;
  /** The author's shards of the block, in a `notarize` of a block that was dispersed. */
  readonly shards?: ShardSet;
}

/** Everything the answerer has of one view. */
export interface ViewAnswer {
  readonly type: "view";
  readonly epoch: Epoch;
  readonly view: View;
  readonly certificates: readonly Certificate.Certificate[];
  readonly proposal?: Proposal.Proposal;
  /** The block of the notarization or finalization where no proposal is at hand. */
  readonly header?: Header.Header;
}

/** Headers from `block` at `height` down to, not including, `above`. */
export interface AncestorsRequest {
  readonly type: "ancestors-request";
  readonly block: Hash;
  readonly height: Height;
  readonly above: Height;
}

/** Final blocks of one epoch, ascending from the height asked for, and the finalization of the last. */
export interface RangeAnswer {
  readonly type: "range";
  readonly headers: readonly Header.Header[];
  readonly certificate?: Certificate.Certificate;
}

/**
 * Some of the payloads that were asked for: as many as fit, and those that the answerer does not have (pruned, damaged,
 * or never held). What is in neither list may be asked for again.
 */
export interface PayloadsAnswer {
  readonly type: "payloads";
  readonly payloads: readonly { readonly block: Hash; readonly payload: Uint8Array }[];
  readonly missing: readonly Hash[];
}

/** Headers in one message. */
export const HEADERS_MAX = 1024;
/** Final blocks asked for at once. */
export const RANGE_MAX = 512;
/** Headers up to one finalization: the core holds at most 4,096 blocks, and those of one window, that are not final. */
export const RANGE_HEADERS_MAX = 8_192;
/** Payloads asked for at once. */
export const PAYLOADS_MAX = 64;
/** Payloads are added to an answer until it is so long; the first one always goes in. */
export const PAYLOADS_ANSWER_BYTES = 512 * 1024;
/** Units of transactions in one message; they are also bounded in bytes. */
export const UNITS_MAX = 1024;
export const TRANSACTIONS_BYTES_MAX = 768 * 1024;
/** Kinds of certificates of one view. */
const CERTIFICATES_MAX = 3;

const TAGS = [
  "proposal",
  "vote",
  "certificate",
  "view-request",
  "view",
  "ancestors-request",
  "headers",
  "range-request",
  "range",
  "payload-request",
  "payload",
  "status",
  "transactions",
  "payloads-request",
  "payloads",
  "resumes",
] as const satisfies readonly Message["type"][];

const BODIES = ["none", "whole", "shards"] as const satisfies readonly Body["kind"][];

export function encode(message: Message): Uint8Array {
  const writer = new Writer(SMALL_BYTES + bulkOf(message)).u8(TAGS.indexOf(message.type));
  switch (message.type) {
    case "proposal":
      Proposal.write(writer, message.proposal);
      writeBody(writer, message.body);
      break;
    case "vote":
      Vote.writeSigned(writer, message.signed);
      writeOptional(writer, message.shards, writeShardSet);
      break;
    case "certificate":
      Certificate.write(writer, message.certificate);
      writeOptional(writer, message.header, Header.write);
      break;
    case "view-request":
      writer.u64(message.epoch).u64(message.view);
      break;
    case "view":
      writer.u64(message.epoch).u64(message.view).list(message.certificates, Certificate.write);
      writeOptional(writer, message.proposal, Proposal.write);
      writeOptional(writer, message.header, Header.write);
      break;
    case "ancestors-request":
      writer.fixed(hashBytes(message.block), 32).u64(message.height).u64(message.above);
      break;
    case "headers":
      writer.list(message.headers, Header.write);
      break;
    case "range-request":
      writer.u64(message.from).u32(message.count);
      break;
    case "range":
      writer.list(message.headers, Header.write);
      writeOptional(writer, message.certificate, Certificate.write);
      break;
    case "payload-request":
      writer.fixed(hashBytes(message.block), 32);
      break;
    case "payload":
      writer.fixed(hashBytes(message.block), 32).bytes(message.payload);
      break;
    case "status":
      writer.u64(message.epoch).u64(message.view).u64(message.height);
      break;
    case "resumes":
      writer.list(message.votes, Resume.writeSigned);
      break;
    case "transactions":
      writer.list(message.units, (out, unit) => out.list(unit, writeTransaction));
      break;
    case "payloads-request":
      writer.list(message.blocks, writeHash);
      break;
    case "payloads":
      writer.list(message.payloads, (out, { block, payload }) => out.fixed(hashBytes(block), 32).bytes(payload));
      writer.list(message.missing, writeHash);
      break;
    default:
      return unreachable(message, "message");
  }
  return writer.finish();
}

/** Room for what is not bulk, in most messages. */
const SMALL_BYTES = 512;

/** Bytes of the long parts of a message, so that writing them copies nothing twice. */
function bulkOf(message: Message): number {
  if (message.type === "payload") return message.payload.length;
  if (message.type === "vote") return message.shards === undefined ? 0 : bytesOf(message.shards);
  if (message.type === "transactions") {
    return message.units.flat().reduce((sum, { envelope }) => sum + TRANSACTION_ROOM_BYTES + envelope.length, 0);
  }
  if (message.type !== "proposal" || message.body.kind === "none") return 0;
  const { body } = message;
  return body.kind === "whole" ? body.payload.length : bytesOf(body.receiver) + bytesOf(body.leader);
}

const TRANSACTION_ROOM_BYTES = 16;
const SHARD_ROOM_BYTES = 512;

function bytesOf({ shards }: ShardSet): number {
  return shards.reduce((sum, { bytes }) => sum + SHARD_ROOM_BYTES + bytes.length, 0);
}

function writeOptional<T>(writer: Writer, value: T | undefined, write: (writer: Writer, value: T) => void): void {
  writer.bool(value !== undefined);
  if (value !== undefined) write(writer, value);
}

function writeBody(writer: Writer, body: Body): void {
  writer.u8(BODIES.indexOf(body.kind));
  if (body.kind === "whole") writer.bytes(body.payload);
  if (body.kind === "shards") {
    writeShardSet(writer, body.receiver);
    writeShardSet(writer, body.leader);
  }
}

function writeShardSet(writer: Writer, set: ShardSet): void {
  writer.u32(set.payloadLengthBytes).list(set.shards, (out, shard) => {
    out.u8(shard.index).bytes(shard.bytes);
    out.list(shard.proof, (inner, node) => inner.fixed(node, 32));
  });
}

function writeHash(writer: Writer, hash: Hash): void {
  writer.fixed(hashBytes(hash), 32);
}

function writeTransaction(writer: Writer, transaction: Transaction): void {
  writer.u64(transaction.namespace).bytes(transaction.envelope);
}

export type Decoded =
  { readonly ok: true; readonly message: Message } | { readonly ok: false; readonly fault: DecodeFault };

/** The one door for bytes of peers: bounded, canonical, and never throwing (WIRE-1). */
export function decode(bytes: Uint8Array, limits: BlockLimits): Decoded {
  try {
    return { ok: true, message: decodeAll(bytes, (reader) => readMessage(reader, limits)) };
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, fault: error.fault };
    throw error;
  }
}

function readMessage(reader: Reader, limits: BlockLimits): Message {
  const at = reader.offset;
  const tag = reader.u8();
  const type = TAGS[tag];
  switch (type) {
    case "proposal":
      return { type, proposal: Proposal.read(reader), body: readBody(reader, limits) };
    case "vote": {
      const signed = Vote.readSigned(reader);
      const shards = maybe(reader, shardSetReader(limits));
      return { type, signed, ...(shards === undefined ? {} : { shards }) };
    }
    case "certificate": {
      const certificate = Certificate.read(reader);
      const header = maybe(reader, Header.read);
      return { type, certificate, ...(header === undefined ? {} : { header }) };
    }
    case "view-request":
      return { type, epoch: Epoch(reader.u64()), view: View(reader.u64()) };
    case "view":
      return readView(reader);
    case "ancestors-request": {
      const block = hashFromBytes(reader.fixed(32));
      return { type, block, height: Height(reader.u64()), above: Height(reader.u64()) };
    }
    case "headers":
      return { type, headers: reader.list(HEADERS_MAX, Header.read) };
    case "range-request":
      return { type, from: Height(reader.u64()), count: reader.u32() };
    case "range": {
      const headers = reader.list(RANGE_HEADERS_MAX, Header.read);
      const certificate = maybe(reader, Certificate.read);
      return { type, headers, ...(certificate === undefined ? {} : { certificate }) };
    }
    case "payload-request":
      return { type, block: hashFromBytes(reader.fixed(32)) };
    case "payload":
      return { type, block: hashFromBytes(reader.fixed(32)), payload: reader.bytes(limits.payloadBytesMax) };
    case "status":
      return { type, epoch: Epoch(reader.u64()), view: View(reader.u64()), height: Height(reader.u64()) };
    case "resumes":
      return { type, votes: reader.list(Resume.SIGNED_MAX, Resume.readSigned) };
    case "transactions":
      return { type, units: reader.list(UNITS_MAX, (inner) => readUnit(inner, limits)) };
    case "payloads-request":
      return { type, blocks: reader.list(PAYLOADS_MAX, readHash) };
    case "payloads": {
      const payloads = reader.list(PAYLOADS_MAX, (inner) => {
        return { block: readHash(inner), payload: inner.bytes(limits.payloadBytesMax) };
      });
      return { type, payloads, missing: reader.list(PAYLOADS_MAX, readHash) };
    }
    case undefined:
      throw new DecodeError({ code: "unknown-tag", given: tag, at });
    default:
      return unreachable(type, "message tag");
  }
}

function readHash(reader: Reader): Hash {
  return hashFromBytes(reader.fixed(32));
}

function maybe<T>(reader: Reader, read: (reader: Reader) => T): T | undefined {
  return reader.bool() ? read(reader) : undefined;
}

function readView(reader: Reader): ViewAnswer {
  const epoch = Epoch(reader.u64());
  const view = View(reader.u64());
  const certificates = reader.list(CERTIFICATES_MAX, Certificate.read);
  const proposal = maybe(reader, Proposal.read);
  const header = maybe(reader, Header.read);
  return {
    type: "view",
    epoch,
    view,
    certificates,
    ...(proposal === undefined ? {} : { proposal }),
    ...(header === undefined ? {} : { header }),
  };
}

function readBody(reader: Reader, limits: BlockLimits): Body {
  const at = reader.offset;
  const tag = reader.u8();
  const kind = BODIES[tag];
  if (kind === undefined) throw new DecodeError({ code: "unknown-tag", given: tag, at });
  if (kind === "none") return { kind };
  if (kind === "whole") return { kind, payload: reader.bytes(limits.payloadBytesMax) };
  const read = shardSetReader(limits);
  return { kind, receiver: read(reader), leader: read(reader) };
}

function shardSetReader(limits: BlockLimits): (reader: Reader) => ShardSet {
  return (reader) => {
    const payloadLengthBytes = reader.u32();
    if (payloadLengthBytes > limits.payloadBytesMax) reader.refuse("a payload length is within the block limits");
    return { payloadLengthBytes, shards: reader.list(SHARDS_MAX, (inner) => readShard(inner, payloadLengthBytes)) };
  };
}

function readShard(reader: Reader, payloadLengthBytes: number): Shard {
  return {
    index: reader.u8(),
    // Not copied: what else is in the message is small, or a shard too.
    bytes: reader.view(Math.max(payloadLengthBytes, 1)),
    proof: reader.list(SHARD_PROOF_LENGTH_MAX, (inner) => inner.fixed(32)),
  };
}

function readUnit(reader: Reader, limits: BlockLimits): Transaction[] {
  const unit = reader.list(BUNDLE_PARTS_MAX, (inner) => ({
    namespace: NamespaceId(inner.u64()),
    envelope: inner.bytes(limits.transactionBytesMax),
  }));
  if (unit.length === 0) reader.refuse("a unit has at least one transaction");
  return unit;
}
