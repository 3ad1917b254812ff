import { hashBytes, keccakHash, type Hash } from "../../src/crypto/hash.ts";
import type { Anchor, AppliedResume, L1View, LightClientState, Position } from "../../src/engine/l1View.ts";
import type { Committee } from "../../src/protocol/Committee.ts";
import { CommitteeId } from "../../src/protocol/scalars.ts";
import type { Scheduler } from "./virtualTime.ts";

/** Time between two blocks of the simulated L1. */
export const L1_BLOCK_MS = 1_000;

/** The one L1 of a world: finalized blocks by time, committees by the block that made them. */
export class SimulatedL1 {
  readonly #scheduler: Scheduler;
  readonly committees: Committee[] = [];
  /** What the light client there is, for all to see at their next poll. */
  lightClient: LightClientState = "live";
  checkpoint: Position | undefined;
  readonly resumes: AppliedResume[] = [];

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** The newest finalized block, for one who hears of it `lagMs` late. */
  finalizedAt(lagMs: number): bigint {
    return BigInt(Math.max(0, Math.floor((this.#scheduler.nowMs - lagMs) / L1_BLOCK_MS))) + 1n;
  }

  /** Makes a committee in a block that is final some blocks later; the first one at once. */
  rotate(committee: Omit<Committee, "id" | "createdNumber">): void {
    const id = CommitteeId(BigInt(this.committees.length) + 1n);
    const depth = id === 1n ? 1n : FINALITY_BLOCKS;
    this.committees.push({ ...committee, id, createdNumber: this.finalizedAt(0) + depth });
  }

  /** L1 replaces blocks that are not final: a rotation among them happens again, later and with another randomness. */
  reorg(): boolean {
    const last = this.committees.at(-1);
    if (last === undefined || last.createdNumber <= this.finalizedAt(0)) return false;
    const randomness = keccakHash(hashBytes(last.randomness));
    this.committees.splice(-1, 1, { ...last, randomness, createdNumber: last.createdNumber + 1n });
    return true;
  }

  hashOf(number: bigint): Hash {
    return keccakHash(new TextEncoder().encode(`l1 block ${String(number)}`));
  }
}

/** Blocks from the head of L1 to its newest final one. */
export const FINALITY_BLOCKS = 3n;

/** What one node sees of L1: late, and at times nothing new. */
export class NodeL1View implements L1View {
  readonly #l1: SimulatedL1;
  readonly #listeners = new Set<() => void>();
  readonly #lagMs: number;
  #number = 0n;
  #isReachable = true;
  /** Planted fault: shows committees before L1 has finalized them, each as it was seen first. */
  isHasty = false;
  readonly #seen = new Map<CommitteeId, Committee>();

  constructor(l1: SimulatedL1, lagMs: number) {
    this.#l1 = l1;
    this.#lagMs = lagMs;
  }

  /** The process that listened is gone, and with it what it knew. */
  forget(): void {
    this.#listeners.clear();
    this.#number = 0n;
  }

  setReachable(isReachable: boolean): void {
    this.#isReachable = isReachable;
  }

  /** Looks at L1; calls the listeners if something is new. */
  poll(): void {
    if (!this.#isReachable) return;
    const number = this.#l1.finalizedAt(this.#lagMs);
    if (number <= this.#number) return;
    this.#number = number;
    for (const committee of this.#l1.committees) {
      const isSeen = committee.createdNumber <= number + FINALITY_BLOCKS;
      if (isSeen && !this.#seen.has(committee.id)) this.#seen.set(committee.id, committee);
    }
    for (const listener of [...this.#listeners]) listener();
  }

  finalized(): Anchor | undefined {
    return this.#number === 0n ? undefined : { number: this.#number, hash: this.#l1.hashOf(this.#number) };
  }

  reachable(): boolean {
    return this.#isReachable;
  }

  hashAt(number: bigint): Hash | undefined {
    return number >= 1n && number <= this.#number ? this.#l1.hashOf(number) : undefined;
  }

  newestCommitteeAt(number: bigint): CommitteeId | undefined {
    if (number > this.#number) return undefined;
    if (this.isHasty) return [...this.#seen.keys()].at(-1);
    return this.#l1.committees.filter((committee) => committee.createdNumber <= number).at(-1)?.id;
  }

  createdAt(id: CommitteeId): bigint | undefined {
    return this.committee(id)?.createdNumber;
  }

  committee(id: CommitteeId): Committee | undefined {
    if (this.isHasty) return this.#seen.get(id);
    const found = this.#l1.committees.find((committee) => committee.id === id);
    return found !== undefined && found.createdNumber <= this.#number ? found : undefined;
  }

  lightClient(): LightClientState {
    return this.#number === 0n ? "unknown" : this.#l1.lightClient;
  }

  checkpoint(): Position | undefined {
    return this.#number === 0n ? undefined : this.#l1.checkpoint;
  }

  /** Simulated chains are younger than any committee's trust. */
  isTrusted(): boolean {
    return true;
  }

  resumes(): readonly AppliedResume[] {
    return this.#number === 0n ? [] : this.#l1.resumes;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
