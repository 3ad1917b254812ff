import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

/** Code that `StakeTable` runs in its own storage but that does not fit into it. */
export default buildModule("Libraries", (m) => ({
  committees: m.library("Committees"),
  governance: m.library("Governance"),
  keys: m.library("Keys"),
}));
