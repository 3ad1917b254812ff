import { beforeEach, describe, expect, it } from "vitest";

import { hashBytes, hashFromBytes, keccakHash } from "../../src/crypto/hash.ts";
import * as Merkle from "../../src/crypto/merkle.ts";
import { advance } from "../../src/lightclient/advance.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import { freeze, reportSlashed } from "../../src/lightclient/halt.ts";
import * as LightClient from "../../src/lightclient/lightClient.ts";
import { applyResume, resume, RESUME_EPOCHS_MAX, type SignedResume } from "../../src/lightclient/resume.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as Resume from "../../src/protocol/Resume.ts";
import * as Committee from "../../src/protocol/Committee.ts";
import { CommitteeId, Epoch, Height, View } from "../../src/protocol/scalars.ts";
import {
  bls,
  Chain,
  domain,
  EPOCH_LENGTH,
  finalize,
  genesis,
  GENESIS_MS,
  makeCommittee,
  type SecretCommittee,
} from "../api/chain.ts";

const DAY = 86_400n;
const START = BigInt(GENESIS_MS / 1000) + 60n;
const parameters = {
  epochLength: BigInt(EPOCH_LENGTH),
  trustPeriod: 14n * DAY,
  l1Drift: 130n,
  ringInterval: 600n,
  resumeDelay: 2n * DAY,
};
const setting: LightClient.Setting = { parameters, domain, bls };
const known = [1, 2, 3, 4].map((id) => makeCommittee(id));

let chain: Chain;
let state: LightClient.State;
let now: bigint;
let slashed: Set<bigint>;
let visible: readonly SecretCommittee[];

beforeEach(() => {
  chain = new Chain(known);
  state = LightClient.create(Header.hash(genesis), START);
  now = START;
  slashed = new Set();
  // Committee 4 is made in time; the chain's anchors (101 and up) see it only where a test says so.
  visible = known.slice(0, 2);
});

function l1(): LightClient.L1 {
  return {
    nowSeconds: now,
    blockNumber: 1_000n,
    committee: (id) => visible.find(({ committee }) => committee.id === id)?.committee,
    isSlashed: (member) => slashed.has(member.validator),
  };
}

function grow(count: number): void {
  for (let i = 0; i < count; i++) chain.append();
}

function finalizationAt(height: number): FinalizedHeader {
  const found = chain.finalizations.get(BigInt(height));
  if (found === undefined) throw new Error(`height ${String(height)} has no finalization`);
  return found;
}

/** Takes an outcome that must be good. */
function take(outcome: LightClient.Outcome): LightClient.State {
  expect(outcome).toMatchObject({ ok: true });
  if (!outcome.ok) throw new Error(outcome.fault.code);
  state = outcome.state;
  return state;
}

const post = (given: FinalizedHeader): LightClient.Outcome => advance(state, given, l1(), setting);

function expectFault(outcome: LightClient.Outcome, code: string): void {
  expect(outcome.ok ? "taken" : outcome.fault.code).toBe(code);
}

const memberOf = (id: number): SecretCommittee => known[id - 1] ?? makeCommittee(id);

describe("advance", () => {
  it("LC-34: installs committee 1 with its first finalization, and not before it exists", () => {
    grow(3);
    visible = [];
    expectFault(post(finalizationAt(1)), "no-committee");
    visible = known.slice(0, 2);
    take(post(finalizationAt(2)));
    expect(state.position).toMatchObject({ height: 2n, epoch: 1n, view: 2n, committee: 1n });
    expect(state.latest).toMatchObject({
      blockHash: chain.at(2).hash,
      history: chain.at(2).header.history,
      receivedAt: now,
    });
  });

  it("LC-35: height and (epoch, view) strictly increase", () => {
    grow(3);
    take(post(finalizationAt(2)));
    expectFault(post(finalizationAt(2)), "height-not-increasing");
    expectFault(post(finalizationAt(1)), "height-not-increasing");
    const sameView = finalize({ ...chain.at(3).header, viewNumber: View(2n) }, memberOf(1));
    expectFault(post(sameView), "view-not-increasing");
    const earlier = finalize({ ...chain.at(3).header, epoch: Epoch(0n) }, memberOf(1));
    expectFault(post(earlier), "epoch-not-increasing");
    take(post(finalizationAt(3)));
  });

  it("LC-36: within the epoch, handover exactly at its end, at most `l1Drift` from the future", () => {
    grow(1);
    const { header } = chain.at(1);
    const change = (fields: Partial<Header.Header>) => finalize({ ...header, ...fields }, memberOf(1));
    expectFault(post(change({ height: Height(11n) })), "height-beyond-epoch");
    expectFault(post(change({ nextCommittee: CommitteeId(2n) })), "handover-malformed");
    expectFault(post(change({ height: Height(10n) })), "handover-malformed");
    const latest = (now + parameters.l1Drift) * 1000n;
    expectFault(post(change({ timestamp: latest + 1000n })), "header-from-future");
    take(post(change({ timestamp: latest + 999n })));
  });

  it("LC-37: a quorum's `finalize` of this block in this view", () => {
    grow(1);
    const { header, certificate } = finalizationAt(1);
    const [first] = certificate.signature;
    const broken = certificate.signature.with(0, (first ?? 0) ^ 0x20);
    expectFault(post({ header, certificate: { ...certificate, signature: broken } }), "bad-signature");
    expectFault(post({ header, certificate: { ...certificate, absent: Uint8Array.of(0xff) } }), "malformed-bitmap");
    expectFault(post({ header, certificate: { ...certificate, absent: Uint8Array.of(0x0c) } }), "below-quorum");
    const otherView = { ...certificate, vote: { ...certificate.vote, view: View(9n) } };
    expectFault(post({ header, certificate: otherView }), "wrong-view");
    expectFault(post({ header: { ...header, proposer: 3 }, certificate }), "wrong-block");
    expectFault(post(finalize(header, memberOf(2))), "bad-signature");
  });

  it("LC-38: a handover names the newest committee that its anchor sees, and installs it", () => {
    grow(EPOCH_LENGTH + 1);
    expectFault(post(finalizationAt(EPOCH_LENGTH + 1)), "wrong-committee");
    const handover = chain.at(EPOCH_LENGTH).header;
    const change = (fields: Partial<Header.Header>) => finalize({ ...handover, ...fields }, memberOf(1));
    expectFault(post(change({ nextCommittee: CommitteeId(1n) })), "next-committee-not-newest");
    expectFault(post(change({ nextCommittee: CommitteeId(3n) })), "next-committee-not-created");
    expectFault(post(change({ l1Number: 19n })), "next-committee-not-created");
    expectFault(post(change({ l1Number: 1_001n })), "anchor-from-future");
    take(post(finalizationAt(EPOCH_LENGTH)));
    expect(state.position.committee).toBe(2n);
    take(post(finalizationAt(EPOCH_LENGTH + 1)));
    const back = { ...chain.next().header, height: Height(20n), nextCommittee: CommitteeId(1n) };
    expectFault(post(finalize(back, memberOf(2))), "next-committee-too-old");
  });

  it("takes a handover that was proposed again and finalized in a later view", () => {
    grow(EPOCH_LENGTH);
    const { header } = chain.tip;
    expectFault(post(finalize(header, memberOf(1), View(header.viewNumber - 1n))), "wrong-view");
    take(post(finalize(header, memberOf(1), View(header.viewNumber + 4n))));
    expect(state.latest.viewNumber).toBe(header.viewNumber + 4n);
  });

  it("LC-32: installs a committee that is trusted no more, and takes nothing from it", () => {
    grow(EPOCH_LENGTH + 1);
    for (const { validator } of memberOf(2).committee.members) slashed.add(validator);
    take(reportSlashed(state, CommitteeId(2n), [0, 1], l1()));
    take(post(finalizationAt(EPOCH_LENGTH)));
    expect(state).toMatchObject({ trustedUntil: 0n, position: { committee: 2n } });
    expectFault(post(finalizationAt(EPOCH_LENGTH + 1)), "expired");
  });

  it("LC-30: takes nothing from the second on at which the committee's trust ends", () => {
    grow(1);
    now = memberOf(1).committee.createdAt + parameters.trustPeriod;
    expectFault(post(finalizationAt(1)), "expired");
    now -= 1n;
    take(post(finalizationAt(1)));
  });

  it("LC-31: is live while trusted and its checkpoint fresh by the lesser of its two times", () => {
    expect(LightClient.isLive(state, now, 10n ** 9n)).toBe(false);
    grow(1);
    take(post(finalizationAt(1)));
    const fresh = LightClient.seconds(chain.at(1).header.timestamp);
    expect(state.position.freshAt).toBe(fresh);
    expect(LightClient.isLive(state, fresh + 100n, 100n)).toBe(true);
    expect(LightClient.isLive(state, fresh + 101n, 100n)).toBe(false);
    expect(LightClient.isLive(state, memberOf(1).committee.createdAt + parameters.trustPeriod, 10n ** 9n)).toBe(false);
  });

  it("LC-33: keeps a checkpoint at most every `ringInterval`, and RING_SIZE of them", () => {
    chain = new Chain([memberOf(1)]);
    visible = known.slice(0, 1);
    const count = LightClient.RING_SIZE + 2;
    grow(2 * count);
    for (let i = 1; i <= count; i++) {
      take(post(finalizationAt(2 * i - 1)));
      now += parameters.ringInterval - 1n;
      take(post(finalizationAt(2 * i)));
      expect(state.latest.height).toBe(BigInt(2 * i));
      now += 1n;
    }
    expect(state.ring.size).toBe(LightClient.RING_SIZE);
    const heights = [...state.ring.values()].map(({ height }) => Number(height)).sort((a, b) => a - b);
    expect(heights).toEqual(Array.from({ length: LightClient.RING_SIZE }, (_, i) => 2 * (i + 2) + 1));
    const last = LightClient.ringPlace(now - parameters.ringInterval, parameters.ringInterval);
    expect(state.ring.get(last)?.height).toBe(BigInt(2 * count - 1));
  });
});

describe("halting", () => {
  /** A second block at height 2 of epoch 1, and one at height 3 upon it. */
  function fork() {
    grow(3);
    const other = new Chain(known);
    other.append();
    const { header } = other.next();
    const branch = { ...header, payload: keccakHash(Uint8Array.of(9)), viewNumber: View(5n) };
    return { fork: finalize(branch, memberOf(1)), branch };
  }

  it("LC-40: freezes on two finalizations of one height, and ends all trust", () => {
    const { fork: other } = fork();
    take(post(finalizationAt(1)));
    take(freeze(state, finalizationAt(2), other, undefined, l1(), setting));
    expect(state).toMatchObject({ trustedUntil: 0n, halt: { frozen: true, endedAt: now } });
    expectFault(post(finalizationAt(3)), "frozen");
    expect(LightClient.trustedUntil(state, memberOf(2).committee, parameters)).toBe(0n);
    expectFault(freeze(state, finalizationAt(2), other, undefined, l1(), setting), "already-frozen");
  });

  it("LC-40: freezes on a higher finalization whose history holds another block at the lower height", () => {
    const { fork: other, branch } = fork();
    const hashes = [0, 1, 2].map((height) => Merkle.leafHash(hashBytes(chain.at(height).hash)));
    const proof = { otherBlock: chain.at(2).hash, path: Merkle.proof(hashes, 2).map(hashFromBytes) };
    const higher = finalizationAt(3);
    expectFault(freeze(state, higher, other, proof, l1(), setting), "fork-out-of-order");
    expectFault(freeze(state, other, higher, undefined, l1(), setting), "history-mismatch");
    const wrong = { otherBlock: Header.hash(branch), path: proof.path };
    expectFault(freeze(state, other, higher, wrong, l1(), setting), "history-mismatch");
    take(freeze(state, other, higher, proof, l1(), setting));
  });

  it("LC-40: does not freeze on one chain, across epochs, for unsigned blocks or by an untrusted committee", () => {
    grow(EPOCH_LENGTH + 1);
    const [two, eleven] = [finalizationAt(2), finalizationAt(EPOCH_LENGTH + 1)];
    expectFault(freeze(state, two, two, undefined, l1(), setting), "no-fork");
    expectFault(freeze(state, two, eleven, undefined, l1(), setting), "fork-across-epochs");
    const unsigned = { ...two, header: { ...two.header, proposer: 3 } };
    expectFault(freeze(state, two, unsigned, undefined, l1(), setting), "wrong-block");
    now = memberOf(1).committee.createdAt + parameters.trustPeriod;
    expectFault(freeze(state, two, unsigned, undefined, l1(), setting), "committee-not-trusted");
  });

  it("LC-41: a committee expires at a third of its weight, each seat counted once", () => {
    grow(2);
    take(post(finalizationAt(1)));
    const id = CommitteeId(1n);
    expectFault(reportSlashed(state, id, [0], l1()), "seat-not-slashed");
    for (const { validator } of memberOf(1).committee.members) slashed.add(validator);
    expectFault(reportSlashed(state, id, [4], l1()), "seat-out-of-bounds");
    expectFault(reportSlashed(state, id, [0, 1, 2, 3, 0], l1()), "seat-out-of-bounds");
    expectFault(reportSlashed(state, CommitteeId(9n), [0], l1()), "no-committee");
    take(reportSlashed(state, id, [0, 0], l1()));
    expect(state.trustedUntil).toBeGreaterThan(0n);
    expectFault(reportSlashed(state, id, [0], l1()), "seat-already-reported");
    take(reportSlashed(state, id, [0, 3], l1()));
    expect(state.trustedUntil).toBe(0n);
    expectFault(post(finalizationAt(2)), "expired");
  });
});

describe("resume", () => {
  const EPOCH = Epoch(7n);

  /** An expired client at height 5, three days after committee 2 was made. */
  function expired(): SecretCommittee {
    grow(5);
    take(post(finalizationAt(5)));
    slashed = new Set(memberOf(1).committee.members.map(({ validator }) => validator));
    take(reportSlashed(state, CommitteeId(1n), [0, 1], l1()));
    now += 3n * DAY;
    return memberOf(2);
  }

  function sign(
    by: SecretCommittee,
    header: Header.Header,
    fields: Partial<Resume.Resume> = {},
    path: SignedResume["path"] = [],
  ): SignedResume {
    const message = { epoch: EPOCH, block: Header.hash(header), committee: by.committee.id, ...fields };
    const digest = Resume.digest(message, domain);
    const signature = bls.aggregate(by.secrets.slice(1).map((secret) => bls.sign(secret, digest, "vote")));
    if (signature === undefined) throw new Error("own signatures aggregate");
    return { message, absent: Committee.absentBitmap(4, new Set([1, 2, 3])), signature, header, path };
  }

  const propose = (signed: SignedResume): LightClient.Outcome => resume(state, signed, l1(), setting);

  it("LC-50, LC-51: installs the newer committee at the checkpoint after the delay, and the chain goes on", () => {
    const by = expired();
    const { header } = chain.at(5);
    take(propose(sign(by, header)));
    expectFault(propose(sign(by, header)), "resume-already-pending");
    expectFault(propose(sign(by, header, { epoch: Epoch(6n) })), "resume-superseded");
    now += parameters.resumeDelay - 1n;
    expectFault(applyResume(state, l1(), setting), "resume-not-due");
    now += 1n;
    take(applyResume(state, l1(), setting));
    expect(state.position).toMatchObject({ height: 5n, epoch: EPOCH, view: 0n, committee: 2n });
    expect(state.pending).toBeUndefined();
    const next = { ...chain.next().header, epoch: EPOCH, committee: by.committee.id, viewNumber: View(1n) };
    take(post(finalize(next, by)));
    expectFault(applyResume(state, l1(), setting), "no-pending-resume");
  });

  it("LC-50: is refused while the client is trusted", () => {
    grow(1);
    take(post(finalizationAt(1)));
    expectFault(propose(sign(memberOf(2), chain.at(1).header)), "still-trusted");
  });

  it("LC-50: a second valid resume of one epoch cancels both and bars it; a higher one replaces", () => {
    const by = expired();
    const { header } = chain.at(5);
    take(propose(sign(by, header)));
    take(propose(sign(by, header, { epoch: Epoch(8n) })));
    expect(state.pending?.epoch).toBe(8n);
    const hashes = [0, 1, 2, 3, 4, 5].map((height) => Merkle.leafHash(hashBytes(chain.at(height).hash)));
    const later = chain.next().header;
    const path = Merkle.proof(hashes, 5).map(hashFromBytes);
    take(propose(sign(by, later, { epoch: Epoch(8n) }, path)));
    expect(state.pending).toBeUndefined();
    expectFault(propose(sign(by, header, { epoch: Epoch(8n) })), "resume-epoch-barred");
  });

  it("LC-52: nothing that L1 has is given up", () => {
    const by = expired();
    expectFault(propose(sign(by, chain.at(4).header)), "history-mismatch");
    expectFault(propose(sign(by, chain.next().header)), "history-mismatch");
    expectFault(propose(sign(by, chain.at(5).header, { block: keccakHash(Uint8Array.of(1)) })), "wrong-block");
  });

  it("LC-50: bounds the epoch, the height and the committee's age, and needs its quorum", () => {
    const by = expired();
    const { header } = chain.at(5);
    expectFault(propose(sign(by, header, { epoch: Epoch(1n) })), "resume-epoch-out-of-bounds");
    expectFault(propose(sign(by, header, { epoch: Epoch(2n + RESUME_EPOCHS_MAX) })), "resume-epoch-out-of-bounds");
    expectFault(propose(sign(memberOf(1), header)), "resume-committee-not-newer");
    expectFault(propose(sign(memberOf(3), header)), "no-committee");
    const two = sign(by, header);
    expectFault(propose({ ...two, absent: Uint8Array.of(3) }), "below-quorum");
    expectFault(propose({ ...two, absent: Uint8Array.of(0) }), "bad-signature");
    expectFault(propose({ ...two, absent: new Uint8Array(2) }), "malformed-bitmap");
    const { createdAt } = by.committee;
    now = createdAt + 2n * DAY - 1n;
    expectFault(propose(two), "resume-committee-too-young");
    now = createdAt + parameters.trustPeriod - parameters.resumeDelay - 7n * DAY + 1n;
    expectFault(propose(two), "resume-committee-too-old");
    now -= 1n;
    take(propose(two));
    now = createdAt + parameters.trustPeriod;
    expectFault(applyResume(state, l1(), setting), "committee-not-trusted");
  });
});
