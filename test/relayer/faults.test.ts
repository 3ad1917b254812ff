import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";

import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import { Height } from "../../src/protocol/scalars.ts";
import { presentBackends, redisServerPath, temporaryFolder } from "./support/backends.ts";
import { startNodeServer } from "./support/nodeServer.ts";
import { startProxy } from "./support/proxy.ts";
import { startRedisServer, type RedisServer } from "./support/redisServer.ts";
import { createWorld, RELAYER_KEY, until, type World } from "./support/world.ts";

const env = { CREMA_QUEUE: "auto" };

describe("nodes and endpoints that are wrong", () => {
  let world: World;
  afterEach(() => world.close());

  it("SOURCE-2: a node that gives a worthless finalization cannot stop the others", async () => {
    world = await createWorld();
    world.chain.grow(3);
    const truth = world.chain.newest();
    if (truth === undefined) throw new Error("nothing finalized");
    const invented: FinalizedHeader = { ...truth, header: { ...truth.header, height: Height(9n) } };
    const liar = await startNodeServer({ newest: () => invented, handovers: () => [] });
    world.start({ env, nodeUrls: [liar.url, world.node.url] });
    await until("height 3 on L1", async () => (await world.l1Height()) === 3n);
    world.chain.grow(2);
    await until("height 5 on L1", async () => (await world.l1Height()) === 5n);
    expect(await world.nonce()).toBe(2);
    await liar.close();
  });

  it("SOURCE-1: a node that is away is not missed, one that lags is not followed", async () => {
    world = await createWorld();
    world.chain.grow(2);
    const old = world.chain.newest();
    const laggard = await startNodeServer({ newest: () => old, handovers: () => [] });
    world.chain.grow(4);
    world.start({ env, nodeUrls: [laggard.url, "http://127.0.0.1:9", world.node.url] });
    await until("height 6 on L1", async () => (await world.l1Height()) === 6n);
    expect(await world.nonce()).toBe(1);
    await laggard.close();
  });

  it("EP-1: of three endpoints one that lies about nonce, head, receipts and fees changes nothing", async () => {
    world = await createWorld({ blockTime: 1 });
    const [liar, second] = [await startProxy(world.anvil.url), await startProxy(world.anvil.url)];
    liar.lie = (method) => {
      if (method === "eth_getTransactionCount") return "0x3e8";
      if (method === "eth_blockNumber") return "0xfffffff";
      if (method === "eth_maxPriorityFeePerGas") return "0xffffffffffffff";
      if (method === "eth_getTransactionReceipt") return null;
      if (method === "eth_estimateGas") return "0x5208";
      if (method === "eth_sendRawTransaction") return `0x${"ab".repeat(32)}`;
      return undefined;
    };
    world.chain.grow(3);
    const relayer = world.start({ env, l1Urls: [liar.url, second.url, world.anvil.url] });
    await until("height 3 on L1", async () => (await world.l1Height()) === 3n);
    await relayer.line("transaction finalized");
    expect(await world.nonce()).toBe(1);
    await Promise.all([liar.close(), second.close()]);
  });

  it("EP-1: of two endpoints one that lags or fails is not missed; refusals for rate are waited out", async () => {
    world = await createWorld({ blockTime: 1 });
    const proxy = await startProxy(world.anvil.url);
    proxy.lie = (method) => (method === "eth_blockNumber" ? "0x1" : undefined);
    world.chain.grow(2);
    const relayer = world.start({ env, l1Urls: [proxy.url, world.anvil.url] });
    await until("height 2 on L1", async () => (await world.l1Height()) === 2n);
    proxy.status = 429;
    world.chain.grow(2);
    await until("height 4 on L1", async () => (await world.l1Height()) === 4n);
    await relayer.line("L1 endpoint limits our rate");
    const before = proxy.requests;
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(proxy.requests - before).toBeLessThan(30);
    await proxy.close();
  });

  it("a stranger's relayer with its own key and queue may race ours: both end well", async () => {
    world = await createWorld({ blockTime: 1 });
    const other = temporaryFolder();
    const key = `0x${"6f".repeat(32)}`;
    const stranger = await world.fund(key);
    world.chain.grow(2);
    const [ours, theirs] = [
      world.start({ env }),
      world.start({ env: { CREMA_QUEUE: "pglite" }, key, dataDir: other.path }),
    ];
    await Promise.all([ours.ready(), theirs.ready()]);
    for (let height = 2n; height < 8n; height += 2n) {
      await until(`height ${height.toString()} on L1`, async () => (await world.l1Height()) === height);
      world.chain.grow(2);
    }
    await until("height 8 on L1", async () => (await world.l1Height()) === 8n);
    const sent = (await world.nonce()) + (await world.anvil.provider.getTransactionCount(stranger));
    const posted = await world.posted();
    // Both may send in one L1 block; what loses the race reverts or is cancelled, and nothing is stuck.
    expect(posted.length - 1).toBeLessThanOrEqual(sent);
    expect(new Set(posted).size).toBe(posted.length);
    await Promise.all([ours.stop(), theirs.stop()]);
    other.remove();
  });
});

describe.runIf(presentBackends().includes("redis"))("Redis and replicas", () => {
  let world: World;
  let server: RedisServer;
  const folders: ReturnType<typeof temporaryFolder>[] = [];
  const folder = (): string => {
    const made = temporaryFolder();
    folders.push(made);
    return made.path;
  };
  afterEach(async () => {
    await world.close();
    await server.stop();
    for (const made of folders.splice(0)) made.remove();
  });

  async function setUp(): Promise<Readonly<Record<string, string>>> {
    world = await createWorld({ blockTime: 1 });
    server = await startRedisServer(redisServerPath ?? "", folder(), "only-for-tests");
    return { REDIS_URL: server.url };
  }

  it("LOCK-1: of two replicas with one key one sends; killed, the other takes over its transactions", async () => {
    const shared = await setUp();
    world.chain.grow(2);
    const first = world.start({ env: shared });
    await first.line("key taken");
    const second = world.start({ env: shared, dataDir: folder() });
    await second.line("standing by: another replica holds the key");
    await until("height 2 on L1", async () => (await world.l1Height()) === 2n);
    world.chain.grow(2);
    await until(
      "the second post is under way",
      () => first.lines.filter(({ msg }) => msg === "transaction signed").length === 2,
    );
    await first.kill();
    await second.line("key taken");
    await until("height 4 on L1", async () => (await world.l1Height()) === 4n);
    world.chain.grow(2);
    await until("height 6 on L1", async () => (await world.l1Height()) === 6n);
    expect(await world.nonce()).toBe(3);
    expect(second.lines.some(({ msg }) => msg === "nonce was used by another wallet: the key must not be shared")).toBe(
      false,
    );
  });

  it("Redis flushed in the middle: jobs, lock and shared outbox come back from L1 and disk", async () => {
    const shared = await setUp();
    world.chain.grow(2);
    const relayer = world.start({ env: shared });
    await until("height 2 on L1", async () => (await world.l1Height()) === 2n);
    const redis = new Redis(server.url);
    await redis.flushall();
    world.chain.grow(2);
    await until("height 4 on L1", async () => (await world.l1Height()) === 4n);
    expect(await world.nonce()).toBe(2);
    const outbox = await redis.hlen(`crema:relayer:{31337:${world.relayerAddress.toLowerCase()}}:outbox`);
    expect(outbox).toBeGreaterThanOrEqual(4);
    redis.disconnect();
    expect(await relayer.stop()).toBe(0);
  });

  it("Redis killed and restarted, with its data: posting goes on", async () => {
    const shared = await setUp();
    world.chain.grow(2);
    const relayer = world.start({ env: shared });
    await until("height 2 on L1", async () => (await world.l1Height()) === 2n);
    await server.kill();
    world.chain.grow(2);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await world.l1Height()).toBe(2n);
    await server.start();
    await until("height 4 on L1", async () => (await world.l1Height()) === 4n);
    expect(await world.nonce()).toBe(2);
    expect(await relayer.stop()).toBe(0);
  });

  it("the same outbox folder in two processes is refused, with a sentence", async () => {
    const shared = await setUp();
    const first = world.start({ env: shared });
    await first.ready();
    const second = world.start({ env: shared, key: RELAYER_KEY });
    expect(await second.end()).toMatch(/exit code 2: another process is using the key of outbox/);
  });
});
