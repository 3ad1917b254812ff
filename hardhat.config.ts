import { createRequire } from "node:module";

import { configVariable, defineConfig } from "hardhat/config";
import toolbox from "@nomicfoundation/hardhat-toolbox-mocha-ethers";

const require = createRequire(import.meta.url);

// The compiler is the npm package's own build, given by path: no compiler list, no download.
const SOLC_PATH = require.resolve("solc/soljson.js");
const { version: SOLC_VERSION } = require("solc/package.json") as { version: string };

const compiler = {
  version: SOLC_VERSION,
  path: SOLC_PATH,
  settings: {
    evmVersion: "osaka",
    viaIR: true,
    optimizer: { enabled: true, runs: 10_000 },
  },
};

/** A public L1: endpoint and deployer's key come from the environment or from Hardhat's encrypted keystore. */
const live = {
  type: "http",
  chainType: "l1",
  url: configVariable("L1_URL"),
  accounts: [configVariable("CREMA_DEPLOYER_KEY")],
} as const;

export default defineConfig({
  plugins: [toolbox],
  paths: { sources: "contracts", tests: { mocha: "test/contracts", solidity: "test/contracts" }, ignition: "deploy" },
  solidity: { profiles: { default: compiler, production: { ...compiler, isolated: true } } },
  networks: {
    default: { type: "edr-simulated", chainType: "l1", hardfork: "osaka", allowUnlimitedContractSize: false },
    osaka: { type: "edr-simulated", chainType: "l1", hardfork: "osaka" },
    local: { type: "http", chainType: "l1", url: process.env.L1_URL ?? "http://127.0.0.1:8545" },
    sepolia: { ...live, chainId: 11_155_111, accounts: [...live.accounts] },
    mainnet: { ...live, chainId: 1, accounts: [...live.accounts] },
  },
  test: { mocha: { timeout: 120_000 }, solidity: { fuzz: { runs: 1000, seed: "0x1" } } },
  typechain: { outDir: "types/ethers-contracts" },
});
