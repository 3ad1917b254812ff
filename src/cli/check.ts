import type { Command } from "commander";

import { readAddressBook } from "../l1/addressBook.ts";
import { checkDeployment, readClusterFile } from "../node/clusterFile.ts";
import { redacted } from "../config/configTable.ts";
import { NODE_FIELDS, readNodeConfig } from "../node/nodeConfig.ts";
import * as Genesis from "../protocol/Genesis.ts";
import { addSettings, sourcesOf } from "./options.ts";
import { addJsonOption, report, type ReportOptions } from "./report.ts";
import { print } from "./terminal.ts";

/** `crema genesis` and `crema config`: what the files say, checked, without starting anything. */
export function addChecks(program: Command): void {
  addJsonOption(program.command("genesis"))
    .description("check a cluster config and print its genesis hash, the salt of every signature")
    .requiredOption("--cluster-file <file>", "cluster config")
    .option("--address-book <file>", "also check that these contracts belong to it")
    .action((options: ReportOptions & { readonly clusterFile: string; readonly addressBook?: string }) => {
      const cluster = readClusterFile(options.clusterFile);
      if (options.addressBook !== undefined) checkDeployment(cluster, readAddressBook(options.addressBook));
      const genesisHash = Genesis.hash(cluster);
      report(options, { text: genesisHash, value: { genesisHash, l1ChainId: cluster.l1ChainId, name: cluster.name } });
    });
  const config = program.command("config").description("check a node's configuration and print it without secrets");
  addSettings(config, NODE_FIELDS).action((options: Record<string, string>) => {
    const node = readNodeConfig(sourcesOf(options));
    checkDeployment(readClusterFile(node.clusterFile), readAddressBook(node.addressBook));
    print(JSON.stringify(redacted(NODE_FIELDS, node), null, 2));
  });
}
