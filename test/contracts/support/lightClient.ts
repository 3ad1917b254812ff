import { concat, ZeroHash } from "ethers";
import type { HardhatEthers } from "@nomicfoundation/hardhat-ethers/types";

import type { LightClient, StakeTableHarness } from "../../../types/ethers-contracts/index.js";
import * as committees from "./committee.ts";
import type { TestCertificate, TestCommittee, TestMember } from "./committee.ts";
import { digestOf, hashHeader, makeHeader, type TestDomain, type TestHeader, word } from "./header.ts";

export const DAY = 86_400n;
export const PARAMETERS = {
  epochLength: 100n,
  margin: 7n * DAY,
  l1Drift: 130n,
  ringInterval: 600n,
  resumeDelay: 2n * DAY,
};
export const ESCROW = 21n * DAY;
export const TRUST_PERIOD = ESCROW - PARAMETERS.margin;
export const GENESIS_HASH = word("genesis");

/** A light client on a stake table that the test controls, and the committees that it made. */
export interface LightClientWorld {
  readonly ethers: HardhatEthers;
  readonly stakeTable: StakeTableHarness;
  readonly lightClient: LightClient;
  readonly domain: TestDomain;
  readonly committees: TestCommittee[];
  /** Creation nonce of the next page or committee code. */
  nonce: number;
  /** Validator id of the next key. */
  nextValidator: number;
}

export interface CommitteeShape {
  readonly weights: readonly number[];
  /** Keys stand in this many pages, by turns. */
  readonly pages?: number;
  /** Prefix of the key names; two committees with one prefix have the same keys. */
  readonly keys?: string;
}

export async function deployWorld(ethers: HardhatEthers): Promise<LightClientWorld> {
  const stakeTable = await ethers.deployContract("StakeTableHarness", [ESCROW]);
  const lightClient = await ethers.deployContract("LightClient", [stakeTable.target, GENESIS_HASH, PARAMETERS]);
  const { chainId } = await ethers.provider.getNetwork();
  const domain = { chainId, verifyingContract: await stakeTable.getAddress(), salt: GENESIS_HASH };
  return { ethers, stakeTable, lightClient, domain, committees: [], nonce: 1, nextValidator: 1 };
}

/** Writes the keys of a new committee to pages, and its code. */
export async function addCommittee(world: LightClientWorld, shape: CommitteeShape): Promise<TestCommittee> {
  const { weights, pages = 1, keys = `committee ${String(world.committees.length + 1)}` } = shape;
  const members: TestMember[] = weights.map((weight, index) => ({
    ...committees.memberKey(`${keys} member ${String(index)}`),
    weight,
    page: world.nonce + (index % pages),
    slot: Math.floor(index / pages),
    validator: 0,
  }));
  const numbered: TestMember[] = [];
  for (let page = 0; page < pages; page++) {
    const inPage = members.filter((_, index) => index % pages === page);
    await world.stakeTable.writePage(concat(inPage.map((member) => member.packed)), world.nextValidator);
    for (const [slot, member] of inPage.entries()) {
      numbered[slot * pages + page] = { ...member, validator: world.nextValidator + slot };
    }
    world.nextValidator += inPage.length;
    world.nonce++;
  }
  const committee = { id: BigInt(world.committees.length + 1), members: numbered };
  await writeCommittee(world, committee);
  return committee;
}

/** Writes a committee's code as the newest one. `rosterNonce` names an older code with the same roster. */
export async function writeCommittee(
  world: LightClientWorld,
  committee: TestCommittee,
  rosterNonce = 0,
): Promise<number> {
  await world.stakeTable.writeCommittee(committee.id, committees.encodeCode(committee, rosterNonce));
  world.committees.push(committee);
  return world.nonce++;
}

export async function now(world: LightClientWorld): Promise<bigint> {
  const block = await world.ethers.provider.getBlock("latest");
  return BigInt(block?.timestamp ?? 0);
}

/** A header whose time is L1's. */
export async function headerNow(world: LightClientWorld, fields: Partial<TestHeader>): Promise<TestHeader> {
  return makeHeader({
    timestamp: (await now(world)) * 1000n,
    l1Number: BigInt(await world.ethers.provider.getBlockNumber()),
    ...fields,
  });
}

export function finalizeDigest(domain: TestDomain, header: TestHeader, viewNumber: bigint = header.viewNumber): string {
  return digestOf(domain, "Finalize", { epoch: header.epoch, viewNumber, block: hashHeader(header) });
}

export function finalization(
  world: LightClientWorld,
  committee: TestCommittee,
  header: TestHeader,
  options: { readonly absent?: readonly number[]; readonly viewNumber?: bigint } = {},
): TestCertificate {
  const { absent = [], viewNumber = header.viewNumber } = options;
  return committees.certify(committee, finalizeDigest(world.domain, header, viewNumber), viewNumber, absent);
}

/** The checkpoint that a header becomes. */
export function checkpointOf(
  header: TestHeader,
  receivedAt: bigint,
  viewNumber: bigint = header.viewNumber,
): {
  blockHash: string;
  history: string;
  height: bigint;
  epoch: bigint;
  viewNumber: bigint;
  timestamp: bigint;
  receivedAt: bigint;
} {
  const { history, height, epoch, timestamp } = header;
  return { blockHash: hashHeader(header), history, height, epoch, viewNumber, timestamp, receivedAt };
}

export const NO_BLOCK = ZeroHash;
