import type { Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import { SIGNATURE_BYTES } from "../crypto/bls.ts";
import { hashBytes, hashFromBytes, type Hash } from "../crypto/hash.ts";
import { hashStruct, signingDigest, type StructType } from "../crypto/typedData.ts";
import { separator, type Domain } from "./Domain.ts";
import { CommitteeId, Epoch } from "./scalars.ts";

/** A new committee's word that the chain goes on above `block` in `epoch`, after L1's client expired or froze. */
export interface Resume {
  readonly epoch: Epoch;
  readonly block: Hash;
  readonly committee: CommitteeId;
}

export const STRUCT: StructType<keyof Resume> = {
  name: "Resume",
  members: [
    { name: "epoch", type: "uint64" },
    { name: "block", type: "bytes32" },
    { name: "committee", type: "uint64" },
  ],
};

export function hash(resume: Resume): Hash {
  return hashStruct(STRUCT, { ...resume });
}

export function digest(resume: Resume, domain: Domain): Uint8Array {
  return signingDigest(separator(domain), hash(resume));
}

/** One member's signature on a resume of its committee. */
export interface SignedResume {
  readonly resume: Resume;
  /** Index in the committee that the resume names. */
  readonly signer: number;
  /** 48 bytes compressed. */
  readonly signature: Uint8Array;
}

/** Signed resumes in one message. */
export const SIGNED_MAX = 128;

export function write(writer: Writer, { epoch, block, committee }: Resume): void {
  writer.u64(epoch).fixed(hashBytes(block), 32).u64(committee);
}

export function read(reader: Reader): Resume {
  return { epoch: Epoch(reader.u64()), block: hashFromBytes(reader.fixed(32)), committee: CommitteeId(reader.u64()) };
}

export function writeSigned(writer: Writer, { resume, signer, signature }: SignedResume): void {
  write(writer, resume);
  writer.u16(signer).fixed(signature, SIGNATURE_BYTES);
}

export function readSigned(reader: Reader): SignedResume {
  return { resume: read(reader), signer: reader.u16(), signature: reader.fixed(SIGNATURE_BYTES) };
}
