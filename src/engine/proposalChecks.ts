import type { Hash } from "../crypto/hash.ts";
import type * as ClusterConfig from "../protocol/ClusterConfig.ts";
import * as Header from "../protocol/Header.ts";
import { CommitteeId, FIRST_EPOCH, GENESIS_HEIGHT, type Epoch, type View } from "../protocol/scalars.ts";
import type { CancelTimer, Clock } from "../runtime/clock.ts";
import type { L1View } from "./l1View.ts";

/** Proposals that wait for shards, clock or L1: one a view, and only the views a node may still vote in. */
export const CHECKS_MAX = 64;

/** Why a proposal can't be voted for yet. Never a verdict: all of it may pass later (rule 3). */
export type Waiting =
  "shards" | "clock" | "anchor-unseen" | "anchor-differs" | "anchor-lags" | "committee" | "before-start";

interface Pending {
  readonly epoch: Epoch;
  readonly view: View;
  readonly header: Header.Header;
  readonly parent: Header.Header;
  cancel: CancelTimer | undefined;
}

export interface ChecksPorts {
  readonly clock: Clock;
  readonly l1: L1View;
  readonly config: ClusterConfig.ClusterConfig;
  holdsOwnShards(block: Hash): boolean;
  passed(epoch: Epoch, view: View, block: Hash): void;
}

/** CHECK-1: rule 3's checks against own shards, own clock and own L1: a proposal stays pending until all of them pass. */
export class ProposalChecks {
  readonly #ports: ChecksPorts;
  readonly #pending = new Map<string, Pending>();

  constructor(ports: ChecksPorts) {
    this.#ports = ports;
  }

  get pendingChecks(): number {
    return this.#pending.size;
  }

  add(epoch: Epoch, view: View, header: Header.Header, parent: Header.Header): void {
    const key = `${String(epoch)}/${String(view)}/${Header.hash(header)}`;
    const pending = { epoch, view, header, parent, cancel: undefined };
    this.#pending.get(key)?.cancel?.();
    this.#pending.set(key, pending);
    for (const oldest of this.#pending.keys()) {
      if (this.#pending.size <= CHECKS_MAX) break;
      this.#remove(oldest);
    }
    this.#look(key, pending);
  }

  /** Looks again: shards of a block came, or L1 moved (`undefined`: at all of them). */
  again(block?: Hash): void {
    for (const [key, pending] of [...this.#pending]) {
      if (block === undefined || Header.hash(pending.header) === block) this.#look(key, pending);
    }
  }

  /** CHECK-6: votes below the current view are cast no more. */
  enterView(epoch: Epoch, view: View): void {
    for (const [key, pending] of [...this.#pending]) {
      if (pending.epoch < epoch || (pending.epoch === epoch && pending.view < view)) this.#remove(key);
    }
  }

  close(): void {
    for (const key of [...this.#pending.keys()]) this.#remove(key);
  }

  #remove(key: string): void {
    this.#pending.get(key)?.cancel?.();
    this.#pending.delete(key);
  }

  #look(key: string, pending: Pending): void {
    const waiting = this.waitingFor(pending.header, pending.parent);
    if (waiting === undefined) {
      this.#remove(key);
      this.#ports.passed(pending.epoch, pending.view, Header.hash(pending.header));
    } else if (waiting === "clock" && pending.cancel === undefined) {
      const { clock, config } = this.#ports;
      const aheadMs = Number(pending.header.timestamp) - config.maxClockDriftMs - clock.wallMs();
      pending.cancel = clock.setTimer(Math.max(1, Math.min(aheadMs, config.timeoutMaxMs)), () => {
        pending.cancel = undefined;
        this.#look(key, pending);
      });
    }
  }

  /** What the proposal waits for, or undefined when it passes. */
  waitingFor(header: Header.Header, parent: Header.Header): Waiting | undefined {
    const { clock, config } = this.#ports;
    // CHECK-2: at most `maxClockDriftMs` ahead of the own clock.
    if (Number(header.timestamp) > clock.wallMs() + config.maxClockDriftMs) return "clock";
    const l1 = this.#waitingForL1(header, parent);
    if (l1 !== undefined) return l1;
    return this.#ports.holdsOwnShards(Header.hash(header)) ? undefined : "shards";
  }

  #waitingForL1(header: Header.Header, parent: Header.Header): Waiting | undefined {
    const { l1, config } = this.#ports;
    // CHECK-3: the parent's anchor repeated, or one that the own L1 has seen final.
    const repeats = header.l1Number === parent.l1Number && header.l1Hash === parent.l1Hash;
    if (!repeats || parent.height === GENESIS_HEIGHT) {
      const seen = l1.hashAt(header.l1Number);
      if (seen === undefined) return "anchor-unseen";
      if (seen !== header.l1Hash) return "anchor-differs";
    }
    // CHECK-4: the first block is anchored at or after the creation of committee 1.
    if (parent.height === GENESIS_HEIGHT) {
      const created = l1.createdAt(CommitteeId(FIRST_EPOCH));
      if (created === undefined || header.l1Number < created) return "before-start";
    }
    // CHECK-5: a handover names the newest committee at its anchor, and does not lag while L1 is in reach.
    if (!Header.isHandover(header)) return undefined;
    if (l1.newestCommitteeAt(header.l1Number) !== header.nextCommittee) return "committee";
    const finalized = l1.finalized();
    const lags = finalized !== undefined && finalized.number - header.l1Number > BigInt(config.maxAnchorLag);
    return l1.reachable() && lags ? "anchor-lags" : undefined;
  }
}
