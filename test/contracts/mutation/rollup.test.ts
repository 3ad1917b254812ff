import { expect } from "chai";
import { AbiCoder, concat, Wallet, ZeroHash } from "ethers";
import { network } from "hardhat";

import { word } from "../support/header.ts";
import { namespaceProof, namespacesRoot, transactionProof } from "../support/inclusion.ts";
import * as client from "../support/lightClient.ts";

const NAMESPACE = 10n;
const TERMS = { entryAge: client.DAY, liveAge: 30n * client.DAY, armDelay: 3_600n };
const LATEST = 64n;
const { ethers, networkHelpers } = await network.create();

async function deploy() {
  const world = await client.deployWorld(ethers);
  const committee = await client.addCommittee(world, { weights: [1, 1, 1, 1] });
  const verifier = await ethers.deployContract("ConfirmationVerifier", [world.lightClient.target]);
  const sequencer = new Wallet(word("sequencer"));
  const terms = [verifier.target, NAMESPACE, sequencer.address, word("genesis"), 7n * client.DAY, TERMS] as const;
  const inbox = await ethers.deployContract("ConfirmedInbox", [...terms]);
  return { world, committee, verifier, sequencer, inbox };
}

type Fixture = Awaited<ReturnType<typeof deploy>>;

/** Finalizes a block with these envelopes in two namespaces; gives what proves it. */
async function confirm(
  { world, committee }: Fixture,
  envelopes: readonly string[],
  others: readonly string[] = ["0x00"],
) {
  const payload = [
    { namespace: NAMESPACE, envelopes },
    { namespace: 20n, envelopes: others },
  ];
  const header = await client.headerNow(world, { height: 1n, namespaces: namespacesRoot(payload) });
  await world.lightClient.advance(header, client.finalization(world, committee, header));
  const checkpoint = client.checkpointOf(header, await client.now(world));
  return { payload, block: { header, checkpoint, position: LATEST, history: [] } };
}

describe("rollups off the beaten track", () => {
  it("INBOX-4: a batch numbered zero is the rollup's genesis, and no sequencer makes another", async () => {
    const fixture = await networkHelpers.loadFixture(deploy);
    const { world, inbox, sequencer } = fixture;
    const domain = {
      name: "ConfirmedInbox",
      version: "1",
      chainId: world.domain.chainId,
      verifyingContract: await inbox.getAddress(),
    };
    const fields = ["uint64 number", "bytes32 parent", "uint64 entryCount", "bytes32 data"];
    const types = fields.map((field) => ({ type: field.split(" ")[0]!, name: field.split(" ")[1]! }));
    const batch = { number: 0n, parent: ZeroHash, entryCount: 0n, data: ZeroHash };
    const signature = await sequencer.signTypedData(domain, { Batch: types }, batch);
    const envelope = concat([
      "0x00",
      AbiCoder.defaultAbiCoder().encode([`tuple(${fields.join(",")})`, "bytes"], [batch, signature]),
    ]);
    const { payload, block } = await confirm(fixture, [envelope]);
    await expect(inbox.post(block, namespaceProof(payload, 0), transactionProof(payload[0]!, 0)))
      .to.be.revertedWithCustomError(inbox, "InboxNumberOutOfBounds")
      .withArgs(0, 1);
  });

  it("INBOX-4: the genesis is final from the start, and what is not posted is not", async () => {
    const { inbox } = await networkHelpers.loadFixture(deploy);
    expect(await inbox.isFinal(0)).to.equal(true);
    expect(await inbox.isFinal(1)).to.equal(false);
  });

  it("HATCH-6: a hatch that is not open is not closed", async () => {
    const { inbox } = await networkHelpers.loadFixture(deploy);
    await expect(inbox.closeHatch()).to.be.revertedWithCustomError(inbox, "HatchNotOpen");
  });

  it("LC-18: an envelope of another kind is no part of a bundle, however long", async () => {
    const fixture = await networkHelpers.loadFixture(deploy);
    const envelope = concat(["0x02", word("bundle"), "0x0002", "0x00ff"]);
    const { payload, block } = await confirm(fixture, [envelope], [envelope]);
    const parts = [0, 1].map((index) => ({
      namespace: namespaceProof(payload, index),
      transaction: transactionProof(payload[index]!, 0),
    }));
    await expect(fixture.verifier.verifyBundle(block, parts))
      .to.be.revertedWithCustomError(fixture.verifier, "ConfirmationNotBundlePart")
      .withArgs(0, 2);
  });

  it("LC-14: a namespace of no transactions has all of them in an empty list", async () => {
    const fixture = await networkHelpers.loadFixture(deploy);
    const { payload, block } = await confirm(fixture, []);
    await fixture.verifier.verifyAllTransactions(block, namespaceProof(payload, 0), []);
    await expect(fixture.verifier.verifyAllTransactions(block, namespaceProof(payload, 0), ["0x00"]))
      .to.be.revertedWithCustomError(fixture.verifier, "ConfirmationTransactionCountWrong")
      .withArgs(1, 0);
  });
});
