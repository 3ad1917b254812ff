import { keccak256, toUtf8Bytes, TypedDataEncoder, ZeroHash } from "ethers";

/** A header as the contracts take it; the block hash is computed by ethers, not by the project. */
export interface TestHeader {
  readonly height: bigint;
  readonly epoch: bigint;
  readonly viewNumber: bigint;
  readonly committee: bigint;
  readonly timestamp: bigint;
  readonly parent: string;
  readonly history: string;
  readonly payload: string;
  readonly namespaces: string;
  readonly l1Number: bigint;
  readonly l1Hash: string;
  readonly nextCommittee: bigint;
  readonly proposer: bigint;
}

const FIELDS = [
  "uint64 height",
  "uint64 epoch",
  "uint64 viewNumber",
  "uint64 committee",
  "uint64 timestamp",
  "bytes32 parent",
  "bytes32 history",
  "bytes32 payload",
  "bytes32 namespaces",
  "uint64 l1Number",
  "bytes32 l1Hash",
  "uint64 nextCommittee",
  "uint16 proposer",
];

const BLOCK_FIELDS = ["uint64 epoch", "uint64 viewNumber", "bytes32 block"];

/** The protocol's EIP-712 types, as ethers takes them. */
export const TYPES = {
  Header: typesOf(FIELDS),
  Notarize: typesOf(BLOCK_FIELDS),
  Nullify: typesOf(["uint64 epoch", "uint64 viewNumber"]),
  Finalize: typesOf(BLOCK_FIELDS),
  Resume: typesOf(["uint64 epoch", "bytes32 block", "uint64 committee"]),
  Register: typesOf(["address validator", "bytes32 keyHash"]),
  Checkpoint: typesOf([
    "bytes32 block",
    "bytes32 history",
    "uint64 height",
    "uint64 epoch",
    "uint64 viewNumber",
    "uint64 timestamp",
    "uint64 receivedAt",
  ]),
};

export interface TestDomain {
  readonly chainId: bigint;
  readonly verifyingContract: string;
  readonly salt: string;
}

function typesOf(fields: readonly string[]): { type: string; name: string }[] {
  return fields.map((field) => {
    const [type = "", name = ""] = field.split(" ");
    return { type, name };
  });
}

export function structHash(type: keyof typeof TYPES, value: object): string {
  return TypedDataEncoder.from({ [type]: TYPES[type] }).hashStruct(type, value);
}

/** The digest that is signed. */
export function digestOf(domain: TestDomain, type: keyof typeof TYPES, value: object): string {
  return TypedDataEncoder.hash({ name: "Crema", version: "1", ...domain }, { [type]: TYPES[type] }, value);
}

export function hashHeader(header: TestHeader): string {
  return structHash("Header", header);
}

/** 32 bytes that depend on the text only. */
export function word(text: string): string {
  return keccak256(toUtf8Bytes(text));
}

export function makeHeader(fields: Partial<TestHeader>): TestHeader {
  const height = fields.height ?? 1n;
  return {
    height,
    epoch: 1n,
    viewNumber: height,
    committee: 1n,
    timestamp: 0n,
    parent: word(`parent ${String(height)}`),
    history: word(`history ${String(height)}`),
    payload: word(`payload ${String(height)}`),
    namespaces: word(`namespaces ${String(height)}`),
    l1Number: 0n,
    l1Hash: ZeroHash,
    nextCommittee: 0n,
    proposer: 0n,
    ...fields,
  };
}
