import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createWorld, RELAYER_KEY, until, type World } from "./support/world.ts";
import type { RelayerProcess } from "./support/relayerProcess.ts";

const MAIN = fileURLToPath(new URL("../../relayer/main.ts", import.meta.url));

describe.each(["auto", "pglite"])("operation of a running relayer, queue %s", (queue) => {
  let world: World;
  let relayer: RelayerProcess;
  let http: string;
  beforeAll(async () => {
    world = await createWorld();
    world.chain.grow(3);
    relayer = world.start({ env: { CREMA_QUEUE: queue } });
    http = String((await relayer.ready())["http"]);
    await until("height 3 on L1", async () => (await world.l1Height()) === 3n);
  });
  afterAll(() => world.close());

  /** One command with the settings of the running relayer. */
  async function command(
    args: readonly string[],
    over: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number | null; out: string; error: string }> {
    const env = {
      PATH: process.env["PATH"] ?? "",
      CREMA_L1_URLS: world.anvil.url,
      CREMA_NODE_URLS: world.node.url,
      CREMA_ADDRESS_BOOK: join(world.dataDir, "addresses.json"),
      CREMA_DATA_DIR: world.dataDir,
      CREMA_RELAYER_KEY: RELAYER_KEY,
      CREMA_HTTP_PORT: new URL(http).port,
      ...over,
    };
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    let [out, error] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (error += chunk.toString("utf8")));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, out, error };
  }

  it("OPS-1: health, readiness and metrics", async () => {
    expect((await fetch(`${http}/healthz`)).status).toBe(200);
    await until("ready and active", async () => (await (await fetch(`${http}/readyz`)).text()).includes('"active"'));
    const metrics = async (): Promise<string> => (await fetch(`${http}/metrics`)).text();
    await until("the metrics show height 3", async () => (await metrics()).includes("crema_relayer_l1_height 3"));
    expect(await metrics()).toContain('crema_relayer_signed_total{purpose="send"} 1');
  });

  it("OPS-1: retry and drain need the token, and no secret is in the log", async () => {
    expect((await fetch(`${http}/admin/drain`, { method: "POST" })).status).toBe(401);
    const wrong = { authorization: "Bearer wrong" };
    expect((await fetch(`${http}/admin/retry`, { method: "POST", headers: wrong })).status).toBe(401);
    const token = readFileSync(join(world.dataDir, "admin.token"), "utf8").trim();
    const log = JSON.stringify(relayer.lines);
    expect(log).not.toContain(token);
    expect(log).not.toContain(RELAYER_KEY.slice(2));
  });

  it("OPS-3: status, drain and retry as commands", async () => {
    const status = await command(["status"]);
    expect(JSON.parse(status.out)).toMatchObject({
      address: world.relayerAddress,
      role: "active",
      l1: { height: "3" },
    });
    expect(JSON.parse((await command(["drain"])).out)).toEqual({ draining: true });
    world.chain.grow(2);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await world.l1Height()).toBe(3n);
    expect(JSON.parse((await command(["drain", "--off"])).out)).toEqual({ draining: false });
    await until("height 5 on L1", async () => (await world.l1Height()) === 5n);
    expect(JSON.parse((await command(["retry"])).out)).toEqual({ retried: 0 });
  });

  it("OPS-2: a dry run says what would be sent, and sends nothing", async () => {
    await command(["drain"]);
    world.chain.grow(2);
    const nonce = await world.nonce();
    const { out } = await command(["run", "--dry-run"]);
    expect(JSON.parse(out)).toMatchObject({ post: "advance", height: "7", l1: "accepts" });
    expect(await world.nonce()).toBe(nonce);
    await command(["drain", "--off"]);
  });

  it("OPS-3: config check says ok, or names what is wrong and exits with 2; print hides secrets", async () => {
    expect(await command(["config", "check"])).toMatchObject({ code: 0, out: "ok\n" });
    const wrong = await command(["config", "check"], { CREMA_BUMP_PERCENT: "1" });
    expect(wrong.code).toBe(2);
    expect(wrong.error).toContain("bumpPercent (CREMA_BUMP_PERCENT)");
    const shown = await command(["config", "print"]);
    expect(JSON.parse(shown.out)).toMatchObject({ key: "(hidden)", postEveryBlocks: 1 });
    expect(shown.out).not.toContain(RELAYER_KEY);
  });
});
