import { decodeAll, DecodeError, type Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import type { JournalRecord } from "../consensus/output.ts";
import { hashBytes, hashFromBytes } from "../crypto/hash.ts";
import * as Certificate from "../protocol/Certificate.ts";
import * as Header from "../protocol/Header.ts";
import * as Proposal from "../protocol/Proposal.ts";
import { Epoch, View } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import { unreachable } from "../runtime/assert.ts";

const VOTE = 0;
const CERTIFICATE = 1;
const PROPOSAL = 2;
const HEADER = 3;
const VERDICT = 4;
const PROPOSED = 5;

/** A record of the write-ahead log as bytes, with the epoch it belongs to in front. */
export function encode(epoch: Epoch, record: JournalRecord): Uint8Array {
  const writer = new Writer().u64(epoch);
  switch (record.type) {
    case "vote":
      Vote.write(writer.u8(VOTE), record.vote);
      break;
    case "certificate":
      Certificate.write(writer.u8(CERTIFICATE), record.certificate);
      break;
    case "proposal":
      Proposal.write(writer.u8(PROPOSAL), record.proposal);
      break;
    case "proposed":
      writer.u8(PROPOSED).u64(record.epoch).u64(record.view).u64(record.parentView);
      Header.write(writer, record.header);
      break;
    case "header":
      Header.write(writer.u8(HEADER), record.header);
      break;
    case "verdict":
      writer.u8(VERDICT).u64(record.epoch).fixed(hashBytes(record.block), 32);
      writer.bool(record.verdict === "valid");
      break;
    default:
      return unreachable(record, "journal record");
  }
  return writer.finish();
}

export interface Journaled {
  readonly epoch: Epoch;
  readonly record: JournalRecord;
}

/** Throws `DecodeError`: the log's checksums passed, so this is a record of another version. */
export function decode(bytes: Uint8Array): Journaled {
  return decodeAll(bytes, (reader) => ({ epoch: Epoch(reader.u64()), record: readRecord(reader) }));
}

function readRecord(reader: Reader): JournalRecord {
  const at = reader.offset;
  const tag = reader.u8();
  switch (tag) {
    case VOTE:
      return { type: "vote", vote: Vote.read(reader) };
    case CERTIFICATE:
      return { type: "certificate", certificate: Certificate.read(reader) };
    case PROPOSAL:
      return { type: "proposal", proposal: Proposal.read(reader) };
    case PROPOSED: {
      const round = { epoch: Epoch(reader.u64()), view: View(reader.u64()), parentView: View(reader.u64()) };
      return { type: "proposed", ...round, header: Header.read(reader) };
    }
    case HEADER:
      return { type: "header", header: Header.read(reader) };
    case VERDICT: {
      const epoch = Epoch(reader.u64());
      const block = hashFromBytes(reader.fixed(32));
      return { type: "verdict", epoch, block, verdict: reader.bool() ? "valid" : "invalid" };
    }
    default:
      throw new DecodeError({ code: "unknown-tag", given: tag, at });
  }
}
