import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { toHex } from "../../src/codec/hex.ts";
import { toBigEndian } from "../../src/crypto/bls.ts";
import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { hashBytes, keccakHash, type Hash } from "../../src/crypto/hash.ts";
import * as merkle from "../../src/crypto/merkle.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import * as Committee from "../../src/protocol/Committee.ts";
import * as Evidence from "../../src/protocol/Evidence.ts";
import * as History from "../../src/protocol/History.ts";
import { CommitteeId, Epoch, ValidatorId, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { DOMAIN } from "../vectors/vectors.ts";

const bls = await createMclBls();
const blockHash = (n: number): Hash => keccakHash(Uint8Array.of(n & 0xff, n >> 8));
const secret = (i: number): Uint8Array => toBigEndian(BigInt(i) + 1n, 32);

function committeeOf(weights: readonly bigint[]): Committee.Committee {
  return {
    id: CommitteeId(1n),
    members: weights.map((weight, i) => ({
      validator: ValidatorId(BigInt(i) + 1n),
      seat: i,
      key: bls.publicKey(secret(i)),
      weight,
      transportKey: new Uint8Array(32),
      address: "/ip4/127.0.0.1/tcp/1",
    })),
    randomness: blockHash(0),
    createdNumber: 1n,
    createdAt: 1n,
  };
}

function certify(committee: Committee.Committee, vote: Vote.Vote, signers: readonly number[]): Certificate.Certificate {
  const digest = Vote.digest(vote, DOMAIN);
  const votes = signers.map((signer) => ({ vote, signer, signature: bls.sign(secret(signer), digest, "vote") }));
  const certificate = Certificate.fromVotes(vote, votes, committee.members.length, bls);
  if (certificate === undefined) throw new Error("no certificate");
  return certificate;
}

describe("Committee", () => {
  it("QUORUM-1: two quorums share more than a third, and honest weight above two thirds is a quorum", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 6_553_500n }), (total) => {
        const q = Committee.quorum(total);
        expect(3n * (2n * q - total) > total).toBe(true);
        expect(q).toBe((2n * total) / 3n + 1n);
        const honest = total - (total - 1n) / 3n;
        expect(honest >= q).toBe(true);
      }),
    );
  });

  it("BITMAP-1: every set of signers has one bitmap, and gives the set back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(fc.nat(99)), (size, picks) => {
        const signers = [...new Set(picks.map((pick) => pick % size))].sort((a, b) => a - b);
        const bitmap = Committee.absentBitmap(size, new Set(signers));
        expect(Committee.presentMembers(size, bitmap)).toEqual(signers);
      }),
    );
  });

  it("BITMAP-2: bit i is byte i/8, mask 1 << (i mod 8), set for absent", () => {
    expect(toHex(Committee.absentBitmap(10, new Set([1, 2, 3, 4, 5, 6, 7, 8])))).toBe("0x0102");
  });

  it("BITMAP-3: a bit beyond the committee, or a length that is not exact, is refused", () => {
    expect(Committee.presentMembers(10, Uint8Array.of(0, 0b100))).toBeUndefined();
    expect(Committee.presentMembers(10, Uint8Array.of(0, 0b10))).toHaveLength(9);
    expect(Committee.presentMembers(10, Uint8Array.of(0))).toBeUndefined();
    expect(Committee.presentMembers(10, Uint8Array.of(0, 0, 0))).toBeUndefined();
    expect(Committee.presentMembers(8, Uint8Array.of(0))).toHaveLength(8);
  });
});

describe("Certificate", () => {
  const vote = Vote.finalize(Epoch(1n), View(2n), blockHash(1));

  it("CERT-1: proves a vote by a quorum of the weight, and no less", () => {
    const committee = committeeOf([3n, 1n, 1n, 1n]);
    expect(Certificate.verify(certify(committee, vote, [0, 1, 2]), committee, DOMAIN, bls).ok).toBe(true);
    const short = Certificate.verify(certify(committee, vote, [0, 1]), committee, DOMAIN, bls);
    expect(short).toEqual({ ok: false, fault: { code: "below-quorum", weight: 4n, quorum: 5n } });
  });

  it("CERT-2: holds for its own vote, signers and domain only", () => {
    const committee = committeeOf([1n, 1n, 1n, 1n]);
    const certificate = certify(committee, vote, [0, 1, 2]);
    const refused = { ok: false, fault: { code: "bad-signature" } };
    const changes: readonly Certificate.Certificate[] = [
      { ...certificate, vote: Vote.notarize(vote.epoch, vote.view, blockHash(1)) },
      { ...certificate, vote: Vote.finalize(Epoch(2n), vote.view, blockHash(1)) },
      { ...certificate, vote: Vote.finalize(vote.epoch, View(3n), blockHash(1)) },
      { ...certificate, vote: Vote.finalize(vote.epoch, vote.view, blockHash(2)) },
      { ...certificate, absent: Committee.absentBitmap(4, new Set([0, 1, 3])) },
      { ...certificate, absent: Committee.absentBitmap(4, new Set([0, 1, 2, 3])) },
    ];
    for (const changed of changes) expect(Certificate.verify(changed, committee, DOMAIN, bls)).toEqual(refused);
    expect(Certificate.verify(certificate, committee, { ...DOMAIN, chainId: 1n }, bls)).toEqual(refused);
    expect(Certificate.verify(certificate, committee, { ...DOMAIN, salt: blockHash(9) }, bls)).toEqual(refused);
    expect(Certificate.verify(certificate, committee, DOMAIN, bls).ok).toBe(true);
  });

  it("CERT-3: a malformed bitmap is refused before anything else", () => {
    const committee = committeeOf([1n, 1n, 1n, 1n]);
    const certificate = { ...certify(committee, vote, [0, 1, 2]), absent: Uint8Array.of(0x18) };
    expect(Certificate.verify(certificate, committee, DOMAIN, bls)).toEqual({
      ok: false,
      fault: { code: "malformed-bitmap", bytes: 1, members: 4 },
    });
  });
});

describe("History", () => {
  it("HIST-1: the frontier's root is the root over all block hashes, at every size", () => {
    let history = History.EMPTY;
    const hashes: Hash[] = [];
    for (let size = 0; size < 70; size++) {
      expect(History.root(history)).toBe(toHex(merkle.root(hashes.map(hashBytes))));
      expect(history.size).toBe(BigInt(size));
      history = History.append(history, blockHash(size));
      hashes.push(blockHash(size));
    }
  });
});

describe("offences", () => {
  const e = Epoch(1n);
  const v = View(4n);
  const [a, b] = [blockHash(1), blockHash(2)];
  const resume = { kind: "resume", epoch: e, block: a, committee: CommitteeId(2n) } as const;

  it.each([
    ["S1", Vote.notarize(e, v, a), Vote.notarize(e, v, b)],
    ["S2", Vote.finalize(e, v, a), Vote.finalize(e, v, b)],
    ["S3", Vote.nullify(e, v), Vote.finalize(e, v, a)],
    ["S4", Vote.notarize(e, v, a), Vote.finalize(e, v, b)],
    ["S5", resume, { ...resume, block: b }],
    ["S5", resume, { ...resume, committee: CommitteeId(3n) }],
    [undefined, Vote.notarize(e, v, a), Vote.nullify(e, v)],
    [undefined, Vote.notarize(e, v, a), Vote.finalize(e, v, a)],
    [undefined, Vote.notarize(e, v, a), Vote.notarize(e, v, a)],
    [undefined, Vote.nullify(e, v), Vote.nullify(e, v)],
    [undefined, Vote.finalize(e, v, a), Vote.finalize(e, View(5n), b)],
    [undefined, Vote.finalize(e, v, a), Vote.finalize(Epoch(2n), v, b)],
    [undefined, Vote.nullify(e, v), Vote.finalize(e, View(5n), b)],
    [undefined, resume, resume],
    [undefined, resume, { ...resume, epoch: Epoch(2n), block: b }],
    [undefined, resume, Vote.finalize(e, v, b)],
  ])("SLASH-1: %s (pair %#), whichever comes first", (expected, first, second) => {
    expect(Evidence.offence(first, second)).toBe(expected);
    expect(Evidence.offence(second, first)).toBe(expected);
  });
});
