import type { Hash } from "../crypto/hash.ts";
import type { PeerId } from "../network/transport.ts";
import * as Committee from "../protocol/Committee.ts";
import * as Header from "../protocol/Header.ts";
import type { Kernel } from "./kernel.ts";
import type { Membership } from "./membership.ts";
import { openPayload, type NamespaceHashes, type OpenedPayload } from "./openedPayload.ts";
import { WANTED_MAX, type PayloadFetcher } from "./payloadFetcher.ts";

/** Payloads that are gathered side by side: few where they are large, many where they are small. */
export const GATHERED_MIN = 8;
export const GATHERED_MAX = WANTED_MAX / 4;
/** Bytes of payloads that may be in memory at once, as far as their sizes are like those of the ones before. */
const GATHERED_BYTES = 32 * 1024 * 1024;

/** What is kept of a payload once it is in the store. */
export interface Gathered {
  readonly bytes: number;
  readonly namespaces: readonly NamespaceHashes[];
}

/** Blocks that are final, and where their payloads may be. */
export interface Gathering {
  readonly headers: readonly Header.Header[];
  readonly membership: Membership;
  /** Payloads that were in memory when the blocks became final. */
  readonly opened: ReadonlyMap<string, OpenedPayload>;
  /** Whom to ask first for what is missing. */
  readonly source: PeerId | undefined;
}

interface Unsaved {
  readonly hash: Hash;
  readonly payload: Uint8Array;
  readonly saved: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Brings the payloads of final blocks into the store: from memory, from the disk, from peers. What arrives while one
 * batch is on its way to the disk waits for the next, so that a sync is paid for many blocks.
 */
export class PayloadGatherer {
  readonly #kernel: Kernel;
  readonly #fetcher: PayloadFetcher;
  #unsaved: Unsaved[] = [];
  #isSaving = false;
  /** Of the newest payloads, to guess how long the next ones are. */
  #averageBytes = GATHERED_BYTES / GATHERED_MIN;

  constructor(kernel: Kernel, fetcher: PayloadFetcher) {
    this.#kernel = kernel;
    this.#fetcher = fetcher;
  }

  /** In the order of the headers; each is on the disk when this resolves. Undefined if it was given up. */
  async gather(job: Gathering): Promise<Gathered[] | undefined> {
    const { headers } = job;
    const gathered: Gathered[] = [];
    const left = headers.entries();
    const work = async (): Promise<boolean> => {
      for (const [at, header] of left) {
        const found = await this.#obtain(job, header);
        if (found === undefined) return false;
        gathered[at] = found;
      }
      return true;
    };
    const width = Math.floor(GATHERED_BYTES / Math.max(1, this.#averageBytes));
    const workers = Math.min(headers.length, Math.max(GATHERED_MIN, Math.min(GATHERED_MAX, width)));
    const done = await Promise.all(Array.from({ length: workers }, work));
    return done.includes(false) ? undefined : gathered;
  }

  async #obtain(job: Gathering, header: Header.Header): Promise<Gathered | undefined> {
    const { chain, options } = this.#kernel;
    const hash = Header.hash(header);
    const held = job.opened.get(hash);
    if (held !== undefined && chain.hasSaved(hash)) return keep(held);
    const stored = await chain.payload(hash);
    const known = held ?? (stored && openPayload(stored, header.namespaces, options.config.limits));
    const opened = known ?? (await this.#fetch(job, header));
    if (opened === "gone") {
      this.#kernel.ports.logger.warn("the payload of a final block is gone", { height: header.height, hash });
      return { bytes: 0, namespaces: [] };
    }
    if (opened === undefined || !this.#kernel.isRunning()) return undefined;
    this.#averageBytes += (opened.bytes.length - this.#averageBytes) / GATHERED_MIN;
    if (stored === undefined) await this.#save(hash, opened.bytes);
    return keep(opened);
  }

  #fetch({ membership, source }: Gathering, header: Header.Header): ReturnType<PayloadFetcher["fetch"]> {
    const { options, ports } = this.#kernel;
    const { transport } = ports;
    const connected = transport.peers().flatMap((peer) => (peer.connected ? [peer.id] : []));
    const all = new Set([...(source === undefined ? [] : [source]), ...membership.peers, ...connected]);
    all.delete(transport.self);
    const isArchive = options.payloadRetentionHeights === undefined;
    return this.#fetcher.fetch({
      ...{ header, layout: membership.layout, peers: [...all] },
      ...(isArchive ? {} : { isGone: (missing) => isQuorum(membership, missing) }),
    });
  }

  #save(hash: Hash, payload: Uint8Array): Promise<void> {
    return new Promise((saved, failed) => {
      this.#unsaved.push({ hash, payload, saved, failed });
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    if (this.#isSaving) return;
    this.#isSaving = true;
    while (this.#unsaved.length > 0) {
      const batch = this.#unsaved;
      this.#unsaved = [];
      try {
        await this.#kernel.chain.savePayloads(batch);
        for (const { saved } of batch) saved();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#isSaving = false;
  }
}

function keep({ bytes, namespaces }: OpenedPayload): Gathered {
  return { bytes: bytes.length, namespaces };
}

/**
 * SYNC-5: honest members with more than a third of the weight held the payload for its retention time. When members with
 * a quorum say that they lack it, one of those is among them: its time is over.
 */
function isQuorum({ committee, peers }: Membership, missing: ReadonlySet<PeerId>): boolean {
  const weight = committee.members.reduce((sum, member, seat) => {
    const peer = peers[seat];
    return peer !== undefined && missing.has(peer) ? sum + member.weight : sum;
  }, 0n);
  return weight >= Committee.quorum(Committee.totalWeight(committee));
}
