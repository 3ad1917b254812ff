import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import type * as Header from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch, Height, View } from "../../src/protocol/scalars.ts";
import { EPOCH_LENGTH, finalize } from "../api/chain.ts";
import { Twin } from "./twins.ts";

describe("the light client and its twin", () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start([
      [10, 10, 10, 10],
      [7, 7, 7, 7],
      [65_535, 3, 40_000, 40_000, 1],
    ]);
    for (let i = 0; i < 3 * EPOCH_LENGTH - 2; i++) twin.chain.append();
  });

  it("LC-34 to LC-38: agree on every kind of header and certificate, good and bad", async () => {
    const { chain } = twin;
    const one = twin.committee(1);
    const at = (height: number, change: Partial<Header.Header> = {}, by = one) =>
      twin.sign({ ...chain.at(height).header, ...change }, by);
    expect(await twin.advance(at(2))).toBeUndefined();
    const l1Seconds = await twin.contracts.now();
    const three = twin.finalizationAt(3);
    const withAbsent = (...absent: number[]) => ({
      ...three,
      certificate: { ...three.certificate, absent: Uint8Array.from(absent) },
    });
    const bad: readonly FinalizedHeader[] = [
      at(2),
      at(1),
      at(3, { viewNumber: View(2n) }),
      at(3, { epoch: Epoch(0n) }),
      at(3, { committee: CommitteeId(2n) }),
      at(3, { height: Height(11n) }),
      at(3, { height: Height(10n) }),
      at(3, { nextCommittee: CommitteeId(2n) }),
      at(3, { timestamp: (l1Seconds + 1_000n) * 1000n }),
      at(3, {}, twin.committee(3)),
      twin.sign(chain.at(3).header, one, View(4n)),
      twin.sign(chain.at(3).header, one, undefined, [0, 1]),
      { ...three, header: { ...three.header, proposer: 2 } },
      withAbsent(),
      withAbsent(0, 0),
      withAbsent(0x10),
      withAbsent(0x00),
      withAbsent(0x01),
      at(10, { nextCommittee: CommitteeId(1n) }),
      at(10, { nextCommittee: CommitteeId(2n) }),
      at(10, { nextCommittee: CommitteeId(4n) }),
      at(10, { l1Number: 1n }),
      at(10, { l1Number: 100_000n }),
      twin.sign(chain.at(10).header, one, View(9n)),
    ];
    for (const each of bad) expect(await twin.advance(each)).toBeDefined();
    expect(twin.seen).toEqual(
      new Set([
        "height-not-increasing",
        "view-not-increasing",
        "epoch-not-increasing",
        "wrong-committee",
        "height-beyond-epoch",
        "handover-malformed",
        "header-from-future",
        "bad-signature",
        "wrong-view",
        "below-quorum",
        "wrong-block",
        "malformed-bitmap",
        "next-committee-not-newest",
        "next-committee-not-created",
        "anchor-from-future",
      ]),
    );
    expect(await twin.advance(three)).toBeUndefined();
  });

  it("LC-33, LC-37: agree over a handover in a later view, uneven weights and the ring", async () => {
    const { chain } = twin;
    const three = { ...chain.at(10).header, nextCommittee: CommitteeId(3n) };
    expect(await twin.advance(twin.sign(three, twin.committee(1), View(17n)), 700n)).toBeUndefined();
    const eleven = { ...chain.at(11).header, committee: CommitteeId(3n) };
    for (const signers of [
      [0, 1],
      [0, 1, 2],
      [0, 1, 2, 3],
    ]) {
      await twin.advance(twin.sign(eleven, twin.committee(3), undefined, signers));
    }
    expect(twin.state.position).toMatchObject({ height: 11n, committee: 3n });
    const old = { ...chain.at(12).header, committee: CommitteeId(1n) };
    expect(await twin.advance(twin.sign(old, twin.committee(1)))).toBe("wrong-committee");
    for (const later of [12n, 599n, 600n, 601n]) {
      const height = Number(twin.state.position.height) + 1;
      const header = { ...chain.at(height).header, committee: CommitteeId(3n) };
      expect(await twin.advance(twin.sign(header, twin.committee(3)), later)).toBeUndefined();
    }
    expect(twin.state.ring.size).toBeGreaterThan(2);
  });

  it("LC-30: agree on the second at which trust ends", async () => {
    const { chain } = twin;
    const height = Number(twin.state.position.height) + 1;
    const sign = (at: number) => twin.sign({ ...chain.at(at).header, committee: CommitteeId(3n) }, twin.committee(3));
    const ends = twin.committee(3).committee.createdAt + twin.contracts.parameters.trustPeriod;
    expect(await twin.advance(sign(height), ends - 1n - (await twin.contracts.now()))).toBeUndefined();
    expect(await twin.advance(sign(height + 1), 1n)).toBe("expired");
  });
});

describe("random finalizations", () => {
  it("LC-35: agree on whatever comes in whatever order", async () => {
    const twin = await Twin.start([
      [3, 5, 5, 8],
      [1, 1, 1, 1],
    ]);
    for (let i = 0; i < 25; i++) twin.chain.append();
    const step = fc.record({
      height: fc.integer({ min: 1, max: 25 }),
      view: fc.integer({ min: 0, max: 2 }),
      committee: fc.integer({ min: 1, max: 2 }),
      signers: fc.subarray([0, 1, 2, 3], { minLength: 1 }),
    });
    await fc.assert(
      fc.asyncProperty(step, async ({ height, view, committee, signers }) => {
        const { header } = twin.chain.at(height);
        // Mostly what is right, so that the client gets ahead.
        const by = view === 2 ? twin.committee(committee) : twin.committee(Number(header.committee));
        await twin.advance(twin.sign(header, by, View(header.viewNumber + (view === 1 ? 1n : 0n)), signers));
      }),
      { numRuns: 60, seed: 7 },
    );
    expect(twin.state.position.height).toBeGreaterThan(0n);
    expect(twin.seen.size).toBeGreaterThan(4);
  });
});

describe("halting", () => {
  it("LC-40: agree on forks and on what is none", async () => {
    const twin = await Twin.start([[1, 1, 1, 1]]);
    for (let i = 0; i < 4; i++) twin.chain.append();
    expect(await twin.advance(twin.finalizationAt(1))).toBeUndefined();
    const two = twin.finalizationAt(2);
    const other = finalize(
      { ...two.header, proposer: 3, viewNumber: View(8n) },
      twin.committee(1),
      View(8n),
      twin.contracts.domain,
    );
    expect(await twin.freeze(two, two)).toBe("no-fork");
    expect(await twin.freeze(twin.finalizationAt(3), two)).toBe("fork-out-of-order");
    expect(await twin.freeze(two, { ...other, certificate: two.certificate })).toBe("wrong-view");
    expect(await twin.freeze(two, other)).toBeUndefined();
    expect(await twin.freeze(two, other)).toBe("already-frozen");
    expect(await twin.advance(twin.finalizationAt(3))).toBe("frozen");
  });

  it("LC-41: agree on slashed weight", async () => {
    const twin = await Twin.start([[1, 1, 1, 1]]);
    for (let i = 0; i < 4; i++) twin.chain.append();
    expect(await twin.advance(twin.finalizationAt(1))).toBeUndefined();
    const id = CommitteeId(1n);
    const report = (...seats: number[]) => twin.reportSlashed(id, seats);
    expect(await report(0)).toBe("seat-not-slashed");
    for (const { validator } of twin.committee(1).committee.members.slice(0, 2)) {
      await twin.slash(validator);
    }
    expect(await report(9)).toBe("seat-out-of-bounds");
    expect(await report(0)).toBeUndefined();
    expect(await report(0)).toBe("seat-already-reported");
    expect(await twin.advance(twin.finalizationAt(2))).toBeUndefined();
    expect(await report(1)).toBeUndefined();
    expect(await twin.advance(twin.finalizationAt(3))).toBe("expired");
  });
});
