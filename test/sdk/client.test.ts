import { Wallet } from "ethers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { toHex } from "../../src/codec/hex.ts";
import { keccakHash } from "../../src/crypto/hash.ts";
import * as Header from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch, Height, NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import type { Client, ClientOptions, NamespaceContent } from "../../src/sdk/index.ts";
import { startCluster, type Cluster } from "./cluster.ts";

const NAMESPACE = NamespaceId(4242n);
const OTHER = NamespaceId(5353n);

let cluster: Cluster;
let client: Client;

beforeEach(async () => {
  cluster = await startCluster(2);
  client = await cluster.client();
});
afterEach(() => cluster.close());

async function take<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
}

describe("submission", () => {
  it("names the transaction by the hash of its envelope and says when it was there before", async () => {
    const data = Uint8Array.of(1, 2, 3);
    const first = await client.submit(NAMESPACE, data);
    expect(first).toMatchObject({ namespace: NAMESPACE, repeated: false });
    expect(first.hash).toBe(Transaction.hash(Transaction.plain(NAMESPACE, data)));
    expect(await client.submit(NAMESPACE, data)).toEqual({ ...first, repeated: true });
    expect(await client.transaction(NAMESPACE, first.hash)).toEqual({ kind: "pending" });
  });

  it("SDK-8: goes to the next endpoint when one is away", async () => {
    await cluster.closeNode(0);
    expect(await client.submit(NAMESPACE, Uint8Array.of(1))).toMatchObject({ repeated: false });
  });

  it("SDK-8: waits as long as a full node asks, then is taken", async () => {
    cluster.node.refuse({ kind: "full", scope: "node", maximum: 1, retryAfterMs: 1000 });
    const submission = client.submit(NAMESPACE, Uint8Array.of(1));
    setTimeout(() => {
      cluster.node.refuse(undefined);
    }, 100);
    expect(await submission).toMatchObject({ repeated: false });
  });

  it("SDK-8: does not repeat what can never be taken", async () => {
    cluster.node.refuse({ kind: "invalid", reason: "never" });
    await expect(client.submit(NAMESPACE, Uint8Array.of(1))).rejects.toMatchObject({
      name: "ProblemError",
      code: "invalid-transaction",
    });
  });

  it("SDK-8: gives up when the time is up, with the last refusal", async () => {
    cluster.node.refuse({ kind: "not-ready", reason: "starting", retryAfterMs: 60_000 });
    await expect(client.submit(NAMESPACE, Uint8Array.of(1))).rejects.toMatchObject({
      code: "not-ready",
      retryAfterMs: 60_000,
    });
    await cluster.close();
    const hasty = await cluster.client({ limits: { submitTimeoutMs: 0 } });
    await expect(hasty.submit(NAMESPACE, Uint8Array.of(1))).rejects.toMatchObject({ name: "EndpointsError" });
  });

  it("submits what an ethers signer signed: raw EIP-1559 bytes in the namespace of the chain id", async () => {
    const wallet = Wallet.createRandom();
    const transaction = {
      chainId: 4242,
      nonce: 0,
      to: wallet.address,
      value: 1n,
      gasLimit: 21_000,
      maxFeePerGas: 10n,
      maxPriorityFeePerGas: 1n,
    };
    const submission = await client.submitEthereum(wallet, transaction);
    const raw = await wallet.signTransaction({ ...transaction, type: 2 });
    expect(submission.namespace).toBe(NAMESPACE);
    expect(toHex(submission.envelope)).toBe(`0x00${raw.slice(2)}`);
    await expect(client.submitEthereum(wallet, { ...transaction, chainId: 0 })).rejects.toMatchObject({
      name: "SubmissionError",
    });
  });

  it("refuses bundles of one part or more than sixteen before anything is sent", async () => {
    const part = { namespace: NAMESPACE, data: new Uint8Array(1) };
    for (const count of [1, 17]) {
      const parts = Array.from({ length: count }, () => part);
      await expect(client.submitBundle(parts)).rejects.toMatchObject({ name: "SubmissionError" });
    }
  });
});

describe("confirmation", () => {
  it("waits for finality and returns what proves it, also through a later block's certificate", async () => {
    const { hash, envelope } = await client.submit(NAMESPACE, Uint8Array.of(1));
    expect(await client.confirmation(NAMESPACE, hash)).toBeUndefined();
    const waiting = client.waitForFinality(NAMESPACE, hash);
    await cluster.node.finalize(false);
    await cluster.node.finalize(false);
    await cluster.node.finalize();
    const confirmation = await waiting;
    expect(confirmation).toMatchObject({ envelope, header: { height: 1n }, finalized: { header: { height: 3n } } });
  });

  it("polls where there is no stream", async () => {
    const polling = await cluster.client({ openStream: null });
    const { hash } = await polling.submit(NAMESPACE, Uint8Array.of(1));
    const waiting = polling.waitForFinality(NAMESPACE, hash);
    await cluster.node.finalize();
    expect(await waiting).toMatchObject({ header: { height: 1n } });
  });

  it("stops waiting at the time limit and at the caller's signal", async () => {
    const unknown = keccakHash(Uint8Array.of(9));
    await expect(client.waitForFinality(NAMESPACE, unknown, { timeoutMs: 50 })).rejects.toMatchObject({
      name: "TimeoutError",
      timeoutMs: 50,
    });
    const controller = new AbortController();
    const waiting = client.waitForFinality(NAMESPACE, unknown, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  it("confirms all parts of a bundle in one block", async () => {
    const parts = [NAMESPACE, OTHER, NamespaceId(1n)].map((namespace, i) => ({ namespace, data: Uint8Array.of(i) }));
    await client.submit(NAMESPACE, Uint8Array.of(77));
    const { bundle, parts: submitted } = await client.submitBundle(parts);
    const [first] = submitted;
    if (first === undefined) throw new Error("three parts");
    expect(await client.bundleConfirmation(NAMESPACE, first.hash)).toBeUndefined();
    await cluster.node.finalize();
    const confirmation = await client.bundleConfirmation(NAMESPACE, first.hash);
    expect(confirmation?.bundle).toBe(bundle);
    expect(confirmation?.parts.map((part) => part.namespace.entry.namespace)).toEqual([4242n, 5353n, 1n]);
  });
});

describe("following", () => {
  it("SDK-4: sees every block from a height on with all of its namespace, and goes on live", async () => {
    const sent: Uint8Array[] = [];
    for (let i = 0; i < 12; i++) {
      if (i % 3 === 0) {
        sent.push(Uint8Array.of(i), Uint8Array.of(i, i));
        await client.submit(NAMESPACE, Uint8Array.of(i));
        await client.submit(NAMESPACE, Uint8Array.of(i, i));
      }
      await client.submit(OTHER, Uint8Array.of(i));
      await cluster.node.finalize(i % 2 === 1);
    }
    const seen: NamespaceContent[] = [];
    const following = (async () => {
      for await (const content of client.follow(NAMESPACE, { from: Height(0n) })) {
        seen.push(content);
        if (content.header.height === 14n) return;
      }
    })();
    await cluster.node.finalize();
    await client.submit(NAMESPACE, Uint8Array.of(99));
    sent.push(Uint8Array.of(99));
    await cluster.node.finalize();
    await following;
    expect(seen.map((content) => content.header.height)).toEqual(Array.from({ length: 15 }, (_, i) => BigInt(i)));
    expect(seen.flatMap((content) => content.transactions.map(({ data }) => data))).toEqual(sent);
  });

  it("begins with the next block when no height is given, and ends at the caller's signal", async () => {
    for (let i = 0; i < 3; i++) await cluster.node.finalize();
    const controller = new AbortController();
    const heights: bigint[] = [];
    const watching = (async () => {
      for await (const block of client.watch({ signal: controller.signal })) {
        heights.push(block.header.height);
        if (heights.length === 2) controller.abort();
      }
    })();
    while (cluster.node.subscribers() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await cluster.node.finalize();
    await cluster.node.finalize();
    await watching;
    expect(heights).toEqual([4n, 5n]);
  });

  it("SDK-5: watches blocks over handovers and committee changes", async () => {
    for (let i = 0; i < 23; i++) await cluster.node.finalize();
    const blocks = await take(client.watch({ from: Height(1n) }), 23);
    expect(blocks.map((block) => block.hash)).toEqual(cluster.node.chain.blocks.slice(1).map((block) => block.hash));
    expect(blocks.map((block) => Header.hash(block.header))).toEqual(blocks.map((block) => block.hash));
    expect(new Set(blocks.map((block) => block.header.committee))).toEqual(new Set([1n, 2n, 3n]));
  });

  it("goes on at another endpoint when one goes away in the middle", async () => {
    for (let i = 0; i < 3; i++) await cluster.node.finalize();
    const following = client.follow(NAMESPACE, { from: Height(1n) });
    await take({ [Symbol.asyncIterator]: () => ({ next: () => following.next() }) }, 3);
    await cluster.closeNode(0);
    await cluster.node.finalize();
    const { value } = await following.next();
    expect(value).toMatchObject({ header: { height: 4n } });
    await following.return();
  });
});

it("ends an iteration quietly when its signal comes in the middle of a request", async () => {
  await cluster.node.finalize();
  const controller = new AbortController();
  const fetch: ClientOptions["fetch"] = (url, init) => {
    controller.abort();
    return globalThis.fetch(url, init);
  };
  const interrupted = await cluster.client({ fetch });
  const following = interrupted.follow(NAMESPACE, { from: Height(1n), signal: controller.signal });
  expect(await following.next()).toEqual({ done: true, value: undefined });
});

describe("outages", () => {
  it("SDK-9: following survives that no endpoint is there, and ends when it takes too long", async () => {
    await cluster.node.finalize();
    let away = true;
    const asked: string[] = [];
    const fetch: ClientOptions["fetch"] = (url, init) => {
      asked.push(url);
      return away ? Promise.reject(new Error("away")) : globalThis.fetch(url, init);
    };
    const patient = await cluster.client({ fetch, openStream: null, limits: { pollMs: 5 } });
    const following = patient.follow(NAMESPACE, { from: Height(1n) });
    const first = following.next();
    while (asked.length < 6) await new Promise((resolve) => setTimeout(resolve, 5));
    away = false;
    expect((await first).value).toMatchObject({ header: { height: 1n } });
    await following.return();
    away = true;
    const hasty = await cluster.client({ fetch, openStream: null, limits: { pollMs: 5, outageTimeoutMs: 1 } });
    await expect(hasty.follow(NAMESPACE, { from: Height(1n) }).next()).rejects.toMatchObject({
      name: "EndpointsError",
    });
  });

  it("waiting for finality goes on while no endpoint is there, until its time is up", async () => {
    const { hash } = await client.submit(NAMESPACE, Uint8Array.of(1));
    let away = true;
    const fetch: ClientOptions["fetch"] = (url, init) =>
      away ? Promise.reject(new Error("away")) : globalThis.fetch(url, init);
    const patient = await cluster.client({ fetch, openStream: null, limits: { pollMs: 5 } });
    await expect(patient.waitForFinality(NAMESPACE, hash, { timeoutMs: 40 })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    const waiting = patient.waitForFinality(NAMESPACE, hash);
    await cluster.node.finalize();
    away = false;
    expect(await waiting).toMatchObject({ header: { height: 1n } });
  });
});

describe("plain reads", () => {
  it("reads finalizations, handovers, committees, evidence and status as the endpoint gives them", async () => {
    for (let i = 0; i < 21; i++) await cluster.node.finalize();
    expect(await client.finalization({ kind: "latest" })).toMatchObject({ header: { height: 21n } });
    expect(await client.finalization({ kind: "at-or-below", height: Height(7n) })).toMatchObject({
      header: { height: 7n },
    });
    expect(await client.finalization({ kind: "at-or-above", height: Height(99n) })).toBeUndefined();
    expect((await client.handover(Epoch(1n)))?.header.nextCommittee).toBe(2n);
    expect(await client.handover(Epoch(9n))).toBeUndefined();
    const { handovers } = await client.handovers({ after: Epoch(0n), changes: true });
    expect(handovers.map(({ header }) => header.epoch)).toEqual([1n, 2n]);
    expect((await client.committee(CommitteeId(2n)))?.members).toHaveLength(4);
    expect(await client.evidence(0)).toEqual({ entries: [], next: 0 });
    expect(await client.status()).toMatchObject({ height: 21n, epoch: 3n });
  });
});
