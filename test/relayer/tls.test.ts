import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";

import { Redis } from "ioredis";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";

import { presentBackends, redisServerPath, temporaryFolder } from "./support/backends.ts";
import { freePort } from "./support/redisServer.ts";
import { createWorld, until, type World } from "./support/world.ts";

describe.runIf(presentBackends().includes("redis"))("QUEUE-1: Redis over TLS with a password", () => {
  const folder = temporaryFolder();
  let world: World;
  let stop: () => Promise<void> = () => Promise.resolve();
  afterEach(async () => {
    await world.close();
    await stop();
    folder.remove();
  });

  it("serves a relayer that trusts its certificate", async () => {
    world = await createWorld();
    const [key, certificate] = [join(folder.path, "key.pem"), join(folder.path, "certificate.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const files = ["-keyout", key, "-out", certificate];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", ...subject, ...files], {
      stdio: "ignore",
    });
    const port = await freePort();
    const tls = ["--tls-port", String(port), "--port", "0", "--tls-cert-file", certificate, "--tls-key-file", key];
    const rest = ["--tls-auth-clients", "no", "--requirepass", "only-for-tests", "--dir", folder.path, "--save", ""];
    const server = spawn(redisServerPath ?? "", [...tls, ...rest], { stdio: "ignore" });
    stop = async () => {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill();
      await ended;
    };
    const url = `rediss://:only-for-tests@127.0.0.1:${String(port)}`;
    await until("Redis answers", async () => {
      const probe = new Redis(url, {
        tls: { ca: readFileSync(certificate) },
        retryStrategy: () => null,
        lazyConnect: true,
      });
      probe.on("error", () => undefined);
      const up = await probe.connect().then(
        () => true,
        () => false,
      );
      probe.disconnect();
      return up;
    });
    world.chain.grow(2);
    const relayer = world.start({ env: { REDIS_URL: url, NODE_EXTRA_CA_CERTS: certificate } });
    expect(await relayer.ready()).toMatchObject({ queue: "redis" });
    await until("height 2 on L1", async () => (await world.l1Height()) === 2n);
    expect(await relayer.stop()).toBe(0);
  });
});
