import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { readRelayerConfig } from "../../relayer/config.ts";
import { temporaryFolder } from "./support/backends.ts";

const REQUIRED = {
  CREMA_L1_URLS: "http://127.0.0.1:8545",
  CREMA_NODE_URLS: "http://127.0.0.1:8080",
  CREMA_ADDRESS_BOOK: "book.json",
  CREMA_RELAYER_KEY_FILE: "key",
};

describe("OPS-3: configuration", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => (folder = temporaryFolder()));
  afterEach(() => {
    folder.remove();
  });

  it("a flag before the environment before the file before the default", () => {
    const file = join(folder.path, "relayer.yaml");
    writeFileSync(file, "postEveryBlocks: 5\npollMs: 300\nbumpPercent: 20\n");
    const env = { ...REQUIRED, CREMA_POST_EVERY_BLOCKS: "6", CREMA_POLL_MS: "400" };
    const config = readRelayerConfig({ flags: { postEveryBlocks: "7" }, env, file });
    expect([config.postEveryBlocks, config.pollMs, config.bumpPercent, config.queue]).toEqual([7, 400, 20, "auto"]);
  });

  it("amounts in gwei, to the wei", () => {
    const config = readRelayerConfig({
      flags: {},
      env: { ...REQUIRED, CREMA_MIN_TIP_GWEI: "0.000000001", CREMA_FEE_CEILING_GWEI: "2.5" },
    });
    expect([config.minTipGwei, config.feeCeilingGwei]).toEqual([1n, 2_500_000_000n]);
  });

  it.each([
    ["no key", { CREMA_RELAYER_KEY_FILE: "" }, "exactly one key is needed"],
    ["two keys", { CREMA_RELAYER_KEY: `0x${"11".repeat(32)}` }, "exactly one key is needed"],
    ["no addresses", { CREMA_ADDRESS_BOOK: "" }, "addresses are needed"],
    ["a bump that nodes refuse", { CREMA_BUMP_PERCENT: "9" }, "bumpPercent"],
    ["an urgent ceiling below the other", { CREMA_URGENT_FEE_CEILING_GWEI: "1" }, "urgentFeeCeilingGwei"],
    ["a deadline before the policy", { CREMA_POST_DEADLINE_SECONDS: "1" }, "postDeadlineSeconds"],
    ["queue redis without an address", { CREMA_QUEUE: "redis" }, "queue redis needs redisUrl"],
    ["a bad address", { CREMA_L1_URLS: "ftp://x" }, "l1Urls"],
    ["nine endpoints", { CREMA_L1_URLS: Array(9).fill("http://x").join(",") }, "at most 8"],
  ])("%s is refused with a sentence", (_title, over, sentence) => {
    expect(() => readRelayerConfig({ flags: {}, env: { ...REQUIRED, ...over } })).toThrow(sentence);
  });

  it("eight endpoints are taken", () => {
    const env = { ...REQUIRED, CREMA_L1_URLS: Array(8).fill("http://x").join(",") };
    expect(readRelayerConfig({ flags: {}, env }).l1Urls).toHaveLength(8);
  });

  it("a secret is not shown when it is wrong", () => {
    const env = { ...REQUIRED, REDIS_URL: "http://user:hunter2@x" };
    expect(() => readRelayerConfig({ flags: {}, env })).toThrow(/\(hidden\)/);
    expect(() => readRelayerConfig({ flags: {}, env })).not.toThrow(/hunter2/);
  });
});
