import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createApi, type Api } from "../../src/api/server.ts";
import * as Header from "../../src/protocol/Header.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import {
  CommitteeId,
  createClient,
  Height,
  l1Committees,
  lightClientCheckpoints,
  NamespaceId,
  type CheckpointSource,
  type Client,
  type CommitteeSource,
} from "../../src/sdk/index.ts";
import { bls, Chain, config, EPOCH_LENGTH } from "../api/chain.ts";
import { memoryNode, type MemoryNode } from "../api/memoryNode.ts";
import { certificateOnL1, deployContracts, revertOf, type Contracts } from "../lightclient/contracts.ts";

/** The SDK between a node's HTTP interface and the real contracts: what it builds, L1 takes. */

const NAMESPACE = NamespaceId(4242n);
const OTHER = NamespaceId(5353n);

let contracts: Contracts;
let node: MemoryNode;
let api: Api;
let client: Client;
let committees: CommitteeSource;
let checkpoints: CheckpointSource;

beforeAll(async () => {
  contracts = await deployContracts([
    [40, 30, 20, 10],
    [65_535, 3, 40_000, 40_000, 1],
  ]);
  const { provider } = contracts.ethers;
  const stakeTable = await contracts.stakeTable.getAddress();
  const lightClient = await contracts.lightClient.getAddress();
  node = memoryNode(new Chain(contracts.committees, contracts.domain));
  api = await createApi({ queries: node.queries, config, clock: systemClock, logger: silentLogger });
  committees = l1Committees({ provider, stakeTable, lightClient, blockTag: "latest" });
  checkpoints = lightClientCheckpoints({ provider, lightClient, deployedAtBlock: 0, logRangeBlocks: 60 });
  client = await createClient({
    endpoints: [await api.listen({ host: "127.0.0.1", port: 0 })],
    network: {
      genesisHash: Header.hash(node.chain.at(0).header),
      l1ChainId: contracts.domain.chainId,
      stakeTable: contracts.domain.stakeTable,
      epochLength: BigInt(EPOCH_LENGTH),
    },
    committees,
    clock: { ...systemClock, wallMs: () => Date.now() + 86_400_000 },
    bls,
    limits: { pollMs: 20 },
  });
});
afterAll(() => api.close());

/** What a promise rejects with. (Hardhat's chai plugins take the place of vitest's `rejects`.) */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it was not refused");
}

/** Posts the finalization of a height to L1, some seconds after the last block. */
async function post(height: number, laterSeconds = 12n): Promise<void> {
  const finalized = node.chain.finalizations.get(BigInt(height));
  if (finalized === undefined) throw new Error(`height ${String(height)} has no finalization`);
  await contracts.setNext((await contracts.now()) + laterSeconds);
  const { header } = finalized;
  expect(await revertOf(contracts.lightClient.advance(header, certificateOnL1(finalized)))).toBeUndefined();
}

describe("committees from L1", () => {
  it("SDK-2: are read from contract code as the stake table wrote them, with the light client's trust", async () => {
    for (const { committee } of contracts.committees) {
      const read = await committees.committee(committee.id);
      expect(read?.trustedUntil).toBe(committee.createdAt + contracts.parameters.trustPeriod);
      expect(read?.committee).toMatchObject({ id: committee.id, createdAt: committee.createdAt });
      const shape = ({ key, weight, validator }: (typeof committee.members)[number]) => ({ key, weight, validator });
      expect(read?.committee.members.map(shape)).toEqual(committee.members.map(shape));
    }
    expect(await committees.committee(CommitteeId(9n))).toBeUndefined();
  });
});

describe("proofs on L1", () => {
  it("SDK-7: a transaction, a bundle, a whole namespace and an absence pass ConfirmationVerifier, at every checkpoint", async () => {
    const first = await client.submit(NAMESPACE, Uint8Array.of(1, 2, 3));
    await client.submit(NAMESPACE, Uint8Array.of(4));
    const parts = [NAMESPACE, OTHER].map((namespace) => ({ namespace, data: Uint8Array.of(9) }));
    await client.submitBundle(parts);
    await node.finalize();
    const confirmation = await client.waitForFinality(NAMESPACE, first.hash);
    expect(await rejection(client.proveTransaction(confirmation, checkpoints))).toMatchObject({
      name: "NotCheckpointedError",
    });

    await post(1);
    const atOnce = await client.proveTransaction(confirmation, checkpoints);
    expect(atOnce.block.history).toEqual([]);
    await contracts.verifier.verifyTransaction(atOnce.block, atOnce.namespace, atOnce.transaction);

    for (let i = 0; i < 13; i++) await node.finalize();
    await post(10, 700n);
    await post(13, 5n);
    const [bundled] =
      (await client.follow(NAMESPACE, { from: Height(1n) }).next()).value?.transactions.filter(
        ({ bundle }) => bundle,
      ) ?? [];
    if (bundled === undefined) throw new Error("the bundle's part is in block 1");
    const bundle = await client.bundleConfirmation(NAMESPACE, bundled.hash);
    if (bundle === undefined) throw new Error("is final");
    const proof = await client.proveBundle(bundle, checkpoints);
    expect(await contracts.verifier.verifyBundle(proof.block, [...proof.parts])).toBe(bundle.bundle);

    for (const id of [NAMESPACE, OTHER, NamespaceId(1n), NamespaceId(5000n), NamespaceId(9999n)]) {
      const { value: content } = await client.follow(id, { from: Height(1n) }).next();
      if (content === undefined) throw new Error("block 1 is final");
      const whole = await client.proveNamespace(content, checkpoints);
      if (whole.kind === "absent") await contracts.verifier.verifyAbsence(whole.block, whole.absence);
      else await contracts.verifier.verifyAllTransactions(whole.block, whole.namespace, [...whole.transactions]);
    }
  });

  it("LC-20: uses the oldest ring entry at or above the block, and the latest where the ring has none", async () => {
    const stored = await checkpoints.checkpoints(Height(1n));
    expect(stored.filter(({ isLatest }) => isLatest).map(({ height }) => height)).toEqual([13n]);
    expect(
      stored
        .filter(({ isLatest }) => !isLatest)
        .map(({ height }) => height)
        .sort(),
    ).toEqual([10n, 1n].sort());
    const heightFor = async (height: number): Promise<bigint> => {
      const { hash } = await client.submit(NAMESPACE, Uint8Array.of(7, height));
      await node.finalize();
      return (await client.proveTransaction(await client.waitForFinality(NAMESPACE, hash), checkpoints)).block
        .checkpoint.height;
    };
    expect(await rejection(heightFor(1))).toMatchObject({ name: "NotCheckpointedError", newest: 13n });
    await post(Number(node.chain.tip.header.height), 1n);
    const { value: content } = await client.follow(NAMESPACE, { from: Height(12n) }).next();
    if (content === undefined) throw new Error("block 12 is final");
    const { block } = await client.proveNamespace(content, checkpoints);
    expect(block.checkpoint.height).toBe(node.chain.tip.header.height);
    expect(block.position).toBe(64n);
  });

  it("a proof against the latest checkpoint ends with the next one, a proof against the ring does not", async () => {
    const { value: content } = await client.follow(NAMESPACE, { from: Height(12n) }).next();
    const { value: early } = await client.follow(NAMESPACE, { from: Height(5n) }).next();
    if (content === undefined || early === undefined) throw new Error("both blocks are final");
    const latest = await client.proveNamespace(content, checkpoints);
    const ring = await client.proveNamespace(early, checkpoints);
    await node.finalize();
    await post(Number(node.chain.tip.header.height), 1n);
    await contracts.verifier.verifyBlock(ring.block);
    const refused = await rejection(contracts.verifier.verifyBlock(latest.block));
    expect(String(refused)).toMatch(/Confirmation\w*Checkpoint/);
    const again = await client.proveNamespace(content, checkpoints);
    await contracts.verifier.verifyBlock(again.block);
  });
});
