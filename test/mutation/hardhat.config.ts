import { defineConfig } from "hardhat/config";
import toolbox from "@nomicfoundation/hardhat-toolbox-mocha-ethers";

/** Runs the contract tests on instrumented contracts, which are longer and cost more than real ones. */
const build = process.env.CREMA_INSTRUMENTED_BUILD ?? "";

export default defineConfig({
  plugins: [toolbox],
  paths: {
    artifacts: `${build}/artifacts`,
    cache: `${build}/cache`,
    sources: "contracts",
    tests: { mocha: "test/contracts" },
  },
  solidity: "0.8.37",
  networks: {
    default: {
      type: "edr-simulated",
      chainType: "l1",
      hardfork: "osaka",
      // The same times in every run: ring places, windows and ramps follow from them.
      initialDate: "2026-01-01T00:00:00Z",
      allowUnlimitedContractSize: true,
      // A mutant may loop for ever: gas ends it.
      blockGasLimit: 100_000_000,
      transactionGasCap: 100_000_000,
    },
  },
});
