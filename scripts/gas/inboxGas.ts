import { AbiCoder, concat, Wallet } from "ethers";

import { word } from "../../test/contracts/support/header.ts";
import {
  namespaceProof,
  namespacesRoot,
  type TestNamespace,
  transactionProof,
} from "../../test/contracts/support/inclusion.ts";
import * as client from "../../test/contracts/support/lightClient.ts";
import type { TestCommittee } from "../../test/contracts/support/committee.ts";
import type { SequencedInbox } from "../../types/ethers-contracts/index.js";
import { type Connection, gasOf, type Measurements } from "./measurement.ts";

const NAMESPACE = 10n;
const TERMS = { entryAge: client.DAY, liveAge: client.DAY, armDelay: 3_600n };
const CHALLENGE_TIME = 7n * client.DAY;
const BATCH = "tuple(uint64 number,bytes32 parent,uint64 entryCount,bytes32 data)";
const BATCH_TYPE = [
  { name: "number", type: "uint64" },
  { name: "parent", type: "bytes32" },
  { name: "entryCount", type: "uint64" },
  { name: "data", type: "bytes32" },
];
const ENTRY = `0x${"5a".repeat(100)}`;

/** The example rollups: a batch confirmed in a block of two namespaces, a record, and the escape hatch of both. */
export async function measure(connection: Connection): Promise<Measurements> {
  return { ...(await measureSequenced(connection)), ...(await measureConfirmed(connection)) };
}

interface Chain {
  readonly world: client.LightClientWorld;
  readonly committee: TestCommittee;
}

async function start(connection: Connection): Promise<Chain> {
  const world = await client.deployWorld(connection.ethers);
  return { world, committee: await client.addCommittee(world, { weights: [1, 1, 1, 1] }) };
}

/** Finalizes a block, and gives its checkpoint. */
async function advance({ world, committee }: Chain, height: bigint, namespaces?: string) {
  const header = await client.headerNow(world, { height, ...(namespaces === undefined ? {} : { namespaces }) });
  await world.lightClient.advance(header, client.finalization(world, committee, header));
  return { header, checkpoint: client.checkpointOf(header, await client.now(world)) };
}

async function measureSequenced(connection: Connection): Promise<Measurements> {
  const chain = await start(connection);
  const target = chain.world.lightClient.target;
  const inbox = await connection.ethers.deployContract("SequencedInbox", [target, NAMESPACE, 0n, TERMS]);
  const latest = await chain.world.lightClient.LATEST_POSITION();
  const result: Measurements = {};
  await inbox.enqueue(ENTRY);
  result["Inbox.enqueue/bytes=100"] = await gasOf(connection, inbox.enqueue(ENTRY));
  const first = await advance(chain, 1n);
  await inbox.record(first.checkpoint, latest, 0n);
  const second = await advance(chain, 2n);
  result["SequencedInbox.record"] = await gasOf(connection, inbox.record(second.checkpoint, latest, 1n));
  return { ...result, ...(await measureHatch(connection, chain, inbox)) };
}

/** The hatch of an inbox with an entry in its queue, and height 2 as the latest. */
async function measureHatch(connection: Connection, chain: Chain, inbox: SequencedInbox): Promise<Measurements> {
  const { time } = connection.networkHelpers;
  await time.increase(TERMS.entryAge + 1n);
  const opened = await gasOf(connection, inbox.openHatch());
  const included = await gasOf(connection, inbox.includeQueue());
  await advance(chain, 3n);
  const armed = await gasOf(connection, inbox.armHatch());
  await time.increase(TERMS.armDelay);
  await advance(chain, 4n);
  return {
    "Inbox.openHatch": opened,
    "Inbox.includeQueue": included,
    "Inbox.armHatch": armed,
    "Inbox.closeHatch": await gasOf(connection, inbox.closeHatch()),
  };
}

async function measureConfirmed(connection: Connection): Promise<Measurements> {
  const chain = await start(connection);
  const { ethers } = connection;
  const verifier = await ethers.deployContract("ConfirmationVerifier", [chain.world.lightClient.target]);
  const sequencer = new Wallet(word("sequencer"));
  const deployed = [verifier.target, NAMESPACE, sequencer.address, word("genesis"), CHALLENGE_TIME, TERMS] as const;
  const inbox = await ethers.deployContract("ConfirmedInbox", [...deployed]);
  const domain = {
    name: "ConfirmedInbox",
    version: "1",
    chainId: chain.world.domain.chainId,
    verifyingContract: await inbox.getAddress(),
  };
  const position = await chain.world.lightClient.LATEST_POSITION();
  const result: Measurements = {};
  let parent = word("genesis");
  // Not the first: that also fills slots that all others share.
  for (const number of [1n, 2n]) {
    const batch = { number, parent, entryCount: 0n, data: word(`batch ${String(number)}`) };
    const signature = await sequencer.signTypedData(domain, { Batch: BATCH_TYPE }, batch);
    const envelope = concat(["0x00", AbiCoder.defaultAbiCoder().encode([BATCH, "bytes"], [batch, signature])]);
    const payload: TestNamespace[] = [
      { namespace: 1n, envelopes: ["0x00ff"] },
      { namespace: NAMESPACE, envelopes: [envelope] },
    ];
    const proven = await advance(chain, number, namespacesRoot(payload));
    const share = payload[1];
    if (share === undefined) throw new Error("no such namespace");
    const sent = inbox.post(
      { ...proven, position, history: [] },
      namespaceProof(payload, 1),
      transactionProof(share, 0),
    );
    result["ConfirmedInbox.post"] = await gasOf(connection, sent);
    parent = await inbox.hashBatch(batch);
  }
  return result;
}
