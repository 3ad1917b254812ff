import type { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { Contract, getCreateAddress, type Interface } from "ethers";
import type { NetworkConnection } from "hardhat/types/network";
import { z } from "zod";

import type { AddressBook } from "../src/l1/addressBook.ts";
import { parseAddressBook } from "../src/l1/addressBook.ts";
import { contractInterface } from "../src/l1/contracts.ts";
import type * as ClusterConfig from "../src/protocol/ClusterConfig.ts";
import * as Genesis from "../src/protocol/Genesis.ts";
import Crema from "./modules/Crema.ts";
import DevelopmentToken from "./modules/DevelopmentToken.ts";
import Governance from "./modules/Governance.ts";
import HandOver from "./modules/HandOver.ts";
import Libraries from "./modules/Libraries.ts";
import Roles from "./modules/Roles.ts";
import { ParametersError, type Parameters } from "./parameters.ts";

/** Accounts that are given at deployment; those of the parameter file otherwise. */
export interface Accounts {
  readonly token: string;
  readonly admin: string;
  readonly parametersAccount: string;
  readonly guardianAccount: string;
}

export interface Deployment {
  readonly connection: NetworkConnection;
  readonly cluster: ClusterConfig.ClusterConfig;
  readonly parameters: Parameters;
  readonly accounts: Partial<Accounts>;
  /** Whether missing accounts become the deployer's own. */
  readonly development: boolean;
  readonly confirmations: number;
  /** Keeps the computed addresses over interruptions. */
  readonly plan: { read(): string | undefined; write(text: string): void };
}

/** The contracts came out elsewhere than computed, or do not name each other. */
export class DeploymentError extends Error {
  override readonly name = "DeploymentError";
}

/** All modules share one journal, so that a later one finds what an earlier one made. */
const DEPLOYMENT_ID = "crema";
/** How far a header's time may be ahead of L1's: 120 s and what validators tolerate. */
const L1_DRIFT_SECONDS = 120;
export const PARAMETERS_FUNCTIONS = ["queueParameter", "cancelParameter"];
const GUARDIAN_FUNCTIONS = ["pause", "unpause"];

const planSchema = z.strictObject({
  deployer: z.string(),
  firstNonce: z.int().nonnegative(),
  deployedAtBlock: z.int().nonnegative(),
});
type Plan = z.infer<typeof planSchema>;

/** Deploys whatever is missing, checks all of it, and gives the address book. */
export async function deployAll(deployment: Deployment): Promise<AddressBook> {
  const { connection, parameters } = deployment;
  const deploy = deployer(deployment);
  const who = governors(deployment);
  const token = givenToken(deployment) ?? (await deploy(DevelopmentToken, {})).get("token");
  const manager = (await deploy(Governance, {})).get("accessManager");
  await deploy(Libraries, {});
  const plan = await makePlan(deployment);
  const addressAt = (offset: number): string =>
    getCreateAddress({ from: plan.deployer, nonce: plan.firstNonce + offset });
  const [stakeTable, lightClient, slasher, confirmationVerifier] = [
    addressAt(0),
    addressAt(1),
    addressAt(2),
    addressAt(3),
  ];
  const salt = Genesis.hash(deployment.cluster);
  const made = await deploy(Crema, {
    stakeTable: { ...parameters.stakeTable, token, slasher, authority: manager },
    stakeTableAddress: stakeTable,
    lightClientAddress: lightClient,
    salt,
    lightClient: {
      ...parameters.lightClient,
      epochLength: deployment.cluster.epochLength,
      l1Drift: L1_DRIFT_SECONDS + Math.ceil(deployment.cluster.maxClockDriftMs / 1000),
    },
    slasher: parameters.slasher,
  });
  const expected = { stakeTable, lightClient, slasher, confirmationVerifier };
  for (const [name, address] of Object.entries(expected)) {
    if (made.get(name) !== address.toLowerCase()) {
      throw new DeploymentError(
        `${name} stands at ${made.get(name)}, computed was ${address}: another transaction came between`,
      );
    }
  }
  await checkReferences(connection, expected, salt);
  await assignRoles(deployment, deploy, who, { deployer: plan.deployer, accessManager: manager, stakeTable });
  const book = {
    chainId: deployment.cluster.l1ChainId,
    ...expected,
    token,
    accessManager: manager,
    deployedAtBlock: plan.deployedAtBlock,
    genesisHash: salt,
  };
  return parseAddressBook(JSON.stringify(book), "the deployment");
}

type Value = string | number | bigint | readonly Value[] | { readonly [name: string]: Value };
type IgnitionModule = ReturnType<typeof buildModule>;
/** Runs one module, or what is left of it; addresses by the name of the module's result, in lower case. */
type Deploy = (module: IgnitionModule, parameters: Readonly<Record<string, Value>>) => Promise<Addresses>;

class Addresses {
  readonly #byName: ReadonlyMap<string, string>;

  constructor(byName: ReadonlyMap<string, string>) {
    this.#byName = byName;
  }

  get(name: string): string {
    const address = this.#byName.get(name);
    if (address === undefined) throw new DeploymentError(`the module has no result ${name}`);
    return address;
  }
}

/** Development chains mine at once; anywhere else Ignition's own pace is right. */
const FAST_POLLING_MS = 50;

function deployer({ connection, confirmations, development }: Deployment): Deploy {
  return async (module, parameters) => {
    const contracts = await connection.ignition.deploy(module, {
      parameters: { [module.id]: mutable(parameters) },
      deploymentId: DEPLOYMENT_ID,
      config: {
        requiredConfirmations: confirmations,
        ...(development ? { blockPollingInterval: FAST_POLLING_MS } : {}),
      },
    });
    const entries = Object.entries(contracts).map(async ([name, contract]) => {
      return [name, (await contract.getAddress()).toLowerCase()] as const;
    });
    return new Addresses(new Map(await Promise.all(entries)));
  };
}

/** Ignition's parameter type is mutable; copies are made, so that nobody else's value can change. */
function mutable(value: Readonly<Record<string, Value>>): Record<string, MutableValue> {
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, copy(entry)]));
}

type MutableValue = string | number | bigint | MutableValue[] | { [name: string]: MutableValue };

function copy(value: Value): MutableValue {
  if (typeof value !== "object") return value;
  return isList(value) ? value.map(copy) : mutable(value);
}

function isList(value: object): value is readonly Value[] {
  return Array.isArray(value);
}

/** Checked before anything is deployed; null means the development token, which anyone may mint. */
function givenToken({ accounts, development, parameters }: Deployment): string | null {
  const given = accounts.token ?? parameters.token;
  if (given === null && !development) {
    throw new ParametersError(
      "token is not set: give the staking token with --token or in the parameters; " +
        "the development token, which anyone may mint, is deployed on a local network only",
    );
  }
  return given;
}

/** The first of the four nonces, fixed once: a later run must not compute other addresses. */
async function makePlan({ connection, plan }: Deployment): Promise<Plan> {
  const known = plan.read();
  if (known !== undefined) return planSchema.parse(JSON.parse(known));
  const [signer] = await connection.ethers.getSigners();
  if (signer === undefined) throw new DeploymentError("the network has no account to deploy from");
  const made = {
    deployer: await signer.getAddress(),
    firstNonce: await signer.getNonce("pending"),
    deployedAtBlock: await connection.ethers.provider.getBlockNumber(),
  };
  plan.write(JSON.stringify(made));
  return made;
}

/** What the contracts say about each other, read back from the chain. */
async function checkReferences(
  connection: NetworkConnection,
  made: Readonly<Record<"stakeTable" | "lightClient" | "slasher" | "confirmationVerifier", string>>,
  salt: string,
): Promise<void> {
  const expected = [
    ["StakeTable", made.stakeTable, "slasher", made.slasher],
    ["LightClient", made.lightClient, "stakeTable", made.stakeTable],
    ["LightClient", made.lightClient, "salt", salt],
    ["Slasher", made.slasher, "stakeTable", made.stakeTable],
    ["Slasher", made.slasher, "salt", salt],
    ["ConfirmationVerifier", made.confirmationVerifier, "lightClient", made.lightClient],
  ] as const;
  for (const [name, address, view, value] of expected) {
    const contract = new Contract(address, contractInterface(name), connection.ethers.provider);
    const answer: unknown = await contract.getFunction(view).staticCall();
    if (typeof answer !== "string" || answer.toLowerCase() !== value.toLowerCase()) {
      throw new DeploymentError(`${name}.${view} is ${String(answer)}, expected ${value}`);
    }
  }
}

type Governors = Readonly<Record<"admin" | "parametersAccount" | "guardianAccount", string | null>>;

/** Checked before anything is deployed; null means the deployer, which only development networks may have. */
function governors({ accounts, development, parameters }: Deployment): Governors {
  const account = (name: keyof Governors): string | null => {
    const given = accounts[name] ?? parameters.governance[name];
    if (given === null && !development) {
      throw new ParametersError(`governance.${name} is not set: give it with the command or in the parameters`);
    }
    return given;
  };
  return {
    admin: account("admin"),
    parametersAccount: account("parametersAccount"),
    guardianAccount: account("guardianAccount"),
  };
}

async function assignRoles(
  { parameters }: Deployment,
  deploy: Deploy,
  who: Governors,
  made: Readonly<Record<"deployer" | "accessManager" | "stakeTable", string>>,
): Promise<void> {
  const admin = who.admin ?? made.deployer;
  const abi = contractInterface("StakeTable");
  await deploy(Roles, {
    accessManager: made.accessManager,
    stakeTable: made.stakeTable,
    parametersSelectors: selectors(abi, PARAMETERS_FUNCTIONS),
    guardianSelectors: selectors(abi, GUARDIAN_FUNCTIONS),
    parametersAccount: who.parametersAccount ?? made.deployer,
    parametersDelay: parameters.governance.parametersDelay,
    guardianAccount: who.guardianAccount ?? made.deployer,
    admin,
    adminDelay: parameters.governance.adminDelay,
  });
  if (admin.toLowerCase() !== made.deployer.toLowerCase()) {
    await deploy(HandOver, { accessManager: made.accessManager });
  }
}

function selectors(abi: Interface, names: readonly string[]): readonly string[] {
  return names.map((name) => {
    const found = abi.getFunction(name);
    if (found === null) throw new DeploymentError(`StakeTable has no function ${name}`);
    return found.selector;
  });
}
