import { afterEach, describe, expect, it } from "vitest";

import type { L1View } from "../../src/engine/l1View.ts";
import type { Message } from "../../src/engine/message.ts";
import { REQUESTS_BURST } from "../../src/engine/ingress.ts";
import { RESUMES_PER_SIGNER_MAX } from "../../src/engine/resumption.ts";
import * as Evidence from "../../src/protocol/Evidence.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as Resume from "../../src/protocol/Resume.ts";
import { CommitteeId, Epoch, Height } from "../../src/protocol/scalars.ts";
import { createMemoryStore } from "../../src/storage/memoryStore.ts";
import { fakeBls } from "../simulation/fakeBls.ts";
import { fixedL1 } from "./support/fixedL1.ts";
import { config, domain, lonelyEngine, members, secrets, stopAll, type LonelyEngine } from "./support/lonelyEngine.ts";

afterEach(stopAll);

const genesis = Header.hash(Genesis.header(config));
const other = Header.hash({ ...Genesis.header(config), timestamp: 1n });

/** L1 knows committee 2 of the same members; its client is frozen at genesis. */
function haltedL1(changes: Partial<L1View> = {}): Partial<L1View> {
  const fixed = fixedL1(members);
  return {
    lightClient: () => "frozen",
    checkpoint: () => ({ height: Height(0n), epoch: Epoch(0n), committee: CommitteeId(1n) }),
    committee: (id) => {
      const first = fixed.committee(CommitteeId(1n));
      return first === undefined || id > 2n ? undefined : { ...first, id };
    },
    ...changes,
  };
}

function engineAt(
  l1: Partial<L1View>,
  seat?: number,
  onObserved?: (message: Evidence.Message) => void,
): Promise<LonelyEngine> {
  return lonelyEngine(seat, members, createMemoryStore(), l1, [], onObserved);
}

function signedBy(signer: number, changes: Partial<Resume.Resume> = {}): Resume.SignedResume {
  const resume = { epoch: Epoch(3n), block: genesis, committee: CommitteeId(2n), ...changes };
  const digest = Resume.digest(resume, domain);
  return { resume, signer, signature: fakeBls.sign(secrets[signer] ?? new Uint8Array(), digest, "vote") };
}

const said = (...votes: Resume.SignedResume[]): Message => ({ type: "resumes", votes });

describe("resumption", () => {
  it("RESUME-3, RESUME-4: words of a quorum, from whomever they come, make the certificate", async () => {
    const { hear, engine, penalties } = await engineAt(haltedL1());
    await hear(said(signedBy(0), signedBy(1)), 3);
    expect(await engine.resume()).toBeUndefined();
    await hear(said(signedBy(1), signedBy(2)), 3);
    const found = await engine.resume();
    expect(found?.message).toEqual(signedBy(0).resume);
    expect(found?.absent).toEqual(Uint8Array.of(0b1000));
    expect(found?.header).toEqual(Genesis.header(config));
    const keys = members.slice(0, 3).map(({ key }) => key);
    const digest = Resume.digest(signedBy(0).resume, domain);
    expect(fakeBls.verifyAggregate(keys, digest, found?.signature ?? new Uint8Array(), "vote")).toBe(true);
    expect(penalties).toEqual([]);
  });

  it("RESUME-4: of several the one of the highest epoch is given, until L1 has applied as high a one", async () => {
    const resumes: ReturnType<L1View["resumes"]>[number][] = [];
    const { hear, engine } = await engineAt(haltedL1({ resumes: () => resumes }));
    for (const epoch of [Epoch(5n), Epoch(3n)]) await hear(said(...[0, 1, 2].map((seat) => signedBy(seat, { epoch }))));
    expect((await engine.resume())?.message.epoch).toBe(5n);
    resumes.push({ epoch: Epoch(5n), block: other, committee: CommitteeId(2n), height: Height(9n) });
    expect(await engine.resume()).toBeUndefined();
  });

  it.each<readonly [string, Partial<L1View>, Resume.SignedResume]>([
    ["while the client lives", { lightClient: () => "live" }, signedBy(0)],
    ["of the installed committee", {}, signedBy(0, { committee: CommitteeId(1n) })],
    ["of a committee that L1 does not know", {}, signedBy(0, { committee: CommitteeId(7n) })],
    ["of a seat that there is not", {}, { ...signedBy(0), signer: 4 }],
    ["of an epoch that L1 has passed", {}, signedBy(0, { epoch: Epoch(0n) })],
    ["of an epoch too far ahead", {}, signedBy(0, { epoch: Epoch(65_537n) })],
  ])("RESUME-3: a word %s is not taken", async (_, changes, vote) => {
    const { hear, engine, penalties } = await engineAt(haltedL1(changes));
    await hear(said(vote));
    expect(engine.sizes()["resumes"]).toBe(0);
    expect(penalties).toEqual([]);
  });

  it("RESUME-3: a forged word is scored", async () => {
    const { hear, engine, penalties } = await engineAt(haltedL1());
    await hear(said({ ...signedBy(0), signature: new Uint8Array(48) }));
    expect(engine.sizes()["resumes"]).toBe(0);
    expect(penalties).toEqual(["invalid-signature"]);
  });

  it("LIMIT-1: a peer's words that nobody wants are looked at as far as its budget goes", async () => {
    const { hear, engine, wait } = await engineAt(haltedL1());
    const unwanted = Array.from({ length: Resume.SIGNED_MAX }, () => signedBy(0, { committee: CommitteeId(7n) }));
    for (let words = 0; words < REQUESTS_BURST * 16; words += Resume.SIGNED_MAX) await hear(said(...unwanted), 3);
    await hear(said(signedBy(1)), 3);
    expect(engine.sizes()["resumes"]).toBe(0);
    // Others are heard, and so is this one later.
    await hear(said(signedBy(2)), 2);
    expect(engine.sizes()["resumes"]).toBe(1);
    await wait(1_000);
    await hear(said(signedBy(1)), 3);
    expect(engine.sizes()["resumes"]).toBe(2);
  });

  it("RESUME-3: of one signer the highest epochs are kept, so many and no more", async () => {
    const { hear, engine } = await engineAt(haltedL1());
    for (let epoch = 2n; epoch <= BigInt(RESUMES_PER_SIGNER_MAX) + 2n; epoch++) {
      await hear(said(signedBy(0, { epoch: Epoch(epoch) })));
    }
    expect(engine.sizes()["resumes"]).toBe(RESUMES_PER_SIGNER_MAX);
    await hear(said(signedBy(0, { epoch: Epoch(1n) })));
    expect(engine.sizes()["resumes"]).toBe(RESUMES_PER_SIGNER_MAX);
    await hear(said(signedBy(1)));
    expect(engine.sizes()["resumes"]).toBe(RESUMES_PER_SIGNER_MAX + 1);
  });

  it("RESUME-3: two words of one epoch by one signer are evidence of S5", async () => {
    const { hear, engine } = await engineAt(haltedL1());
    await hear(said(signedBy(0)));
    await hear(said(signedBy(0, { block: other })));
    const [found] = await engine.evidence(0, 10);
    if (found === undefined) throw new Error("evidence");
    expect(Evidence.offence(found.evidence.first.message, found.evidence.second.message)).toBe("S5");
    expect(found.evidence.first.signers).toEqual({ kind: "key", validator: members[0]?.validator });
  });

  it.each<readonly [string, Partial<L1View>, Partial<Resume.Resume>]>([
    ["not-halted", { lightClient: () => "live" }, {}],
    ["not-halted", { lightClient: () => "unknown" }, {}],
    ["unknown-committee", {}, { committee: CommitteeId(7n) }],
    ["committee-not-newer", {}, { committee: CommitteeId(1n) }],
    ["unknown-block", {}, { block: other }],
    ["epoch-out-of-bounds", {}, { epoch: Epoch(0n) }],
    ["epoch-out-of-bounds", {}, { epoch: Epoch(65_537n) }],
    [
      "block-below-checkpoint",
      { checkpoint: () => ({ height: Height(1n), epoch: Epoch(1n), committee: CommitteeId(1n) }) },
      {},
    ],
  ])("RESUME-1: refuses with %s, and signs nothing", async (code, changes, request) => {
    const { engine } = await engineAt(haltedL1(changes), 3);
    const { resume } = signedBy(3, request);
    expect(await engine.signResume(resume)).toMatchObject({ code });
    expect(engine.sizes()["resumes"]).toBe(0);
  });

  it("RESUME-1: a follower has nothing to sign with, a stranger to the committee no say", async () => {
    const { resume } = signedBy(0);
    expect(await (await engineAt(haltedL1())).engine.signResume(resume)).toEqual({ code: "no-signer" });
    const strangers = fixedL1(members.slice(0, 3)).committee(CommitteeId(1n));
    const without = haltedL1({ committee: (id) => (strangers === undefined ? undefined : { ...strangers, id }) });
    expect(await (await engineAt(without, 3)).engine.signResume(resume)).toMatchObject({ code: "not-a-member" });
  });

  it("SIGN-8: a word of the own key that this machine did not sign is shown to the signer", async () => {
    const observed: Evidence.Message[] = [];
    const { hear } = await engineAt(haltedL1(), 3, (message) => observed.push(message));
    await hear(said(signedBy(3), signedBy(1)));
    expect(observed).toEqual([{ kind: "resume", ...signedBy(3).resume }]);
  });

  it("RESUME-1: signs what L1 would take", async () => {
    const { engine } = await engineAt(haltedL1(), 3);
    expect(await engine.signResume(signedBy(3).resume)).toBeUndefined();
    expect(engine.sizes()["resumes"]).toBe(1);
  });
});
