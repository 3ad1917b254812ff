import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

import { ContractFactory, getCreateAddress, NonceManager, Wallet, type BaseContract, type InterfaceAbi } from "ethers";
import { z } from "zod";

import { toHex, type Hex } from "../../../src/codec/hex.ts";
import { keyHash } from "../../../src/crypto/bls.ts";
import { nobleBls } from "../../../src/crypto/blsNoble.ts";
import type { Hash } from "../../../src/crypto/hash.ts";
import type { AddressBook } from "../../../src/l1/addressBook.ts";
import { developmentTokenAt, stakeTableAt, type StakeTable } from "../../../src/l1/contracts.ts";
import * as Registration from "../../../src/protocol/Registration.ts";
import { signatureWords } from "../../../relayer/l1/encode.ts";
import { CHAIN_ID, FIRST_KEY, type Anvil } from "./anvil.ts";

const artifactSchema = z.object({
  abi: z.custom<InterfaceAbi>((value) => Array.isArray(value)),
  bytecode: z.string(),
  linkReferences: z.record(
    z.string(),
    z.record(z.string(), z.array(z.object({ start: z.number(), length: z.number() }))),
  ),
});

function readArtifact(path: string): z.output<typeof artifactSchema> {
  const file = fileURLToPath(new URL(`../../../artifacts/contracts/${path}`, import.meta.url));
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  return artifactSchema.parse(parsed);
}

export interface TestValidator {
  readonly id: bigint;
  readonly secretKey: Uint8Array;
  readonly key: Uint8Array;
}

/** Contracts on a real L1 node, with validators that hold seats. */
export interface Deployment {
  readonly book: AddressBook;
  readonly deployer: NonceManager;
  readonly stakeTable: StakeTable;
  readonly validators: readonly TestValidator[];
  /** Registers one more validator; its key waits for `seal`. */
  register(): Promise<TestValidator>;
  /** Takes a seat for it; its key must be sealed. */
  takeSeat(validator: TestValidator): Promise<void>;
  seal(validators: readonly TestValidator[]): Promise<void>;
  rotate(): Promise<void>;
}

export interface DeploymentOptions {
  readonly salt: Hash;
  readonly epochLength: bigint;
  /** Registered, sealed, seated, and made committee 1. */
  readonly validators: number;
  readonly rotationInterval?: number;
}

const TOKEN = 10n ** 18n;
const DAY = 86_400;

/** Deploys by ethers alone: the tests of the relayer need contracts, not the deployment tool. */
export async function deploy(anvil: Anvil, options: DeploymentOptions): Promise<Deployment> {
  const deployer = new NonceManager(new Wallet(FIRST_KEY, anvil.provider));
  const from = await deployer.getAddress();
  const make = async (abi: InterfaceAbi, bytecode: string, args: readonly unknown[]): Promise<string> => {
    const contract: BaseContract = await new ContractFactory(abi, bytecode, deployer).deploy(...args);
    await contract.waitForDeployment();
    return (await contract.getAddress()).toLowerCase();
  };
  const deployedAtBlock = await anvil.provider.getBlockNumber();
  const token = await make(...simple("examples/DevelopmentToken.sol/DevelopmentToken.json"), []);
  const manager = createRequire(import.meta.url)("@openzeppelin/contracts/build/contracts/AccessManager.json") as {
    abi: InterfaceAbi;
    bytecode: string;
  };
  const accessManager = await make(manager.abi, manager.bytecode, [from]);
  const table = readArtifact("StakeTable.sol/StakeTable.json");
  const links = new Map<string, string>();
  for (const [source, libraries] of Object.entries(table.linkReferences)) {
    for (const name of Object.keys(libraries)) {
      const path = source.replace(/^.*contracts\//, "");
      links.set(name, await make(...simple(`${path}/${name}.json`), []));
    }
  }
  const nonce = await anvil.provider.getTransactionCount(from);
  const slasher = getCreateAddress({ from, nonce: nonce + 2 }).toLowerCase();
  const stakeTable = await make(table.abi, link(table, links), [
    stakeTableConfig(token, slasher, accessManager, options),
  ]);
  const client = readArtifact("LightClient.sol/LightClient.json");
  const parameters = {
    epochLength: options.epochLength,
    margin: 7 * DAY,
    l1Drift: 130,
    ringInterval: 5,
    resumeDelay: 4 * DAY,
  };
  const lightClient = await make(client.abi, client.bytecode, [stakeTable, options.salt, parameters]);
  const slasherMade = await makeSlasher(make, stakeTable, options.salt);
  const address = (text: string): Hex => `0x${text.slice(2)}`;
  const book: AddressBook = {
    chainId: CHAIN_ID,
    stakeTable: address(stakeTable),
    lightClient: address(lightClient),
    slasher: address(slasherMade ?? slasher),
    confirmationVerifier: address(lightClient),
    token: address(token),
    accessManager: address(accessManager),
    deployedAtBlock,
    genesisHash: options.salt,
  };
  return populate(anvil, deployer, book, token, options);
}

async function makeSlasher(
  make: (abi: InterfaceAbi, bytecode: string, args: readonly unknown[]) => Promise<string>,
  stakeTable: string,
  salt: Hash,
): Promise<string | undefined> {
  const artifact = readArtifact("Slasher.sol/Slasher.json");
  if (artifact.bytecode === "0x") return undefined;
  const penalties = { minPenalty: TOKEN / 100n, launchPenalty: TOKEN / 10n, rampDuration: 365 * DAY };
  return make(artifact.abi, artifact.bytecode, [stakeTable, salt, penalties]);
}

function simple(path: string): [InterfaceAbi, string] {
  const { abi, bytecode } = readArtifact(path);
  return [abi, bytecode];
}

/** Puts library addresses into the gaps that the compiler left. */
function link(artifact: z.output<typeof artifactSchema>, addresses: ReadonlyMap<string, string>): string {
  let code = artifact.bytecode.slice(2);
  for (const libraries of Object.values(artifact.linkReferences)) {
    for (const [name, places] of Object.entries(libraries)) {
      const address = (addresses.get(name) ?? "").slice(2);
      for (const { start, length } of places) {
        code = code.slice(0, 2 * start) + address + code.slice(2 * (start + length));
      }
    }
  }
  return `0x${code}`;
}

function stakeTableConfig(token: string, slasher: string, authority: string, options: DeploymentOptions): object {
  return {
    token,
    slasher,
    authority,
    escrow: 21 * DAY,
    stakeUnit: TOKEN / 1000n,
    parameters: {
      seats: 16,
      rotationInterval: options.rotationInterval ?? 1,
      minSelfStake: TOKEN,
      minSeatStake: TOKEN,
      minCommitteeStake: 4n * TOKEN,
      minDelegation: TOKEN / 1000n,
      reporterCap: TOKEN,
    },
  };
}

async function populate(
  anvil: Anvil,
  deployer: NonceManager,
  book: AddressBook,
  token: string,
  options: DeploymentOptions,
): Promise<Deployment> {
  const stakeTable = stakeTableAt(book.stakeTable, deployer);
  const stakeToken = developmentTokenAt(token, deployer);
  const operator = (await deployer.getAddress()).toLowerCase();
  await done(stakeToken.mint(operator, 1000n * TOKEN));
  await done(stakeToken.approve(book.stakeTable, 1000n * TOKEN));
  const validators: TestValidator[] = [];

  async function register(): Promise<TestValidator> {
    const secretKey = new Uint8Array(32).fill(validators.length + 1);
    const key = nobleBls.publicKey(secretKey);
    const domain = { chainId: BigInt(CHAIN_ID), stakeTable: book.stakeTable };
    const proof = Registration.provePossession(nobleBls, secretKey, `0x${operator.slice(2)}`, domain);
    const network = new Uint8Array(40).fill(7);
    await done(stakeTable.register(toHex(key), [...signatureWords(proof)], 0, network, "", 2n * TOKEN));
    const validator = { id: BigInt(validators.length + 1), secretKey, key };
    validators.push(validator);
    return validator;
  }

  const deployment: Deployment = {
    book,
    deployer,
    stakeTable,
    validators,
    register,
    takeSeat: (validator) => done(stakeTable.takeSeat(validator.id)),
    seal: (sealed) => done(stakeTable.seal(toHex(Buffer.concat(sealed.map(({ key }) => key))))),
    rotate: async () => {
      // Past the interval, whatever the time of day: rotation goes by L1's clock.
      await anvil.rpc("evm_increaseTime", [2]);
      await anvil.mine();
      await done(stakeTable.rotate());
    },
  };
  for (let i = 0; i < options.validators; i++) await register();
  if (options.validators > 0) {
    await deployment.seal(validators);
    for (const validator of [...validators]) await deployment.takeSeat(validator);
    await deployment.rotate();
  }
  return deployment;
}

async function done(sent: Promise<{ wait(): Promise<unknown> }>): Promise<void> {
  await (await sent).wait();
}

export function hashOfKey(validator: TestValidator): Hash {
  return keyHash(validator.key);
}
