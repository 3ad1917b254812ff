import { spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { encryptKeystoreJsonSync, Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { temporaryFolder } from "./support/backends.ts";

const MAIN = fileURLToPath(new URL("../../relayer/main.ts", import.meta.url));
/** Each stands in one place of the configuration and nowhere else. */
const SECRETS = {
  key: "a1".repeat(32),
  redis: "redis-password-b2",
  l1: "l1-api-key-c3",
  signer: "signer-path-d4",
  password: "keystore-password-e5",
  dashboard: "dashboard-password-f6",
  admin: "admin-token-a7-long-enough",
  aws: "aws-secret-key-b8",
} as const;

describe("OPS-5: no secret is written, however a command ends", () => {
  const folder = temporaryFolder();
  let l1: Server;
  let l1Url: string;
  beforeAll(async () => {
    // An L1 that refuses everybody, with the request in its answer as some providers do.
    l1 = createServer((_request, response) => response.writeHead(401).end('{"error":"no such project"}'));
    await new Promise<void>((resolve) => l1.listen(0, "127.0.0.1", resolve));
    const address = l1.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    l1Url = `http://127.0.0.1:${String(address.port)}/v3/${SECRETS.l1}`;
  });
  afterAll(() => {
    l1.close();
    folder.remove();
  });

  function file(name: string, text: string): string {
    const path = join(folder.path, name);
    writeFileSync(path, `${text}\n`);
    chmodSync(path, 0o600);
    return path;
  }

  /** Runs until it ends, or a while from the line `until` on; everything that it wrote. */
  async function run(args: readonly string[], over: Readonly<Record<string, string>>, until?: string): Promise<string> {
    const env = {
      PATH: "/nonexistent",
      CREMA_L1_URLS: l1Url,
      CREMA_NODE_URLS: l1Url,
      CREMA_L1_CHAIN_ID: "31337",
      CREMA_STAKE_TABLE: `0x${"11".repeat(20)}`,
      CREMA_LIGHT_CLIENT: `0x${"22".repeat(20)}`,
      CREMA_SLASHER: `0x${"33".repeat(20)}`,
      CREMA_GENESIS_HASH: `0x${"44".repeat(32)}`,
      CREMA_DATA_DIR: join(folder.path, "data"),
      CREMA_ADMIN_TOKEN_FILE: file("admin", SECRETS.admin),
      CREMA_DASHBOARD: "true",
      CREMA_DASHBOARD_PASSWORD_FILE: file("dashboard", SECRETS.dashboard),
      CREMA_HTTP_PORT: "0",
      CREMA_LOG_LEVEL: "debug",
      CREMA_RELAYER_KEY: `0x${SECRETS.key}`,
      CREMA_POLL_MS: "50",
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: SECRETS.aws,
      ...over,
    };
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let timer: NodeJS.Timeout | undefined;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (until !== undefined && output.includes(until)) timer ??= setTimeout(() => child.kill("SIGTERM"), 1_500);
      });
    }
    await new Promise((resolve) => child.once("close", resolve));
    clearTimeout(timer);
    return output;
  }

  /** Quick to open: its strength is not what is tested. */
  function weakKeystore(): string {
    const { address, privateKey } = new Wallet(`0x${SECRETS.key}`);
    return encryptKeystoreJsonSync({ address, privateKey }, "right", { scrypt: { N: 2 } });
  }

  const none = { CREMA_RELAYER_KEY: "" };
  const cases: readonly (readonly [string, readonly string[], () => Readonly<Record<string, string>>, RegExp])[] = [
    ["the settings in force", ["config", "print"], () => ({ REDIS_URL: `redis://:${SECRETS.redis}@x` }), /hidden/],
    ["settings that are wrong", ["config", "check"], () => ({ REDIS_URL: `http://:${SECRETS.redis}@x` }), /redisUrl/],
    ["a key that is none", ["run"], () => ({ CREMA_RELAYER_KEY: `0y${SECRETS.key}` }), /CREMA_RELAYER_KEY/],
    [
      "a Redis that is not there",
      ["run"],
      () => ({ CREMA_QUEUE: "redis", REDIS_URL: `redis://user:${SECRETS.redis}@127.0.0.1:1` }),
      /Redis does not answer/,
    ],
    [
      "a keystore with another password",
      ["run"],
      () => ({
        ...none,
        CREMA_RELAYER_KEYSTORE: file("k.json", weakKeystore()),
        CREMA_RELAYER_KEYSTORE_PASSWORD_FILE: file("password", SECRETS.password),
      }),
      /wrong password/,
    ],
    [
      "a KMS that is not there",
      ["run"],
      () => ({ ...none, CREMA_KMS_KEY_ID: "alias/x", CREMA_KMS_REGION: "eu-central-1", CREMA_KMS_ENDPOINT: l1Url }),
      /KMS GetPublicKey/,
    ],
    ["a dry run against an L1 that refuses", ["run", "--dry-run"], () => ({}), /127\.0\.0\.1/],
  ];

  it.concurrent.each(cases)("%s", async (_title, args, over, said) => {
    const output = await run(args, over());
    expect(output).toMatch(said);
    for (const secret of Object.values(SECRETS)) expect(output).not.toContain(secret);
  });

  it.concurrent("a relayer at work, its L1 refusing and its signer away", async () => {
    const over = {
      ...none,
      CREMA_QUEUE: "pglite",
      CREMA_WEB3SIGNER_URL: `http://127.0.0.1:1/${SECRETS.signer}`,
      CREMA_SIGNER_ADDRESS: `0x${"55".repeat(20)}`,
    };
    const output = await run(["run"], over, '"msg":"ready"');
    expect(output).toContain('"msg":"ready"');
    for (const secret of Object.values(SECRETS)) expect(output).not.toContain(secret);
  });
});
