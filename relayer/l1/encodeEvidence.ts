import { toHex, type Hex } from "../../src/codec/hex.ts";
import { keyCoordinates, toBigEndian } from "../../src/crypto/bls.ts";
import { nobleBls } from "../../src/crypto/blsNoble.ts";
import { ZERO_HASH } from "../../src/crypto/hash.ts";
import { contractInterface } from "../../src/l1/contracts.ts";
import type { Domain } from "../../src/protocol/Domain.ts";
import type { Evidence, Message, Statement } from "../../src/protocol/Evidence.ts";
import * as Resume from "../../src/protocol/Resume.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { SignatureError, signatureWords } from "./encode.ts";

/** Members of one `slashSigners` call. */
export const SIGNERS_AT_ONCE = 32;

const KIND = { notarize: 0, nullify: 1, finalize: 2, resume: 3 } as const;

/** `Message` of L1: members that a kind does not have are zero. */
function messageStruct(message: Message): object {
  const block = message.kind === "nullify" ? ZERO_HASH : message.block;
  const viewNumber = message.kind === "resume" ? 0n : message.view;
  const committee = message.kind === "resume" ? message.committee : 0n;
  return { kind: KIND[message.kind], epoch: message.epoch, viewNumber, blockHash: block, committee };
}

/** A public key as `bytes32[8]`: four coordinates, each padded to 64 bytes. */
function keyWords(key: Uint8Array): readonly Hex[] {
  const coordinates = keyCoordinates(key);
  if (coordinates === undefined) throw new SignatureError("the key is not canonical");
  const bytes = Buffer.concat(coordinates.map((value) => toBigEndian(value, 64)));
  return Array.from({ length: 8 }, (_, index) => toHex(bytes.subarray(index * 32, (index + 1) * 32)));
}

function digestOf(message: Message, domain: Domain): Uint8Array {
  return message.kind === "resume" ? Resume.digest(message, domain) : Vote.digest(message, domain);
}

/** The one of a validator's keys that signed; undefined where none did. */
export function signingKey(keys: readonly Uint8Array[], statement: Statement, domain: Domain): Uint8Array | undefined {
  const digest = digestOf(statement.message, domain);
  return keys.find((key) => nobleBls.verify(key, digest, statement.signature, "vote"));
}

/** `slash`: both messages by one key, under the sum of its two signatures. */
export function encodeSlash({ first, second }: Evidence, key: Uint8Array): string {
  const sum = nobleBls.aggregate([first.signature, second.signature]);
  if (sum === undefined) throw new SignatureError("the two signatures have no sum");
  const evidence = {
    key: keyWords(key),
    first: messageStruct(first.message),
    second: messageStruct(second.message),
    signature: signatureWords(sum),
  };
  return contractInterface("Slasher").encodeFunctionData("slash", [evidence]);
}

/** A statement with a committee's certificate. */
export interface CommitteeStatement extends Statement {
  readonly signers: Extract<Statement["signers"], { readonly kind: "committee" }>;
}

/** `slashSigner`: a member of a certificate by the statement of its own that conflicts with it. */
export function encodeSlashSigner(
  certificate: CommitteeStatement,
  index: number,
  { message, signature }: Statement,
  key: Uint8Array,
): string {
  const single = { key: keyWords(key), message: messageStruct(message), signature: signatureWords(signature) };
  return contractInterface("Slasher").encodeFunctionData("slashSigner", [statementStruct(certificate), index, single]);
}

/** `slashSigners`: members that signed both certificates, by their committee index in each. */
export function encodeSlashSigners(
  first: CommitteeStatement,
  second: CommitteeStatement,
  inBoth: readonly { readonly first: number; readonly second: number }[],
): string {
  const indices = [inBoth.map((entry) => entry.first), inBoth.map((entry) => entry.second)];
  return contractInterface("Slasher").encodeFunctionData("slashSigners", [
    statementStruct(first),
    statementStruct(second),
    ...indices,
  ]);
}

function statementStruct({ message, signers, signature }: CommitteeStatement): object {
  return {
    message: messageStruct(message),
    committee: signers.committee,
    absent: toHex(signers.absent),
    signature: signatureWords(signature),
  };
}
