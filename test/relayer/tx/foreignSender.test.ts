import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { refuseForeignSender } from "../../../relayer/tx/foreignSender.ts";
import { KeyInUseError } from "../../../relayer/tx/levelStore.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { silentLogger, type Logger } from "../../../src/runtime/logger.ts";
import { until } from "../support/world.ts";
import { createTxWorld, TARGET, type TxWorld } from "../support/txWorld.ts";

describe("KEY-1: a key that another sender uses", () => {
  let world: TxWorld;
  let warnings: string[];
  beforeEach(async () => {
    world = await createTxWorld();
    warnings = [];
  });
  afterEach(() => world.close());

  const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };

  function check(patienceMs = 60_000): Promise<boolean> {
    const { chain, outbox, wallet } = world;
    const rest = { clock: systemClock, logger, pollMs: 20, patienceMs, stopped: () => false };
    return refuseForeignSender({ chain, outbox, address: wallet.address, ...rest });
  }

  async function send(nonce: number): Promise<void> {
    const fees = { maxFeePerGas: 4_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n };
    const call = { type: 2, chainId: 31337, nonce, to: TARGET, gasLimit: 30_000n };
    const raw = await world.wallet.signTransaction({ ...call, ...fees });
    await world.anvil.rpc("eth_sendRawTransaction", [raw]);
  }

  it("is refused: new transactions of the key appear that nobody here signed (op 1072)", async () => {
    await send(0);
    const checked = check();
    await until("the first is seen", () => warnings.length > 0);
    await send(1);
    await expect(checked).rejects.toThrow(KeyInUseError);
  });

  it("is taken where its own outbox explains what is pending, and where nothing is", async () => {
    expect(await check()).toBe(true);
    await world.manager.offer(world.intent("a"));
    await world.manager.tick();
    await world.restart();
    expect(await check()).toBe(true);
    expect(warnings).toEqual([]);
  });

  it("is taken when what a dead replica left is mined", async () => {
    await send(0);
    const checked = check();
    await until("it is seen", () => warnings.length > 0);
    await world.anvil.mine();
    expect(await checked).toBe(true);
  });

  it("is taken over when nobody tends what is pending, and its nonce is used again", async () => {
    await send(0);
    expect(await check(100)).toBe(true);
    await world.manager.offer(world.intent("a"));
    for (let round = 0; round < 4; round++) await world.manager.tick();
    await world.anvil.mine();
    await world.manager.tick();
    expect(world.manager.status(world.intent("a").id)).toMatchObject({ kind: "mined", nonce: 0 });
  });
});
