import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

import Libraries from "./Libraries.ts";

/**
 * The four contracts, from one account by consecutive nonces: `StakeTable` names the slasher before that exists, so its
 * address is computed beforehand. `deploy.ts` checks every address afterwards.
 */
export default buildModule("Crema", (m) => {
  const { committees, governance, keys } = m.useModule(Libraries);
  const stakeTable = m.contract("StakeTable", [m.getParameter("stakeTable")], {
    libraries: { Committees: committees, Governance: governance, Keys: keys },
  });
  const stakeTableAddress = m.getParameter<string>("stakeTableAddress");
  const salt = m.getParameter<string>("salt");
  const lightClient = m.contract("LightClient", [stakeTableAddress, salt, m.getParameter("lightClient")], {
    after: [stakeTable],
  });
  const slasher = m.contract("Slasher", [stakeTableAddress, salt, m.getParameter("slasher")], { after: [lightClient] });
  const confirmationVerifier = m.contract("ConfirmationVerifier", [m.getParameter<string>("lightClientAddress")], {
    after: [slasher],
  });
  return { stakeTable, lightClient, slasher, confirmationVerifier };
});
