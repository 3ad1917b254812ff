import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { keccakHash } from "../../src/crypto/hash.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import * as Header from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch, Height, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { pinnedCommittees, type CommitteeSource, type VerificationFault } from "../../src/sdk/index.ts";
import { NamespaceId } from "../../src/sdk/index.ts";
import { VerificationError } from "../../src/sdk/errors.ts";
import { createTrust, HEADER_DRIFT_SECONDS } from "../../src/sdk/trust.ts";
import { bls, Chain, certify, domain, EPOCH_LENGTH, finalize, GENESIS_MS, makeCommittee } from "../api/chain.ts";
import { clock, startCluster, tampering, TRUST_SECONDS, type Cluster } from "./cluster.ts";

const first = makeCommittee(1);
const second = makeCommittee(2);
const NAMESPACE = NamespaceId(4242n);

function trustOf(committees: CommitteeSource, nowMs = GENESIS_MS + 60_000) {
  return createTrust({ domain, epochLength: BigInt(EPOCH_LENGTH), committees, bls, nowMs: () => nowMs });
}
const source = pinnedCommittees([first.committee], TRUST_SECONDS);

async function faultOf(given: FinalizedHeader, trust = trustOf(source)): Promise<VerificationFault | undefined> {
  try {
    await trust.finalized(given, "endpoint");
    return undefined;
  } catch (error) {
    if (error instanceof VerificationError) return error.fault;
    throw error;
  }
}

function block(change: Partial<Header.Header> = {}): Header.Header {
  const chain = new Chain([first, second]);
  return { ...chain.append().header, ...change };
}

function signed(header: Header.Header, vote: Vote.Vote, signers?: readonly number[]): FinalizedHeader {
  const certificate = certify(vote, first, signers);
  if (!Certificate.isFinalization(certificate)) throw new Error("a finalization is needed");
  return { header, certificate };
}

describe("SDK-3: a finalized header counts iff a trusted committee's quorum signed it", () => {
  it("LC-2: takes three of four, and all four", async () => {
    const header = block();
    const vote = Vote.finalize(header.epoch, header.viewNumber, Header.hash(header));
    expect(await faultOf(signed(header, vote))).toBeUndefined();
    expect(await faultOf(signed(header, vote, [0, 1, 2, 3]))).toBeUndefined();
  });

  it("LC-2: refuses two of four", async () => {
    const header = block();
    const vote = Vote.finalize(header.epoch, header.viewNumber, Header.hash(header));
    expect(await faultOf(signed(header, vote, [1, 2]))).toEqual({ code: "below-quorum", weight: 200n, quorum: 267n });
  });

  it("refuses a bitmap that claims a signer who did not sign, and one of another length", async () => {
    const { header, certificate } = finalize(block(), first);
    expect(await faultOf({ header, certificate: { ...certificate, absent: Uint8Array.of(0) } })).toEqual({
      code: "bad-signature",
    });
    const long = { ...certificate, absent: Uint8Array.of(8, 0) };
    expect(await faultOf({ header, certificate: long })).toMatchObject({ code: "malformed-bitmap", bytes: 2 });
    const beyond = { ...certificate, absent: Uint8Array.of(0x18) };
    expect(await faultOf({ header, certificate: beyond })).toMatchObject({ code: "malformed-bitmap" });
  });

  it("LC-1: refuses another block, epoch or view than the header's", async () => {
    const header = block();
    const hash = Header.hash(header);
    const cases = [
      [Vote.finalize(header.epoch, header.viewNumber, keccakHash(Uint8Array.of(1))), "wrong-block"],
      [Vote.finalize(Epoch(2n), header.viewNumber, hash), "wrong-epoch"],
      [Vote.finalize(header.epoch, View(header.viewNumber + 1n), hash), "wrong-view"],
    ] as const;
    for (const [vote, code] of cases) expect(await faultOf(signed(header, vote))).toMatchObject({ code });
  });

  it("takes a handover finalized in a later view, and not in an earlier one", async () => {
    const chain = new Chain([first, second]);
    for (let i = 0; i < EPOCH_LENGTH; i++) chain.append();
    const { header } = chain.tip;
    expect(Header.isHandover(header)).toBe(true);
    expect(await faultOf(finalize(header, first, View(header.viewNumber + 5n)))).toBeUndefined();
    expect(await faultOf(finalize(header, first, View(header.viewNumber - 1n)))).toMatchObject({ code: "wrong-view" });
  });

  it("LC-1: refuses heights beyond the epoch, and handovers elsewhere than at its end", async () => {
    const beyond = block({ height: Height(11n) });
    expect(await faultOf(finalize(beyond, first))).toMatchObject({ code: "beyond-epoch" });
    const early = block({ nextCommittee: CommitteeId(2n) });
    expect(await faultOf(finalize(early, first))).toMatchObject({ code: "handover-mismatch" });
    const missing = block({ height: Height(10n) });
    expect(await faultOf(finalize(missing, first))).toMatchObject({ code: "handover-mismatch" });
  });

  it("SDK-2: refuses a committee that the source does not know, and one that stands in for another", async () => {
    const strange = block({ committee: CommitteeId(9n) });
    expect(await faultOf(finalize(strange, first))).toEqual({ code: "unknown-committee", committee: 9n });
    const claimed = block();
    expect(await faultOf(finalize(claimed, second))).toEqual({ code: "bad-signature" });
  });

  it("refuses a committee from the second on at which its trust ends", async () => {
    const given = finalize(block(), first);
    const endsAt = Number(first.committee.createdAt + TRUST_SECONDS) * 1000;
    expect(await faultOf(given, trustOf(source, endsAt - 1))).toBeUndefined();
    expect(await faultOf(given, trustOf(source, endsAt))).toMatchObject({ code: "committee-not-trusted" });
  });

  it("takes a header that is ahead of the own clock by the drift, and none that is a second more", async () => {
    const header = block();
    const drift = Number(HEADER_DRIFT_SECONDS) * 1000;
    const now = Number(header.timestamp) - drift;
    expect(await faultOf(finalize(header, first), trustOf(source, now))).toBeUndefined();
    const tooEarly = trustOf(source, now - 1000);
    expect(await faultOf(finalize(header, first), tooEarly)).toMatchObject({ code: "header-from-future" });
  });
});

describe("lying and honest endpoints together", () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await startCluster(2);
  });
  afterEach(() => cluster.close());

  it("takes the honest answer after the lie, and tells the lie when there is no honest one", async () => {
    const honest = await cluster.client();
    const { hash } = await honest.submit(NAMESPACE, Uint8Array.of(1));
    await cluster.node.finalize();
    const [liar = ""] = cluster.endpoints;
    const lie = (json: unknown) => ({ ...(typeof json === "object" ? json : {}), envelope: "0x00ff" });
    const lying = tampering(/confirmation$/, lie);
    const client = await cluster.client({
      fetch: (url, init) => (url.startsWith(liar) ? lying(url, init) : globalThis.fetch(url, init)),
    });
    expect(await client.confirmation(NAMESPACE, hash)).toMatchObject({ header: { height: 1n } });
    const surrounded = await cluster.client({ fetch: lying });
    await expect(surrounded.confirmation(NAMESPACE, hash)).rejects.toMatchObject({
      name: "VerificationError",
      fault: { code: "wrong-transaction" },
    });
  });

  it("SDK-6: proves an old block with the newest finalization when its own committee is no longer trusted", async () => {
    const client = await cluster.client();
    const { hash } = await client.submit(NAMESPACE, Uint8Array.of(1));
    for (let i = 0; i < 12; i++) await cluster.node.finalize();
    const { chain } = cluster.node;
    const committees: CommitteeSource = {
      committee: (id) => {
        const committee = chain.committees.find((each) => each.committee.id === id)?.committee;
        return Promise.resolve(committee && { committee, trustedUntil: id === 1n ? 0n : BigInt(clock.wallMs()) });
      },
    };
    const late = await cluster.client({ committees });
    expect(await late.confirmation(NAMESPACE, hash)).toMatchObject({
      header: { height: 1n, committee: 1n },
      finalized: { header: { height: 12n, committee: 2n } },
    });
    const following = late.follow(NAMESPACE, { from: Height(1n) });
    expect((await following.next()).value).toMatchObject({ header: { height: 1n }, transactions: [{ hash }] });
    await following.return();
    const watching = late.watch({ from: Height(1n) });
    expect((await watching.next()).value).toMatchObject({ header: { height: 1n } });
    await watching.return();
  });

  it("SDK-1: does not read an answer beyond the limit", async () => {
    await cluster.node.finalize();
    const small = await cluster.client({ limits: { answerBytesMax: 100 } });
    await expect(small.status()).rejects.toMatchObject({ name: "EndpointsError" });
    const { length } = await (await fetch(`${cluster.endpoints[0] ?? ""}/v1/status`)).text();
    const exact = await cluster.client({ limits: { answerBytesMax: length } });
    expect(await exact.status()).toMatchObject({ height: 1n });
    const below = await cluster.client({ limits: { answerBytesMax: length - 1 } });
    await expect(below.status()).rejects.toMatchObject({ name: "EndpointsError" });
  });

  it("gives up on an endpoint that does not answer in time", async () => {
    const never = await cluster.client({
      fetch: (_url, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reject(new Error("aborted"));
          });
        }),
      limits: { requestTimeoutMs: 20 },
    });
    await expect(never.status()).rejects.toMatchObject({ name: "EndpointsError", failures: [{}, {}] });
  });
});
