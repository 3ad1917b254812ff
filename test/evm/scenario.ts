import type { BaseContract, ContractTransactionResponse } from "ethers";
import { AbiCoder, concat, keccak256, Wallet } from "ethers";
import { network } from "hardhat";

import type {
  ConfirmationVerifier,
  ConfirmedInbox,
  LightClient,
  SequencedInbox,
} from "../../types/ethers-contracts/index.js";
import { certify, type TestCommittee } from "../contracts/support/committee.ts";
import { makeHeader, type TestHeader, word } from "../contracts/support/header.ts";
import { namespaceProof, namespacesRoot, transactionProof } from "../contracts/support/inclusion.ts";
import { checkpointOf, finalizeDigest, PARAMETERS } from "../contracts/support/lightClient.ts";
import * as slashing from "../contracts/support/slashing.ts";
import * as staking from "../contracts/support/staking.ts";
import { DAY, TOKENS } from "../contracts/support/staking.ts";
import { recordBlocks, type RecordedCall, type Recording, recordCall } from "./recording.ts";

/** One life of the contracts, from deployment to a settled slash and a frozen client, on Hardhat's network. */

const NAMESPACE = 10n;
const TERMS = { entryAge: DAY, liveAge: 30n * DAY, armDelay: 3_600n };
const LATEST = 64n;
const ETHER = 10n ** 18n;

interface Stage {
  readonly connection: Awaited<ReturnType<typeof network.create>>;
  readonly world: slashing.SlashingWorld;
  readonly lightClient: LightClient;
  readonly verifier: ConfirmationVerifier;
  readonly confirmed: ConfirmedInbox;
  readonly sequenced: SequencedInbox;
  readonly sequencer: Wallet;
  readonly validators: staking.TestValidator[];
}

async function raise(): Promise<Stage> {
  const connection = await network.create({ override: { initialDate: new Date("2026-01-01T00:00:00Z") } });
  const world = await slashing.deploySlashing(connection);
  const { ethers } = connection;
  const lightClient = await ethers.deployContract("LightClient", [world.stakeTable.target, staking.SALT, PARAMETERS]);
  const verifier = await ethers.deployContract("ConfirmationVerifier", [lightClient.target]);
  const sequencer = new Wallet(word("sequencer"));
  const terms = [verifier.target, NAMESPACE, sequencer.address, word("rollup genesis"), 7n * DAY, TERMS];
  const confirmed = await ethers.deployContract("ConfirmedInbox", terms);
  const sequenced = await ethers.deployContract("SequencedInbox", [lightClient.target, NAMESPACE, 1n, TERMS]);
  const stakes = [1000n, 990n, 980n, 970n, 960n, 950n].map((tokens) => tokens * TOKENS);
  const validators = await staking.seated(world, stakes, 2);
  // What may be redelegated in a window is a part of the stake at its start.
  await staking.increase(world, staking.ESCROW);
  await staking.rotate(world);
  return { connection, world, lightClient, verifier, confirmed, sequenced, sequencer, validators };
}

/** The committee of an id, with the weights that its event tells. */
async function newest({ world, validators }: Stage): Promise<TestCommittee> {
  const { id, description } = await staking.newestCommittee(world);
  const weights = staking.weightsOf(description);
  const members = validators.map(({ key, id: validator }, index) => {
    return { ...key, weight: weights[index] ?? 0, page: 0, slot: 0, validator: Number(validator) };
  });
  return { id, members };
}

async function headerNow({ world }: Stage, fields: Partial<TestHeader>): Promise<TestHeader> {
  const timestamp = BigInt(await world.helpers.time.latest()) * 1000n;
  return makeHeader({ timestamp, l1Number: BigInt(await world.ethers.provider.getBlockNumber()), ...fields });
}

function certificate({ world }: Stage, committee: TestCommittee, header: TestHeader, absent: readonly number[] = []) {
  return certify(committee, finalizeDigest(world.domain, header), header.viewNumber, absent);
}

async function advance(
  stage: Stage,
  committee: TestCommittee,
  header: TestHeader,
  absent: readonly number[] = [],
): Promise<void> {
  await stage.lightClient.advance(header, certificate(stage, committee, header, absent));
}

/** A refused transaction costs gas too. Without a limit it would not be sent. */
async function refused(send: (overrides: { gasLimit: bigint }) => Promise<ContractTransactionResponse>): Promise<void> {
  await send({ gasLimit: 2_000_000n }).then(
    () => Promise.reject(new Error("a transaction went through that should have been refused")),
    () => undefined,
  );
}

/** Absent signers, a key rotation, stake that moves, and the handover to the committee that follows from it. */
async function govern(stage: Stage): Promise<TestCommittee> {
  const { world, lightClient, validators } = stage;
  const { stakeTable } = world;
  const first = await newest(stage);
  await advance(stage, first, await headerNow(stage, { height: 1n }));
  await advance(stage, first, await headerNow(stage, { height: 2n }), [0]);
  const stale = await headerNow(stage, { height: 2n, viewNumber: 9n });
  await refused((overrides) => lightClient.advance(stale, certificate(stage, first, stale), overrides));
  const forged = await headerNow(stage, { height: 3n });
  const other = { ...forged, payload: word("another payload") };
  await refused((overrides) => lightClient.advance(forged, certificate(stage, first, other), overrides));
  const few = await headerNow(stage, { height: 3n });
  await refused((overrides) => lightClient.advance(few, certificate(stage, first, few, [0, 1, 2]), overrides));

  const [rotating, receiving] = validators;
  if (rotating === undefined || receiving === undefined) throw new Error("no validators");
  const key = staking.freshKey();
  const proof = await staking.possession(world, key, rotating.operator.address);
  await stakeTable.connect(rotating.operator).proveKey(rotating.id, key.packed, proof);
  await stakeTable.seal(key.packed);
  const keyHash = keccak256(key.packed);
  await stakeTable.connect(rotating.operator).rotateKey(rotating.id, keyHash);
  const delegator = staking.accountAt(world, 9);
  await stakeTable.connect(delegator).delegate(receiving.id, 50n * TOKENS, 0n);
  await stakeTable.connect(delegator).undelegate(receiving.id, 20n * TOKENS);
  await stakeTable.connect(delegator).redelegate(receiving.id, rotating.id, 10n * TOKENS, 0n);
  await stakeTable.connect(delegator).reward(receiving.id, 3n * TOKENS);
  await world.helpers.time.increase(3_600n);
  await stakeTable.accrue(receiving.id);
  await staking.rotate(world);
  validators[0] = { ...rotating, key, keyHash };
  const second = await newest(stage);
  const handover = { height: PARAMETERS.epochLength, nextCommittee: second.id };
  await advance(stage, first, await headerNow(stage, handover));
  return second;
}

async function envelopeOf({ world, confirmed, sequencer }: Stage): Promise<string> {
  const verifyingContract = await confirmed.getAddress();
  const domain = { name: "ConfirmedInbox", version: "1", chainId: world.domain.chainId, verifyingContract };
  const types = [
    { name: "number", type: "uint64" },
    { name: "parent", type: "bytes32" },
    { name: "entryCount", type: "uint64" },
    { name: "data", type: "bytes32" },
  ];
  const batch = { number: 1n, parent: word("rollup genesis"), entryCount: 0n, data: word("batch") };
  const signature = await sequencer.signTypedData(domain, { Batch: types }, batch);
  const shape = ["tuple(uint64 number,bytes32 parent,uint64 entryCount,bytes32 data)", "bytes"];
  return concat(["0x00", AbiCoder.defaultAbiCoder().encode(shape, [batch, signature])]);
}

/** Both examples, and every claim that the verifier answers. Gives the calls; they are asked when all is done. */
async function confirm(stage: Stage, committee: TestCommittee): Promise<(() => Promise<RecordedCall>)[]> {
  const { confirmed, sequenced, verifier, world, connection } = stage;
  const payload = [
    { namespace: 1n, envelopes: ["0x00ff"] },
    { namespace: NAMESPACE, envelopes: [await envelopeOf(stage), "0x00aa", "0x00bb"] },
  ];
  const fields = { height: 101n, epoch: 2n, committee: committee.id, namespaces: namespacesRoot(payload) };
  const header = await headerNow(stage, fields);
  await advance(stage, committee, header, [5]);
  const checkpoint = checkpointOf(header, BigInt(await world.helpers.time.latest()));
  const block = { header, checkpoint, position: LATEST, history: [] };
  const namespace = namespaceProof(payload, 1);
  const transaction = transactionProof(payload[1] ?? { namespace: 0n, envelopes: [] }, 1);
  await sequenced.enqueue("0x0102");
  await confirmed.enqueue("0x0304");
  await confirmed.post(block, namespace, transactionProof(payload[1] ?? { namespace: 0n, envelopes: [] }, 0));
  await sequenced.record(checkpoint, LATEST, 1n);
  await refused((overrides) => sequenced.record(checkpoint, LATEST, 1n, overrides));

  const ask =
    (what: string, to: BaseContract, name: string, ...given: unknown[]) =>
    async (): Promise<RecordedCall> =>
      recordCall(connection.provider, what, await to.getAddress(), to.interface.encodeFunctionData(name, given));
  const changed = { ...namespace, entry: { ...namespace.entry, txCount: 4n } };
  return [
    ask("a block", verifier, "verifyBlock", block),
    ask("a namespace", verifier, "verifyNamespace", block, namespace),
    ask("a changed namespace", verifier, "verifyNamespace", block, changed),
    ask("a transaction", verifier, "verifyTransaction", block, namespace, transaction),
    ask("a transaction elsewhere", verifier, "verifyTransaction", block, namespace, { ...transaction, index: 2n }),
    ask("all transactions", verifier, "verifyAllTransactions", block, namespace, payload[1]?.envelopes),
    ask("the client's status", stage.lightClient, "status"),
    ask("accepted batch", confirmed, "acceptedBatch", 1n),
    ask("record", sequenced, "recordAt", 1n),
  ];
}

/** Slashes by a pair and by certificates, freezes on a fork, settles, and pays a ticket out. */
async function punish(stage: Stage, committee: TestCommittee): Promise<void> {
  const { world, lightClient, validators } = stage;
  const { slashing: slasher, stakeTable } = world;
  const [, second, third, fourth] = validators;
  if (second === undefined || third === undefined || fourth === undefined) throw new Error("no validators");
  const votes = [slashing.finalize(slashing.BLOCK_A), slashing.finalize(slashing.BLOCK_B)] as const;
  const pair = slashing.pairEvidence(world, second.key, ...votes);
  const wrong = { ...pair, signature: slashing.pairEvidence(world, third.key, ...votes).signature };
  await refused((overrides) => slasher.slash(wrong, overrides));
  await slasher.connect(staking.accountAt(world, 7)).slash(pair);
  await refused((overrides) => slasher.slash(pair, overrides));
  const keys = validators.map(({ key }) => key);
  const [yes, no] = votes.map((vote) => slashing.statement(world, committee.id, keys, vote, [0, 4, 5]));
  if (yes === undefined || no === undefined) throw new Error("no statements");
  await slasher.slashSigners(yes, no, [2], [2]);
  await slasher.slashSigner(yes, 3, slashing.singleStatement(world, fourth.key, votes[1]));
  await lightClient.reportSlashed(committee.id, [1]);

  const lower = await headerNow(stage, { height: 102n, epoch: 2n, committee: committee.id });
  const higher = { ...lower, payload: word("fork") };
  const [a, b] = [lower, higher].map((header) => ({ header, certificate: certificate(stage, committee, header) }));
  if (a === undefined || b === undefined) throw new Error("no fork");
  await lightClient.freeze(a, b, word("none"), []);
  await world.helpers.time.increase(staking.ESCROW + 1n);
  await slasher.settle(second.id);
  await stakeTable.redeem(second.id, second.operator.address);
  await stakeTable.withdraw(1n);
  await stage.confirmed.openHatch();
  await stage.confirmed.includeQueue();
}

export async function recordScenario(): Promise<Recording> {
  const stage = await raise();
  const committee = await govern(stage);
  const asked = await confirm(stage, committee);
  await punish(stage, committee);
  const calls: RecordedCall[] = [];
  for (const ask of asked) calls.push(await ask());
  const { provider } = stage.connection;
  const signers = await stage.connection.ethers.getSigners();
  const recording = {
    blocks: await recordBlocks(provider),
    calls,
    balances: new Map(signers.map(({ address }) => [address, 10_000n * ETHER])),
  };
  await stage.connection.close();
  return recording;
}
