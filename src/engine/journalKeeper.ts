import type { JournalRecord, Persist } from "../consensus/output.ts";
import type * as Certificate from "../protocol/Certificate.ts";
import { View, type Epoch } from "../protocol/scalars.ts";
import type { ChainStore } from "./chainStore.ts";
import * as Journaled from "./journalRecord.ts";
import type { Journal } from "./ports.ts";

/** Certificates that wait for the archive; written out when so many are gathered, or a block is stored. */
export const UNARCHIVED_MAX = 4_096;

/** The write-ahead log of the core: appends records, keeps certificates for ever, forgets what is final. */
export class JournalKeeper {
  readonly #journal: Journal;
  readonly #chain: ChainStore;
  /** Index of the first record of each (epoch, view) that may still be needed, ascending. */
  #marks: { readonly index: number; readonly epoch: Epoch; readonly view: View }[] = [];
  #unarchived: Certificate.Certificate[] = [];

  constructor(journal: Journal, chain: ChainStore) {
    this.#journal = journal;
    this.#chain = chain;
  }

  get marks(): number {
    return this.#marks.length;
  }

  persist(epoch: Epoch, view: View, output: Persist): void {
    const index = this.#journal.append(Journaled.encode(epoch, output.record));
    this.#note(index, epoch, view, output.record);
  }

  #note(index: number, epoch: Epoch, view: View, record: JournalRecord): void {
    const last = this.#marks.at(-1);
    if (last?.epoch !== epoch || last.view !== view) this.#marks.push({ index, epoch, view });
    if (record.type === "certificate" && this.#unarchived.length < UNARCHIVED_MAX) {
      this.#unarchived.push(record.certificate);
    }
  }

  /**
   * Records of `epoch`, oldest first. REC-2: what an earlier process wrote is noted as its own writing was: its votes
   * are needed until their views are final, and its certificates go to the archive too. Records before `from` are of a
   * branch that was left behind (RESUME-8); a journal that ends before `from` was begun after it, in place of one lost.
   */
  async replay(epoch: Epoch, from = 0): Promise<JournalRecord[]> {
    const records: JournalRecord[] = [];
    const start = from > this.#journal.nextIndex ? 0 : from;
    for await (const { index, data } of this.#journal.replay()) {
      if (index < start) continue;
      const journaled = Journaled.decode(data);
      const last = this.#marks.at(-1);
      const reached = last?.epoch === journaled.epoch ? last.view : View(0n);
      const about = viewOf(journaled.record);
      this.#note(index, journaled.epoch, about > reached ? about : reached, journaled.record);
      if (journaled.epoch === epoch) records.push(journaled.record);
    }
    return records;
  }

  /** Index of the next record; all before it are on disk, so that no later process numbers one lower. */
  async durableEnd(): Promise<number> {
    await this.#journal.sync();
    return this.#journal.nextIndex;
  }

  /** RESUME-8: nothing written so far is of the chain that goes on. */
  async leaveBehind(): Promise<void> {
    this.#marks = [];
    this.#unarchived = [];
    await this.#journal.truncateBelow(this.#journal.nextIndex);
  }

  /**
   * The block finalized in `view` is stored: certificates go to the archive, for ever, then records that were written
   * before this node got beyond that view may go.
   */
  async stored(epoch: Epoch, view: View): Promise<void> {
    const certificates = this.#unarchived;
    this.#unarchived = [];
    await this.#chain.saveCertificates(certificates, true);
    const kept = this.#marks.findIndex((mark) => mark.epoch > epoch || (mark.epoch === epoch && mark.view > view));
    if (kept === -1) return;
    const mark = this.#marks[kept];
    this.#marks = this.#marks.slice(kept);
    if (mark !== undefined) await this.#journal.truncateBelow(mark.index);
  }
}

/** The view that a record is about; 0 where it is about none. */
function viewOf(record: JournalRecord): View {
  switch (record.type) {
    case "vote":
      return record.vote.view;
    case "certificate":
      return record.certificate.vote.view;
    case "proposal":
      return record.proposal.view;
    case "proposed":
      return record.view;
    case "header":
    case "verdict":
      return View(0n);
  }
}
