import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { hashBytes } from "../../src/crypto/hash.ts";
import * as Merkle from "../../src/crypto/merkle.ts";
import * as Checkpoint from "../../src/lightclient/checkpoint.ts";
import * as Header from "../../src/protocol/Header.ts";
import { Height, NamespaceId, type CheckpointOnL1, type CheckpointSource, type Client } from "../../src/sdk/index.ts";
import { startCluster, tampering, type Cluster } from "./cluster.ts";

const NAMESPACE = NamespaceId(4242n);
const LATEST = 64n;

let cluster: Cluster;
let client: Client;
beforeEach(async () => {
  cluster = await startCluster();
  client = await cluster.client();
});
afterEach(() => cluster.close());

function stored(height: number, position: bigint): CheckpointOnL1 {
  const { header, hash } = cluster.node.chain.at(height);
  const { epoch, viewNumber, timestamp } = header;
  const isLatest = position === LATEST;
  return { position, isLatest, blockHash: hash, height: header.height, epoch, viewNumber, timestamp, receivedAt: 5n };
}
const sourceOf = (...all: readonly CheckpointOnL1[]): CheckpointSource => ({ checkpoints: () => Promise.resolve(all) });

describe("LC-20: which checkpoint a block is proven against", () => {
  const at = (height: bigint, position: bigint) => ({
    height: Height(height),
    position,
    isLatest: position === LATEST,
  });

  it("is the oldest ring entry at or above it, else the latest, else none", () => {
    const ring = [at(30n, 2n), at(10n, 0n), at(20n, 1n)];
    const all = [at(40n, LATEST), ...ring];
    expect(Checkpoint.choose(all, Height(5n))?.position).toBe(0n);
    expect(Checkpoint.choose(all, Height(10n))?.position).toBe(0n);
    expect(Checkpoint.choose(all, Height(11n))?.position).toBe(1n);
    expect(Checkpoint.choose(all, Height(31n))?.position).toBe(LATEST);
    expect(Checkpoint.choose(all, Height(40n))?.position).toBe(LATEST);
    expect(Checkpoint.choose(all, Height(41n))).toBeUndefined();
  });
});

describe("SDK-7: proof arguments for L1", () => {
  it("hold the checkpoint opened, its history path, and the proofs of namespace and transaction", async () => {
    await client.submit(NamespaceId(1n), Uint8Array.of(9));
    const { hash } = await client.submit(NAMESPACE, Uint8Array.of(1));
    for (let i = 0; i < 6; i++) await cluster.node.finalize();
    const confirmation = await client.waitForFinality(NAMESPACE, hash);
    const source = sourceOf(stored(6, LATEST), stored(5, 3n), stored(4, 2n));
    const { block, namespace, transaction } = await client.proveTransaction(confirmation, source);
    expect(block.position).toBe(2n);
    expect(block.checkpoint).toMatchObject({ height: 4n, history: cluster.node.chain.at(4).header.history });
    expect(Header.hash(block.header)).toBe(cluster.node.chain.at(1).hash);
    const root = Merkle.rootFromProof(
      Merkle.leafHash(hashBytes(Header.hash(block.header))),
      1n,
      4n,
      block.history.map(hashBytes),
    );
    expect(root).toEqual(hashBytes(block.checkpoint.history));
    expect(namespace).toMatchObject({ entry: { namespace: NAMESPACE, txCount: 1n }, index: 1n, size: 2n });
    expect(transaction).toMatchObject({ envelope: "0x0001", index: 0n, proof: [] });
  });

  it("need no history when the block is the checkpoint", async () => {
    const { hash } = await client.submit(NAMESPACE, Uint8Array.of(1));
    await cluster.node.finalize();
    const confirmation = await client.waitForFinality(NAMESPACE, hash);
    const { block } = await client.proveTransaction(confirmation, sourceOf(stored(1, LATEST)));
    expect(block.history).toEqual([]);
    expect(block.checkpoint.blockHash).toBe(Header.hash(block.header));
  });

  it("are refused with the newest height while L1 is behind", async () => {
    const { hash } = await client.submit(NAMESPACE, Uint8Array.of(1));
    await cluster.node.finalize();
    await cluster.node.finalize();
    const confirmation = await client.waitForFinality(NAMESPACE, hash);
    const behind = sourceOf(stored(0, LATEST));
    await expect(client.proveTransaction(confirmation, behind)).rejects.toMatchObject({
      name: "NotCheckpointedError",
      height: 1n,
      newest: 0n,
    });
    await expect(client.proveTransaction(confirmation, sourceOf())).rejects.toMatchObject({ newest: undefined });
  });

  it("of a bundle hold all its parts in order", async () => {
    const parts = [NAMESPACE, NamespaceId(7n)].map((namespace) => ({ namespace, data: Uint8Array.of(5) }));
    const { parts: submitted } = await client.submitBundle(parts);
    await cluster.node.finalize();
    const [first] = submitted;
    const confirmation = first && (await client.bundleConfirmation(NAMESPACE, first.hash));
    if (confirmation === undefined) throw new Error("is final");
    const proof = await client.proveBundle(confirmation, sourceOf(stored(1, LATEST)));
    expect(proof.parts.map((part) => part.namespace.entry.namespace)).toEqual([4242n, 7n]);
  });

  it("of a whole namespace hold all transactions, or its absence between neighbours", async () => {
    for (const id of [10n, 20n, 30n]) await client.submit(NamespaceId(id), Uint8Array.of(1));
    await cluster.node.finalize();
    const proofOf = async (id: bigint) => {
      const following = client.follow(NamespaceId(id), { from: Height(1n) });
      const { value } = await following.next();
      await following.return();
      if (value === undefined) throw new Error("block 1 is final");
      return client.proveNamespace(value, sourceOf(stored(1, LATEST)));
    };
    expect(await proofOf(20n)).toMatchObject({ kind: "present", transactions: ["0x0001"], namespace: { index: 1n } });
    const between = { next: 2n, before: { namespace: 20n }, after_: { namespace: 30n }, size: 3n };
    expect(await proofOf(25n)).toMatchObject({ kind: "absent", absence: between });
    expect(await proofOf(5n)).toMatchObject({ absence: { next: 0n, after_: { namespace: 10n }, beforeProof: [] } });
    expect(await proofOf(35n)).toMatchObject({ absence: { next: 3n, before: { namespace: 30n }, afterProof: [] } });
  });

  it("are not built from an endpoint's false history or false checkpoint header", async () => {
    const { hash } = await client.submit(NAMESPACE, Uint8Array.of(1));
    for (let i = 0; i < 3; i++) await cluster.node.finalize();
    const confirmation = await client.waitForFinality(NAMESPACE, hash);
    const source = sourceOf(stored(3, LATEST));
    const falsePath = await cluster.client({ fetch: tampering(/history/, (json) => ({ ...Object(json), path: [] })) });
    await expect(falsePath.proveTransaction(confirmation, source)).rejects.toMatchObject({
      fault: { code: "not-in-history" },
    });
    const otherBlock = await (await fetch(`${cluster.endpoints[0] ?? ""}/v1/blocks/2`)).json();
    const falseHeader = await cluster.client({ fetch: tampering(/blocks\/3$/, () => otherBlock) });
    await expect(falseHeader.proveTransaction(confirmation, source)).rejects.toMatchObject({
      fault: { code: "wrong-block" },
    });
  });
});
