import * as z from "zod";
import { afterEach, describe, expect, it } from "vitest";

import { caseOf } from "../../relayer/decide/evidence.ts";
import { nobleBls } from "../../src/crypto/blsNoble.ts";
import { keccakHash, type Hash } from "../../src/crypto/hash.ts";
import * as Views from "../../src/lightclient/wireViews.ts";
import { absentBitmap } from "../../src/protocol/Committee.ts";
import type { Evidence, Message } from "../../src/protocol/Evidence.ts";
import { CommitteeId, Epoch, ValidatorId, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { CHAIN_ID } from "./support/anvil.ts";
import { startNodeServer } from "./support/nodeServer.ts";
import { createWorld, until, type World } from "./support/world.ts";

const hashOf = (name: string): Hash => keccakHash(new TextEncoder().encode(name));

describe("REPORT-1: evidence against the real Slasher", () => {
  let world: World;
  afterEach(() => world.close());

  it("two votes of one validator slash it, once, and its seat is reported", async () => {
    world = await createWorld();
    const { deployment } = world;
    const [culprit] = deployment.validators;
    if (culprit === undefined) throw new Error("no validator");
    const domain = {
      chainId: BigInt(CHAIN_ID),
      stakeTable: deployment.book.stakeTable,
      salt: deployment.book.genesisHash,
    };
    const statement = (message: Vote.Vote) => ({
      message,
      signers: { kind: "key", validator: ValidatorId(culprit.id) } as const,
      signature: nobleBls.sign(culprit.secretKey, Vote.digest(message, domain), "vote"),
    });
    const evidence: Evidence = {
      first: statement(Vote.notarize(Epoch(1n), View(5n), hashOf("one"))),
      second: statement(Vote.notarize(Epoch(1n), View(5n), hashOf("another"))),
    };
    const entries = [{ number: 0, evidence }];
    const node = await startNodeServer(world.chain, () => z.encode(Views.evidencePage, { entries, next: 1 }));
    world.chain.grow(2);
    const relayer = world.start({ env: { CREMA_QUEUE: "auto" }, nodeUrls: [node.url] });
    await until("slashed", async () => (await deployment.stakeTable.slashedAt(culprit.id)) !== 0n);
    await until("its seat is counted", async () => (await world.lightClient.slashedWeight(1n)) > 0n);
    const nonce = await world.nonce();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await world.nonce()).toBe(nonce);
    expect(await relayer.stop()).toBe(0);
    await node.close();
  });
});

describe("REPORT-1: certificates against the real Slasher", () => {
  let world: World;
  afterEach(() => world.close());

  const [one, another] = [hashOf("one"), hashOf("another")];

  /** The world's committee 1 and what its members sign. */
  async function setUp() {
    world = await createWorld();
    const { book, validators } = world.deployment;
    const domain = { chainId: BigInt(CHAIN_ID), stakeTable: book.stakeTable, salt: book.genesisHash };
    const sign = (index: number, message: Vote.Vote): Uint8Array =>
      nobleBls.sign(validators[index]?.secretKey ?? new Uint8Array(), Vote.digest(message, domain), "vote");
    const vote = (index: number, message: Vote.Vote) => ({
      message,
      signers: { kind: "key", validator: ValidatorId(validators[index]?.id ?? 0n) } as const,
      signature: sign(index, message),
    });
    const certificate = (signers: readonly number[], message: Vote.Vote) => {
      const signature = nobleBls.aggregate(signers.map((index) => sign(index, message)));
      if (signature === undefined) throw new Error("no aggregate");
      const absent = absentBitmap(validators.length, new Set(signers));
      return { message, signers: { kind: "committee", committee: CommitteeId(1n), absent } as const, signature };
    };
    return { vote, certificate };
  }

  async function slashedBy(...found: readonly Evidence[]): Promise<readonly bigint[]> {
    const entries = found.map((evidence, number) => ({ number, evidence }));
    const node = await startNodeServer(world.chain, () => z.encode(Views.evidencePage, { entries, next: 1 }));
    world.chain.grow(2);
    world.start({ env: { CREMA_QUEUE: "auto" }, nodeUrls: [node.url] });
    const { stakeTable, validators } = world.deployment;
    const slashed = async (): Promise<bigint[]> => {
      const times = await Promise.all(validators.map(({ id }) => stakeTable.slashedAt(id)));
      return validators.map(({ id }) => id).filter((_id, index) => times[index] !== 0n);
    };
    await until("somebody is slashed", async () => (await slashed()).length > 0);
    await until("the seats are counted", async () => (await world.lightClient.slashedWeight(1n)) > 0n);
    await node.close();
    return slashed();
  }

  it("a vote against a certificate that its signer is in slashes that signer alone", async () => {
    const { vote, certificate } = await setUp();
    const finalized = certificate([0, 1, 2], Vote.finalize(Epoch(1n), View(5n), one));
    const second = vote(1, Vote.nullify(Epoch(1n), View(5n)));
    expect(await slashedBy({ first: finalized, second })).toEqual([2n]);
  });

  it("two certificates slash everyone who is in both, and a third of the weight ends all trust", async () => {
    const { certificate } = await setUp();
    const first = certificate([0, 1, 2], Vote.notarize(Epoch(1n), View(5n), one));
    const second = certificate([1, 2, 3], Vote.notarize(Epoch(1n), View(5n), another));
    expect(await slashedBy({ first, second })).toEqual([2n, 3n]);
    await until("trust ended", async () => (await world.lightClient.status()).trustedUntil === 0n);
  });
});

describe("REPORT-2: evidence that is worthless", () => {
  let world: World;
  afterEach(() => world.close());

  it("is a failed job that stays and is counted, and costs nothing", async () => {
    world = await createWorld();
    const statement = (block: string) => ({
      message: Vote.notarize(Epoch(1n), View(5n), hashOf(block)),
      signers: { kind: "key", validator: ValidatorId(1n) } as const,
      signature: nobleBls.sign(new Uint8Array(32).fill(99), new Uint8Array(32), "vote"),
    });
    const entries = [{ number: 0, evidence: { first: statement("one"), second: statement("another") } }];
    const node = await startNodeServer(world.chain, () => z.encode(Views.evidencePage, { entries, next: 1 }));
    const relayer = world.start({ env: { CREMA_QUEUE: "auto" }, nodeUrls: [node.url] });
    const { http } = await relayer.ready();
    const failed = 'crema_relayer_jobs_total{job="submit-evidence",outcome="failed"} 1';
    await until("counted", async () => (await (await fetch(`${String(http)}/metrics`)).text()).includes(failed));
    const status = z.looseObject({ queues: z.looseObject({ slashing: z.looseObject({ failed: z.number() }) }) });
    expect(status.parse(await (await fetch(`${String(http)}/status`)).json()).queues.slashing.failed).toBe(1);
    expect(await world.nonce()).toBe(0);
    await node.close();
  });
});

describe("REPORT-1: how evidence is put", () => {
  const message: Message = { kind: "nullify", epoch: Epoch(1n), view: View(1n) };
  const single = (validator: bigint) => ({
    message,
    signers: { kind: "key", validator: ValidatorId(validator) } as const,
    signature: new Uint8Array(48),
  });
  const certificate = (committee: bigint, absent: number) => ({
    message,
    signers: { kind: "committee", committee: CommitteeId(committee), absent: new Uint8Array([absent]) } as const,
    signature: new Uint8Array(48),
  });
  const members = (committee: bigint) =>
    committee === 1n ? [1n, 2n, 3n] : committee === 2n ? [3n, 2n, 9n] : undefined;
  const kind = (first: Evidence["first"], second: Evidence["second"], slashed: readonly bigint[] = []) =>
    caseOf({ first, second }, members, new Set(slashed));

  it("two votes of one validator, once", () => {
    expect(kind(single(1n), single(1n))).toEqual({ kind: "pair", validator: 1n });
    expect(kind(single(1n), single(1n), [1n])).toMatchObject({ kind: "none" });
    expect(kind(single(1n), single(2n))).toMatchObject({ kind: "none" });
  });

  it("a vote and a certificate that its signer is in, whichever is first", () => {
    const found = { kind: "member", index: 2, validator: 3n };
    expect(kind(single(3n), certificate(1n, 0b001))).toMatchObject(found);
    expect(kind(certificate(1n, 0b001), single(3n))).toMatchObject(found);
    expect(kind(certificate(1n, 0b001), single(3n), [3n])).toMatchObject({ reason: "slashed already" });
    expect(kind(certificate(1n, 0b100), single(3n))).toMatchObject({ reason: "not among the certificate's signers" });
    expect(kind(certificate(7n, 0), single(3n))).toMatchObject({ reason: "an unknown committee" });
  });

  it("members of two certificates that signed both and are left", () => {
    const found = kind(certificate(1n, 0b001), certificate(2n, 0b000));
    expect(found).toMatchObject({
      inBoth: [
        { first: 1, second: 1, validator: 2n },
        { first: 2, second: 0, validator: 3n },
      ],
    });
    expect(kind(certificate(1n, 0b001), certificate(2n, 0), [3n])).toMatchObject({ inBoth: [{ validator: 2n }] });
    expect(kind(certificate(1n, 0b110), certificate(2n, 0))).toMatchObject({ kind: "none" });
    expect(kind(certificate(1n, 0), certificate(7n, 0))).toMatchObject({
      kind: "none",
      reason: "an unknown committee",
    });
  });
});
