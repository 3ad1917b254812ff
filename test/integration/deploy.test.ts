import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Contract, Interface, Result, Wallet, type InterfaceAbi } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { readParameters } from "../../deploy/parameters.ts";
import { deployedSources } from "../../deploy/sources.ts";
import { GUARDIAN_ROLE, PARAMETERS_ROLE } from "../../deploy/modules/Roles.ts";
import { startAnvil } from "../../src/cli/start/anvil.ts";
import { localClusterConfig } from "../../src/cli/start/localCluster.ts";
import { createProcesses } from "../../src/cli/start/processes.ts";
import { buildContracts, ROOT, runTool } from "../../src/cli/start/tools.ts";
import { readAddressBook, type AddressBook } from "../../src/l1/addressBook.ts";
import { contractInterface, developmentTokenAt, lightClientAt, stakeTableAt } from "../../src/l1/contracts.ts";
import { createL1Client, type L1Client } from "../../src/l1/l1Client.ts";
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";

const ADMIN_ROLE = 0n;
/** The L1 node's first development account: public knowledge, worthless anywhere else. */
const DEPLOYER_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const DEPLOYER = new Wallet(DEPLOYER_KEY).address;
const ACCOUNTS = { admin: address("a1"), "parameters-account": address("b2"), "guardian-account": address("c3") };

const processes = createProcesses();
const directory = mkdtempSync(join(tmpdir(), "crema-deploy-"));
const signal = new AbortController().signal;

function address(byte: string): string {
  return `0x${byte.repeat(20)}`;
}

interface Target {
  readonly name: string;
  readonly url: string;
  readonly client: L1Client;
  readonly cluster: ClusterConfig;
}

/** An L1 with the chain id of the network, and a cluster config for it. */
async function target(name: string, chainId: number): Promise<Target> {
  const dataDir = join(directory, name);
  mkdirSync(dataDir);
  const start = {
    ...processes,
    start: (spec: Parameters<typeof processes.start>[0]) => processes.start({ ...spec, name }),
  };
  const { url } = await startAnvil(start, { dataDir, chainId });
  const cluster = { ...localClusterConfig(systemClock.wallMs(), 1_000), l1ChainId: chainId };
  writeFileSync(join(dataDir, "cluster.json"), JSON.stringify(cluster));
  const options = { finality: { kind: "tag" }, timeoutMs: 5_000, clock: systemClock, logger: silentLogger } as const;
  return { name, url, client: createL1Client({ urls: [url], chainId: BigInt(chainId), ...options }), cluster };
}

async function deploy(
  { name, url }: Target,
  network: string,
  options: Readonly<Record<string, string>>,
): Promise<AddressBook> {
  const at = (file: string): string => join(directory, name, file);
  const given = {
    network,
    confirmations: "1",
    cluster: at("cluster.json"),
    out: at("addresses.json"),
    state: at("state"),
  };
  const args = Object.entries({ ...given, ...options }).flatMap(([flag, value]) => [`--${flag}`, value]);
  const env = { L1_URL: url, CREMA_DEPLOYER_KEY: DEPLOYER_KEY };
  await runTool("deploying", [join(ROOT, "deploy", "deploy.ts"), ...args], env, signal);
  return readAddressBook(at("addresses.json"));
}

/** A token that was there before; any plain one serves. */
async function standingToken({ client }: Target): Promise<string> {
  const path = join(ROOT, "artifacts/contracts/examples/DevelopmentToken.sol/DevelopmentToken.json");
  const bytecode = /"bytecode": "(0x[0-9a-f]+)"/.exec(readFileSync(path, "utf8"))?.[1] ?? "";
  const wallet = new Wallet(DEPLOYER_KEY, client.provider);
  const receipt = await (await wallet.sendTransaction({ data: bytecode })).wait();
  return receipt?.contractAddress ?? "";
}

const require = createRequire(import.meta.url);
const managerArtifact = JSON.parse(
  readFileSync(require.resolve("@openzeppelin/contracts/build/contracts/AccessManager.json"), "utf8"),
) as { readonly abi: InterfaceAbi };

async function hasRole({ client }: Target, book: AddressBook, role: bigint, account: string): Promise<unknown> {
  const manager = new Contract(book.accessManager, new Interface(managerArtifact.abi), client.provider);
  const answer: unknown = await manager.getFunction("hasRole").staticCallResult(role, account);
  if (!(answer instanceof Result)) throw new Error("hasRole gave no result");
  const isMember: unknown = answer.getValue("isMember");
  const delay: unknown = answer.getValue("executionDelay");
  return isMember === true ? delay : undefined;
}

/** DEPLOY-5: what is exported for explorers is what the deploying transactions carried, to the last byte. */
async function expectVerifiable({ name, client }: Target, book: AddressBook): Promise<void> {
  const sources = deployedSources(join(directory, name, "state"));
  const names = ["DevelopmentToken", "Committees", "Governance", "Keys", "StakeTable", "LightClient", "Slasher"];
  expect(sources.map((source) => source.name)).toEqual(expect.arrayContaining([...names, "ConfirmationVerifier"]));
  expect(sources.find((source) => source.name === "StakeTable")?.address.toLowerCase()).toBe(book.stakeTable);
  const created = new Map<string, string>();
  for (let number = 0n; number <= (await client.latestBlock()).number; number++) {
    const block = await client.provider.getBlock(Number(number), true);
    for (const { hash, data, to } of block?.prefetchedTransactions ?? []) {
      const receipt = to === null ? await client.provider.getTransactionReceipt(hash) : null;
      if (receipt?.contractAddress) created.set(receipt.contractAddress, data);
    }
  }
  for (const { address, creationCode, compiler, standardJson } of sources) {
    expect(created.get(address)).toBe(creationCode);
    expect(compiler).toMatch(/^v0\.8\.37\+commit\.[0-9a-f]{8}$/);
    expect(standardJson).toMatchObject({ language: "Solidity", settings: { evmVersion: "osaka", viaIR: true } });
  }
}

beforeAll(async () => {
  await buildContracts(signal);
});

afterAll(async () => {
  await processes.stopAll();
  rmSync(directory, { recursive: true, force: true });
});

describe("deployment with Ignition", () => {
  it("DEPLOY-1: the four contracts know each other, the chain and the genesis, and a second run changes nothing", async () => {
    const local = await target("local", 31_337);
    const book = await deploy(local, "local", {});
    expect(book).toMatchObject({ chainId: 31_337, genesisHash: Genesis.hash(local.cluster) });
    const lightClient = lightClientAt(book.lightClient, local.client.provider);
    expect((await lightClient.stakeTable()).toLowerCase()).toBe(book.stakeTable);
    expect(await lightClient.salt()).toBe(book.genesisHash);
    expect(await lightClient.epochLength()).toBe(1_000n);
    const table = stakeTableAt(book.stakeTable, local.client.provider);
    expect((await table.slasher()).toLowerCase()).toBe(book.slasher);
    expect((await table.token()).toLowerCase()).toBe(book.token);
    const before = await local.client.latestBlock();
    expect(await deploy(local, "local", {})).toEqual(book);
    expect((await local.client.latestBlock()).number).toBe(before.number);
    await expectVerifiable(local, book);
  });

  it("DEPLOY-2: a public network is not deployed without its accounts and token, before anything is spent", async () => {
    for (const [network, chainId] of [
      ["sepolia", 11_155_111],
      ["mainnet", 1],
    ] as const) {
      const refused = await target(`refused-${network}`, chainId);
      await expect(deploy(refused, network, {})).rejects.toThrow("governance.admin is not set");
      await expect(deploy(refused, network, { admin: address("a1") })).rejects.toThrow("parametersAccount is not set");
      await expect(deploy(refused, network, ACCOUNTS)).rejects.toThrow("token is not set");
      expect((await refused.client.latestBlock()).number).toBe(0n);
    }
  });

  it("DEPLOY-3: on a public network the deployer keeps no role, and the others wait as the parameters say", async () => {
    const sepolia = await target("sepolia", 11_155_111);
    const book = await deploy(sepolia, "sepolia", { ...ACCOUNTS, token: await standingToken(sepolia) });
    const { governance } = await readParameters(join(ROOT, "deploy", "parameters", "sepolia.json5"));
    const role = (id: bigint, account: string): Promise<unknown> => hasRole(sepolia, book, id, account);
    expect(await role(ADMIN_ROLE, ACCOUNTS.admin)).toBe(BigInt(governance.adminDelay));
    expect(await role(PARAMETERS_ROLE, ACCOUNTS["parameters-account"])).toBe(BigInt(governance.parametersDelay));
    expect(await role(GUARDIAN_ROLE, ACCOUNTS["guardian-account"])).toBe(0n);
    for (const id of [ADMIN_ROLE, PARAMETERS_ROLE, GUARDIAN_ROLE]) expect(await role(id, DEPLOYER)).toBeUndefined();
    const manager = new Contract(book.accessManager, new Interface(managerArtifact.abi), sepolia.client.provider);
    const table = contractInterface("StakeTable");
    const roleOf = async (name: string): Promise<unknown> =>
      manager.getFunction("getTargetFunctionRole").staticCall(book.stakeTable, table.getFunction(name)?.selector);
    expect(await roleOf("queueParameter")).toBe(PARAMETERS_ROLE);
    expect(await roleOf("cancelParameter")).toBe(PARAMETERS_ROLE);
    expect(await roleOf("pause")).toBe(GUARDIAN_ROLE);
    expect(await roleOf("unpause")).toBe(GUARDIAN_ROLE);
  });

  it("DEPLOY-4: the parameters of mainnet are accepted by the contracts, with a token that stands already", async () => {
    const mainnet = await target("mainnet", 1);
    const token = await standingToken(mainnet);
    const book = await deploy(mainnet, "mainnet", { ...ACCOUNTS, token });
    expect(book.token).toBe(token.toLowerCase());
    expect(await developmentTokenAt(book.token, mainnet.client.provider).symbol()).toBe("DEVCREMA");
    const { stakeTable } = await readParameters(join(ROOT, "deploy", "parameters", "mainnet.json5"));
    const parameters = await stakeTableAt(book.stakeTable, mainnet.client.provider).parameters();
    expect(parameters.minCommitteeStake).toBe(stakeTable.parameters.minCommitteeStake);
    expect(parameters.rotationInterval).toBe(86_400n);
  });
});
