import { join } from "node:path";

import { Registry } from "prom-client";

import type { Hash } from "../crypto/hash.ts";
import { createApi } from "../api/server.ts";
import { createMclBls } from "../crypto/blsMcl.ts";
import { createBlsPool } from "../engine/blsPool.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import { settledL1 } from "../engine/settledL1.ts";
import { readAddressBook, type AddressBook } from "../l1/addressBook.ts";
import { createL1Client, type FinalityRule, type L1Client } from "../l1/l1Client.ts";
import { createL1Follower, type L1Follower } from "../l1/l1Follower.ts";
import { createTlsTransport, LIMITS, ListenError, type TlsTransport } from "../network/tlsTransport.ts";
import type * as ClusterConfig from "../protocol/ClusterConfig.ts";
import type { Domain } from "../protocol/Domain.ts";
import * as Genesis from "../protocol/Genesis.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Random } from "../runtime/random.ts";
import type { LocalSigner } from "../signer/localSigner.ts";
import type { Signer } from "../signer/signer.ts";
import type { ValidatorKeys } from "../signer/validatorKeys.ts";
import type { WriteAheadLog } from "../storage/writeAheadLog.ts";
import { openAdminSocket } from "./adminSocket.ts";
import { checkDeployment, readClusterFile } from "./clusterFile.ts";
import { ConfigError } from "../config/configTable.ts";
import { checkContracts } from "./contractCheck.ts";
import { followerTransportSeed, openConsensusSigner, readKeys, UnprotectedKeyError } from "./identity.ts";
import {
  CHAIN_DIRECTORY,
  isDatabaseDamage,
  JOURNAL_DIRECTORY,
  openChain,
  openJournal,
  setAside,
} from "./openStorage.ts";
import { decodeNetwork, parseSeed } from "./peerAddress.ts";
import { createConsensusMetrics, measuredSigner } from "./consensusMetrics.ts";
import { registerNodeMetrics } from "./nodeMetrics.ts";
import type { NodeConfig } from "./nodeConfig.ts";
import { storeSize } from "./storeSize.ts";

export type Role = "validator" | "observer";

/** What a node takes from the machine. */
export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Called once when the node found a fault of its own and must be stopped. */
  readonly onFatal: (error: Error) => void;
}

/** Where a started node can be reached. */
export interface Started {
  readonly role: Role;
  /** Base address of the HTTP API. */
  readonly api: string;
  /** Multiaddr of the validator network. */
  readonly network: string | null;
  readonly genesis: string;
}

export interface Node {
  /** Brings up every part; on failure everything that was opened is closed again. */
  start(): Promise<Started>;
  /** Ends every part in reverse order. Safe to call at any time, more than once. */
  stop(): Promise<void>;
}

/** Parts in the order of their opening, so that they can be closed in reverse. */
class Parts {
  readonly #closers: { readonly name: string; readonly close: () => Promise<void> | void }[] = [];
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add<T>(name: string, part: T, close: (part: T) => Promise<void> | void): T {
    this.#closers.push({ name, close: () => close(part) });
    return part;
  }

  /** Closes what is open; a part that cannot be closed does not keep the others open. */
  async close(): Promise<void> {
    for (;;) {
      const next = this.#closers.pop();
      if (next === undefined) return;
      try {
        await next.close();
      } catch (error) {
        this.#logger.error(`${next.name} did not close in order`, { error });
      }
    }
  }
}

/** Composes a node out of its parts. Reading and checking of the configuration's files happens here, before `start`. */
export function createNode(config: NodeConfig, role: Role, ports: NodePorts): Node {
  const cluster = readClusterFile(config.clusterFile);
  const book = readAddressBook(config.addressBook);
  checkDeployment(cluster, book);
  const parts = new Parts(ports.logger);
  let recoveries = 0;
  const begin = (): Promise<Started> =>
    startParts({
      ...{ config, role, cluster, book, parts, registry: new Registry() },
      ports: { ...ports, onFatal },
    });
  /** HEAL-5: of a damaged database nothing is needed that peers do not have: the node begins anew with an empty one. */
  const onFatal = (error: Error): void => {
    if (!isDatabaseDamage(error) || recoveries >= RECOVERIES_MAX) {
      ports.onFatal(error);
      return;
    }
    recoveries += 1;
    const recover = async (): Promise<void> => {
      await parts.close();
      setAside(config.dataDir, error, ports.logger);
      ports.logger.warn("started again", { ...(await begin()) });
    };
    recover().catch((failure: unknown) => {
      ports.onFatal(failure instanceof Error ? failure : new Error(String(failure)));
    });
  };
  return {
    start: async () => {
      try {
        return await begin();
      } catch (error) {
        await parts.close();
        throw error;
      }
    },
    stop: () => parts.close(),
  };
}

/** Databases that one process gives up: a disk that damages one after the other is no use. */
export const RECOVERIES_MAX = 3;

interface Context {
  readonly config: NodeConfig;
  readonly role: Role;
  readonly ports: NodePorts;
  readonly cluster: ClusterConfig.ClusterConfig;
  readonly book: AddressBook;
  readonly parts: Parts;
  readonly registry: Registry;
}

async function startParts(context: Context): Promise<Started> {
  const { role, ports, cluster, parts } = context;
  const genesis = Genesis.hash(cluster);
  const client = parts.add("L1 client", openL1(context), (part) => {
    part.close();
  });
  await checkContracts(client, context.book, cluster, ports.logger);
  const follower = parts.add("L1 follower", openFollower(context, client), (part) => part.stop());
  const keys = role === "validator" ? await readKeys(context.config) : undefined;
  const { signer, journal, unsafe } = await openVoting(context, keys);
  const transport = await openTransport(context, keys?.transportSeed);
  const engine = await openEngine(context, {
    follower,
    transport,
    journal,
    ...(signer === undefined ? {} : { signer }),
  });
  follower.start();
  await engine.start();
  await openAdmin(context, engine);
  const api = await openApi(context, engine, follower, unsafe);
  return { role, api, network: transport.address, genesis };
}

function openL1({ config, cluster, ports }: Context): L1Client {
  const rule = cluster.l1Finality;
  const finality: FinalityRule = rule.mode === "finalized" ? { kind: "tag" } : { kind: "depth", blocks: rule.depth };
  return createL1Client({
    urls: config.l1Urls,
    chainId: BigInt(cluster.l1ChainId),
    finality,
    timeoutMs: config.l1TimeoutMs,
    clock: ports.clock,
    logger: ports.logger.child({ part: "l1" }),
  });
}

function openFollower({ config, book, ports }: Context, client: L1Client): L1Follower {
  const { clock, logger } = ports;
  return createL1Follower({
    client,
    book,
    decodeNetwork,
    pollMs: config.l1PollMs,
    clock,
    logger: logger.child({ part: "l1" }),
  });
}

interface Voting {
  readonly signer: Signer | undefined;
  readonly journal: WriteAheadLog;
  /** Why a validator does not sign; undefined if it does, or is none. */
  readonly unsafe: string | undefined;
}

/** HEAL-6: where the record of what was signed, or the journal, is lost, a validator goes on as a follower and says so. */
async function openVoting(context: Context, keys: ValidatorKeys | undefined): Promise<Voting> {
  const { config, ports, parts, registry } = context;
  const { signer, lost } = await openSigner(context, keys);
  const opened = await openJournal(config.dataDir, signer?.hasOpenVotes() === true || lost !== undefined);
  const journal = parts.add("journal", opened.journal, (part) => part.close());
  const unsafe = lost ?? (keys === undefined ? undefined : opened.unsafe);
  if (unsafe === undefined) {
    return { signer: signer === undefined ? undefined : measuredSigner(registry, signer), journal, unsafe };
  }
  ports.logger.error("this validator signs nothing and only follows", { reason: unsafe });
  return { signer: undefined, journal, unsafe };
}

async function openSigner(
  context: Context,
  keys: ValidatorKeys | undefined,
): Promise<{ readonly signer?: LocalSigner; readonly lost?: string }> {
  if (keys === undefined) return {};
  try {
    const signer = await openConsensusSigner(keys, domainOf(context), await createMclBls());
    return { signer: context.parts.add("signer", signer, (part) => part.close()) };
  } catch (error) {
    if (error instanceof UnprotectedKeyError) return { lost: error.message };
    throw error;
  }
}

/** Where this network's signatures count. */
function domainOf({ cluster, book }: Context): Domain & { readonly salt: Hash } {
  return { chainId: BigInt(cluster.l1ChainId), stakeTable: book.stakeTable, salt: Genesis.hash(cluster) };
}

/** Without `own`, the seed of a validator's key, a follower's is used. */
async function openTransport(context: Context, own: Uint8Array | undefined): Promise<TlsTransport> {
  const { config, cluster, ports, parts } = context;
  const seed = own ?? followerTransportSeed(config, ports.random);
  const protocol = config.listenHost.includes(":") ? "ip6" : "ip4";
  try {
    const transport = await createTlsTransport({
      seed,
      genesis: Genesis.hash(cluster),
      listen: `/${protocol}/${config.listenHost}/tcp/${String(config.listenPort)}`,
      clock: ports.clock,
      random: ports.random,
      logger: ports.logger.child({ part: "network" }),
      limits: { validator: { ...LIMITS.validator, messageBytesMax: messageBytesMax(cluster) } },
    });
    return parts.add("transport", transport, (part) => part.close());
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw cannotListen("the network", config.listenHost, config.listenPort, "listenHost, listenPort", error.code);
  }
}

/** Room beside a whole payload in one message: proposal, certificate, shard proofs. */
const MESSAGE_OVERHEAD_BYTES = 1024 * 1024;

/** No message of this network is longer than a block's payload with what belongs to it. */
function messageBytesMax(cluster: ClusterConfig.ClusterConfig): number {
  return cluster.limits.payloadBytesMax + MESSAGE_OVERHEAD_BYTES;
}

/** Polls of L1 after which every node has seen, by all likelihood, what this one saw. */
const ANCHOR_SETTLES_POLLS = 2;

interface Wiring {
  readonly follower: L1Follower;
  readonly transport: TlsTransport;
  readonly journal: WriteAheadLog;
  readonly signer?: Signer;
}

async function openEngine(context: Context, { follower, transport, journal, signer }: Wiring): Promise<Engine> {
  const { config, cluster, ports, parts } = context;
  const store = parts.add("store", await openChain(config.dataDir, ports.logger), (part) => part.close());
  const bls = parts.add("BLS workers", createBlsPool({ threads: config.blsWorkers }), (part) => part.close());
  const engine = createEngine(
    {
      clock: ports.clock,
      random: ports.random,
      logger: ports.logger.child({ part: "engine" }),
      onFatal: ports.onFatal,
      observer: createConsensusMetrics(context.registry, ports.clock),
      transport,
      store,
      journal,
      l1: settledL1(follower, ports.clock, ANCHOR_SETTLES_POLLS * config.l1PollMs),
      bls,
      ...(signer === undefined ? {} : { signer }),
    },
    {
      config: cluster,
      domain: domainOf(context),
      seeds: config.seeds.map(parseSeed),
      ...(config.archive ? {} : { payloadRetentionHeights: BigInt(config.payloadRetentionHeights) }),
    },
  );
  return parts.add("engine", engine, (part) => part.stop());
}

/** A node whose directory has too long a name runs all the same; its operator is told. */
async function openAdmin({ config, ports, parts }: Context, engine: Engine): Promise<void> {
  try {
    parts.add("admin socket", await openAdminSocket(config.dataDir, engine), (part) => part.close());
  } catch (error) {
    ports.logger.warn("no admin socket: `crema resume` cannot reach this node", { error });
  }
}

async function openApi(context: Context, engine: Engine, l1: L1Follower, unsafe: string | undefined): Promise<string> {
  const { config, cluster, ports, parts, registry } = context;
  const directories = {
    chain: join(config.dataDir, CHAIN_DIRECTORY),
    journal: join(config.dataDir, JOURNAL_DIRECTORY),
  };
  registerNodeMetrics(registry, { engine, l1, clock: ports.clock, storeBytes: storeSize(directories, ports.clock) });
  const logger = ports.logger.child({ part: "api" });
  const health = unsafe === undefined ? {} : { signing: false, reason: unsafe };
  const api = await createApi({ queries: engine, config: cluster, clock: ports.clock, logger, registry, health });
  parts.add("API", api, (part) => part.close());
  try {
    return await api.listen({ host: config.apiHost, port: config.apiPort });
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw cannotListen("the API", config.apiHost, config.apiPort, "apiHost, apiPort", String(error.code));
  }
}

function cannotListen(what: string, host: string, port: number, fields: string, code: string): ConfigError {
  const reason = code === "EADDRINUSE" ? "the port is in use" : code;
  return new ConfigError([`${what} cannot listen at ${host}:${String(port)} (${fields}): ${reason}`]);
}
