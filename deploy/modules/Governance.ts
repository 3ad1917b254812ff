import { createRequire } from "node:module";

import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { Artifact } from "@nomicfoundation/ignition-core";

const require = createRequire(import.meta.url);
// OpenZeppelin's own build of its audited source; it is no part of ours.
const artifact = require("@openzeppelin/contracts/build/contracts/AccessManager.json") as Artifact;

/**
 * The AccessManager of the parameter queue and the guardian. The deployer is its first admin; `Roles` hands that over
 * once the contracts exist.
 */
export default buildModule("Governance", (m) => ({
  accessManager: m.contract("AccessManager", artifact, [m.getAccount(0)]),
}));
