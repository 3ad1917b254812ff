import type { FinalityRule } from "../src/l1/l1Client.ts";
import { ENDPOINTS_MAX } from "../src/l1/endpoints.ts";
import { FieldError, readConfig, type Relation, type Sources, type Values } from "../src/config/configTable.ts";
import { flag, httpUrls, integer, oneOf, optional, port, text } from "../src/config/fieldParsers.ts";
import { MIN_BUMP_PERCENT } from "./tx/feePolicy.ts";

const GWEI = 1_000_000_000n;

function gwei(value: string): bigint {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(value)) throw new FieldError("expected an amount in gwei, such as 2 or 0.05");
  const [whole = "0", fraction = ""] = value.split(".");
  return BigInt(whole) * GWEI + BigInt(fraction.padEnd(9, "0"));
}

function address(value: string): `0x${string}` {
  if (!/^0x[0-9a-fA-F]{40}$/.test(value)) throw new FieldError("expected a 20-byte 0x address");
  return `0x${value.slice(2).toLowerCase()}`;
}

function finality(value: string): FinalityRule {
  if (value === "tag") return { kind: "tag" };
  const blocks = Number(value);
  if (!Number.isInteger(blocks) || blocks < 0 || blocks > 10_000) {
    throw new FieldError("expected `tag`, or a depth in blocks for a development chain");
  }
  return { kind: "depth", blocks };
}

function redisUrl(value: string): string {
  if (!/^rediss?:\/\//.test(value) || !URL.canParse(value)) throw new FieldError("expected redis:// or rediss://");
  return value;
}

function webSocketUrls(maxCount: number): (value: string) => readonly string[] {
  return (value) => {
    const urls = value.split(",").map((part) => part.trim());
    if (urls.length > maxCount) throw new FieldError(`expected at most ${String(maxCount)} addresses`);
    if (urls.every((url) => /^wss?:\/\//.test(url) && URL.canParse(url))) return urls;
    throw new FieldError("expected ws or wss addresses, separated by commas");
  };
}

const seconds = integer(0, 10_000_000);
const milliseconds = integer(10, 10_000_000);
const percent = integer(Number(MIN_BUMP_PERCENT), 1_000);

/** Every setting of the relayer: one row each. */
export const TABLE = {
  l1Urls: {
    env: "CREMA_L1_URLS",
    description: "L1 JSON-RPC addresses; three or more outvote one that lies",
    parse: httpUrls(ENDPOINTS_MAX),
    secret: true,
  },
  l1WsUrls: {
    env: "CREMA_L1_WS_URLS",
    description: "L1 WebSocket addresses: new blocks wake the relayer, polling stays the truth",
    parse: optional(webSocketUrls(ENDPOINTS_MAX)),
    default: "",
    secret: true,
  },
  l1ChainId: {
    env: "CREMA_L1_CHAIN_ID",
    description: "L1 chain id; default from the address book",
    parse: optional(integer(1, 1e15)),
    default: "",
  },
  l1Finality: {
    env: "CREMA_L1_FINALITY",
    description: "`tag`, or a depth in blocks for development chains",
    parse: finality,
    default: "tag",
  },
  l1TimeoutMs: {
    env: "CREMA_L1_TIMEOUT_MS",
    description: "longest wait for one L1 answer, ms",
    parse: milliseconds,
    default: "10000",
  },
  addressBook: {
    env: "CREMA_ADDRESS_BOOK",
    description: "JSON file with the contract addresses",
    parse: optional(text()),
    default: "",
  },
  stakeTable: {
    env: "CREMA_STAKE_TABLE",
    description: "StakeTable, without an address book",
    parse: optional(address),
    default: "",
  },
  lightClient: {
    env: "CREMA_LIGHT_CLIENT",
    description: "LightClient, without an address book",
    parse: optional(address),
    default: "",
  },
  slasher: {
    env: "CREMA_SLASHER",
    description: "Slasher, without an address book",
    parse: optional(address),
    default: "",
  },
  genesisHash: {
    env: "CREMA_GENESIS_HASH",
    description: "salt of all signatures, without an address book",
    parse: optional(text(66)),
    default: "",
  },
  deployedAtBlock: {
    env: "CREMA_DEPLOYED_AT_BLOCK",
    description: "L1 block to read events from, without an address book",
    parse: integer(0, 1e12),
    default: "0",
  },
  nodeUrls: {
    env: "CREMA_NODE_URLS",
    description: "HTTP addresses of nodes; the highest finalization of all counts",
    parse: httpUrls(16),
    secret: true,
  },
  nodeTimeoutMs: {
    env: "CREMA_NODE_TIMEOUT_MS",
    description: "longest wait for one answer of a node, ms",
    parse: milliseconds,
    default: "5000",
  },
  redisUrl: {
    env: "REDIS_URL",
    description: "redis:// or rediss:// (TLS) with user and password",
    parse: optional(redisUrl),
    default: "",
    secret: true,
  },
  queue: {
    env: "CREMA_QUEUE",
    description: "where jobs are kept",
    parse: oneOf(["auto", "redis", "private-redis", "pglite"]),
    default: "auto",
  },
  dataDir: {
    env: "CREMA_DATA_DIR",
    description: "folder of the outbox and of a private queue",
    parse: text(),
    default: "data/relayer",
  },
  keyFile: {
    env: "CREMA_RELAYER_KEY_FILE",
    description: "file with one 0x private key, mode 0600",
    parse: optional(text()),
    default: "",
  },
  keystore: {
    env: "CREMA_RELAYER_KEYSTORE",
    description: "encrypted JSON keystore",
    parse: optional(text()),
    default: "",
  },
  keystorePasswordFile: {
    env: "CREMA_RELAYER_KEYSTORE_PASSWORD_FILE",
    description: "file with its password",
    parse: optional(text()),
    default: "",
  },
  key: {
    env: "CREMA_RELAYER_KEY",
    description: "private key; prefer a file",
    parse: optional(text(66)),
    default: "",
    secret: true,
  },
  web3signerUrl: {
    env: "CREMA_WEB3SIGNER_URL",
    description: "remote signer that speaks eth_signTransaction",
    parse: optional(httpUrls(1)),
    default: "",
    secret: true,
  },
  kmsKeyId: {
    env: "CREMA_KMS_KEY_ID",
    description: "id, ARN or alias of a key in AWS KMS (ECC_SECG_P256K1); credentials as for any AWS tool",
    parse: optional(text(2_048)),
    default: "",
  },
  kmsRegion: {
    env: "CREMA_KMS_REGION",
    description: "its region; default AWS_REGION",
    parse: optional(text(64)),
    default: "",
  },
  kmsEndpoint: {
    env: "CREMA_KMS_ENDPOINT",
    description: "another address of KMS, such as a VPC endpoint",
    parse: optional(httpUrls(1)),
    default: "",
  },
  signerAddress: {
    env: "CREMA_SIGNER_ADDRESS",
    description: "account of the remote signer; with KMS, what the key must be",
    parse: optional(address),
    default: "",
  },
  postEveryBlocks: {
    env: "CREMA_POST_EVERY_BLOCKS",
    description: "post when so many finalized blocks are not on L1 ...",
    parse: integer(1, 1e9),
    default: "1",
  },
  postEverySeconds: {
    env: "CREMA_POST_EVERY_SECONDS",
    description: "... or when the checkpoint is so old",
    parse: seconds,
    default: "60",
  },
  postDeadlineSeconds: {
    env: "CREMA_POST_DEADLINE_SECONDS",
    description: "age from which the urgent fee ceiling holds",
    parse: seconds,
    default: "600",
  },
  sealKeys: {
    env: "CREMA_SEAL_KEYS",
    description: "seal when so many keys wait ...",
    parse: integer(1, 125),
    default: "40",
  },
  sealAfterSeconds: {
    env: "CREMA_SEAL_AFTER_SECONDS",
    description: "... or when one has waited so long",
    parse: seconds,
    default: "3600",
  },
  rotate: { env: "CREMA_ROTATE", description: "call rotate() when due", parse: flag, default: "true" },
  rotateEverySeconds: {
    env: "CREMA_ROTATE_EVERY_SECONDS",
    description: "least age of the newest committee; 0 leaves it to the contract's interval",
    parse: seconds,
    default: "0",
  },
  feeCeilingGwei: {
    env: "CREMA_FEE_CEILING_GWEI",
    description: "highest fee per gas while nothing is urgent",
    parse: gwei,
    default: "100",
  },
  urgentFeeCeilingGwei: {
    env: "CREMA_URGENT_FEE_CEILING_GWEI",
    description: "highest fee per gas ever",
    parse: gwei,
    default: "500",
  },
  minTipGwei: { env: "CREMA_MIN_TIP_GWEI", description: "least tip", parse: gwei, default: "0.01" },
  maxTipGwei: {
    env: "CREMA_MAX_TIP_GWEI",
    description: "highest tip of a first transaction",
    parse: gwei,
    default: "5",
  },
  bumpPercent: {
    env: "CREMA_BUMP_PERCENT",
    description: "raise of both fees on a replacement",
    parse: percent,
    default: "15",
  },
  bumpAfterMs: {
    env: "CREMA_BUMP_AFTER_MS",
    description: "age of a pending transaction at which it is replaced, ms",
    parse: milliseconds,
    default: "48000",
  },
  rebroadcastAfterMs: {
    env: "CREMA_REBROADCAST_AFTER_MS",
    description: "time after which raw bytes are sent again, ms",
    parse: milliseconds,
    default: "25000",
  },
  gasMarginPercent: {
    env: "CREMA_GAS_MARGIN_PERCENT",
    description: "added to gas estimates",
    parse: integer(0, 200),
    default: "25",
  },
  pollMs: {
    env: "CREMA_POLL_MS",
    description: "time between looks at L1 and at the nodes, ms",
    parse: milliseconds,
    default: "1000",
  },
  lockTtlMs: {
    env: "CREMA_LOCK_TTL_MS",
    description: "life of the key lock in Redis without renewal, ms",
    parse: integer(1_000, 600_000),
    default: "15000",
  },
  httpHost: {
    env: "CREMA_HTTP_HOST",
    description: "address of health, metrics and administration",
    parse: text(),
    default: "127.0.0.1",
  },
  httpPort: { env: "CREMA_HTTP_PORT", description: "its port; 0 takes a free one", parse: port, default: "9464" },
  adminTokenFile: {
    env: "CREMA_ADMIN_TOKEN_FILE",
    description: "file with the token for retry and drain; default in dataDir",
    parse: optional(text()),
    default: "",
  },
  dashboard: {
    env: "CREMA_DASHBOARD",
    description: "show the queues under /dashboard, behind a password",
    parse: flag,
    default: "false",
  },
  dashboardPasswordFile: {
    env: "CREMA_DASHBOARD_PASSWORD_FILE",
    description: "file with the dashboard's password, mode 0600; on loopback the admin token serves without one",
    parse: optional(text()),
    default: "",
  },
  logLevel: {
    env: "CREMA_LOG_LEVEL",
    description: "least severe line written",
    parse: oneOf(["debug", "info", "warn", "error", "silent"]),
    default: "info",
  },
} as const;

export type RelayerConfig = Values<typeof TABLE>;

const KEY_SOURCES = ["keyFile", "keystore", "key", "web3signerUrl", "kmsKeyId"] as const;

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

const RELATIONS: readonly Relation<RelayerConfig>[] = [
  {
    sentence: "exactly one key is needed: keyFile, keystore, key (environment), web3signerUrl or kmsKeyId",
    holds: (config) => KEY_SOURCES.filter((name) => config[name] !== null).length === 1,
  },
  {
    sentence: "keystore needs keystorePasswordFile",
    holds: ({ keystore, keystorePasswordFile }) => keystore === null || keystorePasswordFile !== null,
  },
  {
    sentence: "web3signerUrl needs signerAddress",
    holds: ({ web3signerUrl, signerAddress }) => web3signerUrl === null || signerAddress !== null,
  },
  {
    sentence: "addresses are needed: addressBook, or l1ChainId, stakeTable, lightClient, slasher and genesisHash",
    holds: (config) => {
      const given = [config.l1ChainId, config.stakeTable, config.lightClient, config.slasher, config.genesisHash];
      return config.addressBook !== null || given.every((value) => value !== null);
    },
  },
  {
    sentence: "urgentFeeCeilingGwei must not be below feeCeilingGwei",
    holds: ({ feeCeilingGwei, urgentFeeCeilingGwei }) => urgentFeeCeilingGwei >= feeCeilingGwei,
  },
  {
    sentence: "maxTipGwei must not be below minTipGwei",
    holds: ({ minTipGwei, maxTipGwei }) => maxTipGwei >= minTipGwei,
  },
  {
    sentence: "postDeadlineSeconds must not be below postEverySeconds",
    holds: ({ postEverySeconds, postDeadlineSeconds }) => postDeadlineSeconds >= postEverySeconds,
  },
  {
    sentence: "a dashboard on an address that is not loopback needs dashboardPasswordFile",
    holds: ({ dashboard, dashboardPasswordFile, httpHost }) =>
      !dashboard || dashboardPasswordFile !== null || isLoopback(httpHost),
  },
  { sentence: "queue redis needs redisUrl", holds: ({ queue, redisUrl: url }) => queue !== "redis" || url !== null },
];

/** OPS-3: flag before environment before file before default. Throws `ConfigError` with every problem at once. */
export function readRelayerConfig(sources: Sources): RelayerConfig {
  return readConfig(TABLE, RELATIONS, sources);
}
