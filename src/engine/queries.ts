import { hashFromBytes, type Hash } from "../crypto/hash.ts";
import * as Mempool from "../mempool/mempool.ts";
import * as Certificate from "../protocol/Certificate.ts";
import type * as Committee from "../protocol/Committee.ts";
import type * as Evidence from "../protocol/Evidence.ts";
import * as Genesis from "../protocol/Genesis.ts";
import * as Header from "../protocol/Header.ts";
import {
  GENESIS_HEIGHT,
  Height,
  NO_COMMITTEE,
  U64_MAX,
  View,
  type CommitteeId,
  type Epoch,
  type NamespaceId,
  type ValidatorId,
} from "../protocol/scalars.ts";
import * as Payload from "../protocol/Payload.ts";
import * as Transaction from "../protocol/Transaction.ts";
import { assert } from "../runtime/assert.ts";
import type { EngineCore } from "./engineCore.ts";
import { openUnit } from "./unit.ts";

/** Entries of one answer. */
export const EVIDENCE_PAGE_MAX = 1_000;
/** How long a user is asked to wait before offering again. */
const RETRY_AFTER_MS = 1_000;

/** What the API reads and writes; the shape of `NodeQueries` in src/api, which this tier can't import. */
export interface Queries {
  submit(transactions: readonly Transaction.Transaction[]): Promise<SubmitOutcome>;
  transaction(namespace: NamespaceId, hash: Hash): Promise<TransactionPlace>;
  status(): Promise<Status>;
  blockAt(height: Height): Promise<FinalizedBlock | undefined>;
  blockByHash(hash: Hash): Promise<FinalizedBlock | undefined>;
  payload(height: Height): Promise<Payload.Payload | undefined>;
  finalization(selector: FinalizationSelector): Promise<FinalizationAndHeader | undefined>;
  handover(epoch: Epoch): Promise<FinalizationAndHeader | undefined>;
  committee(id: CommitteeId): Promise<Committee.Committee | undefined>;
  evidence(from: number, limit: number): Promise<readonly EvidenceEntry[]>;
  historyPath(height: Height, size: bigint): Promise<readonly Hash[] | undefined>;
  subscribe(listener: (height: Height) => void): () => void;
}

export type SubmitOutcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "duplicate"; readonly hash: Hash }
  | { readonly kind: "too-large"; readonly bytes: number; readonly maximum: number }
  | { readonly kind: "invalid"; readonly reason: string }
  | {
      readonly kind: "full";
      readonly scope: "namespace" | "node";
      readonly maximum: number;
      readonly retryAfterMs: number;
    }
  | { readonly kind: "not-ready"; readonly reason: string; readonly retryAfterMs: number };

export type TransactionPlace =
  | { readonly kind: "unknown" }
  | { readonly kind: "pending" }
  | { readonly kind: "finalized"; readonly height: Height; readonly index: number };

export interface FinalizedBlock {
  readonly hash: Hash;
  readonly header: Header.Header;
  readonly payloadBytes: number;
}

export interface FinalizationAndHeader {
  readonly header: Header.Header;
  readonly certificate: Certificate.Finalization;
}

export type FinalizationSelector =
  | { readonly kind: "latest" }
  | { readonly kind: "at"; readonly height: Height }
  | { readonly kind: "at-or-below"; readonly height: Height }
  | { readonly kind: "at-or-above"; readonly height: Height };

export interface EvidenceEntry {
  readonly number: number;
  readonly evidence: Evidence.Evidence;
}

export interface Status {
  readonly genesisHash: Hash;
  readonly l1ChainId: bigint;
  readonly stakeTable: string;
  readonly validator?: ValidatorId;
  readonly height: Height;
  readonly hash: Hash;
  readonly timestamp: bigint;
  readonly epoch: Epoch;
  readonly view: View;
  readonly committee: CommitteeId;
  readonly oldestHeight: Height;
  readonly l1Number: bigint;
  readonly peers: number;
  readonly mempool: { readonly transactions: number; readonly bytes: number };
  readonly limits: {
    readonly transactionBytes: number;
    readonly bundleParts: number;
    readonly payloadBytes: number;
    readonly epochLength: bigint;
  };
  readonly notReady?: string;
}

export function createQueries(core: EngineCore): Queries {
  return {
    submit: (transactions) => submit(core, transactions),
    transaction: (namespace, hash) => place(core, namespace, hash),
    status: () => Promise.resolve(status(core)),
    blockAt: (height) => blockAt(core, height),
    blockByHash: async (hash) => {
      const height = core.isOpen() ? await core.chain.heightOf(hash) : undefined;
      return height === undefined ? undefined : blockAt(core, height);
    },
    payload: async (height) => {
      const block = await blockAt(core, height);
      if (block === undefined) return undefined;
      const bytes = height === GENESIS_HEIGHT ? new Uint8Array(0) : await core.chain.payload(block.hash);
      if (bytes === undefined) return undefined;
      const decoded = Payload.decode(bytes, core.options.config.limits);
      assert(decoded.ok, `the payload of finalized block ${block.hash} must decode`);
      return decoded.payload;
    },
    finalization: (selector) => finalization(core, selector),
    handover: async (epoch) => {
      const height = core.isOpen() ? await core.chain.handoverHeight(epoch) : undefined;
      return height === undefined ? undefined : finalization(core, { kind: "at", height });
    },
    committee: async (id) => {
      if (!core.isOpen()) return undefined;
      return (await core.chain.committee(id)) ?? core.ports.l1.committee(id);
    },
    evidence: (from, limit) =>
      core.isOpen() ? core.chain.evidence(from, Math.min(limit, EVIDENCE_PAGE_MAX)) : Promise.resolve([]),
    historyPath: async (height, size) => {
      const path = core.isOpen() ? await core.chain.historyPath(height, size) : undefined;
      return path?.map(hashFromBytes);
    },
    subscribe: (listener) => core.subscribe(listener),
  };
}

async function blockAt(core: EngineCore, height: Height): Promise<FinalizedBlock | undefined> {
  const block = core.isOpen() && height <= core.chain.height ? await core.chain.blockAt(height) : undefined;
  return block === undefined ? undefined : { hash: Header.hash(block.header), ...block };
}

async function finalization(
  core: EngineCore,
  selector: FinalizationSelector,
): Promise<FinalizationAndHeader | undefined> {
  if (!core.isOpen()) return undefined;
  const { from, to, highest } = rangeOf(selector);
  const found = await core.chain.finalization(from, to, highest);
  const block = found === undefined ? undefined : await core.chain.blockAt(found.height);
  if (found === undefined || block === undefined) return undefined;
  const { certificate } = found;
  assert(Certificate.isFinalization(certificate), `the index of finalizations must name finalizations only`);
  return { header: block.header, certificate };
}

function rangeOf(selector: FinalizationSelector): { from: Height; to: Height; highest: boolean } {
  const top = Height(U64_MAX - 1n);
  switch (selector.kind) {
    case "latest":
      return { from: GENESIS_HEIGHT, to: top, highest: true };
    case "at":
      return { from: selector.height, to: least(selector.height, top), highest: false };
    case "at-or-below":
      return { from: GENESIS_HEIGHT, to: least(selector.height, top), highest: true };
    case "at-or-above":
      return { from: selector.height, to: top, highest: false };
  }
}

function least(a: Height, b: Height): Height {
  return a < b ? a : b;
}

async function place(core: EngineCore, namespace: NamespaceId, hash: Hash): Promise<TransactionPlace> {
  const found = core.isOpen() ? await core.chain.transaction(namespace, hash) : undefined;
  if (found !== undefined) return { kind: "finalized", ...found };
  return Mempool.has(core.mempool, namespace, hash) ? { kind: "pending" } : { kind: "unknown" };
}

async function submit(core: EngineCore, transactions: readonly Transaction.Transaction[]): Promise<SubmitOutcome> {
  const notReady = reasonNotReady(core);
  if (notReady !== undefined) return { kind: "not-ready", reason: notReady, retryAfterMs: RETRY_AFTER_MS };
  const { limits } = core.options.config;
  for (const { envelope } of transactions) {
    if (envelope.length > limits.transactionBytesMax) {
      return { kind: "too-large", bytes: envelope.length, maximum: limits.transactionBytesMax };
    }
  }
  const opened = openUnit(transactions);
  if (!opened.ok) return { kind: "invalid", reason: JSON.stringify(opened.fault) };
  for (const part of opened.unit.parts) {
    if ((await core.chain.transaction(part.namespace, part.hash)) !== undefined) {
      return { kind: "duplicate", hash: part.hash };
    }
  }
  if (!core.isRunning()) return { kind: "not-ready", reason: "stopping", retryAfterMs: RETRY_AFTER_MS };
  const added = Mempool.add(core.mempool, opened.unit, core.ports.clock.monotonicMs());
  if (!added.added) return outcomeOf(added.refusal, core.mempool.limits);
  core.parts().gossip.submitted(opened.unit);
  return { kind: "accepted" };
}

function outcomeOf(refusal: Mempool.Refusal, limits: Mempool.Limits): SubmitOutcome {
  switch (refusal.code) {
    case "known":
    case "already-included":
      return { kind: "duplicate", hash: refusal.hash };
    case "too-large":
      return { kind: "too-large", bytes: refusal.given, maximum: refusal.maximum };
    case "too-many-parts":
      return { kind: "invalid", reason: `${String(refusal.given)} parts, at most ${String(refusal.maximum)}` };
    case "namespace-full":
      return full("namespace", limits.maxUnitsPerNamespace);
    case "too-many-namespaces":
      return full("node", refusal.maximum);
    case "full":
      return full("node", limits.maxUnits);
  }
}

function full(scope: "namespace" | "node", maximum: number): SubmitOutcome {
  return { kind: "full", scope, maximum, retryAfterMs: RETRY_AFTER_MS };
}

function reasonNotReady(core: EngineCore): string | undefined {
  if (!core.isOpen()) return "the store is not open";
  if (core.isStarting()) return "L1 has not shown the committee yet";
  return core.isRunning() ? undefined : "the engine has stopped";
}

function status(core: EngineCore): Status {
  const { config, domain } = core.options;
  const tip = core.isOpen() ? core.chain.tip : undefined;
  const header = tip?.header ?? core.genesis;
  const isRunning = core.isRunning();
  const membership = isRunning ? core.membership() : undefined;
  const own = membership?.seat === undefined ? undefined : membership.committee.members[membership.seat];
  const notReady = reasonNotReady(core);
  return {
    genesisHash: Genesis.hash(config),
    l1ChainId: domain.chainId,
    stakeTable: domain.stakeTable,
    ...(own === undefined ? {} : { validator: own.validator }),
    height: header.height,
    hash: Header.hash(header),
    timestamp: header.timestamp,
    epoch: membership?.epoch ?? header.epoch,
    view: isRunning ? core.state().view : View(0n),
    committee:
      membership?.committee.id ?? (header.committee === NO_COMMITTEE ? header.nextCommittee : header.committee),
    oldestHeight: oldestHeight(core, header.height),
    l1Number: core.ports.l1.finalized()?.number ?? header.l1Number,
    peers: core.ports.transport.peers().filter((peer) => peer.connected).length,
    mempool: { transactions: core.mempool.byKey.size, bytes: core.mempool.bytes },
    limits: {
      transactionBytes: config.limits.transactionBytesMax,
      bundleParts: Transaction.BUNDLE_PARTS_MAX,
      payloadBytes: config.limits.payloadBytesMax,
      epochLength: BigInt(config.epochLength),
    },
    ...(notReady === undefined ? {} : { notReady }),
  };
}

function oldestHeight(core: EngineCore, height: Height): Height {
  const kept = core.options.payloadRetentionHeights;
  return kept === undefined || height <= kept ? GENESIS_HEIGHT : Height(height - kept);
}
