import { afterEach, describe, expect, it } from "vitest";

import { findFork } from "../../relayer/decide/fork.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import { startNodeServer } from "./support/nodeServer.ts";
import { createWorld, until, type World } from "./support/world.ts";

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
    expect(findFork([newest, invented])).toEqual([newest, invented]);
    expect(findFork([newest, newest])).toBeUndefined();
    const node = await startNodeServer({ newest: () => invented, handovers: () => [] });
    world.start({ env: { CREMA_QUEUE: "auto" }, nodeUrls: [node.url, world.node.url] });
    await until("height 3 on L1", async () => (await world.l1Height()) === 3n);
    expect((await world.lightClient.status()).frozen).toBe(false);
    await node.close();
  });
});
