import { keccakHash, type Hash } from "../crypto/hash.ts";
import * as HistoryTree from "../lightclient/historyTree.ts";
import type * as Certificate from "../protocol/Certificate.ts";
import type * as Committee from "../protocol/Committee.ts";
import type * as Evidence from "../protocol/Evidence.ts";
import * as Header from "../protocol/Header.ts";
import type { History } from "../protocol/History.ts";
import { GENESIS_HEIGHT, Height, View, type CommitteeId, type Epoch, type NamespaceId } from "../protocol/scalars.ts";
import type { VoteKind } from "../protocol/Vote.ts";
import { expectPresent } from "../runtime/assert.ts";
import type { Operation, Store } from "../storage/store.ts";
import { hashBytes } from "../crypto/hash.ts";
import * as Keys from "./chainKeys.ts";
import type { NamespaceHashes } from "./openedPayload.ts";
import * as Records from "./records.ts";

/** A finalized block on its way into the store. */
export interface FinalBlock {
  readonly header: Header.Header;
  readonly payloadLengthBytes: number;
  /** Hashes of the transactions; the payload itself was saved before (`saveCandidate`). */
  readonly namespaces: readonly NamespaceHashes[];
}

/** Blocks that one call of `append` takes: bounds the batch. */
export const APPEND_BLOCKS_MAX = 1024;
/** Places of transactions that are written at once: a block alone may have as many transactions as a batch holds. */
export const PLACES_BATCH_MAX = 16_384;
/** Payloads of this process that are known to be on the disk. */
const SAVED_MAX = 1_024;
/** Evidence kept: a coalition that offends more often than this is long slashed. */
export const EVIDENCE_MAX = 100_000;

const HEIGHT_STEP = 1n;

/** GENESIS-2: a data directory of another chain: its journal would be taken for what was said in this one. */
export class OtherChainError extends Error {
  override readonly name = "OtherChainError";

  constructor(stored: Hash, expected: Hash) {
    super(`the store is of the chain with genesis ${stored}, not ${expected}: use an empty data directory`);
  }
}

/** Everything final, in one ordered store. A block enters with all that is indexed about it, in one synced batch. */
export class ChainStore {
  readonly #store: Store;
  readonly #genesis: Header.Header;
  /** Candidates whose payload is on the disk. */
  readonly #saved = new Set<Hash>();
  #tip: Records.Tip | undefined;
  #evidenceCount = 0;

  private constructor(store: Store, genesis: Header.Header) {
    this.#store = store;
    this.#genesis = genesis;
  }

  static async open(store: Store, genesis: Header.Header): Promise<ChainStore> {
    const chain = new ChainStore(store, genesis);
    const stored = (await chain.blockAt(GENESIS_HEIGHT))?.header;
    if (stored !== undefined && Header.hash(stored) !== Header.hash(genesis)) {
      throw new OtherChainError(Header.hash(stored), Header.hash(genesis));
    }
    const tip = await store.get(Keys.tip);
    chain.#tip = tip === undefined ? undefined : Records.decodeTip(tip);
    if (chain.#tip === undefined) await chain.#writeGenesis();
    const last = store.range({ start: Keys.evidence(0), end: Keys.tableEnd("e"), reverse: true, limit: 1 });
    for await (const entry of last) chain.#evidenceCount = Number(Keys.numberOf(entry.key)) + 1;
    return chain;
  }

  /** Newest finalized block; undefined while only genesis is. */
  get tip(): Records.Tip | undefined {
    return this.#tip;
  }

  get height(): Height {
    return this.#tip?.header.height ?? GENESIS_HEIGHT;
  }

  async #writeGenesis(): Promise<void> {
    const operations: Operation[] = [];
    await HistoryTree.append(this.#historyLog(operations), 0, [hashBytes(Header.hash(this.#genesis))]);
    const encoded = Records.encodeBlock({ header: this.#genesis, payloadBytes: 0 });
    operations.push({ kind: "put", key: Keys.block(GENESIS_HEIGHT), value: encoded });
    const height = Records.encodeHeight(GENESIS_HEIGHT);
    operations.push({ kind: "put", key: Keys.height(Header.hash(this.#genesis)), value: height });
    await this.#store.batch(operations, { sync: true });
  }

  /**
   * STORE-1: appends finalized blocks that follow the tip, with the finalization of the last, its history frontier,
   * transaction index and history tree, all or nothing and durable.
   */
  async append(blocks: readonly FinalBlock[], certificate: Certificate.Certificate, history: History): Promise<void> {
    const last = expectPresent(blocks.at(-1), "a block to append").header;
    const operations: Operation[] = [];
    const hashes = blocks.map((block) => hashBytes(Header.hash(block.header)));
    await HistoryTree.append(this.#historyLog(operations), Number(this.height + HEIGHT_STEP), hashes);
    operations.push(...(await this.#placeTransactions(blocks)));
    for (const block of blocks) this.#putBlock(operations, block);
    const tip = { header: last, certificate, history };
    operations.push({ kind: "put", key: Keys.tip, value: Records.encodeTip(tip) });
    const encoded = Records.encodeCertificate(certificate);
    operations.push({ kind: "put", key: Keys.finalization(last.height), value: encoded });
    operations.push({ kind: "put", key: certificateKey(certificate), value: encoded });
    await this.#dropCandidates(operations, certificate.vote.epoch, certificate.vote.view, blocks);
    await this.#store.batch(operations, { sync: true });
    this.#tip = tip;
  }

  #putBlock(operations: Operation[], { header, payloadLengthBytes }: FinalBlock): void {
    const hash = Header.hash(header);
    const encoded = Records.encodeBlock({ header, payloadBytes: payloadLengthBytes });
    operations.push({ kind: "put", key: Keys.block(header.height), value: encoded });
    operations.push({ kind: "put", key: Keys.height(hash), value: Records.encodeHeight(header.height) });
    if (Header.isHandover(header)) {
      operations.push({ kind: "put", key: Keys.handover(header.epoch), value: Records.encodeHeight(header.height) });
    }
  }

  /**
   * STORE-2: the place of a transaction is its first one: a later block that repeats it does not move it. What
   * is too much for one batch goes ahead of the blocks and shows only once they are here: what a crash leaves between
   * is written again, the same. Returns what belongs into the batch of the blocks.
   */
  async #placeTransactions(blocks: readonly FinalBlock[]): Promise<Operation[]> {
    const places: { readonly key: Uint8Array; readonly value: Uint8Array }[] = [];
    for (const { header, namespaces } of blocks) {
      for (const { namespace, hashes } of namespaces) {
        for (const [index, hash] of hashes.entries()) {
          const value = Records.encodePlace({ height: header.height, index });
          places.push({ key: Keys.transaction(namespace, hash), value });
        }
      }
    }
    const placed = new Set<string>();
    let operations: Operation[] = [];
    for (let at = 0; at < places.length; at += PLACES_BATCH_MAX) {
      const some = places.slice(at, at + PLACES_BATCH_MAX);
      const known = await Promise.all(some.map(({ key }) => this.#store.get(key)));
      if (operations.length > 0) await this.#store.batch(operations, { sync: true });
      operations = [];
      for (const [index, { key, value }] of some.entries()) {
        const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
        if (known[index] !== undefined || placed.has(text)) continue;
        placed.add(text);
        operations.push({ kind: "put", key, value });
      }
    }
    return operations;
  }

  /** STORE-3: payloads of views that have passed: those of final blocks stay, the others go. */
  async #dropCandidates(
    operations: Operation[],
    epoch: Epoch,
    view: View,
    blocks: readonly FinalBlock[],
  ): Promise<void> {
    const final = new Set(blocks.map((block) => Header.hash(block.header)));
    const range = { start: Keys.tableStart("u"), end: Keys.candidatesFrom(epoch, View(view + 1n)) };
    for await (const { key } of this.#store.range(range)) {
      operations.push({ kind: "delete", key });
      const hash = Keys.hashOfCandidate(key);
      if (!final.has(hash) && (await this.heightOf(hash)) === undefined) {
        operations.push({ kind: "delete", key: Keys.payload(hash) });
      }
    }
  }

  #historyLog(operations: Operation[]): HistoryTree.HashLog {
    const written = new Map<number, Uint8Array>();
    return {
      read: (positions) =>
        Promise.all(
          positions.map(async (position) => {
            const node = written.get(position) ?? (await this.#store.get(Keys.historyNode(position)));
            return expectPresent(node, `history node ${String(position)}`);
          }),
        ),
      write: (position, hashes) => {
        for (const [i, value] of hashes.entries()) {
          written.set(position + i, value);
          operations.push({ kind: "put", key: Keys.historyNode(position + i), value });
        }
        return Promise.resolve();
      },
    };
  }

  /** Inclusion proof of the block at `height` in the history tree of `size` leaves. */
  async historyPath(height: Height, size: bigint): Promise<Uint8Array[] | undefined> {
    if (height >= size || size > this.height + HEIGHT_STEP) return undefined;
    return HistoryTree.prove(this.#historyLog([]), Number(height), Number(size));
  }

  /** Keeps the payload of a block that is built or certified, durable when it resolves. */
  async saveCandidate(epoch: Epoch, view: View, hash: Hash, payload: Uint8Array): Promise<void> {
    const operations: Operation[] = [
      { kind: "put", key: Keys.payload(hash), value: payload },
      { kind: "put", key: Keys.candidate(epoch, view, hash), value: new Uint8Array(0) },
    ];
    await this.#store.batch(operations, { sync: true });
    this.#noteSaved(hash);
  }

  /** Keeps payloads of blocks that are known to be final, durable when it resolves. */
  async savePayloads(payloads: readonly { readonly hash: Hash; readonly payload: Uint8Array }[]): Promise<void> {
    const operations = payloads.map(({ hash, payload }): Operation => {
      return { kind: "put", key: Keys.payload(hash), value: payload };
    });
    await this.#store.batch(operations, { sync: true });
  }

  /** Whether this process saved the payload not long ago: it need not be read to know that it is there. */
  hasSaved(hash: Hash): boolean {
    return this.#saved.has(hash);
  }

  #noteSaved(hash: Hash): void {
    this.#saved.add(hash);
    for (const oldest of this.#saved) {
      if (this.#saved.size <= SAVED_MAX) break;
      this.#saved.delete(oldest);
    }
  }

  async saveCertificates(certificates: readonly Certificate.Certificate[], sync: boolean): Promise<void> {
    const operations = certificates.map((certificate): Operation => {
      return { kind: "put", key: certificateKey(certificate), value: Records.encodeCertificate(certificate) };
    });
    if (operations.length > 0) await this.#store.batch(operations, { sync });
  }

  async certificate(epoch: Epoch, view: View, kind: VoteKind): Promise<Certificate.Certificate | undefined> {
    const bytes = await this.#store.get(Keys.certificate(epoch, view, kind));
    return bytes === undefined ? undefined : Records.decodeCertificate(bytes);
  }

  async blockAt(height: Height): Promise<Records.StoredBlock | undefined> {
    const bytes = await this.#store.get(Keys.block(height));
    return bytes === undefined ? undefined : Records.decodeBlock(bytes);
  }

  /** The blocks from one height to another that are here, ascending. */
  async *blocks(from: Height, to: Height): AsyncGenerator<Records.StoredBlock> {
    const range = { start: Keys.block(from), end: Keys.block(Height(to + 1n)) };
    for await (const { value } of this.#store.range(range)) yield Records.decodeBlock(value);
  }

  /** Height of a final block. */
  async heightOf(hash: Hash): Promise<Height | undefined> {
    const bytes = await this.#store.get(Keys.height(hash));
    return bytes === undefined ? undefined : Records.decodeHeight(bytes);
  }

  /** Payload bytes of a final, certified or own block. */
  payload(hash: Hash): Promise<Uint8Array | undefined> {
    return this.#store.get(Keys.payload(hash));
  }

  /** The finalization with the lowest height in [from, to], or the highest. */
  async finalization(from: Height, to: Height, highest: boolean): Promise<FinalizationAt | undefined> {
    const range = {
      start: Keys.finalization(from),
      end: Keys.finalization(Height(to + 1n)),
      reverse: highest,
      limit: 1,
    };
    for await (const { key, value } of this.#store.range(range)) {
      return { height: Height(Keys.numberOf(key)), certificate: Records.decodeCertificate(value) };
    }
    return undefined;
  }

  async handoverHeight(epoch: Epoch): Promise<Height | undefined> {
    const bytes = await this.#store.get(Keys.handover(epoch));
    return bytes === undefined ? undefined : Records.decodeHeight(bytes);
  }

  async transaction(namespace: NamespaceId, hash: Hash): Promise<Records.Place | undefined> {
    const bytes = await this.#store.get(Keys.transaction(namespace, hash));
    const place = bytes === undefined ? undefined : Records.decodePlace(bytes);
    return place === undefined || place.height > this.height ? undefined : place;
  }

  async saveCommittee(committee: Committee.Committee): Promise<void> {
    const operation: Operation = {
      kind: "put",
      key: Keys.committee(committee.id),
      value: Records.encodeCommittee(committee),
    };
    await this.#store.batch([operation], { sync: true });
  }

  async committee(id: CommitteeId): Promise<Committee.Committee | undefined> {
    const bytes = await this.#store.get(Keys.committee(id));
    return bytes === undefined ? undefined : Records.decodeCommittee(bytes);
  }

  /** ACC-1: keeps evidence for ever, once. Returns whether it was new. */
  async saveEvidence(evidence: Evidence.Evidence): Promise<boolean> {
    const value = Records.encodeEvidence(evidence);
    const hash = keccakHash(value);
    if (this.#evidenceCount >= EVIDENCE_MAX || (await this.#store.get(Keys.evidenceByHash(hash))) !== undefined) {
      return false;
    }
    const number = this.#evidenceCount;
    this.#evidenceCount += 1;
    const operations: Operation[] = [
      { kind: "put", key: Keys.evidence(number), value },
      { kind: "put", key: Keys.evidenceByHash(hash), value: new Uint8Array(0) },
    ];
    await this.#store.batch(operations, { sync: true });
    return true;
  }

  async evidence(from: number, limit: number): Promise<EvidenceAt[]> {
    const found: EvidenceAt[] = [];
    const range = { start: Keys.evidence(from), end: Keys.tableEnd("e"), limit };
    for await (const { key, value } of this.#store.range(range)) {
      found.push({ number: Number(Keys.numberOf(key)), evidence: Records.decodeEvidence(value) });
    }
    return found;
  }

  /** STORE-4: deletes payloads in [from, below): headers, certificates and index stay. */
  async prunePayloads(from: Height, below: Height): Promise<void> {
    const operations: Operation[] = [];
    for (let at = from; at < below && operations.length < APPEND_BLOCKS_MAX; at = Height(at + 1n)) {
      const block = await this.blockAt(at);
      if (block !== undefined) operations.push({ kind: "delete", key: Keys.payload(Header.hash(block.header)) });
    }
    if (operations.length > 0) await this.#store.batch(operations, { sync: false });
  }
}

export interface FinalizationAt {
  readonly height: Height;
  readonly certificate: Certificate.Certificate;
}

export interface EvidenceAt {
  readonly number: number;
  readonly evidence: Evidence.Evidence;
}

function certificateKey(certificate: Certificate.Certificate): Uint8Array {
  const { epoch, view, kind } = certificate.vote;
  return Keys.certificate(epoch, view, kind);
}
