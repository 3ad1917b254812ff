import { concatBytes, toHex } from "../../src/codec/hex.ts";
import { Writer } from "../../src/codec/writer.ts";
import { keyHash, toBigEndian } from "../../src/crypto/bls.ts";
import { nobleBls } from "../../src/crypto/blsNoble.ts";
import { hashFromBytes, keccakHash, toHash, type Hash } from "../../src/crypto/hash.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import * as Domain from "../../src/protocol/Domain.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as History from "../../src/protocol/History.ts";
import * as NamespaceTable from "../../src/protocol/NamespaceTable.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import * as Registration from "../../src/protocol/Registration.ts";
import * as Resume from "../../src/protocol/Resume.ts";
import { CommitteeId, Epoch, Height, NamespaceId, View } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { seededRandom } from "../../src/runtime/random.ts";

/** One row: the value, and everything that is derived from it. */
export type Vector = Readonly<Record<string, unknown>>;

const MAX = (1n << 64n) - 1n;
const random = seededRandom(0x43524d41n);
const textHash = (text: string): Hash => keccakHash(new TextEncoder().encode(text));
const randomHash = (): Hash => hashFromBytes(random.bytes(32));
const randomU64 = (): bigint => BigInt(toHex(random.bytes(8)));

export const DOMAIN: Domain.Domain = {
  chainId: 31337n,
  stakeTable: "0x5fbdb2315678afecb367f032d93f642f64180aa3",
  salt: textHash("genesis"),
};

function headers(): Header.Header[] {
  const zero = toHash(`0x${"00".repeat(32)}`);
  const ones = toHash(`0x${"ff".repeat(32)}`);
  const uniform = (value: bigint, hash: Hash, proposer: number): Header.Header => ({
    height: Height(value),
    epoch: Epoch(value),
    viewNumber: View(value),
    committee: CommitteeId(value),
    timestamp: value,
    parent: hash,
    history: hash,
    payload: hash,
    namespaces: hash,
    l1Number: value,
    l1Hash: hash,
    nextCommittee: CommitteeId(value),
    proposer,
  });
  const drawn = Array.from({ length: 6 }, (_, i) => ({
    height: Height(randomU64()),
    epoch: Epoch(randomU64()),
    viewNumber: View(randomU64()),
    committee: CommitteeId(randomU64()),
    timestamp: randomU64(),
    parent: randomHash(),
    history: randomHash(),
    payload: randomHash(),
    namespaces: randomHash(),
    l1Number: randomU64(),
    l1Hash: randomHash(),
    nextCommittee: CommitteeId(i % 2 === 0 ? 0n : randomU64()),
    proposer: i * 17,
  }));
  return [uniform(0n, zero, 0), uniform(MAX, ones, 65535), ...drawn];
}

function votes(): Vote.Vote[] {
  const rounds = [
    [1n, 1n],
    [MAX, MAX],
    [randomU64(), randomU64()],
  ] as const;
  return rounds.flatMap(([epoch, view]) => [
    Vote.notarize(Epoch(epoch), View(view), randomHash()),
    Vote.nullify(Epoch(epoch), View(view)),
    Vote.finalize(Epoch(epoch), View(view), randomHash()),
  ]);
}

function encodedVote(vote: Vote.Vote): Uint8Array {
  const writer = new Writer();
  Vote.write(writer, vote);
  return writer.finish();
}

function certificates(): Vector[] {
  const members = 11;
  const secrets = Array.from({ length: members }, (_, i) => toBigEndian(BigInt(i) + 101n, 32));
  const vote = Vote.finalize(Epoch(3n), View(7n), textHash("block"));
  const digest = Vote.digest(vote, DOMAIN);
  const keys = secrets.map((secret) => toHex(nobleBls.publicKey(secret)));
  return [[], [0], [10], [1, 4, 9]].map((absent) => {
    const signers = secrets.map((_, i) => i).filter((i) => !absent.includes(i));
    const signed = signers.map((signer) => ({ vote, signer, signature: nobleBls.sign(secrets[signer]!, digest, "vote") }));
    const certificate = Certificate.fromVotes(vote, signed, members, nobleBls)!;
    const writer = new Writer();
    Certificate.write(writer, certificate);
    return {
      keys,
      vote,
      absentMembers: absent,
      absent: toHex(certificate.absent),
      signature: toHex(certificate.signature),
      l1Signature: toHex(nobleBls.signatureToL1(certificate.signature)!),
      encoded: toHex(writer.finish()),
    };
  });
}

function registrations(): Vector[] {
  const validator = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
  return [1n, 2n, 0xffffffffn].map((secret) => {
    const secretKey = toBigEndian(secret, 32);
    const key = nobleBls.publicKey(secretKey);
    const value = { validator, keyHash: keyHash(key) } as const;
    const signature = Registration.provePossession(nobleBls, secretKey, validator, DOMAIN);
    return {
      value,
      secretKey: toHex(secretKey),
      key: toHex(key),
      hash: Registration.hash(value),
      digest: toHex(Registration.digest(value, DOMAIN)),
      proof: toHex(signature),
      l1Proof: toHex(nobleBls.signatureToL1(signature)!),
    };
  });
}

function histories(): Vector[] {
  const blocks = Array.from({ length: 20 }, (_, i) => textHash(`block ${i}`));
  let history = History.EMPTY;
  const rows: Vector[] = [{ size: 0, root: History.root(history) }];
  blocks.forEach((block, i) => {
    history = History.append(history, block);
    rows.push({ size: i + 1, appended: block, root: History.root(history) });
  });
  return rows;
}

function payloads(): Vector[] {
  const plain = (namespace: bigint, text: string): Transaction.Transaction =>
    Transaction.plain(NamespaceId(namespace), new TextEncoder().encode(text));
  const bundle = Transaction.bundle([
    { namespace: NamespaceId(9n), data: Uint8Array.of(1, 2) },
    { namespace: NamespaceId(3n), data: new Uint8Array(0) },
  ]);
  const lists = [[], [plain(1n, "")], [plain(7n, "b"), plain(7n, "a"), plain(2n, "c"), plain(MAX, "d")], bundle];
  return lists.map((transactions) => {
    const payload = Payload.fromTransactions(transactions);
    const table = Payload.table(payload);
    return {
      transactions: transactions.map((item) => ({ ...item, hash: Transaction.hash(item) })),
      encoded: toHex(Payload.encode(payload)),
      entries: table.map((entry) => ({ ...entry, leaf: toHex(NamespaceTable.leaf(entry)) })),
      namespaces: NamespaceTable.root(table),
    };
  });
}

/** Every vector file, by name. Deterministic. */
export function vectorFiles(): Readonly<Record<string, readonly Vector[]>> {
  const resume = { epoch: Epoch(5n), block: textHash("resumed"), committee: CommitteeId(9n) };
  return {
    domain: [
      { value: DOMAIN, separator: Domain.separator(DOMAIN) },
      { value: { ...DOMAIN, salt: undefined }, separator: Domain.separator({ ...DOMAIN, salt: undefined }) },
    ],
    header: headers().map((value) => ({ value, encoded: toHex(Header.encode(value)), hash: Header.hash(value) })),
    vote: votes().map((value) => ({
      value,
      encoded: toHex(encodedVote(value)),
      hash: Vote.hash(value),
      digest: toHex(Vote.digest(value, DOMAIN)),
    })),
    resume: [{ value: resume, hash: Resume.hash(resume), digest: toHex(Resume.digest(resume, DOMAIN)) }],
    registration: registrations(),
    certificate: certificates(),
    history: histories(),
    payload: payloads(),
    bundle: [
      {
        parts: [
          { namespace: 9n, data: "0x0102" },
          { namespace: 3n, data: "0x" },
        ],
        id: Transaction.bundleId([
          { namespace: NamespaceId(9n), data: Uint8Array.of(1, 2) },
          { namespace: NamespaceId(3n), data: concatBytes() },
        ]),
      },
    ],
  };
}

/** The text of a vector file: integers as decimal strings, bytes as 0x strings. */
export function render(vectors: readonly Vector[]): string {
  const plain = (_: string, value: unknown): unknown =>
    typeof value === "bigint" ? value.toString() : value instanceof Uint8Array ? toHex(value) : value;
  return `${JSON.stringify(vectors, plain, 2)}\n`;
}
