import type { Bls } from "../../src/crypto/bls.ts";
import type { Hash } from "../../src/crypto/hash.ts";
import { inlineBls } from "../../src/engine/blsPort.ts";
import { createEngine, type Engine, type EnginePorts } from "../../src/engine/engine.ts";
import type { PeerId, Transport } from "../../src/network/transport.ts";
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts";
import type { Domain } from "../../src/protocol/Domain.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { silentLogger, type Logger } from "../../src/runtime/logger.ts";
import type { Random } from "../../src/runtime/random.ts";
import { openLocalSigner } from "../../src/signer/localSigner.ts";
import { createProtectionRecord } from "../../src/signer/protectionRecord.ts";
import { fresh } from "../../src/signer/slashingProtection.ts";
import { WriteAheadLog } from "../../src/storage/writeAheadLog.ts";
import { Disk, processFileSystem, processStore } from "./disk.ts";
import type { NodeL1View } from "./l1.ts";
import type { Network } from "./network.ts";
import { ProcessClock, type Scheduler } from "./virtualTime.ts";

type EngineSigner = NonNullable<EnginePorts["signer"]>;

export interface MachineOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly random: Random;
  readonly l1: NodeL1View;
  readonly config: ClusterConfig;
  readonly domain: Domain & { readonly salt: Hash };
  readonly bls: Bls;
  /** 32 bytes; undefined for a follower. */
  readonly secretKey: Uint8Array | undefined;
  readonly peer: PeerId;
  readonly skewMs: number;
  readonly seeds: readonly PeerId[];
  readonly logger?: Logger;
  /** What an adversary puts between its engine and the network. */
  readonly tamper?: (transport: Transport) => Transport;
  /** Which half of a split world it is in. */
  readonly side?: string;
  /** Called with everything this machine signs. */
  readonly onSigned: (vote: Vote.Vote) => void;
  /** It signed a resume. */
  readonly onResumed: () => void;
  readonly onStored: (engine: Engine, height: bigint) => void;
  readonly onFatal: (error: Error) => void;
}

/** One machine of the simulated world: a disk that stays, processes that come and go, the production engine inside. */
export class Machine {
  readonly options: MachineOptions;
  readonly disk = new Disk();
  engine: Engine | undefined;
  clock: ProcessClock | undefined;
  restarts = 0;
  /** Signs whatever its engine asks for, without a record: what an adversary does, or a planted fault. */
  isRecordless = false;
  #skewMs: number;

  constructor(options: MachineOptions) {
    this.options = options;
    this.#skewMs = options.skewMs;
  }

  get isUp(): boolean {
    return this.clock?.isAlive === true;
  }

  /** Starts a process. Errors of the start are the world's `onFatal`: nothing that a crash leaves may prevent one. */
  start(): void {
    const { scheduler, config } = this.options;
    const clock = new ProcessClock(scheduler, config.genesisTimeMs, this.#skewMs);
    this.clock = clock;
    this.#run(clock).catch((error: unknown) => {
      this.options.onFatal(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #run(clock: ProcessClock): Promise<void> {
    const { options } = this;
    const { random, config, domain, network, l1 } = options;
    const speed = { syncMs: () => (random.fraction() < 0.1 ? 40 : 4) * random.fraction() };
    const fileSystem = processFileSystem(this.disk, clock, speed);
    const journal = await WriteAheadLog.open(fileSystem, "journal");
    const signer = await this.#signer(clock);
    const joined = network.join(options.peer, clock, options.side);
    const transport = options.tamper?.(joined) ?? joined;
    const engine = createEngine(
      {
        clock,
        random,
        logger: options.logger ?? silentLogger,
        transport,
        store: processStore(this.disk, clock, speed),
        journal,
        l1,
        bls: inlineBls(options.bls),
        ...(signer === undefined ? {} : { signer }),
        onFatal: options.onFatal,
      },
      {
        config,
        domain,
        seeds: options.seeds.map((id) => ({ id, address: null, role: "validator" as const })),
      },
    );
    this.engine = engine;
    engine.subscribe((height) => {
      if (clock.isAlive) options.onStored(engine, height);
    });
    await engine.start();
  }

  async #signer(clock: ProcessClock): Promise<EngineSigner | undefined> {
    const { secretKey, bls, domain, random, onSigned } = this.options;
    if (secretKey === undefined) return undefined;
    const fileSystem = processFileSystem(this.disk, clock, { syncMs: () => 3 * random.fraction() });
    const publicKey = bls.publicKey(secretKey);
    if (this.restarts === 0) {
      await createProtectionRecord(fileSystem, "signer", fresh(domain.salt, publicKey));
    }
    if (this.isRecordless) return this.#recordless(secretKey, publicKey);
    const signer = await openLocalSigner({ fileSystem, directory: "signer", secretKey, domain, bls });
    return {
      publicKey,
      resumed: () => signer.resumed(),
      confirmEpoch: (epoch) => signer.confirmEpoch(epoch),
      observe: (message) => signer.observe(message),
      sign: async (message) => {
        const result = await signer.sign(message);
        if (!result.ok) return result;
        if (message.kind === "resume") this.options.onResumed();
        else onSigned(message);
        return result;
      },
    };
  }

  #recordless(secretKey: Uint8Array, publicKey: Uint8Array): EngineSigner {
    const { bls, domain, onSigned } = this.options;
    return {
      publicKey,
      resumed: () => undefined,
      confirmEpoch: () => Promise.resolve(),
      observe: () => Promise.resolve(true),
      sign: (message) => {
        if (message.kind === "resume") throw new Error("nobody resumes in the simulation");
        onSigned(message);
        return Promise.resolve({ ok: true, signature: bls.sign(secretKey, Vote.digest(message, domain), "vote") });
      },
    };
  }

  /** The process dies at this instant; the disk keeps what a disk keeps. */
  crash(): { lost: number; torn: number } {
    this.clock?.end();
    this.options.l1.forget();
    this.engine = undefined;
    return this.disk.crash(this.options.random);
  }

  restart(): void {
    this.restarts += 1;
    this.start();
  }

  jump(skewMs: number): void {
    this.#skewMs = skewMs;
    this.clock?.jump(skewMs);
  }
}
