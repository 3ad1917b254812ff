import type { PeerId } from "../network/transport.ts";
import { markIncluded } from "../mempool/mempool.ts";
import type * as Certificate from "../protocol/Certificate.ts";
import * as Header from "../protocol/Header.ts";
import * as History from "../protocol/History.ts";
import { GENESIS_HEIGHT, Height } from "../protocol/scalars.ts";
import { assert, expectPresent } from "../runtime/assert.ts";
import { APPEND_BLOCKS_MAX, type FinalBlock } from "./chainStore.ts";
import type { Kernel } from "./kernel.ts";
import type { Membership } from "./membership.ts";
import { keysOf, type OpenedPayload } from "./openedPayload.ts";
import type { PayloadFetcher } from "./payloadFetcher.ts";
import { PayloadGatherer } from "./payloadGatherer.ts";

/** Finalizations that wait for payloads or the disk; the core blocks long before (its headers are bounded). */
export const QUEUE_MAX = 65_536;

interface Job {
  readonly headers: readonly Header.Header[];
  /** Of the last; undefined where they are final by a resume. */
  readonly certificate: Certificate.Certificate | undefined;
  /** Which run of the queue it belongs to. */
  readonly run: number;
  readonly membership: Membership;
  /** Payloads that were in memory when the blocks became final. */
  readonly opened: ReadonlyMap<string, OpenedPayload>;
  /** Whom to ask first for what is missing. */
  readonly source: PeerId | undefined;
}

/** Brings final blocks into the store, one batch after the other, each with its payload (STORE-1). */
export class Finalizer {
  readonly #kernel: Kernel;
  readonly #fetcher: PayloadFetcher;
  readonly #gatherer: PayloadGatherer;
  readonly #onAppended: (tip: Header.Header) => void;
  readonly #genesisHistory: History.History;
  #turn: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  #queued = 0;
  #unknown = 0;
  #run = 0;

  constructor(
    kernel: Kernel,
    fetcher: PayloadFetcher,
    genesis: Header.Header,
    onAppended: (tip: Header.Header) => void,
  ) {
    this.#kernel = kernel;
    this.#fetcher = fetcher;
    this.#gatherer = new PayloadGatherer(kernel, fetcher);
    this.#onAppended = onAppended;
    this.#genesisHistory = History.append(History.EMPTY, Header.hash(genesis));
  }

  get queued(): number {
    return this.#queued;
  }

  /** Whether some final block is not stored yet whose transactions nobody here knows. */
  get hasUnknownPayloads(): boolean {
    return this.#unknown > 0;
  }

  /** Frontier over everything stored. */
  history(): History.History {
    return this.#kernel.chain.tip?.history ?? this.#genesisHistory;
  }

  /**
   * Headers ascending, all final by `certificate` of the last, or without one by a resume. Resolves when they are stored,
   * or when the queue was abandoned.
   */
  add(
    headers: readonly Header.Header[],
    certificate: Certificate.Certificate | undefined,
    membership: Membership,
    source?: PeerId,
  ): Promise<void> {
    assert(headers.length <= APPEND_BLOCKS_MAX * 8, "headers of one finalization are bounded by the core");
    assert(this.#queued < QUEUE_MAX, "finalizations wait in bounded number");
    const opened = new Map<string, OpenedPayload>();
    for (const header of headers) {
      const held = this.#kernel.keeper.opened(Header.hash(header));
      if (held !== undefined) opened.set(Header.hash(header), held);
    }
    this.#queued += 1;
    const isUnknown = opened.size < headers.length;
    if (isUnknown) this.#unknown += 1;
    const job: Job = { headers, certificate, membership, opened, source, run: this.#run };
    this.#turn = this.#turn
      .then(() => this.#store(job))
      .catch((error: unknown) => {
        this.#kernel.fail(error);
      })
      .finally(() => {
        if (job.run !== this.#run) return;
        this.#queued -= 1;
        if (isUnknown) this.#unknown -= 1;
      });
    return this.#turn;
  }

  /** RESUME-7: drops what waits; nothing is on its way to the disk when it resolves. */
  async abandon(): Promise<void> {
    this.#run += 1;
    this.#queued = 0;
    this.#unknown = 0;
    this.#fetcher.close();
    this.#turn = Promise.resolve();
    await this.#writing;
  }

  /** Resolves when everything added so far is stored. */
  settled(): Promise<void> {
    return this.#turn;
  }

  /** Resolves when no batch is on its way to the disk; unlike `settled` it waits for no payload. */
  written(): Promise<void> {
    return this.#writing;
  }

  async #store(job: Job): Promise<void> {
    const { chain, mempool } = this.#kernel;
    const fresh = job.headers.filter((header) => header.height > chain.height);
    const [first] = fresh;
    if (first === undefined || !this.#isCurrent(job)) return;
    assert(first.height === chain.height + 1n, `block ${String(first.height)} must follow ${String(chain.height)}`);
    const opened = await this.#gatherer.gather({ ...job, headers: fresh });
    if (opened === undefined || !this.#isCurrent(job)) return;
    let history = this.history();
    const blocks: FinalBlock[] = [];
    for (const [index, header] of fresh.entries()) {
      const { bytes, namespaces } = expectPresent(opened[index], "payload");
      history = History.append(history, Header.hash(header));
      blocks.push({ header, payloadLengthBytes: bytes, namespaces });
    }
    this.#writing = chain.append(blocks, job.certificate, history);
    await this.#writing;
    for (const block of blocks) markIncluded(mempool, keysOf(block));
    await this.#prune(blocks.length);
    this.#onAppended(expectPresent(fresh.at(-1), "last block"));
  }

  #isCurrent(job: Job): boolean {
    return job.run === this.#run && this.#kernel.isRunning();
  }

  /** The payloads that these many new blocks push out of the retention. */
  async #prune(appended: number): Promise<void> {
    const { chain, options } = this.#kernel;
    const kept = options.payloadRetentionHeights;
    if (kept === undefined || chain.height <= kept) return;
    const below = chain.height - kept;
    const from = below - BigInt(appended) > 0n ? below - BigInt(appended) : GENESIS_HEIGHT;
    await chain.prunePayloads(Height(from), Height(below));
  }
}
