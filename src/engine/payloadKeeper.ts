import type { Hash } from "../crypto/hash.ts";
import {
  addShard,
  createCollection,
  disperse,
  payloadOf,
  rebuild,
  shardLength,
  shardsFor,
  type Collection,
  type Dispersal,
  type ShardFault,
  type ShardSet,
} from "../dispersal/dispersal.ts";
import { shardsOfSeat } from "../dispersal/shardLayout.ts";
import type { BlockLimits } from "../protocol/ClusterConfig.ts";
import * as Header from "../protocol/Header.ts";
import type { Epoch, View } from "../protocol/scalars.ts";
import type { CancelTimer, Clock } from "../runtime/clock.ts";
import type { ChainStore } from "./chainStore.ts";
import type { Membership } from "./membership.ts";
import type { Body } from "./message.ts";
import { openPayload, type KnownHash, type OpenedPayload } from "./openedPayload.ts";

/** Blocks whose payload is on the way or not final yet; the oldest views give way. */
export const BLOCKS_MAX = 256;
/** Shard sets of one member for blocks whose header is not here yet. */
export const EARLY_SHARDS_PER_SEAT_MAX = 4;

interface Held {
  readonly hash: Hash;
  readonly view: View;
  readonly header: Header.Header;
  readonly collection: Collection;
  dispersal: Dispersal | undefined;
  opened: OpenedPayload | undefined;
  /** The whole payload came with the proposal, so votes carry no shards. */
  whole: boolean;
  /** `certify` was asked and not answered. */
  wanted: boolean;
  verdict: "valid" | "invalid" | undefined;
  /** Found good and on its way to the disk, or there. */
  saved: Promise<void> | undefined;
  attempts: number;
  cancel: CancelTimer | undefined;
}

export interface KeeperPorts {
  readonly clock: Clock;
  readonly chain: ChainStore;
  readonly limits: BlockLimits;
  /** Payloads up to this many bytes travel whole. */
  readonly inlineBytesMax: number;
  /** First pause before a payload that shards do not give is fetched whole; doubles up to 16 times as long. */
  readonly fetchMs: number;
  /** Asks the member of a seat for a payload. */
  request(seat: number, block: Hash): void;
  certified(epoch: Epoch, block: Hash, verdict: "valid" | "invalid"): void;
  /** Own shards of the block are here: a pending check may pass. */
  arrived(block: Hash): void;
  /** A disk that fails: the node must stop. */
  readonly failed: (error: unknown) => void;
  readonly hashOf: KnownHash;
}

/** Section 6 at work: collects shards, rebuilds, certifies, fetches whole payloads where shards are short. */
export class PayloadKeeper {
  readonly #ports: KeeperPorts;
  readonly #held = new Map<Hash, Held>();
  readonly #early = new Map<number, { readonly block: Hash; readonly set: ShardSet }[]>();
  #membership: Membership;

  constructor(ports: KeeperPorts, membership: Membership) {
    this.#ports = ports;
    this.#membership = membership;
  }

  get heldBlocks(): number {
    return this.#held.size;
  }

  /** Starts over for the committee of a new epoch: nothing unfinished of an older one can become final. */
  enterEpoch(membership: Membership): void {
    this.close();
    this.#membership = membership;
  }

  /** Takes note of a block: shards that came before its header are looked at now. */
  learn(header: Header.Header, view: View): void {
    this.#obtain(header, view);
  }

  isHeld(block: Hash): boolean {
    return this.#held.has(block);
  }

  /** The leader's own block: nothing to collect. It goes to the disk while it goes out: no vote says yet that it is there. */
  keepBuilt(header: Header.Header, view: View, dispersal: Dispersal, opened: OpenedPayload): void {
    const held = this.#obtain(header, view);
    held.dispersal = dispersal;
    held.opened = opened;
    held.whole = opened.bytes.length <= this.#ports.inlineBytesMax;
    this.#save(held, opened);
  }

  /**
   * The own `notarize` of the block is out: what certification will need is done while the others' votes are on their
   * way. Nothing is said before `certify` asks.
   */
  prepare(block: Hash): void {
    const held = this.#held.get(block);
    if (held !== undefined) this.#judge(held, undefined);
  }

  /** After a restart: what was built, or certified and is proposed again, is on disk. */
  async restore(header: Header.Header, view: View): Promise<void> {
    const held = this.#obtain(header, view);
    if (held.dispersal !== undefined) return;
    const stored = await this.#ports.chain.payload(held.hash);
    if (stored !== undefined) this.takeWhole(held.hash, stored, stored.length <= this.#ports.inlineBytesMax);
  }

  /** The body of a proposal whose payload is small enough to travel whole. */
  wholeBody(block: Hash): Body | undefined {
    const held = this.#held.get(block);
    if (held?.dispersal === undefined || !held.whole) return undefined;
    return { kind: "whole", payload: payloadOf(held.dispersal) };
  }

  /** The whole payload, from a proposal or as answer. Returns whether it is the one the header commits to. */
  takeWhole(block: Hash, payload: Uint8Array, withProposal: boolean): boolean {
    const held = this.#held.get(block);
    if (held === undefined) return false;
    if (held.dispersal !== undefined) {
      // DA-6: the right payload is here, so these bytes, which nobody has compared with the commitment, say nothing.
      this.#advance(held, undefined);
      return true;
    }
    const dispersal = disperse(payload, this.#membership.layout);
    if (dispersal.commitment !== held.header.payload) return false;
    held.dispersal = dispersal;
    held.whole = withProposal;
    this.#ports.arrived(block);
    this.#advance(held, payload);
    return true;
  }

  /** Shards with a proposal or a vote. Returns the first fault; faultless shards before it are kept. */
  takeShards(block: Hash, seat: number, set: ShardSet): ShardFault | undefined {
    const held = this.#held.get(block);
    if (held === undefined) return this.#keepEarly(block, seat, set);
    if (held.dispersal !== undefined) return undefined;
    for (const shard of set.shards) {
      const fault = addShard(held.collection, set.payloadLengthBytes, shard);
      if (fault !== undefined) return fault;
    }
    if (this.holdsOwnShards(block)) this.#ports.arrived(block);
    this.#advance(held, undefined);
    return undefined;
  }

  /** DA-9: no more and no longer shards than the member holds of such a payload, so what waits is bounded in bytes. */
  #keepEarly(block: Hash, seat: number, set: ShardSet): ShardFault | undefined {
    const { layout } = this.#membership;
    const expected = shardLength(set.payloadLengthBytes, layout.needed);
    const odd = set.shards.find(({ bytes }) => bytes.length !== expected);
    if (odd !== undefined) return { code: "shard-length", given: odd.bytes.length, expected };
    const total = shardsOfSeat(layout, seat).length;
    if (set.shards.length > total) return { code: "shard-number", given: set.shards.length, total };
    const waiting = this.#early.get(seat) ?? [];
    if (waiting.some((early) => early.block === block)) return undefined;
    waiting.push({ block, set });
    if (waiting.length > EARLY_SHARDS_PER_SEAT_MAX) waiting.shift();
    this.#early.set(seat, waiting);
    return undefined;
  }

  #obtain(header: Header.Header, view: View): Held {
    const hash = Header.hash(header);
    const known = this.#held.get(hash);
    if (known !== undefined) return known;
    const held: Held = {
      hash,
      view,
      header,
      collection: createCollection(header.payload, this.#membership.layout),
      dispersal: undefined,
      opened: undefined,
      whole: false,
      wanted: false,
      verdict: undefined,
      saved: undefined,
      attempts: 0,
      cancel: undefined,
    };
    this.#held.set(hash, held);
    this.#evict();
    for (const [seat, waiting] of this.#early) {
      const mine = waiting.find((early) => early.block === hash);
      if (mine === undefined) continue;
      this.#early.set(
        seat,
        waiting.filter((early) => early !== mine),
      );
      this.takeShards(hash, seat, mine.set);
    }
    return held;
  }

  #evict(): void {
    while (this.#held.size > BLOCKS_MAX) {
      let oldest: Held | undefined;
      for (const held of this.#held.values()) if (oldest === undefined || held.view < oldest.view) oldest = held;
      if (oldest !== undefined) this.#drop(oldest);
    }
  }

  #drop(held: Held): void {
    held.cancel?.();
    held.wanted = false;
    this.#held.delete(held.hash);
  }

  /** Rule 3: whether the shards that this node must hold, and pass on, are here. */
  holdsOwnShards(block: Hash): boolean {
    const held = this.#held.get(block);
    const { seat, layout } = this.#membership;
    if (held === undefined) return false;
    if (held.dispersal !== undefined || seat === undefined) return held.dispersal !== undefined;
    return shardsOfSeat(layout, seat).every((shard) => held.collection.shards.has(shard));
  }

  /** DA-8: what a `notarize` of this node carries; undefined where the payload travelled whole. */
  shardsOf(block: Hash, seat: number): ShardSet | undefined {
    const held = this.#held.get(block);
    if (held === undefined || held.whole) return undefined;
    if (held.dispersal !== undefined) return shardsFor(held.dispersal, seat);
    const shards = shardsOfSeat(this.#membership.layout, seat).map((shard) => held.collection.shards.get(shard));
    const present = shards.filter((shard) => shard !== undefined);
    if (present.length < shards.length) return undefined;
    return { payloadLengthBytes: held.collection.payloadLengthBytes, shards: present };
  }

  /** The payload of a block that is not final yet, once it was found good. */
  opened(block: Hash): OpenedPayload | undefined {
    const held = this.#held.get(block);
    return held?.verdict === "invalid" ? undefined : held?.opened;
  }

  /** `certify`: answers by `certified` as soon as it can, however long that takes (DA-5). */
  certify(header: Header.Header, view: View): void {
    const held = this.#obtain(header, view);
    if (held.wanted) return;
    held.wanted = true;
    if (held.verdict !== undefined) {
      this.#answer(held);
      return;
    }
    this.#advance(held, undefined);
    if (held.saved !== undefined) return;
    void this.#ports.chain.payload(held.hash).then((stored) => {
      if (!held.wanted || held.verdict !== undefined) return;
      if (stored !== undefined && this.takeWhole(held.hash, stored, false)) return;
      this.#scheduleFetch(held);
    }, this.#ports.failed);
  }

  #advance(held: Held, payload: Uint8Array | undefined): void {
    if (held.wanted) this.#judge(held, payload);
  }

  #judge(held: Held, payload: Uint8Array | undefined): void {
    if (held.saved !== undefined || held.verdict !== undefined) return;
    let bytes = payload;
    if (held.dispersal === undefined) {
      const rebuilt = rebuild(held.collection);
      if (rebuilt.outcome === "pending") return;
      if (rebuilt.outcome === "bad-encoding") {
        this.#conclude(held, "invalid");
        return;
      }
      held.dispersal = rebuilt.dispersal;
      bytes = rebuilt.payload;
    }
    bytes ??= payloadOf(held.dispersal);
    const opened = openPayload(bytes, held.header.namespaces, this.#ports.limits, this.#ports.hashOf);
    if (opened === undefined) {
      this.#conclude(held, "invalid");
      return;
    }
    held.opened = opened;
    this.#save(held, opened);
  }

  #save(held: Held, opened: OpenedPayload): void {
    held.saved = this.#ports.chain.saveCandidate(held.header.epoch, held.view, held.hash, opened.bytes).then(() => {
      this.#conclude(held, "valid");
    }, this.#ports.failed);
  }

  #conclude(held: Held, verdict: "valid" | "invalid"): void {
    if (held.verdict !== undefined) return;
    held.verdict = verdict;
    this.#answer(held);
  }

  #answer(held: Held): void {
    if (!held.wanted || held.verdict === undefined) return;
    held.wanted = false;
    held.cancel?.();
    this.#ports.certified(held.header.epoch, held.hash, held.verdict);
  }

  /** DA-7: short of shards, the whole payload is asked for, one member after the other, slower each time. */
  #scheduleFetch(held: Held): void {
    if (!held.wanted || held.verdict !== undefined) return;
    const { peers, seat } = this.#membership;
    held.cancel = this.#ports.clock.setTimer(this.#ports.fetchMs * 2 ** Math.min(held.attempts, 4), () => {
      if (!held.wanted || held.verdict !== undefined) return;
      const asked = (held.header.proposer + held.attempts) % peers.length;
      held.attempts += 1;
      if (asked !== seat) this.#ports.request(asked, held.hash);
      this.#scheduleFetch(held);
    });
  }

  /** A finalization of `view`: nothing at or below it needs to be certified any more. */
  finalized(view: View): void {
    for (const held of [...this.#held.values()]) if (held.view <= view) this.#drop(held);
  }

  close(): void {
    for (const held of [...this.#held.values()]) this.#drop(held);
    this.#early.clear();
  }
}
