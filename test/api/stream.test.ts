import { afterEach, beforeEach, describe, expect, it } from "vitest";
import WebSocket from "ws";
import * as z from "zod";

import { createApi, type Api, type ApiDependencies } from "../../src/api/server.ts";
import { CLOSE_INTERNAL, CLOSE_PRUNED, serveSubscriber, type Socket } from "../../src/api/stream.ts";
import * as Views from "../../src/lightclient/wireViews.ts";
import { Height } from "../../src/protocol/scalars.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { Chain, config, makeCommittee } from "./chain.ts";
import { memoryNode, type MemoryNode } from "./memoryNode.ts";

let node: MemoryNode;
let api: Api;
let base: string;

async function start(options: ApiDependencies["options"] = {}): Promise<void> {
  api = await createApi({ queries: node.queries, config, clock: systemClock, logger: silentLogger, options });
  base = (await api.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
}

beforeEach(async () => {
  node = memoryNode(new Chain([makeCommittee(1)]));
  await start();
});
afterEach(() => api.close());

/** Collects what a subscriber gets. */
function subscribe(query = "") {
  const socket = new WebSocket(`${base}/v1/stream${query}`);
  const heights: bigint[] = [];
  const certified: boolean[] = [];
  const waiting: { count: number; done: () => void }[] = [];
  socket.on("message", (data: Buffer) => {
    const message = z.parse(Views.streamed, JSON.parse(data.toString()));
    heights.push(message.header.height);
    certified.push(message.finalization !== undefined);
    for (const each of waiting) if (heights.length >= each.count) each.done();
  });
  return {
    socket,
    heights,
    certified,
    opened: new Promise<void>((resolve) => socket.on("open", resolve)),
    closed: new Promise<number>((resolve) => socket.on("close", resolve)),
    refused: new Promise<number>((resolve) => {
      socket.on("unexpected-response", (_request, response) => {
        resolve(response.statusCode ?? 0);
      });
    }),
    received: (count: number) =>
      new Promise<void>((resolve) => {
        waiting.push({ count, done: resolve });
        if (heights.length >= count) resolve();
      }),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe("stream", () => {
  it("API-5: resumes from any height and goes on live, in order and without gaps", async () => {
    for (let i = 0; i < 5; i++) await node.finalize(i !== 2);
    const subscriber = subscribe("?from=2");
    await subscriber.received(4);
    await node.finalize();
    await node.finalize();
    await subscriber.received(6);
    expect(subscriber.heights).toEqual([2n, 3n, 4n, 5n, 6n, 7n]);
    expect(subscriber.certified).toEqual([true, false, true, true, true, true]);
    subscriber.socket.close();
  });

  it("API-5: begins with the next block where no height is given", async () => {
    await node.finalize();
    const subscriber = subscribe();
    await subscriber.opened;
    await until(() => node.subscribers() === 1);
    await new Promise((resolve) => setImmediate(resolve));
    await node.finalize();
    await subscriber.received(1);
    expect(subscriber.heights).toEqual([2n]);
    subscriber.socket.close();
  });

  it("API-6: takes as many subscribers as allowed, refuses one more, and takes the next when one leaves", async () => {
    await api.close();
    await start({ subscribersMax: 2 });
    const [first, second] = [subscribe(), subscribe()];
    await Promise.all([first.opened, second.opened]);
    await until(() => node.subscribers() === 2);
    expect(await subscribe().refused).toBe(503);
    first.socket.close();
    await until(() => node.subscribers() === 1);
    const third = subscribe();
    await third.opened;
    second.socket.close();
    third.socket.close();
  });

  it("refuses bad heights before the upgrade, and plain requests", async () => {
    expect(await subscribe("?from=x").refused).toBe(400);
    expect((await fetch(`${base.replace("ws", "http")}/v1/stream`)).status).toBe(400);
  });

  it("drops a subscriber that sends more than a subscriber has to say", async () => {
    const subscriber = subscribe();
    await subscriber.opened;
    subscriber.socket.send("x".repeat(4096));
    expect(await subscriber.closed).toBe(1009);
    await until(() => node.subscribers() === 0);
  });

  it("lets go of every subscriber when the node stops", async () => {
    const subscriber = subscribe();
    await subscriber.opened;
    await api.close();
    expect(await subscriber.closed).toBeGreaterThan(0);
    await until(() => node.subscribers() === 0);
  });
});

describe("one subscriber", () => {
  const metrics = { answered: () => undefined, subscribed: () => undefined, streamed: () => undefined };

  function slowSocket() {
    const sent: string[] = [];
    const events: string[] = [];
    let leave: () => void = () => undefined;
    let deliver: (() => void) | undefined;
    const socket: Socket = {
      send: (text, done) => {
        sent.push(text);
        deliver = () => {
          done();
        };
      },
      close: (code) => {
        events.push(`close ${String(code)}`);
      },
      terminate: () => {
        events.push("terminate");
      },
      onClose: (listener) => {
        leave = listener;
      },
    };
    return {
      socket,
      sent,
      events,
      deliver: () => deliver?.(),
      leave: () => {
        leave();
      },
    };
  }

  it("API-5: however slow, has one message in flight", async () => {
    for (let i = 0; i < 20; i++) await node.finalize();
    const { socket, sent, deliver, leave } = slowSocket();
    const context = { queries: node.queries, clock: systemClock, metrics, sendTimeoutMs: 60_000 };
    const serving = serveSubscriber(context, socket, Height(1n));
    await until(() => sent.length === 1);
    for (let i = 0; i < 20; i++) await node.finalize();
    expect(sent).toHaveLength(1);
    deliver();
    await until(() => sent.length === 2);
    leave();
    await serving;
    expect(node.subscribers()).toBe(0);
  });

  it("is dropped when it takes nothing for too long", async () => {
    await node.finalize();
    const { socket, events } = slowSocket();
    const timers: (() => void)[] = [];
    const clock = { ...systemClock, setTimer: (_ms: number, fire: () => void) => (timers.push(fire), () => undefined) };
    const serving = serveSubscriber({ queries: node.queries, clock, metrics, sendTimeoutMs: 5 }, socket, Height(1n));
    await until(() => timers.length === 1);
    timers[0]?.();
    await serving;
    expect(events).toEqual(["terminate"]);
  });

  it("is told why when a block is not kept, and when the node fails", async () => {
    await node.finalize();
    const context = { clock: systemClock, metrics, sendTimeoutMs: 1000 };
    const pruned = slowSocket();
    const gone = { ...node.queries, blockAt: () => Promise.resolve(undefined) };
    await serveSubscriber({ ...context, queries: gone }, pruned.socket, Height(1n));
    expect(pruned.events).toEqual([`close ${String(CLOSE_PRUNED)}`]);
    const failed = slowSocket();
    const broken = { ...node.queries, blockAt: () => Promise.reject(new Error("disk")) };
    await serveSubscriber({ ...context, queries: broken }, failed.socket, Height(1n));
    expect(failed.events).toEqual([`close ${String(CLOSE_INTERNAL)}`]);
    expect(node.subscribers()).toBe(0);
  });
});
