import type { HardhatEthers } from "@nomicfoundation/hardhat-ethers/types";
import { concat } from "ethers";
import { network } from "hardhat";

import type { ConfirmationVerifier, LightClient, StakeTableHarness } from "../../types/ethers-contracts/index.js";
import { fromHex, toHex, type Hex } from "../../src/codec/hex.ts";
import { SECRET_KEY_BYTES, toBigEndian } from "../../src/crypto/bls.ts";
import { keccakHash } from "../../src/crypto/hash.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import type { Parameters } from "../../src/lightclient/lightClient.ts";
import type { Domain } from "../../src/protocol/Domain.ts";
import * as Header from "../../src/protocol/Header.ts";
import { CommitteeId, ValidatorId } from "../../src/protocol/scalars.ts";
import { bls, EPOCH_LENGTH, genesis, type SecretCommittee } from "../api/chain.ts";
import { encodeCode, memberKey } from "../contracts/support/committee.ts";

/** The contracts on Hardhat's simulated L1, with a stake table that hands out the committees a test wants. */
export interface Contracts {
  readonly ethers: HardhatEthers;
  readonly stakeTable: StakeTableHarness;
  readonly lightClient: LightClient;
  readonly verifier: ConfirmationVerifier;
  readonly domain: Domain;
  readonly committees: readonly SecretCommittee[];
  readonly parameters: Parameters;
  /** Time of the light client's deployment, seconds. */
  readonly deployedAt: bigint;
  /** Makes the next committee. */
  addCommittee(weights: readonly number[]): Promise<SecretCommittee>;
  /** Time of L1's newest block, seconds. */
  now(): Promise<bigint>;
  mine(blocks: number): Promise<void>;
  /** The time of the next block, seconds. */
  setNext(seconds: bigint): Promise<void>;
}

const DAY = 86_400n;
const ESCROW = 21n * DAY;
const MARGIN = 7n * DAY;
const PARAMETERS = {
  epochLength: BigInt(EPOCH_LENGTH),
  margin: MARGIN,
  l1Drift: 130n,
  ringInterval: 600n,
  resumeDelay: 2n * DAY,
};
/** Headers of the hand-made chain are anchored from L1 block 101 on. */
const L1_BLOCKS = 400;

/** Deploys, with one committee for each list of weights. */
export async function deployContracts(weights: readonly (readonly number[])[]): Promise<Contracts> {
  const { ethers, networkHelpers } = await network.create();
  const stakeTable = await ethers.deployContract("StakeTableHarness", [ESCROW]);
  const lightClient = await ethers.deployContract("LightClient", [stakeTable.target, Header.hash(genesis), PARAMETERS]);
  const deployedAt = BigInt(await networkHelpers.time.latest());
  const verifier = await ethers.deployContract("ConfirmationVerifier", [lightClient.target]);
  const { chainId } = await ethers.provider.getNetwork();
  const domain = { chainId, stakeTable: lowerCase(await stakeTable.getAddress()), salt: Header.hash(genesis) };
  const committees: SecretCommittee[] = [];
  const addCommittee = async (each: readonly number[]): Promise<SecretCommittee> => {
    const made = await makeCommittee(ethers, stakeTable, committees.length + 1, each);
    committees.push(made);
    return made;
  };
  for (const each of weights) await addCommittee(each);
  await networkHelpers.mine(L1_BLOCKS);
  const { epochLength, l1Drift, ringInterval, resumeDelay } = PARAMETERS;
  return {
    ethers,
    stakeTable,
    lightClient,
    verifier,
    domain,
    committees,
    parameters: { epochLength, trustPeriod: ESCROW - MARGIN, l1Drift, ringInterval, resumeDelay },
    deployedAt,
    addCommittee,
    now: async () => BigInt(await networkHelpers.time.latest()),
    mine: (blocks) => networkHelpers.mine(blocks),
    setNext: (seconds) => networkHelpers.time.setNextBlockTimestamp(seconds),
  };
}

function lowerCase(address: string): Hex {
  return toHex(fromHex(address));
}

/** Writes a page of keys and a committee of them; the nonces of the harness count both. */
async function makeCommittee(
  ethers: HardhatEthers,
  stakeTable: StakeTableHarness,
  id: number,
  weights: readonly number[],
): Promise<SecretCommittee> {
  const page = 2 * id - 1;
  const firstValidator = 100 * id;
  const members = weights.map((weight, slot) => ({
    ...memberKey(`twin ${String(id)} ${String(slot)}`),
    weight,
    page,
    slot,
    validator: firstValidator + slot,
  }));
  await stakeTable.writePage(concat(members.map(({ packed }) => packed)), firstValidator);
  await stakeTable.writeCommittee(id, encodeCode({ id: BigInt(id), members }));
  const block = await ethers.provider.getBlock("latest");
  return {
    secrets: members.map(({ secret }) => toBigEndian(secret, SECRET_KEY_BYTES)),
    committee: {
      id: CommitteeId(BigInt(id)),
      members: members.map(({ packed, weight, slot, validator }) => ({
        validator: ValidatorId(BigInt(validator)),
        seat: slot,
        key: fromHex(packed),
        weight: BigInt(weight),
        transportKey: new Uint8Array(0),
        address: "",
      })),
      randomness: keccakHash(Uint8Array.of(id)),
      createdNumber: BigInt(block?.number ?? 0),
      createdAt: BigInt(block?.timestamp ?? 0),
    },
  };
}

/** A finalization's certificate as L1 takes it. */
export function certificateOnL1({ certificate }: FinalizedHeader) {
  return {
    viewNumber: certificate.vote.view,
    absent: toHex(certificate.absent),
    signature: signatureOnL1(certificate.signature),
  };
}

export function signatureOnL1(signature: Uint8Array): [Hex, Hex, Hex, Hex] {
  const point = bls.signatureToL1(signature);
  if (point === undefined) throw new Error("a valid signature");
  const word = (index: number): Hex => toHex(point.subarray(32 * index, 32 * (index + 1)));
  return [word(0), word(1), word(2), word(3)];
}

/** The name of the custom error that a transaction reverted with; undefined where it went through. */
export async function revertOf(transaction: Promise<{ wait(): Promise<unknown> }>): Promise<string | undefined> {
  try {
    await (await transaction).wait();
    return undefined;
  } catch (error) {
    const name = /custom error '(\w+)\(/.exec(error instanceof Error ? error.message : "")?.[1];
    if (name === undefined) throw error;
    return name;
  }
}
