import { ENDPOINTS_MAX } from "../l1/endpoints.ts";
import { readConfig, type Relation, type Sources, type Table, type Values } from "../config/configTable.ts";
import { flag, httpUrls, integer, list, oneOf, optional, port, text } from "../config/fieldParsers.ts";

/** Nodes that a follower may name as its first contacts. */
export const SEEDS_MAX = 32;

/** Settings of one node; each row is a flag, an environment variable and a field of the configuration file. */
export const NODE_FIELDS = {
  dataDir: {
    env: "CREMA_DATA_DIR",
    description: "directory of the node's database and journal; never shared by two nodes",
    parse: text(),
  },
  clusterFile: {
    env: "CREMA_CLUSTER_FILE",
    description: "the network's cluster config (JSON or YAML); its hash is in genesis",
    parse: text(),
  },
  addressBook: {
    env: "CREMA_ADDRESS_BOOK",
    description: "addresses of the contracts on L1 (JSON, as written by the deployment)",
    parse: text(),
  },
  l1Urls: {
    env: "CREMA_L1_URLS",
    description: "HTTP JSON-RPC endpoints of L1, the preferred one first, separated by commas",
    parse: httpUrls(ENDPOINTS_MAX),
    secret: true,
  },
  l1TimeoutMs: {
    env: "CREMA_L1_TIMEOUT_MS",
    description: "longest wait for one answer of one L1 endpoint",
    parse: integer(100, 120_000),
    default: "10000",
  },
  l1PollMs: {
    env: "CREMA_L1_POLL_MS",
    description: "how often L1 is asked for its newest finalized block",
    parse: integer(50, 600_000),
    default: "6000",
  },
  keyDir: {
    env: "CREMA_KEY_DIR",
    description: "directory of a validator's keys and signing record (crema keygen); a follower needs none",
    parse: optional(text()),
    default: "",
  },
  keyPasswordFile: {
    env: "CREMA_KEY_PASSWORD_FILE",
    description: "file whose first line is the password of the keys",
    parse: optional(text()),
    default: "",
  },
  listenHost: {
    env: "CREMA_LISTEN_HOST",
    description: "address on which other nodes connect",
    parse: text(255),
    default: "0.0.0.0",
  },
  listenPort: {
    env: "CREMA_LISTEN_PORT",
    description: "port on which other nodes connect",
    parse: port,
    default: "7000",
  },
  seeds: {
    env: "CREMA_SEEDS",
    description: "nodes to follow besides the committees, as <transport key>@<multiaddr>, separated by commas",
    parse: list(text(512), SEEDS_MAX),
    default: "",
  },
  apiHost: {
    env: "CREMA_API_HOST",
    description: "address of the HTTP API; keep it on loopback unless a proxy stands in front",
    parse: text(255),
    default: "127.0.0.1",
  },
  apiPort: { env: "CREMA_API_PORT", description: "port of the HTTP API", parse: port, default: "8080" },
  blsWorkers: {
    env: "CREMA_BLS_WORKERS",
    description: "threads that sign and verify",
    parse: integer(1, 64),
    default: "1",
  },
  archive: {
    env: "CREMA_ARCHIVE",
    description: "keep every payload for ever instead of for the retention time",
    parse: flag,
    default: "false",
  },
  payloadRetentionHeights: {
    env: "CREMA_PAYLOAD_RETENTION_HEIGHTS",
    description: "heights whose payloads are kept; to be at least the trust period of a committee on a public network",
    parse: integer(1_000, 1_000_000_000),
    default: "10000000",
  },
  logLevel: {
    env: "CREMA_LOG_LEVEL",
    description: "least severe lines to log",
    parse: oneOf(["debug", "info", "warn", "error", "silent"]),
    default: "info",
  },
} as const satisfies Table;

export type NodeConfig = Values<typeof NODE_FIELDS>;

export const NODE_RELATIONS: readonly Relation<NodeConfig>[] = [
  {
    sentence: "listenPort and apiPort must differ when both listen on one address",
    holds: ({ listenPort, apiPort }) => listenPort !== apiPort || listenPort === 0,
  },
  {
    sentence:
      "l1PollMs must not be shorter than half a second against public endpoints: use loopback endpoints for that",
    holds: ({ l1PollMs, l1Urls }) => l1PollMs >= 500 || l1Urls.every((url) => isLoopback(url)),
  },
];

export function readNodeConfig(from: Sources): NodeConfig {
  return readConfig(NODE_FIELDS, NODE_RELATIONS, from);
}

function isLoopback(url: string): boolean {
  return ["127.0.0.1", "localhost", "[::1]"].includes(new URL(url).hostname);
}
