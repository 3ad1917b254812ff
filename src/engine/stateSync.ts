import type { PeerId } from "../network/transport.ts";
import * as Certificate from "../protocol/Certificate.ts";
import * as Header from "../protocol/Header.ts";
import * as History from "../protocol/History.ts";
import { Height, type Epoch } from "../protocol/scalars.ts";
import type { CancelTimer } from "../runtime/clock.ts";
import type { Finalizer } from "./finalizer.ts";
import type { Kernel } from "./kernel.ts";
import { RANGE_HEADERS_MAX, RANGE_MAX, type RangeAnswer } from "./message.ts";

/** A gap of so many blocks is filled from the store of a peer instead of header by header through the core. */
export const SYNC_GAP = 16n;

/** Peers that are doubted at once; the oldest is believed again. */
export const DOUBTED_MAX = 1024;

/** Why a peer's answer does not extend what is final here. */
export type SyncFault = "unlinked" | "wrong-epoch" | "wrong-history" | "wrong-certificate" | "bad-signature";

/**
 * State sync (SYNC-1): asks one peer at a time for final blocks above the own tip. Trusts nobody: each answer must link
 * to the tip by parent and history, stay in the current epoch, and end with a finalization by its committee; payloads
 * are checked against their headers. What was stored is handed to the core as `adopt`; epochs follow one by one.
 */
export class StateSync {
  readonly #kernel: Kernel;
  readonly #finalizer: Finalizer;
  readonly #timeoutMs: number;
  #asked: { readonly peer: PeerId; readonly from: Height } | undefined;
  #cancel: CancelTimer | undefined;
  #isTaking = false;
  /** The highest height that the peer asked last claims to have. */
  #goal: { readonly peer: PeerId; readonly height: Height } | undefined;
  /** Peers whose claims came to nothing since an answer last helped. */
  readonly #doubted = new Set<PeerId>();

  constructor(kernel: Kernel, finalizer: Finalizer, timeoutMs: number) {
    this.#kernel = kernel;
    this.#finalizer = finalizer;
    this.#timeoutMs = timeoutMs;
  }

  get isUnderWay(): boolean {
    return this.#asked !== undefined || this.#isTaking;
  }

  /** Whether some peer is known to have more than is stored here. */
  get isBehind(): boolean {
    return this.isUnderWay || this.#goal !== undefined;
  }

  /** A peer says where it is: worth asking if far ahead, or in a later epoch. */
  noteStatus(peer: PeerId, epoch: Epoch, height: Height): void {
    const { chain } = this.#kernel;
    const current = this.#kernel.state().epoch;
    if (height <= chain.height || this.#doubted.has(peer)) return;
    if (epoch > current || height > chain.height + SYNC_GAP) {
      this.#goal = { peer, height };
      this.ask(peer);
    }
  }

  /** Asks `peer` for what follows the own tip, unless a request is under way. */
  ask(peer: PeerId): void {
    if (this.isUnderWay || !this.#kernel.isRunning()) return;
    // What follows the end of an epoch can be checked only once L1 has shown the next committee: `continue` asks then.
    if (this.#kernel.state().phase !== "running") return;
    const from = Height(this.#kernel.chain.height + 1n);
    this.#asked = { peer, from };
    this.#kernel.send(peer, { type: "range-request", from, count: RANGE_MAX });
    this.#cancel = this.#kernel.ports.clock.setTimer(this.#timeoutMs, () => {
      this.#asked = undefined;
      this.#kernel.ports.transport.penalize(peer, "slow-answer");
      this.#doubt(peer);
    });
  }

  /** SYNC-3: who claims to be ahead and shows nothing must not keep the one request at a time, nor us from voting. */
  #doubt(peer: PeerId): void {
    const goal = this.#goal;
    if (goal?.peer !== peer || goal.height <= this.#kernel.chain.height) return;
    this.#goal = undefined;
    this.#doubted.add(peer);
    for (const oldest of this.#doubted) {
      if (this.#doubted.size <= DOUBTED_MAX) break;
      this.#doubted.delete(oldest);
    }
  }

  /** An answer; one that was not asked for is ignored. */
  async take(peer: PeerId, answer: RangeAnswer): Promise<void> {
    if (this.#asked?.peer !== peer || this.#isTaking) return;
    this.#cancel?.();
    this.#asked = undefined;
    if (answer.certificate === undefined || answer.headers.length === 0) {
      this.#doubt(peer);
      return;
    }
    this.#isTaking = true;
    const before = this.#kernel.chain.height;
    try {
      const fault = await this.#adopt(peer, answer.headers, answer.certificate);
      if (fault !== undefined) {
        this.#kernel.ports.logger.warn("state sync answer refused", { peer, fault });
        // Who is on another branch, or took a resume that was not seen here yet, is no liar for that.
        const isOtherBranch = (fault === "unlinked" || fault === "wrong-epoch") && this.#isResuming();
        this.#kernel.ports.transport.penalize(peer, isOtherBranch ? "slow-answer" : "invalid-message");
        this.#doubt(peer);
        this.#goal = undefined;
      }
    } finally {
      this.#isTaking = false;
    }
    if (this.#kernel.chain.height > before) this.#doubted.clear();
    if (this.#kernel.chain.height > before && this.#kernel.state().phase === "running") this.ask(peer);
    else this.continue();
  }

  /** Goes on while the peer is known to have more; also called when an epoch began. */
  continue(): void {
    const goal = this.#goal;
    if (goal === undefined) return;
    if (goal.height <= this.#kernel.chain.height) this.#goal = undefined;
    else if (this.#kernel.state().phase === "running") this.ask(goal.peer);
  }

  async #adopt(
    peer: PeerId,
    headers: readonly Header.Header[],
    certificate: Certificate.Certificate,
  ): Promise<SyncFault | undefined> {
    const kernel = this.#kernel;
    // What the core finalized by itself comes first: the links are checked against the tip.
    await this.#finalizer.settled();
    const fresh = headers.filter((header) => header.height > kernel.chain.height);
    const last = fresh.at(-1);
    if (last === undefined || !kernel.isRunning()) return undefined;
    const membership = kernel.membership();
    if (kernel.isSuspended()) return undefined;
    const linked = this.#link(fresh, membership.epoch);
    if (linked !== undefined) return linked;
    if (!Certificate.isFinalization(certificate) || certificate.vote.block !== Header.hash(last)) {
      return "wrong-certificate";
    }
    if (certificate.vote.epoch !== membership.epoch) return "wrong-epoch";
    const checked = Certificate.checkWeight(certificate, membership.committee, kernel.options.domain);
    if (!checked.ok) return "wrong-certificate";
    const { keys, digest, signature } = checked.check;
    const verdict = Certificate.conclude(certificate, await kernel.ports.bls.verifyAggregate(keys, digest, signature));
    if (!verdict.ok) return "bad-signature";
    const verified = verdict.certificate;
    if (!Certificate.isFinalization(verified)) return "wrong-certificate";
    // A resume may have been taken while the signature was checked: nothing of before counts then.
    if (kernel.isSuspended() || kernel.membership() !== membership) return undefined;
    await this.#finalizer.add(fresh, verified, membership, peer);
    if (!kernel.isRunning() || kernel.chain.height < last.height) return undefined;
    if (kernel.membership() === membership && kernel.chain.height === last.height) {
      kernel.feed({
        type: "adopt",
        anchor: { header: last, history: this.#finalizer.history(), certificate: verified },
      });
    }
    return undefined;
  }

  /** Whether L1 has, or may soon have, a resume: then two honest chains may differ. */
  #isResuming(): boolean {
    const { l1 } = this.#kernel.ports;
    return l1.resumes().length > 0 || l1.lightClient() !== "live";
  }

  #link(headers: readonly Header.Header[], epoch: Epoch): SyncFault | undefined {
    let history = this.#finalizer.history();
    let parent = this.#kernel.chain.tip?.header ?? this.#kernel.genesis;
    for (const header of headers) {
      if (header.height !== parent.height + 1n || header.parent !== Header.hash(parent)) return "unlinked";
      if (header.epoch !== epoch) return "wrong-epoch";
      if (header.history !== History.root(history)) return "wrong-history";
      history = History.append(history, Header.hash(header));
      parent = header;
    }
    return undefined;
  }

  /** SYNC-2: final blocks from a height on, within one epoch, up to a finalization: the newest that `count` allows. */
  async answer(from: Height, count: number): Promise<RangeAnswer> {
    const { chain } = this.#kernel;
    const first = await chain.blockAt(from);
    if (first === undefined || from > chain.height) return { type: "range", headers: [] };
    const end = await this.#endOf(from, first.header.epoch, Math.max(1, Math.min(count, RANGE_MAX)));
    if (end === undefined) return { type: "range", headers: [] };
    const headers: Header.Header[] = [];
    for await (const { header } of chain.blocks(from, end.height)) {
      if (header.height !== from + BigInt(headers.length)) return { type: "range", headers: [] };
      headers.push(header);
    }
    if (headers.at(-1)?.height !== end.height) return { type: "range", headers: [] };
    return { type: "range", headers, certificate: end.certificate };
  }

  async #endOf(from: Height, epoch: Epoch, count: number): Promise<End | undefined> {
    const { chain } = this.#kernel;
    const handover = await chain.handoverHeight(epoch);
    // RESUME-6: what stands above a resumed block is of another epoch, which had no handover before it.
    const resumed = chain.resumes.find(({ height }) => height >= from)?.height;
    const limit = (height: bigint): Height => {
      const ends = [height, handover, resumed].filter((end) => end !== undefined);
      return Height(ends.reduce((least, end) => (end < least ? end : least)));
    };
    const within = await chain.finalization(from, limit(from + BigInt(count) - 1n), true);
    return within ?? chain.finalization(from, limit(from + BigInt(RANGE_HEADERS_MAX) - 1n), false);
  }

  close(): void {
    this.#cancel?.();
    this.#asked = undefined;
    this.#goal = undefined;
  }
}

interface End {
  readonly height: Height;
  readonly certificate: Certificate.Certificate;
}
