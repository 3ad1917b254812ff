import { writeFileSync } from "node:fs";

import { systemClock } from "../../runtime/clock.ts";
import { silentLogger } from "../../runtime/logger.ts";
import { createMclBls } from "../../crypto/blsMcl.ts";
import type { AddressBook } from "../../l1/addressBook.ts";
import { createL1Client, type L1Client } from "../../l1/l1Client.ts";
import type { ClusterConfig } from "../../protocol/ClusterConfig.ts";
import { createClient } from "../../sdk/createClient.ts";
import type { Client } from "../../sdk/client.ts";
import { l1Committees } from "../../sdk/l1Committees.ts";
import { startAnvil } from "./anvil.ts";
import { deployContracts } from "./deployment.ts";
import { devChain, type DevChain } from "./devChain.ts";
import { writeCluster, type Layout } from "./layout.ts";
import { L1_BLOCK_SECONDS, L1_CHAIN_ID, localClusterConfig } from "./localCluster.ts";
import type { StartOptions } from "./options.ts";
import { freePorts } from "./ports.ts";
import type { Managed, Processes } from "./processes.ts";
import type { Progress } from "./progress.ts";
import { createRelayer, untilRelayerReady, type LocalRelayer } from "./relayerProcess.ts";
import { createStakers, type Stakers } from "./stakers.ts";
import { buildContracts } from "./tools.ts";
import {
  prepareValidator,
  startValidator,
  untilReady,
  type LocalValidator,
  type ValidatorSetup,
} from "./validators.ts";

/** A running local network. */
export interface LocalNetwork {
  readonly layout: Layout;
  readonly cluster: ClusterConfig;
  readonly book: AddressBook;
  readonly l1: L1Client;
  readonly l1Process: Managed;
  readonly chain: DevChain;
  readonly stakers: Stakers;
  /** Those that started with the network; grows when one joins. */
  readonly validators: LocalValidator[];
  readonly relayer: LocalRelayer;
  /** Starts a validator's process (again) and waits until it answers. */
  startValidator(validator: LocalValidator): Promise<void>;
  /** Makes keys and account of one more validator. */
  prepareNext(): Promise<LocalValidator>;
  /** A client that trusts L1 only and asks all present validators, beginning with the given one. */
  client(first: number): Promise<Client>;
}

export interface BringUp {
  readonly options: StartOptions;
  readonly layout: Layout;
  readonly epochLength: number;
  readonly processes: Processes;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Where the cluster config differs from the usual one of a local network. */
  readonly clusterChanges?: Partial<ClusterConfig>;
  /** False leaves the relayer unstarted: nothing is posted to L1. */
  readonly isRelayed?: boolean;
  /** Called when committee 1 is final on L1 and no validator runs yet: data directories may still be filled. */
  readonly onPrepared?: (
    prepared: Pick<LocalNetwork, "layout" | "cluster" | "book" | "l1" | "validators">,
  ) => Promise<void>;
}

const L1_TIMEOUT_MS = 5_000;
/** Besides the relayer's: two a validator, and one more validator that joins. */
const PORTS_PER_VALIDATOR = 2;
/** Far enough below the newest block that everything of the set-up is L1-finalized. */
const FINALITY_BLOCKS = 3;

/** Brings everything up, from nothing but the files of `npm ci`. */
export async function bringUp({
  options,
  layout,
  epochLength,
  processes,
  progress,
  signal,
  clusterChanges = {},
  isRelayed = true,
  onPrepared,
}: BringUp): Promise<LocalNetwork> {
  progress.step(`everything is kept in ${layout.dataDir}`);
  progress.step("building the contracts");
  await buildContracts(signal);
  const anvil = await startAnvil(processes, { dataDir: layout.dataDir, chainId: L1_CHAIN_ID });
  progress.step(`L1 is up at ${anvil.url}`);
  const cluster = localClusterConfig(systemClock.wallMs(), epochLength, clusterChanges);
  writeCluster(layout, cluster);
  const book = await deployContracts(layout, anvil.url, signal);
  progress.step(`contracts deployed: stake table ${book.stakeTable}, light client ${book.lightClient}`);
  const l1 = openL1(anvil.url);
  const chain = devChain(l1.provider);
  const stakers = await createStakers(l1.provider, book);
  const setup: ValidatorSetup = { layout, book, bls: await createMclBls(), l1Url: anvil.url };
  const ports = await freePorts(1 + PORTS_PER_VALIDATOR * (options.validators + 1));
  const prepare = async (index: number): Promise<LocalValidator> => {
    const [listen = 0, api = 0] = ports.slice(1 + PORTS_PER_VALIDATOR * index);
    return prepareValidator(setup, `validator-${String(index + 1)}`, await stakers.fundedWallet(), { listen, api });
  };
  const validators: LocalValidator[] = [];
  for (let index = 0; index < options.validators; index++) validators.push(await prepare(index));
  await stakeAll(stakers, validators);
  progress.step(
    `${String(validators.length)} validators registered, sealed, seated and delegated to; committee 1 made`,
  );
  await chain.mine(FINALITY_BLOCKS);
  await chain.mineEvery(L1_BLOCK_SECONDS);
  const relayer = createRelayer({
    processes,
    layout,
    l1Url: anvil.url,
    nodeUrls: validators.map(({ apiUrl }) => apiUrl),
    account: await stakers.fundedWallet(),
    port: ports[0] ?? 0,
  });
  const start = async (validator: LocalValidator): Promise<void> => {
    startValidator(processes, layout, validator);
    await untilReady(validator);
  };
  const nodeUrls = validators.map(({ apiUrl }) => apiUrl);
  const where = { l1Url: anvil.url, nodeUrls, relayerUrl: relayer.url, epochLength: cluster.epochLength, ...book };
  writeFileSync(layout.networkFile, `${JSON.stringify(where, null, 2)}\n`);
  await onPrepared?.({ layout, cluster, book, l1, validators });
  await Promise.all(validators.map(start));
  progress.step(`${String(validators.length)} validator processes answer; addresses are in ${layout.networkFile}`);
  if (isRelayed) {
    relayer.start();
    await untilRelayerReady(relayer);
    progress.step(`the relayer works from ${relayer.address}`);
  }
  return {
    ...{ layout, cluster, book, l1, l1Process: anvil.process, chain, stakers, validators, relayer },
    startValidator: start,
    prepareNext: () => prepare(options.validators),
    client: (first) => openClient({ l1, book, cluster }, rotated(validators, first)),
  };
}

function openL1(url: string): L1Client {
  return createL1Client({
    urls: [url],
    chainId: BigInt(L1_CHAIN_ID),
    finality: { kind: "tag" },
    timeoutMs: L1_TIMEOUT_MS,
    clock: systemClock,
    logger: silentLogger,
  });
}

async function stakeAll(stakers: Stakers, validators: readonly LocalValidator[]): Promise<void> {
  const ids = [];
  for (const { operator, registration } of validators) ids.push(await stakers.register(operator, registration));
  await stakers.seal(validators.map(({ registration }) => registration));
  for (const [index, { operator }] of validators.entries()) await stakers.takeSeat(operator, ids[index] ?? 0n);
  await stakers.delegate(ids);
  await stakers.rotate();
}

function rotated(validators: readonly LocalValidator[], first: number): readonly string[] {
  const urls = validators.map(({ apiUrl }) => apiUrl);
  return [...urls.slice(first), ...urls.slice(0, first)];
}

function openClient(
  { l1, book, cluster }: Pick<LocalNetwork, "l1" | "book" | "cluster">,
  endpoints: readonly string[],
): Promise<Client> {
  return createClient({
    endpoints,
    network: {
      genesisHash: book.genesisHash,
      l1ChainId: BigInt(book.chainId),
      stakeTable: book.stakeTable,
      epochLength: BigInt(cluster.epochLength),
    },
    committees: l1Committees({ provider: l1.provider, stakeTable: book.stakeTable, lightClient: book.lightClient }),
  });
}
