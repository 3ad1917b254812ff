import { decodeAll, DecodeError, type Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "../crypto/bls.ts";
import { hashBytes, hashFromBytes } from "../crypto/hash.ts";
import { MULTIADDR_TEXT_MAX } from "../network/networkField.ts";
import * as Certificate from "../protocol/Certificate.ts";
import * as Committee from "../protocol/Committee.ts";
import type * as Evidence from "../protocol/Evidence.ts";
import * as Header from "../protocol/Header.ts";
import type { History } from "../protocol/History.ts";
import * as Resume from "../protocol/Resume.ts";
import { CommitteeId, Height, ValidatorId } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";

/** What the store holds under each key, as bytes. Only this node reads them, yet a damaged one must be noticed. */

const PEAKS_MAX = 64;

/** The newest finalized block. */
export interface Tip {
  readonly header: Header.Header;
  /** Undefined where the block is final by a resume, or what its finalization was of was rolled back. */
  readonly certificate: Certificate.Certificate | undefined;
  /** Frontier over blocks 0 .. height, this one included. */
  readonly history: History;
}

export function encodeTip(tip: Tip): Uint8Array {
  const writer = new Writer();
  Header.write(writer, tip.header);
  writeMaybe(writer, tip.certificate);
  writer.u64(tip.history.size).list(tip.history.peaks, (out, peak) => out.fixed(peak, 32));
  return writer.finish();
}

export function decodeTip(bytes: Uint8Array): Tip {
  return decodeAll(bytes, (reader) => ({
    header: Header.read(reader),
    certificate: readMaybe(reader),
    history: { size: reader.u64(), peaks: reader.list(PEAKS_MAX, (inner) => inner.fixed(32)) },
  }));
}

function writeMaybe(writer: Writer, certificate: Certificate.Certificate | undefined): void {
  writer.bool(certificate !== undefined);
  if (certificate !== undefined) Certificate.write(writer, certificate);
}

function readMaybe(reader: Reader): Certificate.Certificate | undefined {
  return reader.bool() ? Certificate.read(reader) : undefined;
}

/** Two finalizations that contradict; `mine` is undefined where the own block was final by a resume. */
export interface Fork {
  readonly mine: Certificate.Certificate | undefined;
  readonly theirs: Certificate.Certificate;
}

export function encodeFork({ mine, theirs }: Fork): Uint8Array {
  const writer = new Writer();
  Certificate.write(writer, theirs);
  writeMaybe(writer, mine);
  return writer.finish();
}

export function decodeFork(bytes: Uint8Array): Fork {
  return decodeAll(bytes, (reader) => ({ theirs: Certificate.read(reader), mine: readMaybe(reader) }));
}

/** A resume that this node has taken. */
export interface TakenResume extends Resume.Resume {
  readonly height: Height;
  /** Records of the journal before this one are of what was left behind. */
  readonly journalFrom: number;
}

export function encodeResume(taken: TakenResume): Uint8Array {
  const writer = new Writer();
  Resume.write(writer, taken);
  return writer.u64(taken.height).u64(BigInt(taken.journalFrom)).finish();
}

export function decodeResume(bytes: Uint8Array): TakenResume {
  return decodeAll(bytes, (reader) => ({
    ...Resume.read(reader),
    height: Height(reader.u64()),
    journalFrom: Number(reader.u64()),
  }));
}

const LIGHT_CLIENT_STATES = ["live", "expired", "frozen"] as const;
export type KnownLightClientState = (typeof LIGHT_CLIENT_STATES)[number];

export function encodeLightClient(state: KnownLightClientState): Uint8Array {
  return new Writer().u8(LIGHT_CLIENT_STATES.indexOf(state)).finish();
}

export function decodeLightClient(bytes: Uint8Array): KnownLightClientState | undefined {
  return decodeAll(bytes, (reader) => LIGHT_CLIENT_STATES[reader.u8()]);
}

/** A finalized block without its payload. */
export interface StoredBlock {
  readonly header: Header.Header;
  readonly payloadBytes: number;
}

export function encodeBlock(block: StoredBlock): Uint8Array {
  const writer = new Writer();
  Header.write(writer, block.header);
  return writer.u32(block.payloadBytes).finish();
}

export function decodeBlock(bytes: Uint8Array): StoredBlock {
  return decodeAll(bytes, (reader) => ({ header: Header.read(reader), payloadBytes: reader.u32() }));
}

export function encodeCertificate(certificate: Certificate.Certificate): Uint8Array {
  const writer = new Writer();
  Certificate.write(writer, certificate);
  return writer.finish();
}

export function decodeCertificate(bytes: Uint8Array): Certificate.Certificate {
  return decodeAll(bytes, Certificate.read);
}

/** Where a transaction stands in the chain. */
export interface Place {
  readonly height: Height;
  readonly index: number;
}

export function encodePlace(place: Place): Uint8Array {
  return new Writer().u64(place.height).u32(place.index).finish();
}

export function decodePlace(bytes: Uint8Array): Place {
  return decodeAll(bytes, (reader) => ({ height: Height(reader.u64()), index: reader.u32() }));
}

export function encodeHeight(height: Height): Uint8Array {
  return new Writer().u64(height).finish();
}

export function decodeHeight(bytes: Uint8Array): Height {
  return decodeAll(bytes, (reader) => Height(reader.u64()));
}

export function encodeCommittee(committee: Committee.Committee): Uint8Array {
  const writer = new Writer().u64(committee.id);
  writer.list(committee.members, (out, member) => {
    out.u64(member.validator).u16(member.seat).fixed(member.key, PUBLIC_KEY_BYTES).u64(member.weight);
    out.fixed(member.transportKey, 32).bytes(new TextEncoder().encode(member.address));
  });
  writer.fixed(hashBytes(committee.randomness), 32).u64(committee.createdNumber).u64(committee.createdAt);
  return writer.finish();
}

export function decodeCommittee(bytes: Uint8Array): Committee.Committee {
  return decodeAll(bytes, (reader) => ({
    id: CommitteeId(reader.u64()),
    members: reader.list(Committee.SEATS_MAX, readMember),
    randomness: hashFromBytes(reader.fixed(32)),
    createdNumber: reader.u64(),
    createdAt: reader.u64(),
  }));
}

function readMember(reader: Reader): Committee.Member {
  return {
    validator: ValidatorId(reader.u64()),
    seat: reader.u16(),
    key: reader.fixed(PUBLIC_KEY_BYTES),
    weight: reader.u64(),
    transportKey: reader.fixed(32),
    address: new TextDecoder().decode(reader.bytes(MULTIADDR_TEXT_MAX)),
  };
}

const VOTE = 0;
const RESUME = 1;
const BY_KEY = 0;
const BY_COMMITTEE = 1;

/** Canonical bytes of evidence: their hash tells whether it is known. */
export function encodeEvidence(evidence: Evidence.Evidence): Uint8Array {
  const writer = new Writer();
  for (const statement of [evidence.first, evidence.second]) writeStatement(writer, statement);
  return writer.finish();
}

function writeStatement(writer: Writer, { message, signers, signature }: Evidence.Statement): void {
  if (message.kind === "resume") {
    Resume.write(writer.u8(RESUME), message);
  } else {
    Vote.write(writer.u8(VOTE), message);
  }
  if (signers.kind === "key") writer.u8(BY_KEY).u64(signers.validator);
  else writer.u8(BY_COMMITTEE).u64(signers.committee).bytes(signers.absent);
  writer.fixed(signature, SIGNATURE_BYTES);
}

export function decodeEvidence(bytes: Uint8Array): Evidence.Evidence {
  return decodeAll(bytes, (reader) => ({ first: readStatement(reader), second: readStatement(reader) }));
}

function readStatement(reader: Reader): Evidence.Statement {
  return { message: readMessage(reader), signers: readSigners(reader), signature: reader.fixed(SIGNATURE_BYTES) };
}

function readMessage(reader: Reader): Evidence.Message {
  const at = reader.offset;
  const tag = reader.u8();
  if (tag === VOTE) return Vote.read(reader);
  if (tag !== RESUME) throw new DecodeError({ code: "unknown-tag", given: tag, at });
  return { kind: "resume", ...Resume.read(reader) };
}

function readSigners(reader: Reader): Evidence.Signers {
  const at = reader.offset;
  const tag = reader.u8();
  if (tag === BY_KEY) return { kind: "key", validator: ValidatorId(reader.u64()) };
  if (tag !== BY_COMMITTEE) throw new DecodeError({ code: "unknown-tag", given: tag, at });
  const id = CommitteeId(reader.u64());
  return { kind: "committee", committee: id, absent: reader.bytes(Committee.bitmapBytes(Committee.SEATS_MAX)) };
}
