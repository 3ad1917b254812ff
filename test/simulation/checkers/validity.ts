import { keccak_256 } from "@noble/hashes/sha3.js";
import { TypedDataEncoder } from "ethers";

import type { Engine } from "../../../src/engine/engine.ts";
import type { ClusterConfig } from "../../../src/protocol/ClusterConfig.ts";
import type { Header } from "../../../src/protocol/Header.ts";
import type { Payload } from "../../../src/protocol/Payload.ts";
import type { Violation } from "./violation.ts";

type Height = Parameters<Engine["blockAt"]>[0];

/** The header as the specification has it, in the words of another implementation of EIP-712. */
const HEADER = {
  Header: [
    ["uint64", "height"],
    ["uint64", "epoch"],
    ["uint64", "viewNumber"],
    ["uint64", "committee"],
    ["uint64", "timestamp"],
    ["bytes32", "parent"],
    ["bytes32", "history"],
    ["bytes32", "payload"],
    ["bytes32", "namespaces"],
    ["uint64", "l1Number"],
    ["bytes32", "l1Hash"],
    ["uint64", "nextCommittee"],
    ["uint16", "proposer"],
  ].map(([type = "", name = ""]) => ({ type, name })),
};

function hashOf(header: Header): string {
  return TypedDataEncoder.hashStruct("Header", HEADER, { ...header });
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** RFC 9162 section 2.1.1, as it is written there: recursive. */
function treeRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (only === undefined) return keccak_256(new Uint8Array(0));
  if (leaves.length === 1) return keccak_256(join(Uint8Array.of(0), only));
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return keccak_256(join(Uint8Array.of(1), treeRoot(leaves.slice(0, split)), treeRoot(leaves.slice(split))));
}

function word(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

/**
 * Validity: the chain of one honest node, read block by block, keeps the rules of the specification, recomputed from
 * the bytes; every transaction was offered by a user, stands in its namespace, and stands there once.
 */
export async function checkValidity(
  engine: Engine,
  config: ClusterConfig,
  offered: ReadonlySet<string>,
): Promise<Violation[]> {
  const violations: Violation[] = [];
  const wrong = (detail: string): void => {
    violations.push({ property: "validity", detail });
  };
  const { height: top } = await engine.status();
  const hashes: Uint8Array[] = [];
  const included = new Set<string>();
  let parent: Header | undefined;
  for (let height = 0n; height <= top; height++) {
    const block = await engine.blockAt(height as Height);
    const payload = await engine.payload(height as Height);
    if (block === undefined || payload === undefined) {
      wrong(`height ${String(height)} is missing below ${String(top)}`);
      break;
    }
    const { header } = block;
    if (block.hash !== hashOf(header)) wrong(`height ${String(height)}: hash ${block.hash}`);
    if (parent !== undefined) checkLink(parent, header, config, wrong);
    if (height === top && header.history !== hex(treeRoot(hashes))) wrong(`height ${String(height)}: history`);
    if (height > 0n) checkPayload(header, payload, offered, included, wrong);
    hashes.push(new Uint8Array(Buffer.from(block.hash.slice(2), "hex")));
    parent = header;
  }
  return violations;
}

function checkLink(parent: Header, header: Header, config: ClusterConfig, wrong: (detail: string) => void): void {
  const at = `height ${String(header.height)}`;
  if (header.parent !== hashOf(parent)) wrong(`${at}: parent`);
  if (header.height !== parent.height + 1n) wrong(`${at}: height`);
  if (header.timestamp <= parent.timestamp) wrong(`${at}: timestamp`);
  if (header.l1Number < parent.l1Number) wrong(`${at}: anchor`);
  const afterHandover = parent.nextCommittee !== 0n;
  if (header.epoch !== parent.epoch + (afterHandover ? 1n : 0n)) wrong(`${at}: epoch`);
  if (header.committee !== (afterHandover ? parent.nextCommittee : parent.committee)) wrong(`${at}: committee`);
  const isLast = header.height === header.epoch * BigInt(config.epochLength);
  if (isLast !== (header.nextCommittee !== 0n)) wrong(`${at}: handover`);
  if (isLast && header.nextCommittee < header.committee) wrong(`${at}: next committee`);
}

function checkPayload(
  header: Header,
  namespaces: Payload,
  offered: ReadonlySet<string>,
  included: Set<string>,
  wrong: (detail: string) => void,
): void {
  const at = `height ${String(header.height)}`;
  const leaves = namespaces.map(({ namespace, envelopes }) =>
    join(word(namespace), word(BigInt(envelopes.length)), treeRoot(envelopes)),
  );
  const size = word(BigInt(leaves.length)).slice(24);
  if (header.namespaces !== hex(keccak_256(join(Uint8Array.of(2), size, treeRoot(leaves))))) wrong(`${at}: namespaces`);
  const bundles = new Map<string, number>();
  for (const { namespace: id, envelopes } of namespaces) {
    for (const envelope of envelopes) {
      const key = `${String(id)}/${hex(envelope)}`;
      if (!offered.has(key) && id !== 666n) wrong(`${at}: nobody offered ${key.slice(0, 60)}`);
      if (included.has(key)) wrong(`${at}: included twice ${key.slice(0, 60)}`);
      included.add(key);
      if (envelope[0] !== 1) continue;
      const bundle = hex(envelope.slice(1, 33));
      bundles.set(bundle, (bundles.get(bundle) ?? envelope[34] ?? 0) - 1);
    }
  }
  for (const [bundle, missing] of bundles) if (missing !== 0) wrong(`${at}: bundle ${bundle} is not whole`);
}
