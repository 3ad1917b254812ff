import type { network } from "hardhat";
import type { HardhatEthers, HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import {
  concat,
  Contract,
  type ContractTransactionReceipt,
  type ContractTransactionResponse,
  dataSlice,
  getCreateAddress,
  id as hashText,
  keccak256,
  toNumber,
  TypedDataEncoder,
} from "ethers";

import accessManager from "@openzeppelin/contracts/build/contracts/AccessManager.json" with { type: "json" };

import type { DevelopmentToken, Slasher, StakeTable } from "../../../types/ethers-contracts/index.js";
import { type G1Words, type KeyPair, POSSESSION_TAG, sign } from "./bls.ts";
import { encodeCode, memberKey } from "./committee.ts";

export const DAY = 86_400n;
export const ESCROW = 21n * DAY;
export const TOKENS = 10n ** 18n;
/** A hundredth of a token. */
export const STAKE_UNIT = 10n ** 16n;
export const WAD = 10n ** 18n;
export const SALT = hashText("genesis");
export const DEAD = "0x000000000000000000000000000000000000dEaD";
export const NETWORK = concat([hashText("transport key"), "0x047f000001060fa1"]);
export const METADATA = "https://validator.example/metadata.json";

/** In the order of the contract's enum. */
export const PARAMETER = {
  seats: 0,
  minSelfStake: 1,
  minSeatStake: 2,
  minCommitteeStake: 3,
  minDelegation: 4,
  rotationInterval: 5,
  reporterCap: 6,
} as const;

export const PARAMETERS = {
  seats: 100n,
  rotationInterval: DAY,
  minSelfStake: 100n * TOKENS,
  minSeatStake: 200n * TOKENS,
  minCommitteeStake: 800n * TOKENS,
  minDelegation: TOKENS,
  reporterCap: 1000n * TOKENS,
};
export type TestParameters = typeof PARAMETERS;

export interface World {
  readonly ethers: HardhatEthers;
  readonly helpers: Created["networkHelpers"];
  readonly token: DevelopmentToken;
  readonly authority: Contract;
  readonly stakeTable: StakeTable;
  /** Plays the slasher. */
  readonly slasher: HardhatEthersSigner;
  readonly admin: HardhatEthersSigner;
  readonly accounts: readonly HardhatEthersSigner[];
}

export interface TestValidator {
  readonly id: bigint;
  readonly operator: HardhatEthersSigner;
  readonly key: KeyPair;
  readonly keyHash: string;
}

type Created = Awaited<ReturnType<typeof network.create>>;

/** Deploys the libraries that the stake table links. */
export async function deployLibraries(ethers: HardhatEthers): Promise<Record<string, string>> {
  const libraries: Record<string, string> = {};
  for (const name of ["Committees", "Governance", "Keys"]) {
    libraries[name] = await (await ethers.deployContract(name)).getAddress();
  }
  return libraries;
}

/** The AccessManager of OpenZeppelin's own build. */
export async function deployAuthority(ethers: HardhatEthers, admin: HardhatEthersSigner): Promise<Contract> {
  const factory = await ethers.getContractFactory(accessManager.abi, accessManager.bytecode, admin);
  const deployed = await factory.deploy(admin.address);
  return new Contract(await deployed.getAddress(), accessManager.abi, admin);
}

/** A stake table whose slasher is an account. */
export async function deployStakeTable(
  { ethers, networkHelpers }: Pick<Created, "ethers" | "networkHelpers">,
  parameters: Partial<TestParameters> = {},
  tokenName = "DevelopmentToken",
): Promise<World> {
  const [admin, slasher, ...accounts] = await ethers.getSigners();
  if (admin === undefined || slasher === undefined) throw new Error("the network has no accounts");
  const token = (await ethers.deployContract(tokenName)) as unknown as DevelopmentToken;
  const authority = await deployAuthority(ethers, admin);
  const stakeTable = await ethers.deployContract(
    "StakeTable",
    [configOf(token.target, slasher.address, authority.target, parameters)],
    { libraries: await deployLibraries(ethers) },
  );
  const world = { ethers, helpers: networkHelpers, token, authority, stakeTable, slasher, admin, accounts };
  for (const account of accounts) await fund(world, account);
  return world;
}

export const PENALTIES = { minPenalty: WAD / 100n, launchPenalty: WAD / 10n, rampDuration: 365n * DAY };

export interface SlashingWorld extends World {
  readonly slashing: Slasher;
}

/** A stake table with the real slasher, whose address is computed beforehand. */
export async function deploySlashing(
  created: Pick<Created, "ethers" | "networkHelpers">,
  parameters: Partial<TestParameters> = {},
  penalties = PENALTIES,
): Promise<SlashingWorld> {
  const { ethers, networkHelpers } = created;
  const [admin, slasher, ...accounts] = await ethers.getSigners();
  if (admin === undefined || slasher === undefined) throw new Error("the network has no accounts");
  const token = await ethers.deployContract("DevelopmentToken");
  const authority = await deployAuthority(ethers, admin);
  const libraries = await deployLibraries(ethers);
  const nonce = await admin.getNonce();
  const slasherAddress = getCreateAddress({ from: admin.address, nonce: nonce + 1 });
  const config = configOf(token.target, slasherAddress, authority.target, parameters);
  const stakeTable = await ethers.deployContract("StakeTable", [config], { libraries });
  const slashing = await ethers.deployContract("Slasher", [stakeTable.target, SALT, penalties]);
  const world = { ethers, helpers: networkHelpers, token, authority, stakeTable, slasher, admin, accounts, slashing };
  for (const account of accounts) await fund(world, account);
  return world;
}

export function configOf(
  token: unknown,
  slasher: unknown,
  authority: unknown,
  parameters: Partial<TestParameters> = {},
  overrides: Partial<{ escrow: bigint; stakeUnit: bigint }> = {},
) {
  return {
    token: String(token),
    slasher: String(slasher),
    authority: String(authority),
    escrow: ESCROW,
    stakeUnit: STAKE_UNIT,
    ...overrides,
    parameters: { ...PARAMETERS, ...parameters },
  };
}

/** Gives an account tokens, and the stake table the allowance to take them. */
export async function fund(world: Pick<World, "token" | "stakeTable">, account: HardhatEthersSigner): Promise<void> {
  await world.token.mint(account.address, 10n ** 9n * TOKENS);
  await world.token.connect(account).approve(world.stakeTable.target, 2n ** 256n - 1n);
}

/** The signature by which an account proves that it holds a key. */
export async function possession(
  world: Pick<World, "ethers" | "stakeTable">,
  key: KeyPair,
  validator: string,
): Promise<G1Words> {
  const { chainId } = await world.ethers.provider.getNetwork();
  const domain = { name: "Crema", version: "1", chainId, verifyingContract: await world.stakeTable.getAddress() };
  const types = {
    Register: [
      { name: "validator", type: "address" },
      { name: "keyHash", type: "bytes32" },
    ],
  };
  const digest = TypedDataEncoder.hash(domain, types, { validator, keyHash: keccak256(key.packed) });
  return sign(key.secret, digest, POSSESSION_TAG);
}

let keysMade = 0;
/** A key that no other validator of this test run has. */
export function freshKey(): KeyPair {
  return memberKey(`staking ${String(keysMade++)}`);
}

export interface Registration {
  readonly operator?: HardhatEthersSigner;
  readonly key?: KeyPair;
  readonly selfStake?: bigint;
  readonly commission?: bigint;
}

export async function register(world: World, given: Registration = {}): Promise<TestValidator> {
  const {
    operator = world.accounts[0],
    key = freshKey(),
    selfStake = PARAMETERS.minSelfStake,
    commission = 0n,
  } = given;
  if (operator === undefined) throw new Error("no account");
  const proof = await possession(world, key, operator.address);
  await world.stakeTable.connect(operator).register(key.packed, proof, commission, NETWORK, METADATA, selfStake);
  const id = await world.stakeTable.validatorCount();
  return { id, operator, key, keyHash: keccak256(key.packed) };
}

export function concatKeys(validators: readonly { readonly key: KeyPair }[]): string {
  return concat(validators.map(({ key }) => key.packed));
}

/** Registers validators with these stakes, seals their keys in pages of `pageSize`, and seats them. */
export async function seated(world: World, stakes: readonly bigint[], pageSize = 100): Promise<TestValidator[]> {
  const validators: TestValidator[] = [];
  for (const [index, selfStake] of stakes.entries()) {
    validators.push(await register(world, { operator: accountAt(world, index), selfStake }));
  }
  for (let from = 0; from < validators.length; from += pageSize) {
    await world.stakeTable.seal(concatKeys(validators.slice(from, from + pageSize)));
  }
  for (const { id, operator } of validators) await world.stakeTable.connect(operator).takeSeat(id);
  return validators;
}

export function accountAt(world: World, index: number): HardhatEthersSigner {
  const account = world.accounts[index % world.accounts.length];
  if (account === undefined) throw new Error("no account");
  return account;
}

/** Waits for the next rotation and makes it. */
export async function rotate(world: World): Promise<ContractTransactionReceipt> {
  const due = await world.stakeTable.nextRotationAt();
  const now = BigInt(await world.helpers.time.latest());
  if (due > now + 1n) await world.helpers.time.setNextBlockTimestamp(due);
  return receiptOf(world.stakeTable.rotate());
}

export async function receiptOf(sent: Promise<ContractTransactionResponse>): Promise<ContractTransactionReceipt> {
  const receipt = await (await sent).wait();
  if (receipt === null) throw new Error("not mined");
  return receipt;
}

/** The events of one name in a receipt. */
export function eventsOf(world: Pick<World, "stakeTable">, receipt: ContractTransactionReceipt, name: string) {
  return receipt.logs
    .filter((log) => log.address === world.stakeTable.target)
    .map((log) => world.stakeTable.interface.parseLog(log))
    .filter((log) => log?.name === name)
    .map((log) => log!.args);
}

/** What the newest `CommitteeCreated` says. */
export async function newestCommittee(world: Pick<World, "stakeTable">) {
  const events = await world.stakeTable.queryFilter(world.stakeTable.filters.CommitteeCreated());
  const event = events.at(-1);
  if (event === undefined) throw new Error("no committee yet");
  return event.args;
}

/** The weights in committee code. */
export function weightsOf(description: string): number[] {
  const size = toNumber(dataSlice(description, 1, 2));
  return Array.from({ length: size }, (_, index) => toNumber(dataSlice(description, 10 + 2 * index, 12 + 2 * index)));
}

/** Committee code as `CommitteeCode` describes it, from keys and places that the test keeps. */
export async function expectedCode(world: World, members: readonly TestValidator[], weights: readonly number[]) {
  const places = await Promise.all(members.map(async ({ keyHash }) => world.stakeTable.keyOf(keyHash)));
  return encodeCode({
    id: 0n,
    members: members.map(({ id, key }, index) => ({
      ...key,
      weight: weights[index] ?? 0,
      page: Number(places[index]?.page),
      slot: Number(places[index]?.slot),
      validator: Number(id),
    })),
  });
}

/** The account that the stake table created with a nonce. */
export function createdBy(world: Pick<World, "stakeTable">, nonce: number | bigint): string {
  return getCreateAddress({ from: world.stakeTable.target as string, nonce });
}

export async function increase(world: World, seconds: bigint): Promise<void> {
  await world.helpers.time.increase(seconds);
}
