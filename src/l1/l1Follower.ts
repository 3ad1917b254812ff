import type { Hash } from "../crypto/hash.ts";
import type * as Committee from "../protocol/Committee.ts";
import { CommitteeId, Epoch, Height, NO_COMMITTEE } from "../protocol/scalars.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { AddressBook } from "./addressBook.ts";
import { isL1Unavailable } from "./l1Errors.ts";
import { lightClientAt, type LightClient } from "./contracts.ts";
import type { L1Block, L1Client } from "./l1Client.ts";
import { createResumeReader, type AppliedResume, type ResumeReader } from "./resumeReader.ts";
import { createStakeTableReader, type StakeTableReader } from "./stakeTableReader.ts";
import {
  committeeOf,
  newestCommitteeAt,
  validatorOfKey,
  type NetworkDecoder,
  type ValidatorEntry,
} from "./stakeTableFold.ts";

/** Finalized block hashes kept in memory, the newest ones: about an hour of Ethereum's. */
export const HASHES_MAX = 512;
/** Block numbers that may be waiting to be fetched for `hashAt`; more are forgotten and asked again by their callers. */
export const WANTED_MAX = 256;
/** Blocks between two finalized ones whose hashes are fetched at once; beyond it they are fetched when asked for. */
const GAP_MAX = 64n;
/** Committees whose trust is asked for at one finalized block: who has more to learn goes on at the next. */
export const TRUST_QUESTIONS_MAX = 32;

/** `unknown`: L1 was not read yet. */
export type LightClientState = "live" | "expired" | "frozen" | "unknown";

/** The latest checkpoint of the light client; committee 0 before the first is installed. */
export interface LightClientPosition {
  readonly height: Height;
  readonly epoch: Epoch;
  readonly committee: CommitteeId;
}

export interface L1FollowerOptions {
  readonly client: L1Client;
  readonly book: AddressBook;
  readonly decodeNetwork: NetworkDecoder;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What L1 finalized, at hand without waiting; see `L1View` of the engine, whose shape this has. */
export interface L1Follower {
  finalized(): { readonly number: bigint; readonly hash: Hash } | undefined;
  reachable(): boolean;
  hashAt(number: bigint): Hash | undefined;
  newestCommitteeAt(number: bigint): CommitteeId | undefined;
  createdAt(id: CommitteeId): bigint | undefined;
  committee(id: CommitteeId): Committee.Committee | undefined;
  lightClient(): LightClientState;
  checkpoint(): LightClientPosition | undefined;
  isTrusted(id: CommitteeId): boolean;
  resumes(): readonly AppliedResume[];
  onChange(listener: () => void): () => void;
  /** The validator that registered a key, if L1 has finalized that. */
  validatorOfKey(keyHash: Hash): ValidatorEntry | undefined;
  /** Asks L1 once, now. Resolves to whether L1 answered. */
  refresh(): Promise<boolean>;
  /** Follows L1 until `stop`. */
  start(): void;
  /** Stops asking; resolves when the last question is answered or given up. */
  stop(): Promise<void>;
}

/**
 * Follows the finalized chain. Everything shown belongs to one finalized block: its number and hash, the events up to
 * it, the light client's state at it. Should L1 replace a block that counted as final (possible under a depth rule),
 * everything is read anew.
 */
export function createL1Follower(options: L1FollowerOptions): L1Follower {
  return new Follower(options);
}

class Follower implements L1Follower {
  readonly #options: L1FollowerOptions;
  readonly #lightClient: LightClient;
  readonly #listeners = new Set<() => void>();
  readonly #hashes = new Map<bigint, Hash>();
  readonly #wanted = new Set<bigint>();
  #reader: StakeTableReader;
  #finalized: L1Block | undefined;
  #resumes: ResumeReader;
  // ETH-14: fails closed. Until L1 was read nobody knows whether the light client lives.
  #state: LightClientState = "unknown";
  #position: LightClientPosition | undefined;
  #oldestTrusted = CommitteeId(1n);
  #reachable = false;
  #stopped = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> = Promise.resolve();
  #turn: Promise<boolean> = Promise.resolve(true);

  constructor(options: L1FollowerOptions) {
    this.#options = options;
    this.#reader = createStakeTableReader(options.client, options.book);
    this.#resumes = createResumeReader(options.client, options.book);
    this.#lightClient = lightClientAt(options.book.lightClient, options.client.provider);
  }

  finalized(): { readonly number: bigint; readonly hash: Hash } | undefined {
    return this.#finalized;
  }

  reachable(): boolean {
    return this.#reachable;
  }

  hashAt(number: bigint): Hash | undefined {
    const finalized = this.#finalized;
    const known = number === finalized?.number ? finalized.hash : this.#hashes.get(number);
    if (known !== undefined || finalized === undefined || number > finalized.number || number < 0n) return known;
    if (this.#wanted.size < WANTED_MAX && !this.#wanted.has(number)) {
      this.#wanted.add(number);
      this.#wake?.();
    }
    return undefined;
  }

  newestCommitteeAt(number: bigint): CommitteeId | undefined {
    if (this.#finalized === undefined || number > this.#finalized.number) return undefined;
    return newestCommitteeAt(this.#reader.fold, number);
  }

  createdAt(id: CommitteeId): bigint | undefined {
    return this.#reader.fold.committees[Number(id) - 1]?.createdNumber;
  }

  committee(id: CommitteeId): Committee.Committee | undefined {
    return committeeOf(this.#reader.fold, id, this.#options.decodeNetwork);
  }

  lightClient(): LightClientState {
    return this.#state;
  }

  checkpoint(): LightClientPosition | undefined {
    return this.#position;
  }

  isTrusted(id: CommitteeId): boolean {
    return id >= this.#oldestTrusted;
  }

  resumes(): readonly AppliedResume[] {
    return this.#resumes.applied;
  }

  validatorOfKey(keyHash: Hash): ValidatorEntry | undefined {
    return validatorOfKey(this.#reader.fold, keyHash);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** One question at a time: callers in the meantime wait for their own turn. */
  refresh(): Promise<boolean> {
    this.#turn = this.#turn.then(() => this.#ask());
    return this.#turn;
  }

  start(): void {
    this.#loop = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#loop;
    await this.#turn;
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      await this.refresh();
      if (!this.#isStopped()) await this.#pause();
    }
  }

  // A method, because the flag changes while the loop waits, which a narrowed field would hide.
  #isStopped(): boolean {
    return this.#stopped;
  }

  #pause(): Promise<void> {
    const { clock, pollMs } = this.#options;
    return new Promise((resolve) => {
      const cancel = clock.setTimer(pollMs, () => {
        this.#wake?.();
      });
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
      if (this.#wanted.size > 0) this.#wake();
    });
  }

  async #ask(): Promise<boolean> {
    const { logger } = this.#options;
    try {
      const changed = await this.#advance();
      const fetched = await this.#fetchWanted();
      if (!this.#reachable) logger.info("L1 answers", { finalized: this.#finalized?.number });
      const news = changed || fetched || !this.#reachable;
      this.#reachable = true;
      if (news) this.#announce();
      return true;
    } catch (error) {
      if (isL1Unavailable(error)) {
        if (this.#reachable) logger.warn("L1 does not answer; repeating the last anchor", { reason: error.message });
      } else logger.error("L1 could not be read", { error });
      const news = this.#reachable;
      this.#reachable = false;
      if (news) this.#announce();
      return false;
    }
  }

  /** Moves to the newest finalized block. Nothing is shown before all of it has been read. */
  async #advance(): Promise<boolean> {
    const { client, logger } = this.#options;
    const next = await client.finalizedBlock();
    const last = this.#finalized;
    if (next === undefined || (last !== undefined && next.number < last.number)) return false;
    if (last !== undefined && next.hash === last.hash) return false;
    if (last !== undefined && (await client.blockByNumber(last.number))?.hash !== last.hash) {
      logger.error("L1 replaced a block that counted as final; reading everything anew", { number: last.number });
      this.#forget();
    }
    await this.#reader.readTo(next);
    await this.#resumes.readTo(next);
    await this.#readLightClient(next);
    await this.#readTrust(next);
    await this.#rememberHashes(this.#finalized, next);
    this.#finalized = next;
    return true;
  }

  #forget(): void {
    const { client, book } = this.#options;
    this.#reader = createStakeTableReader(client, book);
    this.#resumes = createResumeReader(client, book);
    this.#hashes.clear();
    this.#finalized = undefined;
    this.#state = "unknown";
    this.#position = undefined;
    this.#oldestTrusted = CommitteeId(1n);
  }

  /** Trust ends in order of age; the newest committee is left out, as nothing could follow from its end. */
  async #readTrust(at: L1Block): Promise<void> {
    const newest = newestCommitteeAt(this.#reader.fold, at.number) ?? NO_COMMITTEE;
    for (let asked = 0; asked < TRUST_QUESTIONS_MAX && this.#oldestTrusted < newest; asked++) {
      const until = await this.#lightClient.trustedUntil(this.#oldestTrusted, { blockTag: at.number });
      if (until > at.timestamp) return;
      this.#oldestTrusted = CommitteeId(this.#oldestTrusted + 1n);
    }
  }

  async #readLightClient(at: L1Block): Promise<void> {
    const status = await this.#lightClient.status({ blockTag: at.number });
    const committee = CommitteeId(status.committee);
    this.#position = { height: Height(status.height), epoch: Epoch(status.epoch), committee };
    // Before the first committee is installed, its trust is what the client lives by.
    const first = await this.#firstTrust(committee, at);
    const until = first ?? status.trustedUntil;
    if (status.frozen) this.#state = "frozen";
    else this.#state = until <= at.timestamp ? "expired" : "live";
  }

  /** Until when committee 1 is trusted, if none is installed; without any committee there is nothing that could expire. */
  async #firstTrust(installed: CommitteeId, at: L1Block): Promise<bigint | undefined> {
    if (installed !== NO_COMMITTEE) return undefined;
    if (this.createdAt(CommitteeId(1n)) === undefined) return at.timestamp + 1n;
    return this.#lightClient.trustedUntil(1n, { blockTag: at.number });
  }

  async #rememberHashes(last: L1Block | undefined, next: L1Block): Promise<void> {
    if (last !== undefined && next.number - last.number <= GAP_MAX) {
      for (let number = next.number - 1n; number > last.number; number--) await this.#fetchHash(number);
    }
    this.#remember(next.number, next.hash);
  }

  async #fetchWanted(): Promise<boolean> {
    let fetched = false;
    for (const number of [...this.#wanted]) {
      this.#wanted.delete(number);
      fetched = (await this.#fetchHash(number)) || fetched;
    }
    return fetched;
  }

  async #fetchHash(number: bigint): Promise<boolean> {
    const block = await this.#options.client.blockByNumber(number);
    if (block === undefined) return false;
    this.#remember(number, block.hash);
    return true;
  }

  #remember(number: bigint, hash: Hash): void {
    this.#hashes.set(number, hash);
    if (this.#hashes.size <= HASHES_MAX) return;
    const [oldest] = this.#hashes.keys();
    if (oldest !== undefined) this.#hashes.delete(oldest);
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }
}
