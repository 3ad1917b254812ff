import { getBytes, getCreateAddress, keccak256, toUtf8Bytes, ZeroHash } from "ethers";
import type { network } from "hardhat";

import type { Slasher } from "../../../types/ethers-contracts/index.js";
import { type G1Words, g1Words, g2Words, hashToG1, type KeyPair, sign, SIGNATURE_TAG, sumOfSecrets } from "./bls.ts";
import { absentBitmap } from "./committee.ts";
import { digestOf, type TestDomain } from "./header.ts";
import * as staking from "./staking.ts";

export const PENALTIES = {
  minPenalty: staking.WAD / 100n,
  launchPenalty: staking.WAD / 10n,
  rampDuration: 365n * staking.DAY,
};
export type TestPenalties = typeof PENALTIES;

/** In the order of the contract's enum. */
export const KIND = { notarize: 0n, nullify: 1n, finalize: 2n, resume: 3n } as const;

export interface TestMessage {
  readonly kind: bigint;
  readonly epoch: bigint;
  readonly viewNumber: bigint;
  readonly blockHash: string;
  readonly committee: bigint;
}

/** A stake table that obeys a real slasher. */
export interface SlashingWorld extends staking.World {
  readonly slashing: Slasher;
  readonly domain: TestDomain;
}

export const BLOCK_A = keccak256(toUtf8Bytes("block a"));
export const BLOCK_B = keccak256(toUtf8Bytes("block b"));

export function notarize(blockHash: string, viewNumber = 7n, epoch = 3n): TestMessage {
  return { kind: KIND.notarize, epoch, viewNumber, blockHash, committee: 0n };
}

export function finalize(blockHash: string, viewNumber = 7n, epoch = 3n): TestMessage {
  return { kind: KIND.finalize, epoch, viewNumber, blockHash, committee: 0n };
}

export function nullify(viewNumber = 7n, epoch = 3n): TestMessage {
  return { kind: KIND.nullify, epoch, viewNumber, blockHash: ZeroHash, committee: 0n };
}

export function resume(blockHash: string, committee: bigint, epoch = 3n): TestMessage {
  return { kind: KIND.resume, epoch, viewNumber: 0n, blockHash, committee };
}

/** Deploys both: the slasher's address is computed before the stake table exists. */
export async function deploySlashing(
  created: Pick<Awaited<ReturnType<typeof network.create>>, "ethers" | "networkHelpers">,
  parameters: Partial<staking.TestParameters> = {},
  penalties: Partial<TestPenalties> = {},
): Promise<SlashingWorld> {
  const { ethers, networkHelpers: helpers } = created;
  const [admin, ...accounts] = await ethers.getSigners();
  if (admin === undefined) throw new Error("the network has no accounts");
  const token = await ethers.deployContract("DevelopmentToken");
  const authority = await staking.deployAuthority(ethers, admin);
  const libraries = await staking.deployLibraries(ethers);
  const slasherAddress = getCreateAddress({ from: admin.address, nonce: (await admin.getNonce()) + 1 });
  const config = staking.configOf(token.target, slasherAddress, authority.target, parameters);
  const stakeTable = await ethers.deployContract("StakeTable", [config], { libraries });
  const slashing = await ethers.deployContract("Slasher", [
    stakeTable.target,
    staking.SALT,
    { ...PENALTIES, ...penalties },
  ]);
  const { chainId } = await ethers.provider.getNetwork();
  const domain = { chainId, verifyingContract: await stakeTable.getAddress(), salt: staking.SALT };
  const world = { ethers, helpers, token, authority, stakeTable, slasher: admin, admin, accounts, slashing, domain };
  for (const account of accounts) await staking.fund(world, account);
  return world;
}

/** What a message's signature is over, computed by ethers from the protocol's types. */
export function messageDigest(domain: TestDomain, message: TestMessage): string {
  const { kind, epoch, viewNumber, blockHash: block, committee } = message;
  if (kind === KIND.resume) return digestOf(domain, "Resume", { epoch, block, committee });
  if (kind === KIND.nullify) return digestOf(domain, "Nullify", { epoch, viewNumber });
  return digestOf(domain, kind === KIND.notarize ? "Notarize" : "Finalize", { epoch, viewNumber, block });
}

/** One key's two messages under the sum of its signatures. */
export function pairEvidence(world: SlashingWorld, key: KeyPair, first: TestMessage, second: TestMessage) {
  const digests = [first, second].map((message) => messageDigest(world.domain, message));
  return { key: g2Words(key.point), first, second, signature: signSum(key, digests) };
}

/** The sum of one key's signatures over several digests. */
export function signSum(key: KeyPair, digests: readonly string[]): G1Words {
  const points = digests.map((digest) => hashToG1(getBytes(digest), SIGNATURE_TAG).multiply(key.secret));
  return g1Words(points.reduce((sum, point) => sum.add(point)));
}

export function singleStatement(world: SlashingWorld, key: KeyPair, message: TestMessage) {
  return { key: g2Words(key.point), message, signature: sign(key.secret, messageDigest(world.domain, message)) };
}

/** A certificate by all members but the absent ones. */
export function statement(
  world: SlashingWorld,
  committee: bigint,
  members: readonly KeyPair[],
  message: TestMessage,
  absent: readonly number[] = [],
) {
  const signers = members.filter((_, index) => !absent.includes(index));
  const signature = sign(sumOfSecrets(signers), messageDigest(world.domain, message));
  return { message, committee, absent: absentBitmap(members.length, absent), signature };
}
