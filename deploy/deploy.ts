/**
 * Deploys the contracts with Hardhat Ignition and writes their address book. A run that was interrupted goes on where it
 * stopped when it is started again with the same `--state`.
 *
 *   node deploy/deploy.ts --network local --cluster cluster.json --out addresses.json --state deployment
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { Command } from "commander";
import { createHardhatRuntimeEnvironment } from "hardhat/hre";

import userConfig from "../hardhat.config.ts";
import type { AddressBook } from "../src/l1/addressBook.ts";
import { parseAddressBook } from "../src/l1/addressBook.ts";
import { readClusterFile } from "../src/node/clusterFile.ts";
import { deployAll, type Accounts } from "./deployAll.ts";
import { readParameters } from "./parameters.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Options extends Partial<Accounts> {
  readonly network: string;
  readonly cluster: string;
  readonly out: string;
  readonly state: string;
  readonly confirmations: string;
}

async function main(options: Options): Promise<void> {
  const cluster = readClusterFile(options.cluster);
  const parameters = await readParameters(join(ROOT, "deploy", "parameters", `${options.network}.json5`));
  const state = resolve(options.state);
  mkdirSync(state, { recursive: true });
  const config = { ...userConfig, paths: { ...userConfig.paths, ignition: state } };
  const hre = await createHardhatRuntimeEnvironment(config, { config: join(ROOT, "hardhat.config.ts") }, ROOT);
  const connection = await hre.network.create(options.network);
  try {
    const book = await deployAll({
      connection,
      cluster,
      parameters,
      accounts: options,
      development: options.network === "local",
      confirmations: Number(options.confirmations),
      plan: {
        read: () => readPlan(join(state, "plan.json")),
        write: (text) => writeAtomically(join(state, "plan.json"), text),
      },
    });
    writeBook(options.out, book);
    process.stdout.write(`${JSON.stringify(book)}\n`);
  } finally {
    await connection.close();
  }
}

function readPlan(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

function writeBook(path: string, book: AddressBook): void {
  const text = `${JSON.stringify(book, null, 2)}\n`;
  parseAddressBook(text, path);
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeAtomically(path, text);
}

function writeAtomically(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

const program = new Command("deploy")
  .description("deploys the contracts of a network")
  .requiredOption("--network <name>", "a network of hardhat.config.ts with parameters in deploy/parameters")
  .requiredOption("--cluster <file>", "cluster config; its genesis hash becomes the salt of every signature")
  .requiredOption("--out <file>", "address book to write")
  .requiredOption("--state <directory>", "where the progress of this deployment is kept")
  .option("--confirmations <blocks>", "L1 blocks to wait for after each transaction", "5")
  .option("--token <address>", "staking token; default as in the parameters")
  .option("--admin <address>", "admin of the access manager")
  .option("--parameters-account <address>", "who may queue parameters")
  .option("--guardian-account <address>", "who may pause");

await main(program.parse().opts<Options>()).catch((error: unknown) => {
  process.stderr.write(`deploy: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
