import { join } from "node:path";

import { readAddressBook } from "../src/l1/addressBook.ts";
import { contractInterface } from "../src/l1/contracts.ts";
import { createL1Client, type L1Client } from "../src/l1/l1Client.ts";
import { RpcProvider } from "../src/l1/rpcProvider.ts";
import { toHash, type Hash } from "../src/crypto/hash.ts";
import { expectPresent } from "../src/runtime/assert.ts";
import type { Domain } from "../src/protocol/Domain.ts";
import type { Clock } from "../src/runtime/clock.ts";
import type { Logger } from "../src/runtime/logger.ts";
import type { RelayerConfig } from "./config.ts";
import type { Preflight } from "./context.ts";
import { judgeRevert } from "./errors.ts";
import { Fanout } from "./l1/fanout.ts";
import { FanoutChain } from "./l1/fanoutChain.ts";
import { watchHeads, type HeadHints } from "./l1/headHints.ts";
import { createL1Reader, type Contracts, type L1Reader } from "./l1/reader.ts";
import { createStakeMemory, type StakeMemory } from "./l1/stakeMemory.ts";
import { createNodes } from "./nodes.ts";
import type { Sequencer } from "./sequencer.ts";
import type { Chain } from "./tx/chain.ts";
import { openLevelStore, type LevelStore } from "./tx/levelStore.ts";
import type { Signer } from "./tx/signer.ts";
import type { Judgement } from "./tx/txManager.ts";

/** Where the contracts stand. */
export interface Deployment {
  readonly chainId: bigint;
  readonly contracts: Contracts;
  readonly genesisHash: Hash;
  readonly deployedAtBlock: bigint;
}

/** Everything outside the process that the relayer talks to, the queue apart. */
export interface Ports {
  readonly deployment: Deployment;
  readonly fanout: Fanout;
  readonly chain: Chain;
  readonly l1: L1Reader;
  readonly l1Client: L1Client;
  readonly memory: StakeMemory;
  readonly sequencer: Sequencer;
  readonly signer: Signer;
  /** Calls `onHead` when an L1 node says that it has a new block. */
  watchHeads(onHead: () => void): HeadHints;
  /** Opens the outbox on disk; throws `KeyInUseError` when another process has it. */
  openStore(): Promise<LevelStore>;
  readonly judge: (revertData: string) => Judgement;
  close(): void;
}

export function deploymentOf(config: RelayerConfig): Deployment {
  if (config.addressBook !== null) {
    const { stakeTable, lightClient, slasher, ...book } = readAddressBook(config.addressBook);
    return {
      chainId: BigInt(config.l1ChainId ?? book.chainId),
      contracts: { stakeTable, lightClient, slasher },
      genesisHash: book.genesisHash,
      deployedAtBlock: BigInt(book.deployedAtBlock),
    };
  }
  const given = <T>(value: T | null): T => expectPresent(value, "an address, as config.ts checks");
  return {
    chainId: BigInt(given(config.l1ChainId)),
    contracts: {
      stakeTable: given(config.stakeTable),
      lightClient: given(config.lightClient),
      slasher: given(config.slasher),
    },
    genesisHash: toHash(given(config.genesisHash)),
    deployedAtBlock: BigInt(config.deployedAtBlock),
  };
}

/** Under what the validators of this deployment sign. */
export function domainOf({ chainId, contracts, genesisHash }: Deployment): Domain {
  return { chainId, stakeTable: contracts.stakeTable, salt: genesisHash };
}

/** The real ports. */
export function createPorts(config: RelayerConfig, signer: Signer, clock: Clock, logger: Logger): Ports {
  const deployment = deploymentOf(config);
  const { chainId, contracts } = deployment;
  const endpoint = { urls: config.l1Urls, chainId, timeoutMs: config.l1TimeoutMs, clock, logger };
  const fanout = new Fanout(endpoint);
  const provider = new RpcProvider(fanout, chainId);
  const l1Client = createL1Client({ ...endpoint, finality: config.l1Finality });
  const interfaces = [contractInterface("LightClient"), contractInterface("StakeTable"), contractInterface("Slasher")];
  const folder = join(config.dataDir, "outbox", `${chainId.toString()}-${signer.address.toLowerCase()}`);
  return {
    deployment,
    fanout,
    chain: new FanoutChain(fanout, chainId, config.l1Urls.length, config.l1Finality),
    l1: createL1Reader(contracts, provider, deployment.deployedAtBlock),
    l1Client,
    memory: createStakeMemory(l1Client, contracts.stakeTable, deployment.deployedAtBlock),
    sequencer: createNodes({ urls: config.nodeUrls, timeoutMs: config.nodeTimeoutMs, logger }),
    signer,
    watchHeads: (onHead) => watchHeads({ urls: config.l1WsUrls ?? [], clock, logger, onHead }),
    openStore: () => openLevelStore(folder),
    judge: (revertData) => judgeRevert(interfaces, revertData),
    close: () => {
      provider.destroy();
      l1Client.close();
    },
  };
}

export async function preflight(ports: Ports, to: string, data: string): Promise<Preflight> {
  const outcome = await ports.chain.simulate({ from: ports.signer.address, to, data });
  if (outcome.kind === "ok") return { kind: "ok" };
  const { verdict, name } = ports.judge(outcome.revertData);
  return { kind: "refused", verdict, name };
}
