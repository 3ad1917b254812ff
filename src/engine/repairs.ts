import { toHex } from "../codec/hex.ts";
import type { Hash } from "../crypto/hash.ts";
import { shardLayout } from "../dispersal/shardLayout.ts";
import type { PeerId } from "../network/transport.ts";
import * as ClusterConfig from "../protocol/ClusterConfig.ts";
import * as Header from "../protocol/Header.ts";
import { EMPTY_NAMESPACES } from "../protocol/NamespaceTable.ts";
import { GENESIS_HEIGHT, Height } from "../protocol/scalars.ts";
import type { CancelTimer } from "../runtime/clock.ts";
import * as Keys from "./chainKeys.ts";
import type { Kernel } from "./kernel.ts";
import { openPayload } from "./openedPayload.ts";
import type { PayloadFetcher } from "./payloadFetcher.ts";
import type { Place } from "./records.ts";

/** Pause between two passes. */
export const PASS_MS = 500;
/** Lost rows that one pass asks for, of each kind, and heights that it looks at. */
export const ASKED_MAX = 64;
/** Rows that one pass reads to see whether they are still good. */
export const SCRUBBED_ROWS = 128;
/** Blocks that one pass looks through for lost places of transactions. */
const SEARCHED_BLOCKS = 64n;

/**
 * Brings back what the disk lost (HEAL-3): headers by the parent hash that their child names, payloads by their
 * commitment, both from peers that nobody has to trust; places of transactions by a walk through the payloads. And reads
 * the whole store once after every start, slowly: damage is found before it is needed (HEAL-4).
 */
export class Repairs {
  readonly #kernel: Kernel;
  readonly #fetcher: PayloadFetcher;
  /** Headers that are asked for, by hash. */
  readonly #wanted = new Set<Hash>();
  readonly #fetching = new Set<Hash>();
  #cancel: CancelTimer | undefined;
  #turn = 0;
  #scrubKey: Uint8Array | undefined = Uint8Array.of(0);
  #scrubHeight = 1n;
  #searchHeight = 1n;

  constructor(kernel: Kernel, fetcher: PayloadFetcher) {
    this.#kernel = kernel;
    this.#fetcher = fetcher;
  }

  /** Rows that are still missing. */
  get lost(): number {
    return this.#kernel.chain.lost.size;
  }

  start(): void {
    this.#cancel = this.#kernel.ports.clock.setTimer(PASS_MS, () => {
      this.#pass().then(
        () => {
          if (this.#kernel.isRunning()) this.start();
        },
        (error: unknown) => {
          this.#kernel.fail(error);
        },
      );
    });
  }

  async #pass(): Promise<void> {
    const { lost } = this.#kernel.chain;
    await this.#scrub();
    if (lost.heights.size > 0) await this.#askHeaders();
    if (lost.payloads.size > 0) await this.#fetchPayloads();
    if (lost.places.size > 0) await this.#searchPlaces();
  }

  /** One pass over everything: each row is read, and each height has to have its block and its payload. */
  async #scrub(): Promise<void> {
    const { chain } = this.#kernel;
    if (this.#scrubKey !== undefined) this.#scrubKey = await chain.readRows(this.#scrubKey, SCRUBBED_ROWS);
    const to = least(chain.height, this.#scrubHeight + BigInt(ASKED_MAX) - 1n);
    for (; this.#scrubHeight <= to && this.#kernel.isRunning(); this.#scrubHeight++) {
      const height = Height(this.#scrubHeight);
      const block = await chain.blockAt(height);
      if (block === undefined) chain.lost.noteHeight(height);
      else if (this.#isKept(block.header) && (await chain.payload(Header.hash(block.header))) === undefined) {
        chain.lost.notePayload(Header.hash(block.header));
      }
    }
  }

  #isKept({ height, namespaces }: Header.Header): boolean {
    const kept = this.#kernel.options.payloadRetentionHeights;
    if (namespaces === EMPTY_NAMESPACES) return false;
    return kept === undefined || height >= this.#kernel.chain.height - kept;
  }

  /** A run of lost headers is asked for at once, from the only one whose child is here to name it. */
  async #askHeaders(): Promise<void> {
    const { chain } = this.#kernel;
    const { heights } = chain.lost;
    for (const height of heights) if (height > chain.height) heights.delete(height);
    this.#wanted.clear();
    const highest = [...heights].filter((height) => !heights.has(Height(height + 1n)));
    for (const height of highest.slice(0, ASKED_MAX)) {
      if ((await chain.blockAt(height)) !== undefined) {
        heights.delete(height);
        continue;
      }
      const hash = await this.#hashByChild(height);
      // The child is lost as well, and nobody has met that yet.
      if (hash === undefined) chain.lost.noteHeight(Height(height + 1n));
      const peer = this.#nextPeer();
      if (hash === undefined || peer === undefined) continue;
      this.#wanted.add(hash);
      let above = height - 1n;
      while (heights.has(Height(above))) above -= 1n;
      this.#kernel.send(peer, { type: "ancestors-request", block: hash, height, above: Height(above) });
    }
  }

  async #hashByChild(height: Height): Promise<Hash | undefined> {
    const { chain } = this.#kernel;
    const child = Height(height + 1n);
    if (chain.tip?.header.height === child) return chain.tip.header.parent;
    return (await chain.blockAt(child))?.header.parent;
  }

  #nextPeer(): PeerId | undefined {
    const peers = this.#kernel.ports.transport.peers().filter(({ connected }) => connected);
    this.#turn += 1;
    return peers[this.#turn % Math.max(1, peers.length)]?.id;
  }

  /** Takes headers that were asked for here, each named by the one before; whether it was some of those. */
  takeHeaders(headers: readonly Header.Header[]): boolean {
    const [first] = headers;
    if (first === undefined || this.#wanted.size === 0 || !this.#wanted.delete(Header.hash(first))) return false;
    this.#restoreRun(headers).catch((error: unknown) => {
      this.#kernel.fail(error);
    });
    return true;
  }

  async #restoreRun(headers: readonly Header.Header[]): Promise<void> {
    const { chain, ports } = this.#kernel;
    let child: Header.Header | undefined;
    for (const header of headers) {
      const isNamed = child === undefined || child.parent === Header.hash(header);
      if (!isNamed || !chain.lost.heights.has(header.height) || !this.#kernel.isRunning()) return;
      await this.#restore(header);
      ports.logger.warn("a damaged block was brought back from a peer", { height: header.height });
      child = header;
    }
  }

  async #restore(header: Header.Header): Promise<void> {
    const { chain } = this.#kernel;
    await chain.restoreBlock(header);
    chain.lost.heights.delete(header.height);
    // Without its header a lost payload could not be known for one of the chain.
    const hash = Header.hash(header);
    if (this.#isKept(header) && (await chain.payload(hash)) === undefined) chain.lost.notePayload(hash);
  }

  async #fetchPayloads(): Promise<void> {
    const { chain } = this.#kernel;
    for (const hash of [...chain.lost.payloads].slice(0, ASKED_MAX)) {
      if (this.#fetching.has(hash)) continue;
      const height = await chain.heightOf(hash);
      const header = height === undefined ? undefined : (await chain.blockAt(height))?.header;
      if (height === undefined) {
        // Of a block that is not final: if it becomes so its payload is asked for then.
        chain.lost.payloads.delete(hash);
      } else if (header !== undefined) {
        this.#fetching.add(hash);
        this.#fetchPayload(header, hash).catch((error: unknown) => {
          this.#kernel.fail(error);
        });
      }
    }
  }

  async #fetchPayload(header: Header.Header, hash: Hash): Promise<void> {
    const { chain, options, ports } = this.#kernel;
    try {
      // Its row may be lost, too: then L1 has it.
      const committee = await this.#kernel.committee(header.committee);
      const peers = ports.transport.peers().flatMap(({ id, connected }) => (connected ? [id] : []));
      if (committee === undefined || peers.length === 0) return;
      const weights = committee.members.map(({ weight }) => weight);
      const layout = shardLayout(weights, ClusterConfig.shardCount(options.config, weights.length));
      // What every peer lacks may have been pruned everywhere: one round, and again in the next process.
      const isGone = (missing: ReadonlySet<PeerId>): boolean => peers.every((peer) => missing.has(peer));
      const fetched = await this.#fetcher.fetch({ header, layout, peers, isGone });
      if (fetched === undefined || !this.#kernel.isRunning()) return;
      if (fetched !== "gone") {
        await chain.savePayloads([{ hash, payload: fetched.bytes }]);
        // A header that came back before its payload did not know how long that is.
        await chain.restoreBlock(header);
      }
      chain.lost.payloads.delete(hash);
      const outcome = fetched === "gone" ? "is gone everywhere" : "was brought back from a peer";
      ports.logger.warn(`a damaged payload ${outcome}`, { height: header.height });
    } finally {
      this.#fetching.delete(hash);
    }
  }

  /** STORE-2: the first block that has it counts, so the walk begins at the first. */
  async #searchPlaces(): Promise<void> {
    const { chain, options } = this.#kernel;
    const { places } = chain.lost;
    const found: (readonly [Uint8Array, Place])[] = [];
    const to = least(chain.height, this.#searchHeight + SEARCHED_BLOCKS - 1n);
    for (; this.#searchHeight <= to; this.#searchHeight++) {
      const block = await chain.blockAt(Height(this.#searchHeight));
      const bytes = block === undefined ? undefined : await chain.payload(Header.hash(block.header));
      if (block === undefined || bytes === undefined) continue;
      const opened = openPayload(bytes, block.header.namespaces, options.config.limits);
      for (const { namespace, hashes } of opened?.namespaces ?? []) {
        for (const [index, hash] of hashes.entries()) {
          const key = Keys.transaction(namespace, hash);
          if (places.delete(toHex(key))) found.push([key, { height: block.header.height, index }]);
        }
      }
    }
    if (found.length > 0) await chain.restorePlaces(found);
    if (this.#searchHeight <= chain.height) return;
    // Seen everything: what is left is of no final block, or of one whose payload is not back yet.
    this.#searchHeight = GENESIS_HEIGHT + 1n;
    if (chain.lost.payloads.size === 0) places.clear();
  }

  close(): void {
    this.#cancel?.();
  }
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
