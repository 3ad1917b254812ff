import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { send } from "../../../relayer/jobs/send.ts";
import { overChain } from "../support/overChain.ts";
import { createTxWorld, LIMITS, type TxWorld } from "../support/txWorld.ts";

const DAY_MS = 86_400_000;

/** What has gone wrong in other relayers or may on any L1; docs/relayer-faults.md has the list. */
describe("incidents, against a real L1 node", () => {
  let world: TxWorld;
  beforeEach(async () => {
    world = await createTxWorld();
  });
  afterEach(() => world.close());

  const kindOf = (name: string): string | undefined => world.manager.status(world.intent(name).id)?.kind;
  const minedCount = (): Promise<number> => world.anvil.provider.getTransactionCount(world.wallet.address);
  const signed = (): readonly string[] => world.events.filter((event) => event.startsWith("signed"));

  async function mineAndTick(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) {
      await world.anvil.mine();
      await world.manager.tick();
    }
  }

  it("RE-2: a reorg deeper than what L1 called final: the same bytes go out again, and no nonce is skipped", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await mineAndTick(4);
    expect(kindOf("a")).toBe("final");
    await world.anvil.rpc("anvil_reorg", [4, []]);
    expect(await minedCount()).toBe(0);
    await world.manager.tick();
    expect(kindOf("a")).toBe("pending");
    await world.manager.tick();
    await mineAndTick(4);
    expect(kindOf("a")).toBe("final");
    expect([await minedCount(), signed()]).toEqual([1, ["signed send"]]);
    await world.manager.offer(world.intent("b"));
    await world.manager.tick();
    expect((await world.pool()).map(({ nonce }) => nonce)).toEqual([1]);
  });

  it("RE-2: it is found again after a restart", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await mineAndTick(4);
    await world.anvil.rpc("anvil_reorg", [4, []]);
    await world.restart();
    await world.manager.tick();
    await world.manager.tick();
    await mineAndTick(1);
    expect([kindOf("a"), await minedCount()]).toEqual(["mined", 1]);
  });

  it("TX-10: two of a group are pending after a reorg: only the higher nonce is given to a newer one", async () => {
    const post = (height: number) =>
      world.intent(`advance-${String(height)}`, { group: "client", rank: BigInt(height) });
    for (const height of [10, 20]) {
      await world.manager.offer(post(height));
      await world.manager.tick();
      await mineAndTick(1);
    }
    await world.anvil.rpc("anvil_reorg", [2, []]);
    await world.manager.tick();
    await world.manager.offer(post(30));
    world.clock.advance(LIMITS.times.bumpAfterMs);
    for (let round = 0; round < 3; round++) await world.manager.tick();
    const carried = (await world.pool()).map(({ nonce, input }) => [
      nonce,
      Buffer.from(input.slice(2), "hex").toString(),
    ]);
    expect(carried.sort()).toEqual([
      [0, "advance-10"],
      [1, "advance-30"],
    ]);
    await mineAndTick(2);
    expect(world.events).not.toContain("reverted");
  });

  it("TX-11: an empty purse: the same bytes again and again, never dearer, until it is filled", async () => {
    await world.manager.offer(world.intent("a"));
    let isEmpty = true;
    const funds = { outcome: "funds", messages: ["insufficient funds"] } as const;
    const chain = overChain(world.chain, {
      broadcast: (raw) => (isEmpty ? Promise.resolve(funds) : world.chain.broadcast(raw)),
    });
    await world.restart({ chain });
    for (let round = 0; round < 5; round++) {
      await world.manager.tick();
      world.clock.advance(LIMITS.times.bumpAfterMs);
    }
    expect([kindOf("a"), signed()]).toEqual(["pending", ["signed send"]]);
    isEmpty = false;
    await world.manager.tick();
    await mineAndTick(1);
    expect([kindOf("a"), await minedCount(), signed()]).toEqual(["mined", 1, ["signed send"]]);
  });

  it("TX-8: another did the work while ours waits: it is cancelled in its nonce, not paid for", async () => {
    const call = world.intent("a", { to: "0x00000000000000000000000000000000000000bb" });
    await world.manager.offer(call);
    await world.manager.tick();
    // Now the contract would refuse it, as the light client refuses a height that it has.
    await world.anvil.rpc("anvil_setCode", [call.to, "0x60006000fd"]);
    world.clock.advance(LIMITS.times.bumpAfterMs);
    await world.manager.tick();
    expect((await world.pool()).map(({ nonce, input }) => [nonce, input])).toEqual([[0, "0x"]]);
    await mineAndTick(1);
    expect([kindOf("a"), await minedCount()]).toEqual(["dropped", 1]);
    expect(world.events).not.toContain("reverted");
  });

  it.each([
    ["a day ahead", DAY_MS],
    ["a day back", -DAY_MS],
  ])("clock skew: the wall clock jumps %s: one transaction, replaced in its nonce at most", async (_title, jumpMs) => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    world.clock.setWall(world.clock.wallMs() + jumpMs);
    await world.manager.tick();
    expect((await world.pool()).map(({ nonce }) => nonce)).toEqual([0]);
    await world.restart();
    await world.manager.tick();
    await mineAndTick(4);
    expect([kindOf("a"), await minedCount()]).toEqual(["final", 1]);
  });

  it("JOB-1: a job that is delivered again, at once or after it ended, sends nothing more", async () => {
    const intent = world.intent("a");
    const sender = {
      address: world.wallet.address,
      offer: (offered: typeof intent) => world.manager.offer(offered),
      isBusy: () => false,
    };
    const deliver = () => send.process({ intent }, { sender, pollMs: 100 });
    const twice = await Promise.all([deliver(), deliver(), deliver()]);
    expect(twice.map(({ kind }) => kind)).toEqual(["later", "later", "later"]);
    await world.manager.tick();
    await Promise.all([deliver(), deliver()]);
    await world.manager.tick();
    await mineAndTick(4);
    expect(await deliver()).toMatchObject({ kind: "done" });
    await mineAndTick(1);
    expect([await minedCount(), signed()]).toEqual([1, ["signed send"]]);
  });

  it("changing the signer is not what frees a queue: after a stuck nonce the next ones go out (hyperlane 2959)", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.offer(world.intent("b", { priority: 1 }));
    await world.manager.tick();
    await world.anvil.rpc("anvil_dropAllTransactions");
    world.clock.advance(LIMITS.times.bumpAfterMs);
    await world.manager.tick();
    await mineAndTick(2);
    expect([await minedCount(), kindOf("a")]).toEqual([2, "safe"]);
    expect(["mined", "safe"]).toContain(kindOf("b"));
  });

  it('an endpoint that says "nonce too low" of a nonce that is free is not believed: nothing is skipped (OZ 681)', async () => {
    let lies = true;
    const consumed = { outcome: "nonce-consumed", messages: ["nonce too low"] } as const;
    const chain = overChain(world.chain, {
      broadcast: (raw) => (lies ? Promise.resolve(consumed) : world.chain.broadcast(raw)),
    });
    await world.restart({ chain });
    await world.manager.offer(world.intent("a"));
    for (let round = 0; round < 3; round++) await world.manager.tick();
    expect([kindOf("a"), world.outbox.slots().length]).toEqual(["pending", 1]);
    lies = false;
    world.clock.advance(LIMITS.times.rebroadcastAfterMs);
    await world.manager.tick();
    await mineAndTick(2);
    expect([await minedCount(), signed()]).toEqual([1, ["signed send"]]);
  });

  it("a transaction that was mined while nobody looked is found, not sent again (crash before mined is persisted)", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await world.anvil.mine();
    await world.restart();
    await mineAndTick(2);
    expect([await minedCount(), signed()]).toEqual([1, ["signed send"]]);
  });
});
