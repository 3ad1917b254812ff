import * as Mempool from "../mempool/mempool.ts";
import type { PeerId } from "../network/transport.ts";
import * as Header from "../protocol/Header.ts";
import { GENESIS_HEIGHT, Height } from "../protocol/scalars.ts";
import type { CancelTimer } from "../runtime/clock.ts";
import type { Finalizer } from "./finalizer.ts";
import type { JournalKeeper } from "./journalKeeper.ts";
import type { Kernel } from "./kernel.ts";
import type { AppliedResume } from "./l1View.ts";
import { membership } from "./membership.ts";
import { HEADERS_MAX } from "./message.ts";
import { keysOf, openPayload, type NamespaceHashes } from "./openedPayload.ts";
import type { StoredBlock, TakenResume } from "./records.ts";

/** How long a peer has to give headers of the branch that L1 resumed. */
export const SEEK_MS = 1_000;
/** Headers of that branch that are held until they join the own chain: a longer way is gone from an empty directory. */
export const BRANCH_MAX = 16_384;

/**
 * RESUME-5 to RESUME-8: an applied resume takes the place of a handover. If its block is final here, what lies above is
 * taken away and its epoch begins; if not, its branch is fetched from it down to the own chain. The branch needs no
 * certificates: hashes lead from each block to the one that L1 names.
 */
export class Takeover {
  readonly #kernel: Kernel;
  readonly #finalizer: Finalizer;
  readonly #journal: JournalKeeper;
  #isAtWork = false;
  #branch: Header.Header[] = [];
  #asked: PeerId | undefined;
  #attempts = 0;
  #timer: CancelTimer | undefined;

  constructor(kernel: Kernel, finalizer: Finalizer, journal: JournalKeeper) {
    this.#kernel = kernel;
    this.#finalizer = finalizer;
    this.#journal = journal;
  }

  /** The oldest applied resume after those that were taken. */
  next(): AppliedResume | undefined {
    const taken = new Set(this.#kernel.chain.resumes.map(({ epoch, block }) => `${String(epoch)} ${block}`));
    const applied = this.#kernel.ports.l1.resumes();
    const last = applied.findLastIndex(({ epoch, block }) => taken.has(`${String(epoch)} ${block}`));
    return applied[last + 1];
  }

  get isDue(): boolean {
    return this.next() !== undefined;
  }

  close(): void {
    this.#timer?.();
  }

  /** Looks whether a resume waits, and takes it as far as that goes now. Called whenever L1 or the own chain moved. */
  async follow(): Promise<void> {
    const resume = this.next();
    if (resume === undefined || this.#isAtWork || !this.#kernel.isRunning()) return;
    this.#isAtWork = true;
    try {
      const { chain } = this.#kernel;
      if (await this.#holds(resume)) await this.#take(resume);
      // Far behind, state sync goes on in the own epoch first.
      else if (resume.height <= chain.height + BigInt(HEADERS_MAX)) this.#seek(resume);
    } finally {
      this.#isAtWork = false;
    }
    if (this.isDue && this.#timer === undefined && this.#kernel.isRunning()) this.#again();
  }

  #again(): void {
    this.#timer = this.#kernel.ports.clock.setTimer(SEEK_MS, () => {
      this.#timer = undefined;
      this.follow().catch((error: unknown) => {
        this.#kernel.fail(error);
      });
    });
  }

  async #holds({ block }: AppliedResume): Promise<boolean> {
    const height = await this.#kernel.chain.heightOf(block);
    return height !== undefined && height <= this.#kernel.chain.height;
  }

  /** From here until the resumed epoch begins the core hears nothing. */
  async #take(resume: AppliedResume): Promise<void> {
    const kernel = this.#kernel;
    const committee = await kernel.committee(resume.committee);
    if (committee === undefined || !kernel.isRunning()) return;
    kernel.suspend();
    await this.#finalizer.abandon();
    await this.#rollback(resume.height);
    const taken: TakenResume = { ...resume, journalFrom: await this.#journal.durableEnd() };
    await kernel.chain.takeResume(taken);
    await this.#journal.leaveBehind();
    if (!kernel.isRunning()) return;
    this.#branch = [];
    kernel.ports.logger.warn("the chain goes on by a resume", { ...resume });
    kernel.enterResumed(taken, committee);
  }

  async #rollback(to: Height): Promise<void> {
    const { chain, mempool } = this.#kernel;
    await chain.rollback(to, async (block) => {
      const namespaces = await this.#transactionsOf(block);
      Mempool.forgetIncluded(mempool, keysOf({ namespaces }));
      return namespaces;
    });
  }

  async #transactionsOf({ header }: StoredBlock): Promise<readonly NamespaceHashes[]> {
    const bytes = await this.#kernel.chain.payload(Header.hash(header));
    if (bytes === undefined) return [];
    return openPayload(bytes, header.namespaces, this.#kernel.options.config.limits)?.namespaces ?? [];
  }

  /** Asks one connected peer after the other for the headers below what is held of the branch. */
  #seek(resume: AppliedResume): void {
    const { transport } = this.#kernel.ports;
    const peers = transport.peers().filter(({ connected, id }) => connected && id !== transport.self);
    const peer = peers[this.#attempts % Math.max(1, peers.length)];
    this.#attempts += 1;
    if (peer === undefined) return;
    const lowest = this.#branch.at(-1);
    const block = lowest?.parent ?? resume.block;
    const height = lowest === undefined ? resume.height : Height(lowest.height - 1n);
    this.#asked = peer.id;
    this.#kernel.send(peer.id, { type: "ancestors-request", block, height, above: GENESIS_HEIGHT });
  }

  /** Whether the headers were asked for here. */
  takeHeaders(from: PeerId, headers: readonly Header.Header[]): boolean {
    const resume = this.next();
    if (this.#asked !== from || resume === undefined) return false;
    this.#asked = undefined;
    this.#extend(from, resume, headers).catch((error: unknown) => {
      this.#kernel.fail(error);
    });
    return true;
  }

  async #extend(from: PeerId, resume: AppliedResume, headers: readonly Header.Header[]): Promise<void> {
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    try {
      for (const header of headers) {
        const expected = this.#branch.at(-1)?.parent ?? resume.block;
        if (Header.hash(header) !== expected || this.#branch.length >= BRANCH_MAX) break;
        this.#branch.push(header);
        const joint = await this.#kernel.chain.heightOf(header.parent);
        if (joint === undefined) continue;
        await this.#adopt(joint, from);
        break;
      }
    } finally {
      this.#isAtWork = false;
    }
    if (this.isDue) await this.follow();
  }

  /** Goes over to the branch above the block at `joint`, which both have. */
  async #adopt(joint: Height, source: PeerId): Promise<void> {
    const kernel = this.#kernel;
    const branch = this.#branch.toReversed();
    this.#branch = [];
    kernel.suspend();
    await this.#finalizer.abandon();
    await this.#rollback(joint);
    for (const header of branch) {
      const committee = await kernel.committee(header.committee);
      if (committee === undefined || !kernel.isRunning()) return;
      const made = membership(header.epoch, committee, kernel.options.config, undefined);
      await this.#finalizer.add([header], undefined, made, source);
    }
  }
}
