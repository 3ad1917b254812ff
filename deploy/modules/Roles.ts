import { createRequire } from "node:module";

import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { Artifact } from "@nomicfoundation/ignition-core";

const require = createRequire(import.meta.url);
const artifact = require("@openzeppelin/contracts/build/contracts/AccessManager.json") as Artifact;

/** May queue and cancel parameters. */
export const PARAMETERS_ROLE = 1n;
/** May pause register and delegate, within the limits that the contract enforces. */
export const GUARDIAN_ROLE = 2n;
const ADMIN_ROLE = 0n;

/**
 * Who may call the few restricted functions. The admin's calls wait for `adminDelay`, the parameter queue's for
 * `parametersDelay` (and then for the contract's own delay of at least U); the guardian's do not wait. The deployer
 * keeps nothing, unless it is itself the admin.
 */
export default buildModule("Roles", (m) => {
  const manager = m.contractAt("AccessManager", artifact, m.getParameter<string>("accessManager"));
  const stakeTable = m.getParameter<string>("stakeTable");
  const parameters = m.call(
    manager,
    "setTargetFunctionRole",
    [stakeTable, m.getParameter("parametersSelectors"), PARAMETERS_ROLE],
    { id: "allowParameters" },
  );
  const guardian = m.call(
    manager,
    "setTargetFunctionRole",
    [stakeTable, m.getParameter("guardianSelectors"), GUARDIAN_ROLE],
    { id: "allowGuardian", after: [parameters] },
  );
  const grantParameters = m.call(
    manager,
    "grantRole",
    [PARAMETERS_ROLE, m.getParameter<string>("parametersAccount"), m.getParameter<number>("parametersDelay")],
    { id: "grantParameters", after: [guardian] },
  );
  const grantGuardian = m.call(manager, "grantRole", [GUARDIAN_ROLE, m.getParameter<string>("guardianAccount"), 0], {
    id: "grantGuardian",
    after: [grantParameters],
  });
  m.call(manager, "grantRole", [ADMIN_ROLE, m.getParameter<string>("admin"), m.getParameter<number>("adminDelay")], {
    id: "grantAdmin",
    after: [grantGuardian],
  });
  return { manager };
});
