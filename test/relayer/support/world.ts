import { Wallet } from "ethers";

import { contractInterface, lightClientAt, type LightClient } from "../../../src/l1/contracts.ts";
import { CHAIN_ID, startAnvil, type Anvil, type AnvilOptions } from "./anvil.ts";
import { temporaryFolder } from "./backends.ts";
import { saltOf, TestChain, type Signers } from "./chain.ts";
import { deploy, hashOfKey, type Deployment, type TestValidator } from "./deployment.ts";
import { startNodeServer, type NodeServer } from "./nodeServer.ts";
import { startRelayer, type ProcessOptions, type RelayerProcess } from "./relayerProcess.ts";

export const EPOCH_LENGTH = 10n;
/** The relayer's account: its own, so that its nonces tell what it sent. */
export const RELAYER_KEY = `0x${"5e".repeat(32)}`;

/** L1 node process, real contracts with a committee of four, a chain they sign, and a node's HTTP interface. */
export interface World {
  readonly anvil: Anvil;
  readonly deployment: Deployment;
  readonly chain: TestChain;
  readonly node: NodeServer;
  readonly lightClient: LightClient;
  readonly dataDir: string;
  readonly relayerAddress: string;
  signers(committee: bigint): Signers;
  /** L1 anchor of the blocks from here on. */
  setL1Number(number: bigint): void;
  keyHash(validator: TestValidator): string;
  /** Gives a key ether; its address. */
  fund(key: string): Promise<string>;
  start(options?: Partial<ProcessOptions>): RelayerProcess;
  l1Height(): Promise<bigint>;
  /** Heights of all checkpoints, in order. */
  posted(): Promise<readonly bigint[]>;
  /** Transactions that the relayer's account ever had mined. */
  nonce(): Promise<number>;
  close(): Promise<void>;
}

let worlds = 0;

export interface WorldOptions extends AnvilOptions {
  readonly validators?: number;
  /** Header time, ms; a minute ago and a millisecond a block unless given. */
  readonly nowMs?: () => number;
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const folder = temporaryFolder();
  // Set up at full speed, with a block per transaction; the blocks that the test wants come after.
  const { slotsInEpoch = 1 } = options;
  const anvil = await startAnvil({ automine: true, slotsInEpoch });
  worlds += 1;
  const salt = saltOf(`world ${String(worlds)}`);
  const plan = { salt, epochLength: EPOCH_LENGTH, validators: options.validators ?? 4 };
  const deployment = await deploy(anvil, plan).catch(async (error: unknown) => {
    await anvil.stop();
    throw error;
  });
  const fund = async (key: string): Promise<string> => {
    const { address } = new Wallet(key);
    await anvil.rpc("anvil_setBalance", [address, `0x${(10n ** 20n).toString(16)}`]);
    return address;
  };
  const relayerAddress = await fund(RELAYER_KEY);
  const signers = (committee: bigint): Signers => ({
    committee,
    secretKeys: deployment.validators.map(({ secretKey }) => secretKey),
  });
  let l1Number = BigInt(await anvil.provider.getBlockNumber());
  const chain = new TestChain({
    chainId: BigInt(CHAIN_ID),
    stakeTable: deployment.book.stakeTable,
    salt,
    epochLength: EPOCH_LENGTH,
    signers: signers(1n),
    l1Number: () => l1Number,
    ...(options.nowMs !== undefined && { nowMs: options.nowMs }),
  });
  const node = await startNodeServer(chain);
  const lightClient = lightClientAt(deployment.book.lightClient, anvil.provider);
  const started: RelayerProcess[] = [];
  if (options.automine === false || options.blockTime !== undefined) await anvil.rpc("evm_setAutomine", [false]);
  if (options.blockTime !== undefined) await anvil.rpc("evm_setIntervalMining", [options.blockTime]);
  return {
    anvil,
    deployment,
    chain,
    node,
    lightClient,
    dataDir: folder.path,
    relayerAddress,
    signers,
    setL1Number: (number) => (l1Number = number),
    keyHash: hashOfKey,
    fund,
    start: (over = {}) => {
      const defaults = { book: deployment.book, l1Urls: [anvil.url], nodeUrls: [node.url], dataDir: folder.path };
      const process = startRelayer({ ...defaults, key: RELAYER_KEY, ...over });
      started.push(process);
      return process;
    },
    l1Height: async () => (await lightClient.status()).height,
    posted: async () => {
      const event = contractInterface("LightClient").getEvent("CheckpointAdvanced");
      const filter = { address: deployment.book.lightClient, topics: [event?.topicHash ?? ""], fromBlock: 0 };
      const logs = await anvil.provider.getLogs(filter);
      return logs.map(({ topics }) => BigInt(topics[1] ?? "0x0"));
    },
    nonce: () => anvil.provider.getTransactionCount(relayerAddress),
    close: async () => {
      await Promise.all(started.map((process) => process.kill()));
      await node.close();
      await anvil.stop();
      folder.remove();
    },
  };
}

/** Waits for something that the world will show. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, attempts = 600): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`did not come true: ${what}`);
}
