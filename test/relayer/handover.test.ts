import { afterEach, describe, expect, it } from "vitest";

import { createWorld, until, type World } from "./support/world.ts";

/** Redis where there is one, PGlite else: the queue is not what is tested here. */
const env = { CREMA_QUEUE: "auto" };

describe("handovers", () => {
  let world: World;
  afterEach(() => world.close());

  it("POST-1: the first advance installs committee 1; handovers that change nothing are skipped", async () => {
    world = await createWorld();
    world.chain.grow(34);
    world.start({ env });
    await until("height 34 on L1", async () => (await world.l1Height()) === 34n);
    const status = await world.lightClient.status();
    expect([status.epoch, status.committee]).toEqual([4n, 1n]);
    expect(await world.nonce()).toBe(1);
  });

  it("POST-1: handovers that change the committee go first, in order, and nothing else of their epochs", async () => {
    world = await createWorld();
    await world.deployment.rotate();
    await world.deployment.rotate();
    const behind = BigInt(await world.anvil.provider.getBlockNumber());
    // Epoch 1 by committee 1, which names 3; epochs 2 and 3 by committee 3; L1 has seen nothing of it.
    world.setL1Number(behind);
    world.chain.grow(5);
    world.chain.grow(5, world.signers(3n));
    world.chain.grow(13);
    world.start({ env });
    await until("height 23 on L1", async () => (await world.l1Height()) === 23n);
    const posted = await world.posted();
    expect(posted).toEqual([0n, 10n, 23n]);
    expect((await world.lightClient.status()).committee).toBe(3n);
  });

  it("POST-1: ten thousand blocks behind: the handovers that change the committee and the newest, nothing else", async () => {
    world = await createWorld();
    const { chain, deployment, anvil } = world;
    for (const committee of [2n, 3n]) {
      await deployment.rotate();
      world.setL1Number(BigInt(await anvil.provider.getBlockNumber()));
      chain.grow(4_990);
      chain.grow(10, world.signers(committee));
    }
    chain.grow(7);
    const relayer = world.start({ env });
    await until("height 10007 on L1", async () => (await world.l1Height()) === 10_007n);
    expect(await world.posted()).toEqual([0n, 5_000n, 10_000n, 10_007n]);
    expect(await world.nonce()).toBe(3);
    await until("idle", async () => {
      const { http } = await relayer.ready();
      const text = await (await fetch(`${String(http)}/status`)).text();
      return !/"(planned|pending)"/.test(text);
    });
    expect(await world.nonce()).toBe(3);
  });

  it("POST-2: between two posts the policy is kept, a handover is not put off by it", async () => {
    world = await createWorld();
    await world.deployment.rotate();
    world.setL1Number(BigInt(await world.anvil.provider.getBlockNumber()));
    const relayer = world.start({
      env: {
        ...env,
        CREMA_POST_EVERY_BLOCKS: "1000",
        CREMA_POST_EVERY_SECONDS: "100000",
        CREMA_POST_DEADLINE_SECONDS: "100000",
      },
    });
    await relayer.ready();
    world.chain.grow(2);
    await until("the first is posted whatever the policy", async () => (await world.l1Height()) === 2n);
    world.chain.grow(3);
    world.chain.grow(5, world.signers(2n));
    await until("the handover is posted", async () => (await world.l1Height()) === 10n);
    world.chain.grow(3);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await world.l1Height()).toBe(10n);
  });
});

describe("housekeeping", () => {
  let world: World;
  afterEach(() => world.close());

  it("HOUSE-1, HOUSE-2: seals waiting keys and makes committee 1 as soon as L1 allows", async () => {
    world = await createWorld({ validators: 0 });
    const { deployment } = world;
    for (let i = 0; i < 4; i++) await deployment.register();
    world.start({ env: { ...env, CREMA_ROTATE: "true", CREMA_ROTATE_EVERY_SECONDS: "100000" } });
    await until("four keys sealed", async () => {
      const keys = await Promise.all(
        deployment.validators.map((validator) => deployment.stakeTable.keyOf(world.keyHash(validator))),
      );
      return keys.every(({ page }) => page !== 0n);
    });
    expect(await deployment.stakeTable.newestCommittee()).toBe(0n);
    for (const validator of deployment.validators) await deployment.takeSeat(validator);
    await until("committee 1", async () => (await deployment.stakeTable.newestCommittee()) === 1n);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await deployment.stakeTable.newestCommittee()).toBe(1n);
  });
});
