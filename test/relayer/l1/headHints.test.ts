import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";

import { HINT_GAP_MS, watchHeads, type HeadHints } from "../../../relayer/l1/headHints.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { silentLogger, type Logger } from "../../../src/runtime/logger.ts";
import { startAnvil } from "../support/anvil.ts";
import { manualClock } from "../support/manualClock.ts";
import { until } from "../support/world.ts";

describe("EP-5: WebSocket endpoints wake the relayer", () => {
  let hints: HeadHints | undefined;
  let server: WebSocketServer;
  let sockets: WebSocket[];
  let asked: string[];
  let heads: number;
  const onHead = (): void => void (heads += 1);
  beforeEach(async () => {
    [sockets, asked, heads] = [[], [], 0];
    server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    server.on("connection", (socket) => {
      sockets.push(socket);
      socket.on("message", (data: Buffer) => void asked.push(data.toString("utf8")));
    });
    await new Promise((resolve) => server.once("listening", resolve));
  });
  afterEach(async () => {
    hints?.close();
    for (const socket of sockets) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  });

  const url = (): string => `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const head = JSON.stringify({ jsonrpc: "2.0", method: "eth_subscription", params: { result: { number: "0x1" } } });

  it("a real node's new block does", async () => {
    const anvil = await startAnvil({ automine: false });
    const urls = [anvil.url.replace("http", "ws")];
    const live = watchHeads({ urls, clock: systemClock, logger: silentLogger, onHead });
    await until("a hint", async () => {
      await anvil.mine();
      return heads > 0;
    });
    live.close();
    await anvil.stop();
  });

  it("one that floods sets no pace", async () => {
    const clock = manualClock();
    hints = watchHeads({ urls: [url()], clock, logger: silentLogger, onHead });
    await until("subscribed", () => asked.some((text) => text.includes("newHeads")));
    for (let i = 0; i < 50; i++) sockets[0]?.send(head);
    await until("a hint", () => heads === 1);
    clock.advance(HINT_GAP_MS);
    sockets[0]?.send("no JSON at all");
    sockets[0]?.send(head);
    await until("the next hint", () => heads === 2);
  });

  it("a connection that is lost is opened again with back-off, said once", async () => {
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
    const clock = manualClock();
    hints = watchHeads({ urls: [url()], clock, logger, onHead });
    for (const waitMs of [1_000, 2_000, 4_000]) {
      await until("subscribed", () => sockets.length > 0 && asked.length === sockets.length);
      const count = sockets.length;
      sockets.at(-1)?.terminate();
      await until("the loss is noticed", () => clock.timers() > 0 && warnings.length === 1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      clock.advance(waitMs - 1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(sockets.length).toBe(count);
      clock.advance(1);
      await until("connected again", () => sockets.length === count + 1);
    }
    await until("subscribed again", () => asked.length >= 4);
    sockets.at(-1)?.send(head);
    await until("a hint", () => heads === 1);
    expect(warnings).toHaveLength(1);
  });

  it("one that is silent is taken for dead", async () => {
    const clock = manualClock();
    hints = watchHeads({ urls: [url()], clock, logger: silentLogger, onHead });
    await until("subscribed", () => asked.length === 1);
    await until("it is waited for", () => clock.timers() > 0);
    clock.advance(120_000);
    clock.advance(1_000);
    await until("another connection", () => sockets.length === 2);
  });
});
