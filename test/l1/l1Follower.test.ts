import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { toHash } from "../../src/crypto/hash.ts";
import { fromHex } from "../../src/codec/hex.ts";
import { createL1Follower, HASHES_MAX, type L1Follower } from "../../src/l1/l1Follower.ts";
import { isL1Unavailable } from "../../src/l1/l1Errors.ts";
import type { L1Client } from "../../src/l1/l1Client.ts";
import { decodeNetwork } from "../../src/node/peerAddress.ts";
import { CommitteeId } from "../../src/protocol/scalars.ts";
import * as Committee from "../../src/protocol/Committee.ts";
import { L1UnavailableError } from "../../src/l1/l1Errors.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { connect, startDeployedL1, type DeployedL1 } from "./deployedL1.ts";

/** `finalized` is two blocks below the newest on this chain. */
const FINALITY_BLOCKS = 2;
let l1: DeployedL1;

function follow(client: L1Client = l1.client): L1Follower {
  return createL1Follower({
    client,
    book: l1.book,
    decodeNetwork,
    pollMs: 1_000_000,
    clock: systemClock,
    logger: silentLogger,
  });
}

beforeAll(async () => {
  l1 = await startDeployedL1();
});

afterAll(async () => {
  await l1.close();
});

describe("L1 follower against real contracts on a real node", () => {
  it("ETH-2: shows registrations and committees only once they are L1-finalized, then exactly as L1 has them", async () => {
    const follower = follow();
    const made = [];
    for (const port of [7001, 7002, 7003, 7004]) made.push(await l1.validator(port));
    await l1.stakers.delegate([made[0]?.id ?? 0n]);
    await l1.stakers.rotate();
    expect(await follower.refresh()).toBe(true);
    expect(follower.committee(CommitteeId(1n))).toBeUndefined();
    await l1.chain.mine(FINALITY_BLOCKS);
    await follower.refresh();
    const committee = follower.committee(CommitteeId(1n));
    expect(committee?.members.map(({ validator }) => validator)).toEqual(made.map(({ id }) => id));
    for (const [index, { registration }] of made.entries()) {
      expect(committee?.members[index]).toMatchObject({
        key: fromHex(registration.key),
        address: `/ip4/127.0.0.1/tcp/${String(7001 + index)}`,
        transportKey: fromHex(registration.network).subarray(0, 32),
      });
      expect(follower.validatorOfKey(toHash(registration.keyHash))?.status).toBe("active");
    }
    // The first has its own 1,000 and 100 delegated; the others have 1,000.
    expect(committee?.members.map(({ weight }) => weight)).toEqual([65_535n, 59_577n, 59_577n, 59_577n]);
    expect(committee && Committee.totalWeight(committee)).toBe(65_535n + 3n * 59_577n);
  });

  it("ETH-7: anchors are finalized blocks, with the hashes that L1 has for them", async () => {
    const follower = follow();
    await follower.refresh();
    const finalized = follower.finalized();
    if (finalized === undefined) throw new Error("nothing is final");
    expect(finalized.hash).toBe((await l1.client.blockByNumber(finalized.number))?.hash);
    expect(follower.hashAt(finalized.number)).toBe(finalized.hash);
    expect(follower.hashAt(finalized.number + 1n)).toBeUndefined();
    // An older one is fetched when asked for, and there the next time.
    const older = finalized.number - 5n;
    expect(follower.hashAt(older)).toBeUndefined();
    await follower.refresh();
    expect(follower.hashAt(older)).toBe((await l1.client.blockByNumber(older))?.hash);
    const created = follower.createdAt(CommitteeId(1n)) ?? 0n;
    expect(follower.newestCommitteeAt(created)).toBe(1n);
    expect(follower.newestCommitteeAt(created - 1n)).toBeUndefined();
    expect(follower.newestCommitteeAt(finalized.number + 1n)).toBeUndefined();
    expect(follower.lightClient()).toBe("live");
  });

  it("ETH-14: knows nothing of the light client before it has read L1", async () => {
    const follower = follow();
    expect([follower.lightClient(), follower.checkpoint(), follower.resumes()]).toEqual(["unknown", undefined, []]);
    await follower.refresh();
    expect(follower.lightClient()).toBe("live");
    expect(follower.checkpoint()).toEqual({ height: 0n, epoch: 0n, committee: 0n });
    expect(follower.resumes()).toEqual([]);
  });

  it("ETH-5: says when L1 is away and when it is back, and keeps what it knew", async () => {
    const away = { now: false };
    const flaky: L1Client = {
      ...l1.client,
      finalizedBlock: () => {
        if (away.now) return Promise.reject(new L1UnavailableError("eth_getBlockByNumber", []));
        return l1.client.finalizedBlock();
      },
    };
    const follower = follow(flaky);
    const news: boolean[] = [];
    follower.onChange(() => news.push(follower.reachable()));
    expect(await follower.refresh()).toBe(true);
    const known = follower.finalized();
    away.now = true;
    expect(await follower.refresh()).toBe(false);
    expect(await follower.refresh()).toBe(false);
    expect(follower.finalized()).toEqual(known);
    away.now = false;
    expect(await follower.refresh()).toBe(true);
    expect(news).toEqual([true, false, true]);
  });

  it("ETH-6: when L1 replaces a block that counted as final, everything is read anew", async () => {
    const finalized = await l1.client.finalizedBlock();
    if (finalized === undefined) throw new Error("nothing is final");
    const lie = { ...finalized, number: finalized.number - 1n, hash: toHash(`0x${"ab".repeat(32)}`) };
    let turn = 0;
    const forked: L1Client = {
      ...l1.client,
      finalizedBlock: () => Promise.resolve(turn++ === 0 ? lie : finalized),
      blockByNumber: async (number) => (turn === 1 && number === lie.number ? lie : l1.client.blockByNumber(number)),
    };
    const follower = follow(forked);
    await follower.refresh();
    expect(follower.finalized()?.hash).toBe(lie.hash);
    await follower.refresh();
    expect(follower.finalized()?.hash).toBe(finalized.hash);
    expect(follower.hashAt(lie.number)).not.toBe(lie.hash);
    expect(follower.committee(CommitteeId(1n))?.members).toHaveLength(4);
  });

  it("follows by itself until it is stopped, and then asks no more", async () => {
    const follower = createL1Follower({
      client: l1.client,
      book: l1.book,
      decodeNetwork,
      pollMs: 10,
      clock: systemClock,
      logger: silentLogger,
    });
    const changed = new Promise<void>((resolve) => follower.onChange(resolve));
    follower.start();
    await changed;
    const before = follower.finalized()?.number ?? 0n;
    await l1.chain.mine(3);
    await new Promise<void>((resolve) => {
      follower.onChange(() => {
        if ((follower.finalized()?.number ?? 0n) >= before + 3n) resolve();
      });
    });
    await follower.stop();
    const last = follower.finalized()?.number;
    await l1.chain.mine(3);
    expect(follower.finalized()?.number).toBe(last);
  });

  it(`keeps ${String(HASHES_MAX)} block hashes, and forgets the oldest beyond`, async () => {
    const follower = follow();
    await l1.chain.mine(HASHES_MAX + 10);
    await follower.refresh();
    const top = follower.finalized()?.number ?? 0n;
    const ask = async (from: bigint, count: number): Promise<void> => {
      for (let n = 0; n < count; n += 200) {
        for (let i = n; i < Math.min(n + 200, count); i++) follower.hashAt(from + BigInt(i));
        await follower.refresh();
      }
    };
    const oldest = top - BigInt(HASHES_MAX) + 1n;
    await ask(oldest, HASHES_MAX - 1);
    expect(follower.hashAt(oldest)).toBeDefined();
    expect(follower.hashAt(oldest + 1n)).toBeDefined();
    await ask(oldest - 2n, 2);
    // What was learned first gave way; it is fetched again when asked for. The newest never does.
    expect(follower.hashAt(oldest)).toBeUndefined();
    await follower.refresh();
    expect(follower.hashAt(oldest)).toBe((await l1.client.blockByNumber(oldest))?.hash);
    expect(follower.hashAt(top)).toBe(follower.finalized()?.hash);
  });

  it("ETH-16: a committee that L1 trusts no more is told from those that it does", async () => {
    const follower = follow();
    expect(follower.isTrusted(CommitteeId(1n))).toBe(true);
    await follower.refresh();
    expect(follower.isTrusted(CommitteeId(1n))).toBe(true);
    const days = 30 * 24 * 60 * 60;
    await l1.client.provider.send("evm_increaseTime", [days]);
    await l1.chain.mine(1);
    await l1.stakers.rotate();
    await l1.chain.mine(FINALITY_BLOCKS);
    await follower.refresh();
    expect([1n, 2n].map((id) => follower.isTrusted(CommitteeId(id)))).toEqual([false, true]);
  });

  it("a node that is gone is 'unavailable', whatever was asked", async () => {
    const gone = connect("http://127.0.0.1:9");
    const error = await gone.finalizedBlock().catch((caught: unknown) => caught);
    expect(isL1Unavailable(error)).toBe(true);
    gone.close();
  });
});
