import type { Hash } from "../../src/crypto/hash.ts";
import { hashBytes, hashFromBytes } from "../../src/crypto/hash.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import * as HistoryTree from "../../src/lightclient/historyTree.ts";
import { memoryHashLog } from "../../src/lightclient/memoryHashLog.ts";
import type { Evidence } from "../../src/protocol/Evidence.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { Height, ValidatorId, View, type NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import type {
  FinalizationSelector,
  FinalizedBlock,
  NodeQueries,
  SubmitOutcome,
} from "../../src/lightclient/nodeQueries.ts";
import { EPOCH_LENGTH, type Chain, type ChainBlock } from "./chain.ts";

/** A node without consensus: serves a hand-made chain, and finalizes what was submitted when told to. */
export interface MemoryNode {
  readonly queries: NodeQueries;
  readonly chain: Chain;
  readonly evidence: Evidence[];
  readonly subscribers: () => number;
  /** Finalizes a block of what waits; several blocks share one certificate where `certified` is false before the last. */
  finalize(certified?: boolean): Promise<ChainBlock>;
  /** Every later submission ends like this; undefined accepts again. */
  refuse(outcome: SubmitOutcome | undefined): void;
  /** Payloads below this height are gone. */
  prune(height: bigint): void;
  setNotReady(reason: string | undefined): void;
  setResume(resume: Awaited<ReturnType<NodeQueries["resume"]>>): void;
}

export function memoryNode(chain: Chain): MemoryNode {
  const log = memoryHashLog();
  let historySize = 0;
  let oldest = 0n;
  let notReady: string | undefined;
  let refusal: SubmitOutcome | undefined;
  let resume: Awaited<ReturnType<NodeQueries["resume"]>>;
  const evidence: Evidence[] = [];
  const waiting: Transaction.Transaction[] = [];
  const listeners = new Set<(height: Height) => void>();

  async function syncHistory(): Promise<void> {
    const hashes = chain.blocks.slice(historySize).map((block) => hashBytes(block.hash));
    historySize = await HistoryTree.append(log, historySize, hashes);
  }

  function transactionPlace(namespace: NamespaceId, hash: Hash): Awaited<ReturnType<NodeQueries["transaction"]>> {
    for (const { header, payload } of chain.blocks) {
      const part = payload.find((candidate) => candidate.namespace === namespace);
      const index = part?.envelopes.findIndex((envelope) => Transaction.hash({ namespace, envelope }) === hash) ?? -1;
      if (index !== -1) return { kind: "finalized", height: header.height, index };
    }
    const pending = waiting.some((each) => each.namespace === namespace && Transaction.hash(each) === hash);
    return { kind: pending ? "pending" : "unknown" };
  }

  function submit(transactions: readonly Transaction.Transaction[]): SubmitOutcome {
    if (refusal !== undefined) return refusal;
    for (const each of transactions) {
      const hash = Transaction.hash(each);
      if (transactionPlace(each.namespace, hash).kind !== "unknown") return { kind: "duplicate", hash };
    }
    waiting.push(...transactions);
    return { kind: "accepted" };
  }

  function finalization(selector: FinalizationSelector): FinalizedHeader | undefined {
    const all = [...chain.finalizations.values()];
    if (selector.kind === "latest") return all.at(-1);
    if (selector.kind === "at") return chain.finalizations.get(selector.height);
    if (selector.kind === "at-or-above") return all.find(({ header }) => header.height >= selector.height);
    return all.findLast(({ header }) => header.height <= selector.height);
  }

  const asBlock = (block: ChainBlock | undefined): FinalizedBlock | undefined =>
    block && { hash: block.hash, header: block.header, payloadBytes: Payload.encode(block.payload).length };

  const queries: NodeQueries = {
    submit: (transactions) => Promise.resolve(submit(transactions)),
    transaction: (namespace, hash) => Promise.resolve(transactionPlace(namespace, hash)),
    status: () => {
      const { header, hash } = chain.tip;
      return Promise.resolve({
        genesisHash: chain.at(0).hash,
        l1ChainId: chain.domain.chainId,
        stakeTable: chain.domain.stakeTable,
        validator: ValidatorId(1n),
        height: header.height,
        hash,
        timestamp: header.timestamp,
        epoch: chain.next().header.epoch,
        view: View(1n),
        committee: chain.next().header.committee,
        oldestHeight: Height(oldest),
        l1Number: header.l1Number,
        peers: 3,
        mempool: { transactions: waiting.length, bytes: 0 },
        ...(notReady !== undefined && { notReady }),
      });
    },
    blockAt: (height) => Promise.resolve(asBlock(chain.blocks[Number(height)])),
    blockByHash: (hash) => Promise.resolve(asBlock(chain.blocks.find((block) => block.hash === hash))),
    payload: (height) => Promise.resolve(height < oldest ? undefined : chain.blocks[Number(height)]?.payload),
    finalization: (selector) => Promise.resolve(finalization(selector)),
    handover: (epoch) => Promise.resolve(chain.finalizations.get(epoch * BigInt(EPOCH_LENGTH))),
    committee: (id) => Promise.resolve(chain.committees.find(({ committee }) => committee.id === id)?.committee),
    resume: () => Promise.resolve(resume),
    evidence: (from, limit) =>
      Promise.resolve(evidence.map((each, number) => ({ number, evidence: each })).slice(from, from + limit)),
    historyPath: async (height, size) => {
      await syncHistory();
      return (await HistoryTree.prove(log, Number(height), Number(size))).map(hashFromBytes);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  return {
    queries,
    chain,
    evidence,
    subscribers: () => listeners.size,
    finalize: async (certified = true) => {
      const block = chain.append(Payload.fromTransactions(waiting.splice(0)), certified);
      await syncHistory();
      if (certified) for (const listener of listeners) listener(block.header.height);
      return block;
    },
    refuse: (outcome) => {
      refusal = outcome;
    },
    prune: (height) => {
      oldest = height;
    },
    setResume: (given) => {
      resume = given;
    },
    setNotReady: (reason) => {
      notReady = reason;
    },
  };
}
