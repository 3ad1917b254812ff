import * as z from "zod";
import { afterEach, describe, expect, it } from "vitest";

import * as Wire from "../../src/lightclient/wire.ts";
import { startNodeServer } from "./support/nodeServer.ts";
import { createWorld, until, type World } from "./support/world.ts";

const DAY_SECONDS = 86_400;
const env = { CREMA_QUEUE: "auto" };

describe("HOUSE-5: the end of an outage", () => {
  let world: World;
  afterEach(() => world.close());

  async function pass(days: number): Promise<void> {
    await world.anvil.rpc("evm_increaseTime", [Math.round(days * DAY_SECONDS)]);
    await world.anvil.mine();
  }

  it("frozen by a fork: the signed resume is proposed, applied after its delay, and the chain is posted above it", async () => {
    world = await createWorld();
    const { chain, deployment, lightClient, anvil } = world;
    chain.grow(3);
    const other = chain.branch();
    chain.grow(2);
    other.grow(1);
    const fork = await startNodeServer(other);
    const first = world.start({ env, nodeUrls: [world.node.url, fork.url] });
    await until("frozen", async () => (await lightClient.status()).frozen);
    expect(await first.stop()).toBe(0);
    await fork.close();
    // A committee that did not live when the fork was shown signs where the chain goes on, when it is old enough.
    await deployment.rotate();
    world.setL1Number(BigInt(await anvil.provider.getBlockNumber()));
    await pass(1);
    const signed = z.encode(Wire.resume, chain.signResume(5n, world.signers(2n)));
    const node = await startNodeServer({
      newest: () => chain.newest(),
      handovers: (after) => chain.handovers(after),
      at: (height) => chain.at(height),
      historyPath: (height, size) => chain.historyPath(height, size),
      resume: () => signed,
    });
    const relayer = world.start({ env, nodeUrls: [node.url] });
    await relayer.ready();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await lightClient.pendingResume()).epoch).toBe(0n);
    await pass(1.1);
    await until("proposed", async () => (await lightClient.pendingResume()).epoch === 5n);
    chain.grow(3);
    await pass(4.1);
    await until("applied and posted", async () => (await world.l1Height()) === 8n);
    const status = await lightClient.status();
    expect([status.frozen, status.epoch, status.committee]).toEqual([false, 5n, 2n]);
    expect(await relayer.stop()).toBe(0);
    await node.close();
  });
});
