import { hashFromBytes, type Hash } from "../crypto/hash.ts";
import type {
  FinalizationSelector,
  FinalizedBlock,
  NodeQueries,
  NodeStatus,
  SubmitOutcome,
  TransactionPlace,
} from "../lightclient/nodeQueries.ts";
import type { FinalizedHeader } from "../lightclient/finalizedHeader.ts";
import * as Mempool from "../mempool/mempool.ts";
import * as Certificate from "../protocol/Certificate.ts";
import * as Genesis from "../protocol/Genesis.ts";
import * as Header from "../protocol/Header.ts";
import { GENESIS_HEIGHT, Height, NO_COMMITTEE, U64_MAX, View, type NamespaceId } from "../protocol/scalars.ts";
import * as Payload from "../protocol/Payload.ts";
import type * as Transaction from "../protocol/Transaction.ts";
import { assert } from "../runtime/assert.ts";
import type { EngineCore } from "./engineCore.ts";
import { openUnit } from "./unit.ts";

/** Entries of one answer. */
export const EVIDENCE_PAGE_MAX = 1_000;
/** How long a user is asked to wait before offering again. */
const RETRY_AFTER_MS = 1_000;

export function createQueries(core: EngineCore): NodeQueries {
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
      core.isOpen() ? core.chain.evidenceStore.read(from, Math.min(limit, EVIDENCE_PAGE_MAX)) : Promise.resolve([]),
    resume: async () => {
      const certified = core.isRunning() ? core.parts().resumption.certificate() : undefined;
      const height = certified === undefined ? undefined : await core.chain.heightOf(certified.message.block);
      const block = height === undefined ? undefined : await core.chain.blockAt(height);
      return certified === undefined || block === undefined ? undefined : { ...certified, header: block.header };
    },
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

async function finalization(core: EngineCore, selector: FinalizationSelector): Promise<FinalizedHeader | undefined> {
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

function status(core: EngineCore): NodeStatus {
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
    ...(notReady === undefined ? {} : { notReady }),
  };
}

function oldestHeight(core: EngineCore, height: Height): Height {
  const kept = core.options.payloadRetentionHeights;
  return kept === undefined || height <= kept ? GENESIS_HEIGHT : Height(height - kept);
}
