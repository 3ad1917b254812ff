import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startAnvil } from "../../src/cli/start/anvil.ts";
import { freePorts } from "../../src/cli/start/ports.ts";
import { ROOT } from "../../src/cli/start/tools.ts";
import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { sleep, systemClock } from "../../src/runtime/clock.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { BLS_KEY_NAME, createValidatorKeys, TRANSPORT_KEY_NAME } from "../../src/signer/validatorKeys.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import { WriteAheadLog } from "../../src/storage/writeAheadLog.ts";
import { startDeployedL1, type DeployedL1 } from "../l1/deployedL1.ts";

let l1: DeployedL1;
let otherL1: string;
let nodes = 0;
const PASSWORD = "correct horse";

beforeAll(async () => {
  l1 = await startDeployedL1();
  const dataDir = join(l1.layout.dataDir, "other-l1");
  mkdirSync(dataDir);
  // Another process under another name: the first is called "l1" and goes on.
  otherL1 = (
    await startAnvil(
      { ...l1.processes, start: (spec) => l1.processes.start({ ...spec, name: "other-l1" }) },
      { dataDir, chainId: 5 },
    )
  ).url;
});

afterAll(async () => {
  await l1.close();
});

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exitCode: Promise<number | null>;
}

/** A node's files, and the process that `crema run` with them is. */
async function validator(
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<Running & { readonly api: string; readonly settings: Record<string, unknown> }> {
  const dataDir = join(l1.layout.dataDir, `node-${String(nodes++)}`);
  mkdirSync(dataDir);
  const keyDir = join(dataDir, "keys");
  const keyPasswordFile = join(dataDir, "password");
  writeFileSync(keyPasswordFile, PASSWORD, { mode: 0o600 });
  await createValidatorKeys({
    ...{ fileSystem: nodeFileSystem, directory: keyDir, genesis: l1.book.genesisHash, random: systemRandom },
    ...{ bls: await createMclBls(), password: PASSWORD, derivation: "pbkdf2" },
  });
  const [listenPort, apiPort] = await freePorts(2);
  const settings = {
    ...{ dataDir, keyDir, keyPasswordFile, listenPort, apiPort },
    ...{ clusterFile: l1.layout.clusterFile, addressBook: l1.layout.addressBook, l1Urls: l1.url },
    ...{ l1PollMs: 200, l1TimeoutMs: 1_000, listenHost: "127.0.0.1" },
    ...overrides,
  };
  const configFile = join(dataDir, "node.json");
  writeFileSync(configFile, JSON.stringify(settings));
  return { ...run(["run", "--config", configFile]), api: `http://127.0.0.1:${String(settings.apiPort)}`, settings };
}

function run(args: readonly string[]): Running {
  const child = spawn(process.execPath, [join(ROOT, "src", "cli", "main.ts"), ...args], { cwd: ROOT });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exitCode = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, output: () => output, exitCode };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(systemClock, 50);
}

async function answers(api: string): Promise<boolean> {
  try {
    return (await fetch(`${api}/v1/status`)).ok;
  } catch {
    return false;
  }
}

async function occupied(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server, port: address.port };
}

describe("crema run, as a process", () => {
  it("NODE-1: comes up, answers, and ends with code 0 at SIGTERM", async () => {
    const node = await validator();
    await until(() => node.output().includes('"msg":"ready"'));
    expect(await answers(node.api)).toBe(true);
    node.child.kill("SIGTERM");
    expect(await node.exitCode).toBe(0);
    expect(node.output()).toContain('"msg":"stopped"');
  });

  it("NODE-2: comes up while L1 is away, says so, and finds it when it is back", async () => {
    const [port = 0] = await freePorts(1);
    const node = await validator({ l1Urls: `http://127.0.0.1:${String(port)}` });
    await until(() => answers(node.api));
    expect(node.output()).toContain("L1 does not answer");
    const dataDir = join(l1.layout.dataDir, "late-l1");
    mkdirSync(dataDir);
    await l1.chain.mine(3);
    const proxy = createServer((socket) => {
      const target = new URL(l1.url);
      void import("node:net").then(({ connect }) => {
        const upstream = connect(Number(target.port), target.hostname);
        socket.pipe(upstream).pipe(socket);
        for (const end of [socket, upstream]) end.on("error", () => end.destroy());
      });
    });
    await new Promise<void>((resolve) => proxy.listen(port, "127.0.0.1", resolve));
    await until(() => node.output().includes("L1 answers"));
    node.child.kill("SIGTERM");
    expect(await node.exitCode).toBe(0);
    proxy.close();
  });

  it("NODE-3: ports in use are reported with their settings, and the process ends", async () => {
    const { server, port } = await occupied();
    const api = await validator({ apiPort: port });
    expect(await api.exitCode).toBe(2);
    expect(api.output()).toContain(
      `the API cannot listen at 127.0.0.1:${String(port)} (apiHost, apiPort): the port is in use`,
    );
    const network = await validator({ listenPort: port });
    expect(await network.exitCode).toBe(2);
    expect(network.output()).toContain("(listenHost, listenPort): the port is in use");
    server.close();
  });

  it("ETH-3: an L1 of another chain is refused with both chain ids", async () => {
    const node = await validator({ l1Urls: otherL1 });
    expect(await node.exitCode).toBe(2);
    expect(node.output()).toContain("serves chain 5, expected chain 31337");
  });

  it.each([
    ["an unknown setting", { apiPrt: 1 }, "apiPrt"],
    ["a value of the wrong kind", { apiPort: "many" }, "apiPort"],
    ["a missing cluster config", { clusterFile: "/nowhere/cluster.json" }, "clusterFile /nowhere/cluster.json"],
    ["a missing address book", { addressBook: "/nowhere/addresses.json" }, "/nowhere/addresses.json"],
    ["a missing key directory", { keyDir: "/nowhere/keys" }, "keyDir: key file /nowhere/keys/"],
    ["no key directory", { keyDir: "" }, "keyDir is missing"],
    ["no password", { keyPasswordFile: "" }, "keyPasswordFile is missing"],
    ["a missing password", { keyPasswordFile: "/nowhere/password" }, "keyPasswordFile: key file /nowhere/password"],
  ])("SETTING-6: %s ends the process with code 2 and the name of the field", async (_what, overrides, expected) => {
    const node = await validator(overrides);
    expect(await node.exitCode).toBe(2);
    expect(node.output()).toContain(expected);
    expect(node.output()).not.toContain("    at ");
  });

  it("SETTING-7: a cluster config that is corrupt, impossible, or not that of the contracts is refused", async () => {
    const file = (name: string, content: string): string => {
      const path = join(l1.layout.dataDir, name);
      writeFileSync(path, content);
      return path;
    };
    const cases = [
      [file("corrupt.json", "{"), "corrupt.json"],
      [file("impossible.json", JSON.stringify({ ...l1.cluster, emptyBlockDelayMs: 9_999 })), "emptyBlockDelayMs"],
      [file("missing.json", JSON.stringify({ ...l1.cluster, epochLength: undefined })), "epochLength"],
      [file("other.json", JSON.stringify({ ...l1.cluster, name: "another network" })), "deployed for genesis"],
    ] as const;
    for (const [clusterFile, expected] of cases) {
      const node = await validator({ clusterFile });
      expect(await node.exitCode).toBe(2);
      expect(node.output()).toContain(expected);
    }
  });

  it("SIGN-9, HEAL-6: a key without its signing record signs nothing; its node follows and says so", async () => {
    const first = await validator();
    first.child.kill("SIGKILL");
    await first.exitCode;
    const copy = join(l1.layout.dataDir, "without-record");
    mkdirSync(copy);
    for (const name of [BLS_KEY_NAME, TRANSPORT_KEY_NAME]) {
      cpSync(join(String(first.settings["keyDir"]), name), join(copy, name));
    }
    const node = await validator({ keyDir: copy });
    await until(() => answers(node.api));
    expect(await (await fetch(`${node.api}/healthz`)).json()).toMatchObject({ healthy: true, signing: false });
    expect(node.output()).toContain("slashing-protection record");
    expect(node.output()).toContain("this validator signs nothing and only follows");
    node.child.kill("SIGTERM");
    expect(await node.exitCode).toBe(0);
  });

  it("HEAL-6: a damaged journal of votes is left as it is, and its node follows without signing", async () => {
    const first = await validator();
    first.child.kill("SIGKILL");
    await first.exitCode;
    const journal = join(String(first.settings["dataDir"]), "votes", "journal");
    const log = await WriteAheadLog.open(nodeFileSystem, journal);
    for (const vote of ["one", "two", "three"]) {
      log.append(new TextEncoder().encode(vote));
      await log.sync();
    }
    await log.close();
    const [segment = ""] = readdirSync(journal).filter((name) => name.endsWith(".wal"));
    const bytes = readFileSync(join(journal, segment));
    const at = bytes.indexOf("one");
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(join(journal, segment), bytes);
    const again = await validator({ dataDir: join(String(first.settings["dataDir"]), "votes") });
    await until(() => answers(again.api));
    expect(await (await fetch(`${again.api}/healthz`)).json()).toMatchObject({
      signing: false,
      reason: expect.stringContaining(segment) as string,
    });
    again.child.kill("SIGTERM");
    expect(await again.exitCode).toBe(0);
    expect(readFileSync(join(journal, segment))).toEqual(bytes);
  });

  it("NODE-5: a second process on the same data or key directory is refused, and the first goes on", async () => {
    const first = await validator();
    await until(() => answers(first.api));
    const [listenPort, apiPort] = await freePorts(2);
    const second = await validator({ dataDir: first.settings["dataDir"], listenPort, apiPort });
    expect(await second.exitCode).not.toBe(0);
    expect(second.output()).toContain(String(first.settings["dataDir"]));
    const { keyDir, keyPasswordFile } = first.settings;
    const twin = await validator({ keyDir, keyPasswordFile });
    expect(await twin.exitCode).not.toBe(0);
    expect(twin.output()).toContain("locked: another process signs with this key");
    expect(await answers(first.api)).toBe(true);
    first.child.kill("SIGTERM");
    expect(await first.exitCode).toBe(0);
  });

  it("NODE-4: kill -9 and start again with the same files, any number of times", async () => {
    const node = await validator();
    const { settings } = node;
    await until(() => answers(node.api));
    node.child.kill("SIGKILL");
    await node.exitCode;
    const configFile = join(String(settings["dataDir"]), "node.json");
    for (let round = 0; round < 2; round++) {
      const again = run(["run", "--config", configFile]);
      await until(() => again.output().includes('"msg":"ready"'));
      again.child.kill(round === 0 ? "SIGKILL" : "SIGTERM");
      expect(await again.exitCode).toBe(round === 0 ? null : 0);
    }
  });
});

describe("the other commands", () => {
  it("crema observer run follows without keys", async () => {
    const dataDir = join(l1.layout.dataDir, "observer");
    mkdirSync(dataDir);
    const [listenPort, apiPort] = await freePorts(2);
    const flags = {
      ...{ "data-dir": dataDir, "cluster-file": l1.layout.clusterFile, "address-book": l1.layout.addressBook },
      ...{ "l1-urls": l1.url, "listen-port": listenPort, "api-port": apiPort, "listen-host": "127.0.0.1" },
    };
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const node = run(["observer", "run", ...args]);
    await until(() => node.output().includes('"role":"observer"'));
    const status = run(["status", "--json", "--api-url", `http://127.0.0.1:${String(apiPort)}`]);
    expect(await status.exitCode).toBe(0);
    expect(JSON.parse(status.output())).toMatchObject({ genesisHash: l1.book.genesisHash });
    node.child.kill("SIGTERM");
    expect(await node.exitCode).toBe(0);
  });

  it("keygen, register sign and genesis work from files alone", async () => {
    const dataDir = join(l1.layout.dataDir, "operator");
    mkdirSync(dataDir);
    const keyDir = join(dataDir, "keys");
    const password = join(dataDir, "password");
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    const cluster = ["--cluster-file", l1.layout.clusterFile];
    const key = ["--key-dir", keyDir, "--key-password-file", password];
    const keygen = run(["keygen", ...key, ...cluster]);
    expect([await keygen.exitCode, keygen.output()]).toEqual([0, expect.stringContaining(keyDir)]);
    const again = run(["keygen", ...key, ...cluster]);
    expect([await again.exitCode, again.output()]).toEqual([2, expect.stringContaining("never overwritten")]);
    const out = join(dataDir, "registration.json");
    const book = ["--address-book", l1.layout.addressBook];
    const operator = `0x${"12".repeat(20)}`;
    const listen = ["--operator", operator, "--address", "/dns4/v.example/tcp/7000"];
    const sign = run(["register", "sign", ...key, ...listen, ...book, "--out", out]);
    expect([await sign.exitCode, sign.output()]).toEqual([0, expect.stringContaining(out)]);
    const record = join(dataDir, "record.json");
    const exported = run(["protection", "export", ...key, ...cluster, "--out", record]);
    expect([await exported.exitCode, exported.output()]).toEqual([0, expect.stringContaining("signs no more")]);
    const moved = join(dataDir, "moved");
    mkdirSync(moved);
    for (const name of [BLS_KEY_NAME, TRANSPORT_KEY_NAME]) cpSync(join(keyDir, name), join(moved, name));
    const elsewhere = ["--key-dir", moved, "--key-password-file", password, ...cluster];
    const imported = run(["protection", "import", ...elsewhere, "--in", record]);
    expect([await imported.exitCode, imported.output()]).toEqual([0, expect.stringContaining("taken over")]);
    chmodSync(password, 0o644);
    const careless = run(["register", "sign", ...key, ...listen, ...book, "--out", out]);
    expect([await careless.exitCode, careless.output()]).toEqual([2, expect.stringContaining("chmod 600")]);
    const genesis = run(["genesis", ...cluster, ...book]);
    expect([await genesis.exitCode, genesis.output().trim()]).toEqual([0, l1.book.genesisHash]);
    const status = run(["status", "--api-url", "http://127.0.0.1:9"]);
    expect([await status.exitCode, status.output()]).toEqual([1, expect.stringContaining("no node answers")]);
  });
});
