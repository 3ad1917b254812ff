import { isError, toQuantity } from "ethers";
import * as z from "zod";

import { errorName } from "../../relayer/errors.ts";
import { contractInterface } from "../../src/l1/contracts.ts";
import * as Header from "../../src/protocol/Header.ts";
import type { World } from "../relayer/support/world.ts";
import type { Replica } from "./replica.ts";

/** What L1 says in the end. */
export interface Verdict {
  /** Handovers that change the committee, and the newest finalization: what L1 must have. */
  readonly checkpointsExpected: number;
  /** Those of them that it has. */
  readonly checkpointsPosted: number;
  /** Checkpoints on L1 altogether. */
  readonly checkpoints: number;
  /** Mined posts whose very bytes were mined before. */
  readonly duplicateTransactions: number;
  readonly reverted: number;
  /** Mined transfers to the key itself, which cancel a nonce. */
  readonly cancelled: number;
  /** Nonces that the key has used, and how many of them the node's blocks still show. */
  readonly transactions: number;
  readonly transactionsRead: number;
  readonly lost: number;
  /** Nonces that replicas took for another wallet's. */
  readonly noncesGivenUp: number;
  /** Times a replica ended by itself, as it does where Redis is away at its start. */
  readonly exits: number;
}

const REASON_MAX = 500;

const transactionSchema = z.looseObject({
  from: z.string(),
  to: z.string().nullable(),
  input: z.string(),
  hash: z.string(),
  nonce: z.string(),
});
const blockSchema = z.looseObject({ transactions: z.array(transactionSchema) });
const receiptSchema = z.looseObject({ status: z.string(), gasUsed: z.string() });
const poolSchema = z.record(z.string(), z.record(z.string(), z.unknown()));

/** Transactions of the relayer's key that wait in the node's pool. */
export async function poolSize({ anvil, relayerAddress }: World): Promise<number> {
  const content = z.record(z.string(), poolSchema).parse(await anvil.rpc("txpool_content"));
  const accounts = Object.values(content).flatMap((section) => Object.entries(section));
  const ours = accounts.filter(([account]) => account.toLowerCase() === relayerAddress.toLowerCase());
  return ours.reduce((sum, [, entries]) => sum + Object.keys(entries).length, 0);
}

export async function judge(world: World, replicas: readonly Replica[], say: (text: string) => void): Promise<Verdict> {
  const posted = await world.posted();
  const expected = expectedHeights(world);
  const present = expected.filter((height) => posted.includes(height));
  const mined = await minedBy(world);
  const calls = mined.filter(({ input }) => input !== "0x");
  for (const call of mined.filter(({ succeeded }) => !succeeded)) say(`reverted: ${await explain(world, call)}`);
  for (const how of replicas.flatMap((one) => one.exits())) say(`ended by itself: ${how.slice(0, REASON_MAX)}`);
  // `rotate()` has no arguments: two of them are two committees, and one too many would revert.
  const posts = calls.filter(({ to }) => to?.toLowerCase() === world.deployment.book.lightClient);
  const unique = new Set(posts.map(({ input }) => input));
  return {
    checkpointsExpected: expected.length,
    checkpointsPosted: present.length,
    // The genesis is the first.
    checkpoints: posted.length - 1,
    duplicateTransactions: posts.length - unique.size,
    reverted: mined.filter(({ succeeded }) => !succeeded).length,
    cancelled: mined.length - calls.length,
    transactions: await world.nonce(),
    transactionsRead: mined.length,
    lost: expected.length - present.length,
    noncesGivenUp: replicas.reduce(
      (sum, one) => sum + one.count("nonce was used by another wallet: the key must not be shared"),
      0,
    ),
    exits: replicas.reduce((sum, one) => sum + one.exits().length, 0),
  };
}

/** Finalizations that L1 must have. */
function expectedHeights({ chain }: World): readonly bigint[] {
  const changes = chain
    .finalized()
    .filter(({ header }) => Header.isHandover(header) && header.nextCommittee !== header.committee)
    .map(({ header }): bigint => header.height);
  return [...new Set([...changes, chain.height])];
}

interface MinedCall {
  readonly to: string | null;
  readonly input: string;
  readonly succeeded: boolean;
  readonly block: number;
  readonly nonce: string;
  readonly gasUsed: string;
}

/** What it was, where it is, and what the block before says to it. */
async function explain({ anvil, relayerAddress: from }: World, call: MinedCall): Promise<string> {
  const interfaces = (["LightClient", "StakeTable", "Slasher"] as const).map(contractInterface);
  const { to, input, block, nonce, gasUsed } = call;
  const name = interfaces.map((contract) => contract.getFunction(input.slice(0, 10))?.name).find(Boolean);
  const before = toQuantity(block - 1);
  const again = await anvil.rpc("eth_call", [{ from, to, data: input }, before]).then(
    () => "nothing",
    (error: unknown) => (isError(error, "CALL_EXCEPTION") ? errorName(interfaces, error.data ?? "0x") : String(error)),
  );
  return `${name ?? "?"} in block ${String(block)}, nonce ${nonce}, gas ${gasUsed}; the block before says ${again}`;
}

/** Everything that the relayer's key ever had mined on the chain as it is now. */
async function minedBy({ anvil, relayerAddress, deployment }: World): Promise<readonly MinedCall[]> {
  const head = await anvil.provider.getBlockNumber();
  const mined: MinedCall[] = [];
  for (let number = deployment.book.deployedAtBlock; number <= head; number++) {
    // After many reorgs the node may not find a number any more; `judge` holds what was found against the key's nonce.
    const block = blockSchema.nullable().parse(await anvil.rpc("eth_getBlockByNumber", [toQuantity(number), true]));
    for (const { from, to, input, hash, nonce } of block?.transactions ?? []) {
      if (from.toLowerCase() !== relayerAddress.toLowerCase()) continue;
      const { status, gasUsed } = receiptSchema.parse(await anvil.rpc("eth_getTransactionReceipt", [hash]));
      mined.push({ to, input, succeeded: status === "0x1", block: number, nonce, gasUsed });
    }
  }
  return mined;
}
