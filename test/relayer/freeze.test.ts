import { afterEach, describe, expect, it } from "vitest";

import { findDeepFork, findFork } from "../../relayer/decide/fork.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import type { Header } from "../../src/protocol/Header.ts";
import { expectPresent } from "../../src/runtime/assert.ts";
import { startNodeServer, type NodeServer } from "./support/nodeServer.ts";
import { createWorld, until, type World } from "./support/world.ts";

describe("FORK-2: two finalizations of different heights whose histories differ", () => {
  let world: World;
  afterEach(() => world.close());

  /** Two nodes on two branches of one chain; `grown` blocks above the common three. */
  async function branches(grown: readonly [number, number]): Promise<readonly NodeServer[]> {
    world = await createWorld();
    world.chain.grow(3);
    const other = world.chain.branch();
    world.chain.grow(grown[0]);
    other.grow(grown[1]);
    const node = await startNodeServer(other);
    world.start({ env: { CREMA_QUEUE: "auto" }, nodeUrls: [world.node.url, node.url] });
    return [node];
  }

  it("freeze the light client with the proof that the higher one's history has another block", async () => {
    const nodes = await branches([1, 4]);
    await until("frozen", async () => (await world.lightClient.status()).frozen);
    await Promise.all(nodes.map((node) => node.close()));
  });

  it("over an epoch's end: its handover stands against the lower one", async () => {
    const nodes = await branches([2, 12]);
    await until("frozen", async () => (await world.lightClient.status()).frozen);
    await Promise.all(nodes.map((node) => node.close()));
  });

  it("a node that merely lags is no fork", async () => {
    world = await createWorld();
    world.chain.grow(3);
    const laggard = world.chain.branch();
    world.chain.grow(12);
    const [lower, higher] = [laggard.newest(), world.chain.newest()];
    if (lower === undefined || higher === undefined) throw new Error("nothing finalized");
    const { chain } = world;
    const sequencer = {
      handover: (epoch: bigint) => Promise.resolve(chain.handovers(epoch - 1n).slice(0, 1)),
      inHistory: (height: bigint, head: Header) => {
        const { header } = expectPresent(chain.at(height), "a block of the chain");
        return Promise.resolve({ header, path: chain.historyPath(height, head.height) });
      },
    };
    expect(await findDeepFork([higher, lower], sequencer)).toBeUndefined();
  });
});

describe("FORK-1: two finalizations of one height", () => {
  let world: World;
  afterEach(() => world.close());

  /** The same committee signs another block at the newest height. */
  function twin(): FinalizedHeader {
    const newest = world.chain.newest();
    if (newest === undefined) throw new Error("nothing finalized");
    const header = { ...newest.header, timestamp: newest.header.timestamp + 1n };
    return { header, certificate: world.chain.certify(header) };
  }

  it("freeze the light client, once", async () => {
    world = await createWorld();
    world.chain.grow(3);
    const other = twin();
    const node = await startNodeServer({ newest: () => other, handovers: () => [] });
    world.start({ env: { CREMA_QUEUE: "auto" }, nodeUrls: [world.node.url, node.url] });
    await until("frozen", async () => (await world.lightClient.status()).frozen);
    const nonce = await world.nonce();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await world.nonce()).toBe(nonce);
    await node.close();
  });

  it("one of them invented freezes nothing, and the true one is posted", async () => {
    world = await createWorld();
    world.chain.grow(3);
    const newest = world.chain.newest();
    if (newest === undefined) throw new Error("nothing finalized");
    const invented = { ...twin(), certificate: newest.certificate };
    expect(findFork([newest, invented])).toMatchObject({ lower: newest, higher: invented });
    expect(findFork([newest, newest])).toBeUndefined();
    const node = await startNodeServer({ newest: () => invented, handovers: () => [] });
    world.start({ env: { CREMA_QUEUE: "auto" }, nodeUrls: [node.url, world.node.url] });
    await until("height 3 on L1", async () => (await world.l1Height()) === 3n);
    expect((await world.lightClient.status()).frozen).toBe(false);
    await node.close();
  });
});
