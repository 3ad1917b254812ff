import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { toHex } from "../src/codec/hex.ts";
import { ConfigError } from "../src/config/configTable.ts";
import type { Random } from "../src/runtime/random.ts";
import type { RelayerConfig } from "./config.ts";
import { readSecretFile } from "./keys/localSigner.ts";

/** What is shorter can be guessed. */
export const SECRET_LENGTH_MIN = 16;

/** The token for retry and drain: the operator's, or one made at the first start and kept in the data folder. */
export function readAdminToken(config: RelayerConfig, random: Random): string {
  const path = config.adminTokenFile ?? join(config.dataDir, "admin.token");
  if (!existsSync(path)) {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(path, `${toHex(random.bytes(24)).slice(2)}\n`, { mode: 0o600 });
    chmodSync(path, 0o600);
  }
  return readLongSecret(path, "the admin token");
}

/** The dashboard's password; undefined when there is to be no dashboard. On loopback the admin token is it by default. */
export function readDashboardPassword(config: RelayerConfig, adminToken: string): string | undefined {
  if (!config.dashboard) return undefined;
  const { dashboardPasswordFile: path } = config;
  return path === null ? adminToken : readLongSecret(path, "the dashboard's password");
}

function readLongSecret(path: string, what: string): string {
  const secret = readSecretFile(path);
  if (secret.length >= SECRET_LENGTH_MIN) return secret;
  throw new ConfigError([`${what} in ${path} has fewer than ${String(SECRET_LENGTH_MIN)} characters`]);
}
