import { readFileSync } from "node:fs";

import { parse as parseYaml } from "yaml";

import * as ClusterConfig from "../protocol/ClusterConfig.ts";
import * as Genesis from "../protocol/Genesis.ts";
import type { AddressBook } from "../l1/addressBook.ts";
import { CONFIG_FILE_BYTES_MAX, ConfigError } from "../config/configTable.ts";

/** Reads and checks the cluster config; throws `ConfigError` naming the file and every field at fault. */
export function readClusterFile(path: string): ClusterConfig.ClusterConfig {
  let value: unknown;
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > CONFIG_FILE_BYTES_MAX) throw new Error(`longer than ${String(CONFIG_FILE_BYTES_MAX)} bytes`);
    value = parseYaml(text);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw new ConfigError([`clusterFile ${path} cannot be used: ${reason}`]);
  }
  try {
    return ClusterConfig.parse(value);
  } catch (error) {
    if (!(error instanceof ClusterConfig.ClusterConfigError)) throw error;
    throw new ConfigError(error.problems.map((problem) => `clusterFile ${path}: ${problem}`));
  }
}

/** The contracts must belong to this cluster config: same L1, and its genesis hash as the salt of every signature. */
export function checkDeployment(cluster: ClusterConfig.ClusterConfig, book: AddressBook): void {
  const problems: string[] = [];
  if (book.chainId !== cluster.l1ChainId) {
    problems.push(
      `the contracts stand on chain ${String(book.chainId)}, the cluster config names chain ${String(cluster.l1ChainId)}`,
    );
  }
  const genesis = Genesis.hash(cluster);
  if (book.genesisHash !== genesis) {
    problems.push(`the contracts were deployed for genesis ${book.genesisHash}, the cluster config gives ${genesis}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
