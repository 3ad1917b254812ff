import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { hashFromBytes, keccakHash, type Hash } from "../../src/crypto/hash.ts";
import { fromHex, toHex } from "../../src/codec/hex.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import * as LightClient from "../../src/lightclient/lightClient.ts";
import type { SignedResume } from "../../src/lightclient/resume.ts";
import * as Committee from "../../src/protocol/Committee.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as Resume from "../../src/protocol/Resume.ts";
import { CommitteeId, Epoch, Height, U64_MAX, View } from "../../src/protocol/scalars.ts";
import { bls, EPOCH_LENGTH, type SecretCommittee } from "../api/chain.ts";
import { campaignOf } from "../contracts/support/campaign.ts";
import { pathOf, rootOf } from "../contracts/support/merkle.ts";
import { G1_NOT_ON_CURVE, G1_OUTSIDE_SUBGROUP, IDENTITY, type Oddity } from "./oddSignatures.ts";
import { Twin } from "./twins.ts";

/**
 * Random walks of the light client and its twin over everything that changes it: valid calls that get far, and the same
 * calls mutated.
 */

const { runs: RUNS, actions: STEPS, seed: SEED } = campaignOf(6, 100);
const DAY = 86_400n;
const COMMITTEES_MAX = 16;
/** Blocks whose histories are computed anew: more would only be slow. */
const HISTORY_MAX = 400n;
const EPOCH_BLOCKS = BigInt(EPOCH_LENGTH);

const ACTIONS = [
  ...["advance", "advance", "advance", "advance", "advance", "handover", "handover", "mutated", "mutated"],
  ...["mutated", "odd", "freeze", "mutatedFreeze", "mutatedFreeze", "report", "slash", "resume", "resume"],
  ...["mutatedResume", "mutatedResume", "apply", "apply", "committee", "days", "delay", "recover", "recover"],
] as const;

interface Step {
  readonly action: (typeof ACTIONS)[number];
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  action: fc.constantFrom(...ACTIONS),
  a: fc.nat({ max: 99 }),
  b: fc.nat({ max: 99 }),
  c: fc.nat({ max: 99 }),
});

const hashOf = (...numbers: readonly number[]): Hash => keccakHash(Uint8Array.from(numbers));

function pick<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
}

/** A history of `size` blocks that has `block` at `height`, and the path to it. */
function historyWith(block: Hash, height: bigint, size: bigint) {
  const leaves = Array.from({ length: Number(size) }, (_, index) =>
    BigInt(index) === height ? block : hashOf(index & 0xff, index >> 8),
  );
  const path = pathOf(leaves, Number(height)).map((node) => hashFromBytes(fromHex(toHex(fromHex(node)))));
  return { history: hashFromBytes(fromHex(rootOf(leaves))), path };
}

class Walk {
  readonly twin: Twin;
  /** Calls that both took, by action. */
  readonly taken = new Map<string, number>();

  constructor(twin: Twin) {
    this.twin = twin;
  }

  installed(): SecretCommittee {
    return this.twin.committee(Number(this.twin.state.position.committee) || 1);
  }

  newest(): SecretCommittee {
    return this.twin.committee(this.twin.contracts.committees.length);
  }

  /** A header that the client would take now, at the end of its epoch if it is to be a handover. */
  async header({ a, b }: Step, isHandover = false): Promise<Header.Header> {
    const { position } = this.twin.state;
    const isEpochOver = position.height >= position.epoch * EPOCH_BLOCKS;
    const epoch = isEpochOver ? position.epoch + 1n : position.epoch;
    const last = epoch * EPOCH_BLOCKS;
    const room = last - position.height - 1n;
    const height = isHandover || room <= 0n ? last : position.height + 1n + (BigInt(a) % room);
    const view = (epoch === position.epoch ? position.view : 0n) + 1n + BigInt(b % 3);
    const l1Number = BigInt(await this.twin.contracts.ethers.provider.getBlockNumber());
    return {
      height: Height(height),
      epoch: Epoch(epoch),
      viewNumber: View(view),
      committee: this.installed().committee.id,
      timestamp: (await this.twin.contracts.now()) * 1000n + BigInt(b),
      parent: hashOf(a, b),
      history: hashOf(b, a),
      payload: hashOf(a),
      namespaces: hashOf(b),
      l1Number,
      l1Hash: hashOf(7),
      nextCommittee: height === last ? this.newest().committee.id : CommitteeId(0n),
      proposer: a % 4,
    };
  }

  /** Signed by all but at most one member. */
  sign(header: Header.Header, { c }: Step, by = this.installed(), view = header.viewNumber): FinalizedHeader {
    const all = by.secrets.map((_, index) => index);
    return this.twin.sign(header, by, view, c % 3 === 0 ? all : all.filter((index) => index !== c % all.length));
  }

  async mutated(given: Step): Promise<string | undefined> {
    const { a, b, c } = given;
    const header = await this.header(given, c % 4 === 0);
    const { position } = this.twin.state;
    const huge = pick([1n << 30n, 1n << 32n, 1n << 40n, U64_MAX], a);
    const changes: readonly Partial<Header.Header>[] = [
      { height: position.height },
      { height: Height(header.height + BigInt(b)) },
      { height: Height(huge), epoch: Epoch(huge / EPOCH_BLOCKS + 1n) },
      { epoch: Epoch(header.epoch + 1n) },
      { epoch: Epoch(header.epoch === 0n ? 0n : header.epoch - 1n) },
      { epoch: Epoch(1n << 30n), nextCommittee: CommitteeId(0n), height: header.height },
      { viewNumber: position.view },
      { viewNumber: View(huge) },
      { committee: CommitteeId(BigInt(b % COMMITTEES_MAX)) },
      { nextCommittee: CommitteeId(BigInt(b % COMMITTEES_MAX)) },
      { nextCommittee: CommitteeId(U64_MAX) },
      { timestamp: header.timestamp + BigInt(b) * 2_000n },
      { timestamp: U64_MAX },
      { timestamp: 0n },
      { l1Number: BigInt(b) },
      { l1Number: header.l1Number + BigInt(b % 4) },
    ];
    const signed = this.sign({ ...header, ...pick(changes, b) }, given);
    if (c % 3 !== 0) return this.twin.advance(signed);
    const { certificate } = signed;
    const { absent, vote } = certificate;
    const others: readonly FinalizedHeader[] = [
      { ...signed, header },
      { ...signed, certificate: { ...certificate, absent: Uint8Array.of(...absent, 0) } },
      { ...signed, certificate: { ...certificate, absent: Uint8Array.of(a) } },
      { ...signed, certificate: { ...certificate, vote: { ...vote, view: View(vote.view ^ 1n) } } },
      this.sign(header, given, this.newest()),
      this.sign(header, given, undefined, View(header.viewNumber + BigInt(a % 3))),
      this.twin.sign(header, this.installed(), undefined, [a % 4]),
    ];
    return this.twin.advance(pick(others, a));
  }

  async odd(given: Step): Promise<string | undefined> {
    const signed = this.sign(await this.header(given), given);
    const oddity: Oddity = pick([IDENTITY, G1_NOT_ON_CURVE, G1_OUTSIDE_SUBGROUP], given.a);
    const certificate = { ...signed.certificate, signature: oddity.signature };
    return this.twin.advance({ ...signed, certificate }, undefined, oddity.words);
  }

  /** A fork by the installed committee: at one height, or a higher block whose history has another one. */
  async freeze(given: Step, isMutated: boolean): Promise<string | undefined> {
    const { a, b, c } = given;
    const low = { ...(await this.header(given)), nextCommittee: CommitteeId(0n) };
    const other = { ...low, proposer: low.proposer + 1, viewNumber: View(low.viewNumber + 1n) };
    const by =
      isMutated && a % 5 === 0 ? this.twin.committee(1 + (b % this.twin.contracts.committees.length)) : undefined;
    if (low.height >= HISTORY_MAX || c % 2 === 0) {
      const change = isMutated
        ? pick(
            [{ ...low }, { height: Height(0n) }, { epoch: Epoch(other.epoch + 1n) }, { committee: CommitteeId(99n) }],
            b,
          )
        : {};
      return this.twin.freeze(this.sign(low, given, by), this.sign({ ...other, ...change }, given, by));
    }
    const size = low.height + 1n + BigInt(b % 5);
    const block = isMutated && b % 3 === 0 ? Header.hash(low) : Header.hash(other);
    const { history, path } = historyWith(block, low.height, size);
    const high = { ...other, height: Height(size), history };
    const proof = isMutated && b % 3 === 1 ? { otherBlock: block, path: path.slice(1) } : { otherBlock: block, path };
    const higher = this.sign(high, given, by, isMutated && b % 3 === 2 ? View(high.viewNumber + 1n) : undefined);
    return this.twin.freeze(this.sign(low, given, by), higher, isMutated && a % 7 === 0 ? undefined : proof);
  }

  /** Seats of a committee, some of them slashed, some named twice. */
  async report({ a, b, c }: Step): Promise<string | undefined> {
    const id = CommitteeId(BigInt(1 + (a % (this.twin.contracts.committees.length + 1))));
    const committee = this.twin.contracts.committees.find((each) => each.committee.id === id)?.committee;
    const slashed = (committee?.members ?? []).flatMap(({ validator }, seat) =>
      this.twin.slashed.has(validator) ? [seat] : [],
    );
    const lists = [slashed, slashed.slice(1), [...slashed, ...slashed], [b % 5], [...slashed, b % 6], [], [200]];
    return this.twin.reportSlashed(id, pick(lists, c));
  }

  async slash({ a, b }: Step): Promise<string | undefined> {
    const { members } = pick([this.installed(), this.newest()], a).committee;
    await this.twin.slash(pick(members, b).validator);
    return undefined;
  }

  /** A resume at L1's checkpoint, or at a block that has it in its history. */
  resumeAt({ a, b, c }: Step, change: Partial<Resume.Resume>, by = this.newest(), later = c % 2 === 0): SignedResume {
    const { latest, position, pending } = this.twin.state;
    const above = position.epoch > (pending?.epoch ?? 0n) ? position.epoch : (pending?.epoch ?? 0n);
    const isRoom = latest.height + 6n < HISTORY_MAX;
    const known = this.#headers.get(latest.blockHash);
    const isAbove = known === undefined || (later && isRoom);
    const size = latest.height + 1n + BigInt(a % 5);
    const history = isAbove && isRoom ? historyWith(latest.blockHash, latest.height, size) : undefined;
    const upon: Header.Header = {
      ...(known ?? this.#anyHeader()),
      height: Height(size),
      epoch: position.epoch === 0n ? Epoch(1n) : position.epoch,
      history: history?.history ?? hashOf(1),
      proposer: b % 3,
    };
    const header = isAbove ? upon : known;
    // Mostly the epoch above, sometimes one that is pending already.
    const epoch = Epoch(b % 3 === 0 && pending !== undefined ? pending.epoch : above + 1n + size / EPOCH_BLOCKS);
    const message = { epoch, block: Header.hash(header), committee: by.committee.id, ...change };
    const digest = Resume.digest(message, this.twin.contracts.domain);
    const signers = c % 7 === 0 ? by.secrets.slice(0, 2) : by.secrets;
    const signature = bls.aggregate(signers.map((secret) => bls.sign(secret, digest, "vote")));
    if (signature === undefined) throw new Error("own signatures aggregate");
    const absent = Committee.absentBitmap(by.secrets.length, new Set(signers.map((_, index) => index)));
    return { message, absent, signature, header, path: isAbove ? (history?.path ?? []) : [] };
  }

  mutatedResume(given: Step): SignedResume {
    const { a, b } = given;
    const { position } = this.twin.state;
    const epochs = [0n, position.epoch, position.epoch + 65_536n, position.epoch + 65_537n, U64_MAX];
    const committees = this.twin.contracts.committees;
    const right = this.resumeAt(given, {});
    return pick<() => SignedResume>(
      [
        () => this.resumeAt(given, { epoch: Epoch(pick(epochs, a)) }),
        () => this.resumeAt(given, { block: hashOf(a) }),
        () => this.resumeAt(given, {}, pick(committees, a)),
        () => this.resumeAt(given, { committee: CommitteeId(99n) }),
        () => ({ ...right, path: right.path.slice(1) }),
        () => ({ ...right, path: [...right.path, hashOf(a)] }),
        () => ({ ...right, absent: Uint8Array.of(a) }),
        () => ({ ...right, absent: new Uint8Array(2) }),
        () => ({ ...right, header: { ...right.header, history: hashOf(a) } }),
        () => ({ ...right, message: { ...right.message, epoch: Epoch(right.message.epoch + 1n) } }),
      ],
      b,
    )();
  }

  /** What ends a halt: a new committee, two days, its resume, the delay. */
  async recover(given: Step): Promise<string | undefined> {
    const { contracts } = this.twin;
    if (contracts.committees.length < COMMITTEES_MAX) await contracts.addCommittee([2, 2, 2, 1 + (given.b % 3)]);
    await contracts.setNext((await contracts.now()) + 2n * DAY + 1n);
    await contracts.mine(1);
    const fault = await this.twin.resume(this.resumeAt(given, {}));
    return given.c % 4 === 0 ? fault : this.twin.applyResume(contracts.parameters.resumeDelay);
  }

  /**
   * INV-MONOTONE: (epoch, view) increases with every checkpoint, and height with every one that is posted. INV-TRUST: no
   * checkpoint is taken from a committee that is not trusted, nor while frozen.
   */
  async #expectForward(before: LightClient.State): Promise<void> {
    const { state } = this.twin;
    if (state.latest === before.latest) {
      expect(state.position).toEqual(before.position);
      return;
    }
    const [was, is] = [before.position, state.position];
    expect(is.epoch > was.epoch || (is.epoch === was.epoch && is.view > was.view), "INV-MONOTONE").toBe(true);
    const isResumed = state.halt.resumed !== before.halt.resumed;
    expect(isResumed ? is.height >= was.height : is.height > was.height, "INV-MONOTONE").toBe(true);
    expect(state.halt.frozen, "INV-TRUST").toBe(false);
    if (isResumed) return;
    const { committee } = this.twin.committee(Number(was.committee) || 1);
    const now = await this.twin.contracts.now();
    expect(now < LightClient.trustedUntil(before, committee, this.twin.setting.parameters), "INV-TRUST").toBe(true);
  }

  readonly #headers = new Map<Hash, Header.Header>();

  #anyHeader(): Header.Header {
    const { latest } = this.twin.state;
    return {
      height: latest.height,
      epoch: Epoch(1n),
      viewNumber: View(1n),
      committee: CommitteeId(1n),
      timestamp: latest.receivedAt * 1000n,
      parent: hashOf(1),
      history: hashOf(2),
      payload: hashOf(3),
      namespaces: hashOf(4),
      l1Number: 1n,
      l1Hash: hashOf(5),
      nextCommittee: CommitteeId(0n),
      proposer: 0,
    };
  }

  async #advanced(given: FinalizedHeader): Promise<string | undefined> {
    const fault = await this.twin.advance(given);
    if (fault === undefined) this.#headers.set(Header.hash(given.header), given.header);
    return fault;
  }

  async take(given: Step): Promise<void> {
    const { action, a, c } = given;
    const { contracts } = this.twin;
    const actions: Readonly<Record<Step["action"], () => Promise<string | undefined>>> = {
      advance: async () => this.#advanced(this.sign(await this.header(given), given)),
      handover: async () => this.#advanced(this.sign(await this.header(given, true), given)),
      mutated: () => this.mutated(given),
      odd: () => this.odd(given),
      freeze: () => this.freeze(given, false),
      mutatedFreeze: () => this.freeze(given, true),
      report: () => this.report(given),
      slash: () => this.slash(given),
      resume: () => this.twin.resume(this.resumeAt(given, {})),
      mutatedResume: () => this.twin.resume(this.mutatedResume(given)),
      apply: () => this.twin.applyResume(pick([1n, 1n, contracts.parameters.resumeDelay], c)),
      committee: async () => {
        if (contracts.committees.length < COMMITTEES_MAX) await contracts.addCommittee([3, 3, 2, 2 + (a % 4)]);
        return undefined;
      },
      days: () => this.twin.applyResume(BigInt(1 + (a % 4)) * DAY),
      recover: () => this.recover(given),
      delay: () => this.twin.applyResume(contracts.parameters.resumeDelay + 1n),
    };
    const before = this.twin.state;
    if ((await actions[action]()) === undefined) this.taken.set(action, (this.taken.get(action) ?? 0) + 1);
    await this.#expectForward(before);
  }
}

describe("random walks", () => {
  it("INV-MONOTONE, INV-TRUST, LC-34 to LC-54: the light client and its twin say the same to whatever comes, and stand at the same place", async () => {
    const seen = new Set<string>();
    const taken = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: STEPS, maxLength: STEPS, size: "max" }), async (steps) => {
        const walk = new Walk(await Twin.start([[3, 5, 5, 8]]));
        for (const each of steps) await walk.take(each);
        for (const fault of walk.twin.seen) seen.add(fault);
        for (const [action, times] of walk.taken) taken.set(action, (taken.get(action) ?? 0) + times);
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    // It is worth something only if it gets everywhere.
    for (const action of ["advance", "handover", "freeze", "report", "resume"]) {
      expect(taken.get(action) ?? 0, action).toBeGreaterThan(0);
    }
    expect((taken.get("apply") ?? 0) + (taken.get("days") ?? 0) + (taken.get("delay") ?? 0)).toBeGreaterThan(0);
    expect(seen.size).toBeGreaterThan(25);
  }, 600_000);
});
