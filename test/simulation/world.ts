import type { Bls } from "../../src/crypto/bls.ts";
import { keccak256, keccakHash, type Hash } from "../../src/crypto/hash.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { peerIdFromKey, type PeerId, type Transport } from "../../src/network/transport.ts";
import * as ClusterConfig from "../../src/protocol/ClusterConfig.ts";
import type * as Committee from "../../src/protocol/Committee.ts";
import type { Domain } from "../../src/protocol/Domain.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { ValidatorId } from "../../src/protocol/scalars.ts";
import type * as Vote from "../../src/protocol/Vote.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import { seededRandom, type Random } from "../../src/runtime/random.ts";
import { fakeBls } from "./fakeBls.ts";
import { NodeL1View, SimulatedL1 } from "./l1.ts";
import { Machine } from "./machine.ts";
import { Network } from "./network.ts";
import { Scheduler } from "./virtualTime.ts";

export const GENESIS_TIME_MS = 1_800_000_000_000;
const L1_POLL_MS = 250;

/** A config in which everything happens soon. */
export function quickConfig(changes: Partial<ClusterConfig.ClusterConfig> = {}): ClusterConfig.ClusterConfig {
  return ClusterConfig.parse({
    name: "simulation",
    l1ChainId: 31_337,
    genesisTimeMs: GENESIS_TIME_MS,
    epochLength: 12,
    deltaMs: 150,
    emptyBlockDelayMs: 60,
    timeoutGrowthPercent: 150,
    timeoutMaxMs: 3_000,
    skipTimeoutMs: 2_000,
    maxClockDriftMs: 400,
    maxAnchorLag: 30,
    l1Finality: { mode: "finalized" },
    voteWindow: 16,
    inlinePayloadBytesMax: 512,
    shards: [],
    limits: { transactionBytesMax: 8_192, transactionsMax: 256, namespacesMax: 16, payloadBytesMax: 65_536 },
    ...changes,
  });
}

/** What happened, in order, as the checkers see it: raw facts, not the nodes' own conclusions. */
export interface Trace {
  /** Blocks as each machine stored them. */
  readonly stored: { readonly machine: number; readonly height: bigint; readonly hash: Hash }[];
  readonly signed: { readonly machine: number; readonly vote: Vote.Vote }[];
  /** Machines that signed a resume, and how many votes had been signed by all until then. */
  readonly resumed: { readonly machine: number; readonly votes: number }[];
  readonly fatal: { readonly machine: number; readonly error: Error }[];
}

export interface ValidatorPlan {
  /** Weight of its seat in each committee, in order; 0 where it has no seat. */
  readonly weights: readonly bigint[];
  readonly isHonest: boolean;
  readonly tamper?: (tools: AdversaryTools) => (transport: Transport) => Transport;
}

/** What an adversary has in its hands beside its own engine: its own keys, and knowledge of the protocol. */
export interface AdversaryTools {
  readonly machine: number;
  readonly secretKey: Uint8Array;
  readonly bls: Bls;
  readonly domain: Domain;
  readonly config: ClusterConfig.ClusterConfig;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** All committees there have been. */
  readonly committees: () => readonly Committee.Committee[];
}

export interface WorldOptions {
  readonly seed: bigint;
  readonly validators: readonly ValidatorPlan[];
  readonly followers?: number;
  /** Validators that run a second machine with the same keys. */
  readonly twins?: readonly number[];
  readonly config?: ClusterConfig.ClusterConfig;
  readonly bls?: Bls;
  /** Which half each machine is in while the network is split. */
  readonly side?: (machine: number) => string;
  readonly skewMs?: (machine: number) => number;
  readonly l1LagMs?: (machine: number) => number;
  readonly logger?: (machine: number) => Logger | undefined;
}

/** Machines, their network and their L1, driven by one seed. */
export class World {
  readonly scheduler = new Scheduler();
  readonly trace: Trace = { stored: [], signed: [], resumed: [], fatal: [] };
  readonly config: ClusterConfig.ClusterConfig;
  readonly domain: Domain & { readonly salt: Hash };
  readonly network: Network;
  readonly l1: SimulatedL1;
  readonly machines: Machine[] = [];
  readonly l1Views: NodeL1View[] = [];
  readonly options: WorldOptions;
  readonly bls: Bls;
  /** Newest stored height of each machine, as it reported it last; falls back to what the disk kept after a crash. */
  readonly heights: bigint[] = [];
  readonly #secrets: Uint8Array[];

  constructor(options: WorldOptions) {
    this.options = options;
    this.bls = options.bls ?? fakeBls;
    this.config = options.config ?? quickConfig();
    const stakeTable = "0x5fbdb2315678afecb367f032d93f642f64180aa3";
    this.domain = { chainId: BigInt(this.config.l1ChainId), stakeTable, salt: Genesis.hash(this.config) };
    this.network = new Network(this.scheduler, this.random("network"));
    this.l1 = new SimulatedL1(this.scheduler);
    this.#secrets = options.validators.map((_, i) => this.#secret(`key ${String(i)}`));
    const own = options.validators.length + (options.followers ?? 0);
    for (let index = 0; index < own; index++) this.#addMachine(index, index);
    for (const twin of options.twins ?? []) this.#addMachine(this.machines.length, twin);
    for (const [index, plan] of options.validators.entries()) {
      const machine = this.machines[index];
      if (machine !== undefined) machine.isRecordless = !plan.isHonest;
    }
    for (const machine of this.machines.slice(own)) machine.isRecordless = true;
    this.rotate();
    this.#pollL1();
  }

  /** A stream of chance of its own, so that one part drawing more does not shift the others. */
  random(purpose: string): Random {
    const digest = keccak256(new TextEncoder().encode(`${String(this.options.seed)} ${purpose}`));
    return seededRandom(new DataView(digest.buffer, digest.byteOffset).getBigUint64(0));
  }

  #secret(purpose: string): Uint8Array {
    const secret = keccak256(new TextEncoder().encode(`${String(this.options.seed)} ${purpose}`));
    // Below the group order of the real scheme, never zero.
    secret[0] = 1;
    return secret;
  }

  transportKey(machine: number): Uint8Array {
    return keccak256(new TextEncoder().encode(`${String(this.options.seed)} transport ${String(machine)}`));
  }

  peer(machine: number): PeerId {
    return peerIdFromKey(this.transportKey(machine));
  }

  /** `identity` is the validator whose keys the machine has; beyond the validators, a follower's. */
  #addMachine(index: number, identity: number): void {
    const { validators, skewMs, l1LagMs, logger } = this.options;
    const plan = validators[identity];
    const secretKey = this.#secrets[identity];
    const l1 = new NodeL1View(this.l1, l1LagMs?.(index) ?? 0);
    this.l1Views.push(l1);
    this.heights.push(0n);
    const log = logger?.(index);
    const tamper = plan?.tamper;
    const machine = new Machine({
      name: `machine ${String(index)}`,
      scheduler: this.scheduler,
      network: this.network,
      random: this.random(`machine ${String(index)}`),
      l1,
      config: this.config,
      domain: this.domain,
      bls: this.bls,
      secretKey,
      peer: this.peer(identity),
      skewMs: skewMs?.(index) ?? 0,
      // Followers find the network through the first validators.
      seeds: plan === undefined ? [this.peer(0), this.peer(1)] : [],
      side: this.options.side?.(index) ?? "",
      ...(log === undefined ? {} : { logger: log }),
      ...(tamper === undefined || secretKey === undefined ? {} : { tamper: tamper(this.#tools(index, secretKey)) }),
      onSigned: (vote) => {
        this.trace.signed.push({ machine: index, vote });
      },
      onResumed: () => {
        this.trace.resumed.push({ machine: index, votes: this.trace.signed.length });
      },
      onStored: (engine, height) => {
        this.#onStored(index, engine, height);
      },
      onFatal: (error) => {
        this.trace.fatal.push({ machine: index, error });
      },
    });
    this.machines.push(machine);
  }

  #tools(machine: number, secretKey: Uint8Array): AdversaryTools {
    const { bls, domain, config, scheduler } = this;
    const random = this.random(`adversary ${String(machine)}`);
    return { machine, secretKey, bls, domain, config, scheduler, random, committees: () => this.l1.committees };
  }

  #onStored(machine: number, engine: Engine, height: bigint): void {
    const from = (this.heights[machine] ?? 0n) + 1n;
    this.heights[machine] = height;
    void this.#record(machine, engine, from, height);
  }

  async #record(machine: number, engine: Engine, from: bigint, to: bigint): Promise<void> {
    for (let height = from; height <= to; height++) {
      const block = await engine.blockAt(height as Parameters<Engine["blockAt"]>[0]);
      if (block !== undefined) this.trace.stored.push({ machine, height, hash: block.hash });
    }
  }

  /** `StakeTable.rotate()`: the next committee of the plan. */
  rotate(): void {
    const round = this.l1.committees.length;
    const members = this.options.validators.flatMap(({ weights }, index): Committee.Member[] => {
      const weight = weights[Math.min(round, weights.length - 1)] ?? 0n;
      const secretKey = this.#secrets[index];
      if (weight === 0n || secretKey === undefined) return [];
      const key = this.bls.publicKey(secretKey);
      const transportKey = this.transportKey(index);
      return [{ validator: ValidatorId(BigInt(index) + 1n), seat: index, key, weight, transportKey, address: "" }];
    });
    const randomness = keccakHash(new TextEncoder().encode(`${String(this.options.seed)} randao ${String(round)}`));
    this.l1.rotate({ members, randomness, createdAt: BigInt(GENESIS_TIME_MS / 1000) });
  }

  #pollL1(): void {
    for (const view of this.l1Views) view.poll();
    this.scheduler.after(L1_POLL_MS, () => {
      this.#pollL1();
    });
  }

  start(): void {
    for (const machine of this.machines) machine.start();
  }

  run(untilMs: number, isDone?: () => boolean): Promise<void> {
    return this.scheduler.run(untilMs, isDone);
  }
}
