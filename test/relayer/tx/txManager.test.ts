import { Transaction, Wallet } from "ethers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { localSigner } from "../../../relayer/keys/localSigner.ts";
import { ATTEMPTS_MAX } from "../../../relayer/tx/txManager.ts";
import { L1UnavailableError } from "../../../src/l1/l1Errors.ts";
import { overChain } from "../support/overChain.ts";
import { createTxWorld, LIMITS, TARGET, type TxWorld } from "../support/txWorld.ts";

const GWEI = 1_000_000_000n;

describe("the transaction manager against a real L1 node", () => {
  let world: TxWorld;
  beforeEach(async () => {
    world = await createTxWorld();
  });
  afterEach(() => world.close());

  const kindOf = (name: string): string | undefined => world.manager.status(world.intent(name).id)?.kind;

  it("TX-2: assign, sign, persist, broadcast, mined, safe, final", async () => {
    await world.manager.offer(world.intent("a"));
    expect(kindOf("a")).toBe("planned");
    await world.manager.tick();
    expect(kindOf("a")).toBe("pending");
    expect((await world.pool()).map(({ nonce }) => nonce)).toEqual([0]);
    await world.anvil.mine();
    await world.manager.tick();
    expect(kindOf("a")).toBe("mined");
    await world.anvil.mine();
    await world.manager.tick();
    expect(kindOf("a")).toBe("safe");
    await world.anvil.mine();
    await world.manager.tick();
    expect(kindOf("a")).toBe("final");
    expect(world.events).toEqual(["signed send", "broadcast accepted", "mined"]);
  });

  it("TX-1: the same intent is taken once, before and after a restart", async () => {
    for (let i = 0; i < 3; i++) await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await world.restart();
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await world.anvil.mine();
    await world.manager.tick();
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    expect(kindOf("a")).toBe("mined");
    expect(await world.anvil.provider.getTransactionCount(world.wallet.address)).toBe(1);
  });

  it("NONCE-1: a signer that is down takes no nonce (op 7782)", async () => {
    let down = true;
    const signer = localSigner(world.wallet);
    const flaky = {
      address: signer.address,
      sign: (tx: Parameters<typeof signer.sign>[0]) => (down ? Promise.reject(new Error("down")) : signer.sign(tx)),
    };
    await world.restart({ signer: flaky });
    await world.manager.offer(world.intent("a"));
    for (let i = 0; i < 3; i++) await expect(world.manager.tick()).rejects.toThrow("down");
    expect(world.outbox.slots()).toEqual([]);
    down = false;
    await world.manager.tick();
    expect((await world.pool()).map(({ nonce }) => nonce)).toEqual([0]);
  });

  it("one in flight: the second waits for the first, and takes the next nonce", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.offer(world.intent("b", { priority: 1 }));
    await world.manager.tick();
    expect([kindOf("a"), kindOf("b")]).toEqual(["pending", "planned"]);
    await world.anvil.mine();
    await world.manager.tick();
    expect([kindOf("a"), kindOf("b")]).toEqual(["mined", "pending"]);
    expect((await world.pool()).map(({ nonce }) => nonce)).toEqual([1]);
  });

  it("dropped from the mempool: the same bytes go out again, without a higher fee (op 11614)", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    const [before] = await world.pool();
    await world.anvil.rpc("anvil_dropAllTransactions");
    expect(await world.pool()).toEqual([]);
    world.clock.advance(LIMITS.times.rebroadcastAfterMs);
    await world.manager.tick();
    expect(await world.pool()).toEqual([before]);
    expect(world.events.filter((event) => event.startsWith("signed"))).toEqual(["signed send"]);
  });

  it("TX-7: stuck: replaced in the same nonce with 15 % more, every hash watched (hyperlane 2924, 931)", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    const [first] = await world.pool();
    world.clock.advance(LIMITS.times.bumpAfterMs);
    await world.manager.tick();
    const [second, ...rest] = await world.pool();
    expect(rest).toEqual([]);
    expect(second?.nonce).toBe(first?.nonce);
    expect((second?.maxFeePerGas ?? 0n) * 100n >= (first?.maxFeePerGas ?? 0n) * 115n).toBe(true);
    await world.anvil.rpc("anvil_dropAllTransactions");
    // The first one is mined after all: a node that never saw the replacement.
    const [attempt] = world.outbox.slots()[0]?.attempts ?? [];
    await world.anvil.rpc("eth_sendRawTransaction", [attempt?.raw]);
    await world.anvil.mine();
    await world.manager.tick();
    expect(world.manager.status(world.intent("a").id)).toMatchObject({ kind: "mined", hash: first?.hash });
  });

  it("TX-9: gas is estimated once: a replacement keeps the first limit (op 4830)", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    world.clock.advance(LIMITS.times.bumpAfterMs);
    await world.manager.tick();
    const limits = world.outbox.slots()[0]?.attempts.map(({ raw }) => Transaction.from(raw).gasLimit);
    expect(limits).toHaveLength(2);
    expect(new Set(limits).size).toBe(1);
  });

  it("underpriced: an unknown transaction sits in the nonce, ours is raised until it wins (hyperlane 931)", async () => {
    // What another process with this key left in the pool, or we did before the disk was lost.
    const raw = await world.wallet.signTransaction({
      type: 2,
      chainId: 31337,
      nonce: 0,
      to: TARGET,
      gasLimit: 30_000n,
      maxFeePerGas: 4n * GWEI,
      maxPriorityFeePerGas: 3n * GWEI,
    });
    await world.anvil.rpc("eth_sendRawTransaction", [raw]);
    await world.manager.offer(world.intent("a"));
    for (let i = 0; i < 20; i++) await world.manager.tick();
    const [entry, ...rest] = await world.pool();
    expect(rest).toEqual([]);
    expect(entry?.input).toBe(world.intent("a").data);
    await world.anvil.mine();
    await world.manager.tick();
    expect(kindOf("a")).toBe("mined");
    expect(world.events).toContain("broadcast fee");
  });

  it("FEE-3: a gas spike above the ceiling holds, past the deadline the urgent ceiling holds (op fee limit)", async () => {
    await world.anvil.rpc("anvil_setNextBlockBaseFeePerGas", [`0x${(150n * GWEI).toString(16)}`]);
    await world.anvil.mine();
    await world.manager.offer(world.intent("a", { urgentAtMs: world.clock.wallMs() + 60_000 }));
    await world.manager.tick();
    expect([kindOf("a"), world.events]).toEqual(["planned", ["held"]]);
    world.clock.advance(60_000);
    await world.manager.tick();
    expect(kindOf("a")).toBe("pending");
    const [entry] = await world.pool();
    expect((entry?.maxFeePerGas ?? 0n) > LIMITS.fees.ceilingPerGas).toBe(true);
  });

  it("FEE-3: a pending transaction above the ceiling is kept in the pool and not raised", async () => {
    const ceilingPerGas = 3n * GWEI;
    await world.restart({
      limits: { ...LIMITS, fees: { ...LIMITS.fees, ceilingPerGas, urgentCeilingPerGas: ceilingPerGas } },
    });
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    for (let i = 0; i < 20; i++) {
      world.clock.advance(LIMITS.times.bumpAfterMs);
      await world.manager.tick();
    }
    const [entry] = await world.pool();
    expect((entry?.maxFeePerGas ?? 0n) <= ceilingPerGas).toBe(true);
    expect(world.events).toContain("held");
    await world.anvil.mine();
    await world.manager.tick();
    expect(kindOf("a")).toBe("mined");
  });

  it("TX-6: a nonce that another wallet used is given up, and the call goes out in the next (OZ 818)", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await world.anvil.rpc("anvil_dropAllTransactions");
    const raw = await world.wallet.signTransaction({
      type: 2,
      chainId: 31337,
      nonce: 0,
      to: TARGET,
      gasLimit: 30_000n,
      maxFeePerGas: 4n * GWEI,
      maxPriorityFeePerGas: GWEI,
    });
    await world.anvil.rpc("eth_sendRawTransaction", [raw]);
    await world.anvil.mine();
    for (let i = 0; i < 3; i++) {
      await world.manager.tick();
      await world.anvil.mine();
    }
    await world.manager.tick();
    expect(world.events).toContain("lost");
    await world.anvil.mine();
    await world.manager.tick();
    expect(["mined", "safe"]).toContain(kindOf("a"));
    expect(world.manager.status(world.intent("a").id)).toMatchObject({ nonce: 1 });
  });

  it("RE-1: a reorg takes the transaction out: it is sent again as it was, and mined", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await world.anvil.mine();
    await world.manager.tick();
    const before = world.manager.status(world.intent("a").id);
    expect(before).toMatchObject({ kind: "mined" });
    await world.anvil.rpc("anvil_reorg", [1, []]);
    await world.manager.tick();
    expect(kindOf("a")).toBe("pending");
    await world.manager.tick();
    await world.anvil.mine();
    await world.manager.tick();
    expect(world.manager.status(world.intent("a").id)).toMatchObject({ kind: "mined", nonce: 0 });
    expect(world.events).toContain("reorged");
    expect(world.events.filter((event) => event.startsWith("signed"))).toEqual(["signed send"]);
  });

  it("supersede: the newest of a group takes the nonce of the one that is stuck, and only it is mined", async () => {
    const older = world.intent("advance-10", { group: "client", rank: 10n });
    const newer = world.intent("advance-20", { group: "client", rank: 20n });
    await world.manager.offer(older);
    await world.manager.tick();
    await world.manager.offer(newer);
    await world.manager.tick();
    expect(world.manager.status(newer.id)?.kind).toBe("planned");
    world.clock.advance(LIMITS.times.bumpAfterMs);
    await world.manager.tick();
    expect(world.manager.status(older.id)).toMatchObject({ kind: "dropped", reason: "superseded by advance-20" });
    await world.anvil.mine();
    await world.manager.tick();
    expect(world.manager.status(newer.id)).toMatchObject({ kind: "mined", nonce: 0 });
    expect(await world.anvil.provider.getTransactionCount(world.wallet.address)).toBe(1);
  });

  it("supersede: a backlog of thousands leaves one transaction (hermes clear on start)", async () => {
    for (let height = 1; height <= 3_000; height++) {
      await world.manager.offer(world.intent(`advance-${String(height)}`, { group: "client", rank: BigInt(height) }));
    }
    await world.manager.tick();
    await world.anvil.mine();
    await world.manager.tick();
    expect(world.manager.status(world.intent("advance-3000").id)?.kind).toBe("mined");
    expect(await world.anvil.provider.getTransactionCount(world.wallet.address)).toBe(1);
  });

  it("TX-8: a pending transaction that is not wanted any more is cancelled in its nonce", async () => {
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await world.manager.withdraw(world.intent("a").id, "done by another");
    await world.manager.tick();
    await world.anvil.mine();
    await world.manager.tick();
    expect(world.manager.status(world.intent("a").id)).toMatchObject({ kind: "dropped" });
    expect(world.outbox.slots()[0]).toMatchObject({ status: "mined" });
    const block = await world.anvil.provider.getBlock("latest", true);
    expect(block?.prefetchedTransactions.map(({ to, data }) => [to, data])).toEqual([[world.wallet.address, "0x"]]);
    await world.manager.offer(world.intent("b"));
    await world.manager.tick();
    expect((await world.pool()).map(({ nonce }) => nonce)).toEqual([1]);
  });

  it("TX-4: a transaction that reverts is paid for once: the call is never sent again", async () => {
    const reverting = world.intent("boom", { to: "0x00000000000000000000000000000000000000bb" });
    // Succeeds in the preflight, reverts when mined: the code appears in between.
    await world.manager.offer(reverting);
    await world.manager.tick();
    await world.anvil.rpc("anvil_setCode", [reverting.to, "0x60006000fd"]);
    await world.anvil.mine();
    await world.manager.tick();
    expect(world.manager.status(reverting.id)).toMatchObject({ kind: "reverted" });
    await world.manager.offer(reverting);
    for (let i = 0; i < 3; i++) {
      world.clock.advance(60_000);
      await world.manager.tick();
      await world.anvil.mine();
    }
    expect(await world.anvil.provider.getTransactionCount(world.wallet.address)).toBe(1);
    expect(world.events.filter((event) => event.startsWith("signed"))).toHaveLength(1);
  });

  it("a call that would revert is not sent at all", async () => {
    const reverting = world.intent("boom", { to: "0x00000000000000000000000000000000000000bb" });
    await world.anvil.rpc("anvil_setCode", [reverting.to, "0x60006000fd"]);
    await world.manager.offer(reverting);
    await world.manager.tick();
    expect(world.manager.status(reverting.id)).toMatchObject({ kind: "dropped" });
    expect(world.events).toEqual([]);
  });

  it("an estimate above what the job allows is a fault, not a price", async () => {
    await world.manager.offer(world.intent("a", { gasMax: 20_000n }));
    await world.manager.tick();
    expect(world.manager.status(world.intent("a").id)).toMatchObject({ kind: "dropped" });
    expect(world.events).toEqual([]);
  });

  it("no funds: nothing is lost, and it goes out when there are some", async () => {
    await world.anvil.rpc("anvil_setBalance", [world.wallet.address, "0x1"]);
    await world.manager.offer(world.intent("a"));
    await world.manager.tick().catch(() => undefined);
    await world.anvil.rpc("anvil_setBalance", [world.wallet.address, `0x${(10n ** 18n).toString(16)}`]);
    world.clock.advance(LIMITS.times.rebroadcastAfterMs);
    await world.manager.tick();
    await world.anvil.mine();
    await world.manager.tick();
    expect(kindOf("a")).toBe("mined");
  });

  it("L1 stops answering and comes back: the same transaction, once", async () => {
    await world.manager.offer(world.intent("a"));
    world.anvil.freeze();
    await expect(world.manager.tick()).rejects.toThrow(L1UnavailableError);
    world.anvil.thaw();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await world.manager.tick();
    await world.anvil.mine();
    await world.manager.tick();
    expect(kindOf("a")).toBe("mined");
    expect(world.outbox.slots()).toHaveLength(1);
  });

  it("a broadcast that reaches nobody is tried again at the next round", async () => {
    let reachable = false;
    const nobody = { outcome: "transport", messages: [] } as const;
    const chain = overChain(world.chain, {
      broadcast: (raw) => (reachable ? world.chain.broadcast(raw) : Promise.resolve(nobody)),
    });
    await world.restart({ chain });
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await world.manager.tick();
    expect(await world.pool()).toEqual([]);
    reachable = true;
    await world.manager.tick();
    expect(await world.pool()).toHaveLength(1);
    expect(world.events.filter((event) => event.startsWith("signed"))).toEqual(["signed send"]);
  });

  it("attempts of one nonce are bounded: at the maximum it is only rebroadcast", async () => {
    await world.restart({
      limits: { ...LIMITS, fees: { ...LIMITS.fees, ceilingPerGas: 10n ** 15n, urgentCeilingPerGas: 10n ** 15n } },
    });
    await world.anvil.rpc("anvil_setBalance", [world.wallet.address, `0x${(10n ** 30n).toString(16)}`]);
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    for (let i = 0; i < ATTEMPTS_MAX + 1; i++) {
      world.clock.advance(LIMITS.times.bumpAfterMs);
      await world.manager.tick();
    }
    expect(world.outbox.slots()[0]?.attempts).toHaveLength(ATTEMPTS_MAX);
    await world.anvil.rpc("anvil_dropAllTransactions");
    world.clock.advance(LIMITS.times.rebroadcastAfterMs);
    await world.manager.tick();
    expect(await world.pool()).toHaveLength(1);
  });

  it("a key without a history in the outbox starts where the chain is", async () => {
    const other = new Wallet(`0x${"11".repeat(32)}`, world.anvil.provider);
    for (let nonce = 0; nonce < 3; nonce++) await other.sendTransaction({ to: TARGET, nonce });
    await world.anvil.mine();
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    expect((await world.pool()).map(({ nonce }) => nonce)).toEqual([3]);
  });
});
