import { expect } from "chai";
import { ZeroHash } from "ethers";
import { network } from "hardhat";

import { certify, type TestCommittee } from "../support/committee.ts";
import { digestOf, hashHeader, type TestHeader, word } from "../support/header.ts";
import * as client from "../support/lightClient.ts";
import { pathOf, rootOf } from "../support/merkle.ts";

const EQUAL = [65_535, 65_535, 65_535, 65_535];
type Checkpoint = ReturnType<typeof client.checkpointOf>;

describe("LightClient.resume", () => {
  let connection: Awaited<ReturnType<typeof network.create>>;
  let world: client.LightClientWorld;
  let committee: TestCommittee;
  let latestHeader: TestHeader;
  let latest: Checkpoint;

  before(async () => {
    connection = await network.create();
  });

  beforeEach(async () => {
    world = await client.deployWorld(connection.ethers);
    committee = await client.addCommittee(world, { weights: EQUAL });
    latestHeader = await client.headerNow(world, { height: 10n });
    await world.lightClient.advance(latestHeader, client.finalization(world, committee, latestHeader));
    latest = client.checkpointOf(latestHeader, await client.now(world));
  });

  const increase = async (seconds: bigint): Promise<unknown> => connection.networkHelpers.time.increase(seconds);
  const finalized = (given: TestHeader) => ({
    header: given,
    certificate: client.finalization(world, committee, given),
  });

  async function freeze(): Promise<void> {
    const one = await client.headerNow(world, { height: 11n, viewNumber: 11n });
    const other = await client.headerNow(world, { height: 11n, viewNumber: 12n });
    await world.lightClient.freeze(finalized(one), finalized(other), ZeroHash, []);
  }

  /** A frozen client, and a newer committee that is old enough. */
  async function frozenWithNewer(): Promise<TestCommittee> {
    await freeze();
    const newer = await client.addCommittee(world, { weights: EQUAL });
    await increase(2n * client.DAY);
    return newer;
  }

  interface Attempt {
    readonly epoch?: bigint;
    readonly header?: TestHeader;
    readonly blockHash?: string;
    readonly signedBy?: TestCommittee;
    readonly absent?: readonly number[];
    readonly viewNumber?: bigint;
    readonly latest?: Checkpoint;
    readonly proof?: readonly string[];
  }

  function resume(by: TestCommittee, attempt: Attempt = {}) {
    const header = attempt.header ?? latestHeader;
    const message = {
      epoch: attempt.epoch ?? 2n,
      blockHash: attempt.blockHash ?? hashHeader(header),
      committee: by.id,
    };
    const digest = digestOf(world.domain, "Resume", { ...message, block: message.blockHash });
    const certificate = certify(attempt.signedBy ?? by, digest, attempt.viewNumber ?? 0n, attempt.absent);
    const proof = [...(attempt.proof ?? [])];
    return world.lightClient.resume(message, certificate, header, attempt.latest ?? latest, proof);
  }

  const refused = async (attempt: Promise<unknown>, error: string, ...values: unknown[]): Promise<void> => {
    const assertion = expect(attempt).to.be.revertedWithCustomError(world.lightClient, error);
    await (values.length === 0 ? assertion : assertion.withArgs(...values));
  };

  it("LC-50: is possible only while the client is expired or frozen", async () => {
    const newer = await client.addCommittee(world, { weights: EQUAL });
    await increase(2n * client.DAY);
    const end = await world.lightClient.trustedUntil(1);
    await refused(resume(newer), "LightClientStillTrusted", end, (await client.now(world)) + 1n);
    await connection.networkHelpers.time.setNextBlockTimestamp(end);
    await refused(resume(newer), "LightClientResumeCommitteeTooOld");
    const young = await client.addCommittee(world, { weights: EQUAL });
    await increase(2n * client.DAY);
    await resume(young);
  });

  it("LC-50: LC-51: installs block, committee and epoch after the delay, and the chain goes on", async () => {
    const newer = await frozenWithNewer();
    await expect(resume(newer)).to.emit(world.lightClient, "ResumeProposed");
    const proposed = await client.now(world);
    const due = proposed + client.PARAMETERS.resumeDelay;
    const pending = await world.lightClient.pendingResume();
    expect([pending.epoch, pending.committee, pending.applicableAt]).to.deep.equal([2n, 2n, due]);
    await connection.networkHelpers.time.setNextBlockTimestamp(due - 1n);
    await refused(world.lightClient.applyResume(), "LightClientResumeNotDue", due, due - 1n);
    await connection.networkHelpers.time.setNextBlockTimestamp(due);
    await expect(world.lightClient.applyResume())
      .to.emit(world.lightClient, "ResumeApplied")
      .withArgs(2, 2, hashHeader(latestHeader))
      .to.emit(world.lightClient, "CheckpointAdvanced")
      .withArgs(10, hashHeader(latestHeader), 1, 10, latestHeader.timestamp);
    const status = await world.lightClient.status();
    expect([status.height, status.epoch, status.viewNumber, status.committee, status.frozen]).to.deep.equal([
      10n,
      2n,
      0n,
      2n,
      false,
    ]);
    expect(await world.lightClient.isCheckpoint({ ...latest, receivedAt: due }, 64)).to.equal(true);
    await refused(world.lightClient.applyResume(), "LightClientNoPendingResume");

    const old = await client.headerNow(world, { height: 11n, epoch: 1n, committee: 2n });
    await refused(
      world.lightClient.advance(old, client.finalization(world, newer, old)),
      "LightClientEpochNotIncreasing",
      1,
      2,
    );
    const next = await client.headerNow(world, { height: 11n, epoch: 2n, viewNumber: 1n, committee: 2n });
    await world.lightClient.advance(next, client.finalization(world, newer, next));
    expect(await world.lightClient.isLive(client.DAY)).to.equal(true);
  });

  it("LC-50: before the first block, the trust of committee 1 counts as the client's", async () => {
    world = await client.deployWorld(connection.ethers);
    const genesis = await client.headerNow(world, { height: 0n, epoch: 0n, committee: 0n });
    const newer = { id: 1n, members: [] };
    await refused(resume(newer), "LightClientNoCommittee", 1);
    committee = await client.addCommittee(world, { weights: EQUAL });
    await refused(resume(committee, { header: genesis }), "LightClientStillTrusted");
  });

  it("LC-50: the committee is newer than the client's and than the freeze, and exists", async () => {
    const before = await client.addCommittee(world, { weights: EQUAL });
    await increase(2n * client.DAY);
    await freeze();
    await refused(resume(committee), "LightClientResumeCommitteeNotNewer", 1, 1);
    await refused(resume({ ...before, id: 3n }), "LightClientNoCommittee", 3);
    await refused(resume(before), "LightClientResumeCommitteeTooOld");
  });

  it("LC-50: the committee is at least two days old", async () => {
    await freeze();
    const newer = await client.addCommittee(world, { weights: EQUAL });
    const { createdAt } = await world.stakeTable.committee(2);
    const due = createdAt + 2n * client.DAY;
    await connection.networkHelpers.time.setNextBlockTimestamp(due - 1n);
    await refused(resume(newer), "LightClientResumeCommitteeTooYoung", 2, createdAt, createdAt - 1n);
    await connection.networkHelpers.time.setNextBlockTimestamp(due);
    await resume(newer);
  });

  it("LC-50: the committee is trusted for at least the delay and seven days more", async () => {
    const newer = await frozenWithNewer();
    const trusted = await world.lightClient.trustedUntil(2);
    const last = trusted - client.PARAMETERS.resumeDelay - 7n * client.DAY;
    await connection.networkHelpers.time.setNextBlockTimestamp(last + 1n);
    await refused(resume(newer), "LightClientResumeCommitteeTooOld", 2, trusted, trusted + 1n);
  });

  it("LC-50: the epoch is above the client's and the block's, by at most 65536", async () => {
    const newer = await frozenWithNewer();
    await refused(resume(newer, { epoch: 1n }), "LightClientResumeEpochOutOfBounds", 1, 1, 65_537);
    await refused(resume(newer, { epoch: 65_538n }), "LightClientResumeEpochOutOfBounds", 65_538, 1, 65_537);
    await resume(newer, { epoch: 65_537n });
  });

  it("LC-52: the block is L1's checkpoint or has it in its history: an invented checkpoint is refused", async () => {
    const newer = await frozenWithNewer();
    const blocks = Array.from({ length: 12 }, (_, height) =>
      height === 10 ? hashHeader(latestHeader) : word(`b ${String(height)}`),
    );
    const later = await client.headerNow(world, { height: 12n, history: rootOf(blocks) });
    const proof = pathOf(blocks, 10);

    const invented = { ...latest, height: 3n };
    await refused(resume(newer, { latest: invented }), "LightClientWrongCheckpoint");
    const foreign = await client.headerNow(world, { height: 12n });
    await refused(resume(newer, { header: foreign, proof }), "LightClientHistoryMismatch");
    await refused(resume(newer, { header: later, proof: proof.slice(1) }), "MerkleProofLengthWrong");
    const lower = await client.headerNow(world, { height: 9n, history: rootOf(blocks) });
    await refused(resume(newer, { header: lower, proof }), "MerkleIndexOutOfBounds", 10, 9);
    await refused(resume(newer, { header: later, proof, blockHash: word("x") }), "LightClientWrongBlock");
    await resume(newer, { header: later, proof });
    expect((await world.lightClient.pendingResume()).checkpoint.height).to.equal(12);
  });

  it("LC-50: the resumed epoch has room above the block", async () => {
    const newer = await frozenWithNewer();
    const blocks = Array.from({ length: 200 }, (_, height) =>
      height === 10 ? hashHeader(latestHeader) : word(`b ${String(height)}`),
    );
    const full = await client.headerNow(world, { height: 200n, history: rootOf(blocks) });
    await refused(
      resume(newer, { header: full, proof: pathOf(blocks, 10) }),
      "LightClientResumeHeightBeyondEpoch",
      200,
      200,
    );
    await resume(newer, { header: full, proof: pathOf(blocks, 10), epoch: 3n });
  });

  it("LC-50: a quorum of the new committee itself signs, without a view", async () => {
    const newer = await frozenWithNewer();
    await refused(resume(newer, { absent: [0, 1] }), "CertificateBelowQuorum");
    await refused(resume(newer, { signedBy: committee }), "CertificateSignatureInvalid");
    await refused(resume(newer, { viewNumber: 1n }), "LightClientResumeViewNotZero", 1);
    await resume(newer, { absent: [3] });
  });

  it("LC-50: two valid resumes of one epoch cancel each other and bar the epoch", async () => {
    const newer = await frozenWithNewer();
    await resume(newer);
    await refused(resume(newer), "LightClientResumeAlreadyPending", 2);
    const blocks = Array.from({ length: 11 }, (_, height) =>
      height === 10 ? hashHeader(latestHeader) : word(`b ${String(height)}`),
    );
    const other = await client.headerNow(world, { height: 11n, history: rootOf(blocks) });
    await expect(resume(newer, { header: other, proof: pathOf(blocks, 10) }))
      .to.emit(world.lightClient, "ResumeBarred")
      .withArgs(2, hashHeader(latestHeader), hashHeader(other));
    expect(await world.lightClient.isBarred(2)).to.equal(true);
    await refused(resume(newer), "LightClientResumeEpochBarred", 2);
    await refused(world.lightClient.applyResume(), "LightClientNoPendingResume");
    await resume(newer, { epoch: 3n });
  });

  it("LC-50: a resume of a higher epoch replaces the pending one, one of a lower epoch does not", async () => {
    const newer = await frozenWithNewer();
    await resume(newer, { epoch: 5n });
    await refused(resume(newer, { epoch: 4n }), "LightClientResumeSuperseded", 4, 5);
    await resume(newer, { epoch: 6n });
    expect((await world.lightClient.pendingResume()).epoch).to.equal(6);
  });

  it("LC-51: the committee must still be trusted when the resume is applied", async () => {
    const newer = await frozenWithNewer();
    await resume(newer);
    for (const validator of [5, 6]) await world.stakeTable.setSlashed(validator);
    await world.lightClient.reportSlashed(2, [0, 1]);
    await increase(client.PARAMETERS.resumeDelay);
    await refused(world.lightClient.applyResume(), "LightClientCommitteeNotTrusted");
  });

  it("LC-51: a freeze cannot be replayed after a resume, and older committees stay without trust", async () => {
    const one = await client.headerNow(world, { height: 11n, viewNumber: 11n });
    const other = await client.headerNow(world, { height: 11n, viewNumber: 12n });
    const evidence = [finalized(one), finalized(other)] as const;
    await world.lightClient.freeze(...evidence, ZeroHash, []);
    const older = await client.addCommittee(world, { weights: EQUAL });
    const newer = await client.addCommittee(world, { weights: EQUAL });
    expect(await world.lightClient.trustedUntil(older.id)).to.be.greaterThan(0);
    await increase(2n * client.DAY);
    await resume(newer);
    await increase(client.PARAMETERS.resumeDelay);
    await world.lightClient.applyResume();
    await refused(world.lightClient.freeze(...evidence, ZeroHash, []), "LightClientCommitteeNotTrusted");
    expect(await world.lightClient.trustedUntil(older.id)).to.equal(0);
    expect(await world.lightClient.trustedUntil(newer.id)).to.be.greaterThan(0);
    const after = await client.addCommittee(world, { weights: EQUAL });
    expect(await world.lightClient.trustedUntil(after.id)).to.be.greaterThan(0);
  });
});
