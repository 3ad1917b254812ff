import { createRequire } from "node:module";

import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { Artifact } from "@nomicfoundation/ignition-core";

const require = createRequire(import.meta.url);
const artifact = require("@openzeppelin/contracts/build/contracts/AccessManager.json") as Artifact;

const ADMIN_ROLE = 0n;

/** The deployer's last call: it gives up its own admin role. Only run when the admin is another account. */
export default buildModule("HandOver", (m) => {
  const manager = m.contractAt("AccessManager", artifact, m.getParameter<string>("accessManager"));
  m.call(manager, "renounceRole", [ADMIN_ROLE, m.getAccount(0)]);
  return { manager };
});
