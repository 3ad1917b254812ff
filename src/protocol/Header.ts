import { decodeAll, type Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import { hashStruct, type StructType } from "../crypto/typedData.ts";
import { CommitteeId, Epoch, Height, NO_COMMITTEE, View } from "./scalars.ts";

/** A block's header; the block hash is its EIP-712 struct hash. */
export interface Header {
  readonly height: Height;
  readonly epoch: Epoch;
  readonly viewNumber: View;
  /** The committee of `epoch`. */
  readonly committee: CommitteeId;
  /** Milliseconds since the Unix epoch, strictly increasing along the chain. */
  readonly timestamp: bigint;
  /** Block hash of `height - 1`. */
  readonly parent: Hash;
  /** Merkle root over the block hashes 0 .. height-1. */
  readonly history: Hash;
  /** Commitment to the erasure-coded payload. */
  readonly payload: Hash;
  /** Sized root of the namespace table. */
  readonly namespaces: Hash;
  /** An L1-finalized block, never decreasing along the chain. */
  readonly l1Number: bigint;
  readonly l1Hash: Hash;
  /** The next epoch's committee in a handover, else 0. */
  readonly nextCommittee: CommitteeId;
  /** Committee index of the leader that built the block. */
  readonly proposer: number;
}

export const STRUCT: StructType<keyof Header> = {
  name: "Header",
  members: [
    { name: "height", type: "uint64" },
    { name: "epoch", type: "uint64" },
    { name: "viewNumber", type: "uint64" },
    { name: "committee", type: "uint64" },
    { name: "timestamp", type: "uint64" },
    { name: "parent", type: "bytes32" },
    { name: "history", type: "bytes32" },
    { name: "payload", type: "bytes32" },
    { name: "namespaces", type: "bytes32" },
    { name: "l1Number", type: "uint64" },
    { name: "l1Hash", type: "bytes32" },
    { name: "nextCommittee", type: "uint64" },
    { name: "proposer", type: "uint16" },
  ],
};

/** Bytes of `encode`. */
export const ENCODED_BYTES = 7 * 8 + 5 * 32 + 2;

const known = new WeakMap<Header, Hash>();

/** The block hash. */
export function hash(header: Header): Hash {
  const cached = known.get(header);
  if (cached !== undefined) return cached;
  const computed = hashStruct(STRUCT, { ...header, proposer: BigInt(header.proposer) });
  known.set(header, computed);
  return computed;
}

/** Whether the block is the last of its epoch and names the next committee. */
export function isHandover(header: Header): boolean {
  return header.nextCommittee !== NO_COMMITTEE;
}

export function write(writer: Writer, header: Header): void {
  writer
    .u64(header.height)
    .u64(header.epoch)
    .u64(header.viewNumber)
    .u64(header.committee)
    .u64(header.timestamp)
    .fixed(hashBytes(header.parent), 32)
    .fixed(hashBytes(header.history), 32)
    .fixed(hashBytes(header.payload), 32)
    .fixed(hashBytes(header.namespaces), 32)
    .u64(header.l1Number)
    .fixed(hashBytes(header.l1Hash), 32)
    .u64(header.nextCommittee)
    .u16(header.proposer);
}

export function read(reader: Reader): Header {
  return {
    height: Height(reader.u64()),
    epoch: Epoch(reader.u64()),
    viewNumber: View(reader.u64()),
    committee: CommitteeId(reader.u64()),
    timestamp: reader.u64(),
    parent: hashFromBytes(reader.fixed(32)),
    history: hashFromBytes(reader.fixed(32)),
    payload: hashFromBytes(reader.fixed(32)),
    namespaces: hashFromBytes(reader.fixed(32)),
    l1Number: reader.u64(),
    l1Hash: hashFromBytes(reader.fixed(32)),
    nextCommittee: CommitteeId(reader.u64()),
    proposer: reader.u16(),
  };
}

export function encode(header: Header): Uint8Array {
  const writer = new Writer();
  write(writer, header);
  return writer.finish();
}

/** Throws `DecodeError` on anything but one canonical encoding. */
export function decode(bytes: Uint8Array): Header {
  return decodeAll(bytes, read);
}
