import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import type * as ClusterConfig from "../../protocol/ClusterConfig.ts";

/** Where everything of one local network lies. */
export interface Layout {
  readonly dataDir: string;
  readonly clusterFile: string;
  readonly addressBook: string;
  /** Where L1, nodes and relayer answer, with the address book: for whoever tries the network out. */
  readonly networkFile: string;
  readonly deploymentState: string;
  readonly logs: string;
  readonly relayerDir: string;
  readonly relayerKeyFile: string;
  nodeDir(name: string): string;
}

export function createLayout(dataDir: string | undefined): Layout {
  const root = dataDir === undefined ? mkdtempSync(join(tmpdir(), "crema-")) : resolve(dataDir);
  mkdirSync(join(root, "logs"), { recursive: true });
  chmodSync(root, 0o700);
  return {
    dataDir: root,
    clusterFile: join(root, "cluster.json"),
    addressBook: join(root, "addresses.json"),
    networkFile: join(root, "network.json"),
    deploymentState: join(root, "deployment"),
    logs: join(root, "logs"),
    relayerDir: join(root, "relayer"),
    relayerKeyFile: join(root, "relayer.key"),
    nodeDir: (name) => join(root, name),
  };
}

export function writeCluster(layout: Layout, cluster: ClusterConfig.ClusterConfig): void {
  writeFileSync(layout.clusterFile, `${JSON.stringify(cluster, null, 2)}\n`);
}

export function writeSecret(path: string, text: string): void {
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
}
