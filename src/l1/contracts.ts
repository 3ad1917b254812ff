import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { BaseContract, ContractFactory, Interface, type ContractRunner, type InterfaceAbi } from "ethers";

import type {
  ConfirmationVerifier as ConfirmationVerifierBinding,
  DevelopmentToken as DevelopmentTokenBinding,
  LightClient as LightClientBinding,
  Slasher as SlasherBinding,
  StakeTable as StakeTableBinding,
} from "../../types/ethers-contracts/index.ts";
import { L1ContractError } from "./l1Errors.ts";

type Bound<T> = BaseContract & Omit<T, keyof BaseContract>;
export type ConfirmationVerifier = Bound<ConfirmationVerifierBinding>;
export type DevelopmentToken = Bound<DevelopmentTokenBinding>;
export type LightClient = Bound<LightClientBinding>;
export type Slasher = Bound<SlasherBinding>;
export type StakeTable = Bound<StakeTableBinding>;

/**
 * The one place that knows where ABIs and contract types come from. Types exist at compile time only; ABIs are read
 * from the build output when first needed, so that a program says in one sentence what is missing.
 */
const ARTIFACTS = {
  StakeTable: "StakeTable.sol/StakeTable.json",
  LightClient: "LightClient.sol/LightClient.json",
  Slasher: "Slasher.sol/Slasher.json",
  ConfirmationVerifier: "ConfirmationVerifier.sol/ConfirmationVerifier.json",
  DevelopmentToken: "examples/DevelopmentToken.sol/DevelopmentToken.json",
} as const;

export type ContractName = keyof typeof ARTIFACTS;

interface Artifact {
  readonly abi: InterfaceAbi;
  readonly bytecode: string;
}

const interfaces = new Map<ContractName, Interface>();

function artifactPath(name: ContractName): string {
  return fileURLToPath(new URL(`../../artifacts/contracts/${ARTIFACTS[name]}`, import.meta.url));
}

/** Whether every contract has been built. */
export function contractsAreBuilt(): boolean {
  return Object.keys(ARTIFACTS).every((name) => isContractName(name) && existsSync(artifactPath(name)));
}

function isContractName(name: string): name is ContractName {
  return name in ARTIFACTS;
}

function readArtifact(name: ContractName): Artifact {
  const path = artifactPath(name);
  if (!existsSync(path)) throw new L1ContractError(`the contracts are not built (no ${path}): npm run build`);
  const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (typeof parsed !== "object" || parsed === null || !("abi" in parsed) || !Array.isArray(parsed.abi)) {
    throw new L1ContractError(`${path} is no build artifact: npm run build`);
  }
  const bytecode = "bytecode" in parsed && typeof parsed.bytecode === "string" ? parsed.bytecode : "0x";
  return { abi: parsed.abi, bytecode };
}

/** The ABI of a contract: for decoding its events and errors. */
export function contractInterface(name: ContractName): Interface {
  const known = interfaces.get(name);
  if (known !== undefined) return known;
  const made = new Interface(readArtifact(name).abi);
  interfaces.set(name, made);
  return made;
}

export function stakeTableAt(address: string, runner: ContractRunner): StakeTable {
  return BaseContract.from<StakeTableBinding>(address, contractInterface("StakeTable"), runner);
}

export function lightClientAt(address: string, runner: ContractRunner): LightClient {
  return BaseContract.from<LightClientBinding>(address, contractInterface("LightClient"), runner);
}

export function slasherAt(address: string, runner: ContractRunner): Slasher {
  return BaseContract.from<SlasherBinding>(address, contractInterface("Slasher"), runner);
}

export function confirmationVerifierAt(address: string, runner: ContractRunner): ConfirmationVerifier {
  return BaseContract.from<ConfirmationVerifierBinding>(address, contractInterface("ConfirmationVerifier"), runner);
}

/** The stake token of development networks; anyone may mint it. */
export function developmentTokenAt(address: string, runner: ContractRunner): DevelopmentToken {
  return BaseContract.from<DevelopmentTokenBinding>(address, contractInterface("DevelopmentToken"), runner);
}

/** For tests that deploy without Ignition. */
export function contractFactory(name: ContractName, runner: ContractRunner): ContractFactory {
  const { abi, bytecode } = readArtifact(name);
  return new ContractFactory(abi, bytecode, runner);
}
