import { concatBytes } from "../codec/hex.ts";
import { hashBytes, type Hash } from "../crypto/hash.ts";
import * as HistoryTree from "../lightclient/historyTree.ts";
import type * as Certificate from "../protocol/Certificate.ts";
import type * as Committee from "../protocol/Committee.ts";
import * as Header from "../protocol/Header.ts";
import type { History } from "../protocol/History.ts";
import { GENESIS_HEIGHT, Height, View, type CommitteeId, type Epoch, type NamespaceId } from "../protocol/scalars.ts";
import type { VoteKind } from "../protocol/Vote.ts";
import { expectPresent } from "../runtime/assert.ts";
import { createHealingStore, type Damage } from "../storage/healingStore.ts";
import type { Operation, Store } from "../storage/store.ts";
import { deriveRow } from "./chainHealer.ts";
import * as Keys from "./chainKeys.ts";
import { EvidenceStore } from "./evidenceStore.ts";
import { LostRows } from "./lostRows.ts";
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
/** Blocks that one batch of a rollback takes away. */
export const ROLLBACK_BLOCKS_MAX = 64;
/** Keys that one batch of a clearing takes away. */
const CLEARED_KEYS_MAX = 4_096;

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
  /** What was damaged and must come from peers. */
  readonly lost: LostRows;
  readonly evidenceStore: EvidenceStore;
  /** Candidates whose payload is on the disk. */
  readonly #saved = new Set<Hash>();
  #tip: Records.Tip | undefined;
  #resumes: Records.TakenResume[] = [];

  private constructor(store: Store, genesis: Header.Header, lost: LostRows) {
    this.#store = store;
    this.#genesis = genesis;
    this.lost = lost;
    this.evidenceStore = new EvidenceStore(store);
  }

  /** Damaged rows are healed or set aside as they are met, and reported (HEAL-1). */
  static async open(
    disk: Store,
    genesis: Header.Header,
    onDamage: (damage: Damage) => void = () => undefined,
  ): Promise<ChainStore> {
    const lost = new LostRows();
    const store = createHealingStore(disk, {
      quarantine: Keys.tableStart("q"),
      derive: (key, rows) => deriveRow(rows, genesis, key),
      onDamage: (damage, key) => {
        if (damage.outcome === "lost") lost.note(key);
        onDamage(damage);
      },
    });
    const chain = new ChainStore(store, genesis, lost);
    const stored = (await chain.blockAt(GENESIS_HEIGHT))?.header;
    if (stored !== undefined && Header.hash(stored) !== Header.hash(genesis)) {
      throw new OtherChainError(Header.hash(stored), Header.hash(genesis));
    }
    const tip = await store.get(Keys.tip);
    chain.#tip = tip === undefined ? undefined : Records.decodeTip(tip);
    if (chain.#tip === undefined) await chain.#writeGenesis();
    const taken = store.range({ start: Keys.tableStart("r"), end: Keys.tableEnd("r") });
    for await (const { value } of taken) chain.#resumes.push(Records.decodeResume(value));
    await chain.evidenceStore.open();
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

  /** Resumes that were taken, by ascending epoch. */
  get resumes(): readonly Records.TakenResume[] {
    return this.#resumes;
  }

  /**
   * STORE-1: appends finalized blocks that follow the tip, with the finalization of the last, its history frontier,
   * transaction index and history tree, all or nothing and durable. Without a certificate they are final by a resume.
   */
  async append(
    blocks: readonly FinalBlock[],
    certificate: Certificate.Certificate | undefined,
    history: History,
  ): Promise<void> {
    const last = expectPresent(blocks.at(-1), "a block to append").header;
    const operations: Operation[] = [];
    const hashes = blocks.map((block) => hashBytes(Header.hash(block.header)));
    await HistoryTree.append(this.#historyLog(operations), Number(this.height + HEIGHT_STEP), hashes);
    operations.push(...(await this.#placeTransactions(blocks)));
    for (const block of blocks) this.#putBlock(operations, block);
    const tip = { header: last, certificate, history };
    operations.push({ kind: "put", key: Keys.tip, value: Records.encodeTip(tip) });
    if (certificate !== undefined) {
      const encoded = Records.encodeCertificate(certificate);
      operations.push({ kind: "put", key: Keys.finalization(last.height), value: encoded });
      operations.push({ kind: "put", key: certificateKey(certificate), value: encoded });
      await this.#dropCandidates(operations, certificate.vote.epoch, certificate.vote.view, blocks);
    }
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
        if (this.#isPlaced(known[index]) || placed.has(text)) continue;
        placed.add(text);
        operations.push({ kind: "put", key, value });
      }
    }
    return operations;
  }

  /** A place above the tip is of a block that a crash, or a resume, kept from the chain. */
  #isPlaced(place: Uint8Array | undefined): boolean {
    return place !== undefined && Records.decodePlace(place).height <= this.height;
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
            const node = written.get(position) ?? (await this.#historyNode(position));
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

  /** A row that the database lost without a word follows from the headers, as a damaged one does. */
  async #historyNode(position: number): Promise<Uint8Array | undefined> {
    const key = Keys.historyNode(position);
    return (await this.#store.get(key)) ?? deriveRow(this.#store, this.#genesis, key);
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
    // Nothing of an empty payload can be lost: its table says that it is empty.
    const isEmpty = payload.length === 0;
    await this.#store.batch(operations, { sync: !isEmpty });
    if (!isEmpty) this.#noteSaved(hash);
  }

  /** Keeps payloads of blocks that are known to be final, durable when it resolves. */
  async savePayloads(payloads: readonly { readonly hash: Hash; readonly payload: Uint8Array }[]): Promise<void> {
    const operations = payloads.map(({ hash, payload }): Operation => {
      return { kind: "put", key: Keys.payload(hash), value: payload };
    });
    await this.#store.batch(operations, { sync: true });
  }

  /** Puts back the header of a final block; whoever calls has compared it with its child. */
  async restoreBlock(header: Header.Header): Promise<void> {
    const payload = await this.#store.get(Keys.payload(Header.hash(header)));
    const operations: Operation[] = [];
    this.#putBlock(operations, { header, payloadLengthBytes: payload?.length ?? 0, namespaces: [] });
    await this.#store.batch(operations, { sync: true });
  }

  /** STORE-2: puts back where transactions stand. */
  async restorePlaces(places: readonly (readonly [Uint8Array, Records.Place])[]): Promise<void> {
    const operations = places.map(([key, place]): Operation => {
      return { kind: "put", key, value: Records.encodePlace(place) };
    });
    await this.#store.batch(operations, { sync: true });
  }

  /** Reads rows from `start` on, at most `limit`, so that damage is met; returns where to go on, undefined at the end. */
  async readRows(start: Uint8Array, limit: number): Promise<Uint8Array | undefined> {
    let last: Uint8Array | undefined;
    let count = 0;
    for await (const { key } of this.#store.range({ start, end: Uint8Array.of(0xff), limit })) {
      last = key;
      count += 1;
    }
    return last === undefined || count < limit ? undefined : concatBytes(last, Uint8Array.of(0));
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

  /**
   * RESUME-7: takes away every block above `to`, newest first, in batches after each of which the store is a chain: a
   * crash between leaves a shorter one. `namespacesOf` says what transactions a block has.
   */
  async rollback(
    to: Height,
    namespacesOf: (block: Records.StoredBlock) => Promise<readonly NamespaceHashes[]>,
  ): Promise<void> {
    while (this.height > to) {
      const lowest = this.height - BigInt(ROLLBACK_BLOCKS_MAX);
      await this.#rollbackBatch(Height(lowest > to ? lowest : to), namespacesOf);
    }
  }

  async #rollbackBatch(
    to: Height,
    namespacesOf: (block: Records.StoredBlock) => Promise<readonly NamespaceHashes[]>,
  ): Promise<void> {
    const operations: Operation[] = [];
    const remove = (key: Uint8Array): number => operations.push({ kind: "delete", key });
    for (let at = this.height; at > to; at = Height(at - HEIGHT_STEP)) {
      const block = expectPresent(await this.blockAt(at), `block ${String(at)} below the tip`);
      const hash = Header.hash(block.header);
      for (const { namespace, hashes } of await namespacesOf(block)) {
        for (const transaction of hashes) {
          const place = await this.transaction(namespace, transaction);
          if (place !== undefined && place.height > to) remove(Keys.transaction(namespace, transaction));
        }
      }
      for (const key of [Keys.block(at), Keys.height(hash), Keys.payload(hash), Keys.finalization(at)]) remove(key);
      if (Header.isHandover(block.header)) remove(Keys.handover(block.header.epoch));
    }
    const tip = await this.#tipAt(to);
    if (tip === undefined) remove(Keys.tip);
    else operations.push({ kind: "put", key: Keys.tip, value: Records.encodeTip(tip) });
    await this.#store.batch(operations, { sync: true });
    this.#tip = tip;
  }

  async #tipAt(height: Height): Promise<Records.Tip | undefined> {
    if (height === GENESIS_HEIGHT) return undefined;
    const { header } = expectPresent(await this.blockAt(height), `block ${String(height)} to go back to`);
    const found = await this.finalization(height, height, false);
    const size = height + HEIGHT_STEP;
    const peaks = await HistoryTree.frontier(this.#historyLog([]), Number(size));
    return { header, certificate: found?.certificate, history: { size, peaks } };
  }

  /**
   * RESUME-8: notes that the chain goes on above the tip by a resume. What was left behind and could be mistaken for the
   * opened epoch's goes: its certificates, the payloads of what never became final, the fork.
   */
  async takeResume(taken: Records.TakenResume): Promise<void> {
    const stale = this.#store.range({ start: Keys.certificatesFrom(taken.epoch), end: Keys.tableEnd("v") });
    let operations: Operation[] = [];
    const remove = async (key: Uint8Array): Promise<void> => {
      operations.push({ kind: "delete", key });
      if (operations.length < CLEARED_KEYS_MAX) return;
      await this.#store.batch(operations, { sync: false });
      operations = [];
    };
    for await (const { key } of stale) await remove(key);
    const candidates = this.#store.range({ start: Keys.tableStart("u"), end: Keys.tableEnd("u") });
    for await (const { key } of candidates) {
      const hash = Keys.hashOfCandidate(key);
      if ((await this.heightOf(hash)) === undefined) await remove(Keys.payload(hash));
      await remove(key);
    }
    operations.push({ kind: "delete", key: Keys.fork });
    operations.push({ kind: "put", key: Keys.resume(taken.epoch), value: Records.encodeResume(taken) });
    await this.#store.batch(operations, { sync: true });
    this.#resumes = [...this.#resumes.filter(({ epoch }) => epoch !== taken.epoch), taken];
    this.#resumes.sort((a, b) => Number(a.epoch - b.epoch));
  }

  /** ACC-3: the first fork seen: a node that has seen one signs no more, also after a restart, until a resume ends it. */
  async saveFork(fork: Records.Fork): Promise<void> {
    if (this.#isEnded(fork) || (await this.fork()) !== undefined) return;
    await this.#store.batch([{ kind: "put", key: Keys.fork, value: Records.encodeFork(fork) }], { sync: true });
  }

  async fork(): Promise<Records.Fork | undefined> {
    const bytes = await this.#store.get(Keys.fork);
    const fork = bytes === undefined ? undefined : Records.decodeFork(bytes);
    return fork === undefined || this.#isEnded(fork) ? undefined : fork;
  }

  #isEnded({ theirs }: Records.Fork): boolean {
    return this.#resumes.some(({ epoch }) => epoch > theirs.vote.epoch);
  }

  /** ETH-14: what the light client was when L1 last answered, for a restart while L1 is away. */
  async saveLightClient(state: Records.KnownLightClientState): Promise<void> {
    const value = Records.encodeLightClient(state);
    await this.#store.batch([{ kind: "put", key: Keys.lightClient, value }], { sync: true });
  }

  async lightClient(): Promise<Records.KnownLightClientState | undefined> {
    const bytes = await this.#store.get(Keys.lightClient);
    return bytes === undefined ? undefined : Records.decodeLightClient(bytes);
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

function certificateKey(certificate: Certificate.Certificate): Uint8Array {
  const { epoch, view, kind } = certificate.vote;
  return Keys.certificate(epoch, view, kind);
}
