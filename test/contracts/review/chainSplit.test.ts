import { expect } from "chai";
import { TypedDataEncoder } from "ethers";
import { network } from "hardhat";
import { describe, it } from "mocha";

import { SALT } from "../support/staking.ts";
import { deploySlashing } from "../support/slashing.ts";

describe("A chain that forks off under another id, reviewed", () => {
  it("EVID-20: evidence is bound to the id of the chain that it is given to, as are certificates", async () => {
    const { slashing, stakeTable, domain, ethers } = await deploySlashing(await network.create());
    const other = await network.create({ network: "default", override: { chainId: 4242 } });
    const address = await slashing.getAddress();
    const verifyingContract = await stakeTable.getAddress();
    const separator = (chainId: bigint) =>
      TypedDataEncoder.hashDomain({ name: "Crema", version: "1", chainId, verifyingContract, salt: SALT });
    // The fork has the code, with the id of the chain it was deployed on.
    await other.networkHelpers.setCode(address, await ethers.provider.getCode(address));
    const forked = await other.ethers.getContractAt("Slasher", address);
    expect(await slashing.domainSeparator()).to.equal(separator(domain.chainId));
    expect(await forked.domainSeparator()).to.equal(separator(4242n));
  });
});
