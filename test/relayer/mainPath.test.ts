import { afterEach, describe, expect, it } from "vitest";

import { presentBackends } from "./support/backends.ts";
import { createWorld, until, type World } from "./support/world.ts";

const kinds = presentBackends().filter((kind) => kind !== "redis");

describe.each(kinds)("the relayer process on %s", (kind) => {
  let world: World;
  afterEach(() => world.close());

  it("POST-1: posts the newest finalization, and nothing that L1 has", async () => {
    world = await createWorld();
    world.chain.grow(3);
    const relayer = world.start({ env: { CREMA_QUEUE: kind } });
    expect(await relayer.ready()).toMatchObject({ queue: kind, address: world.relayerAddress });
    await until("height 3 on L1", async () => (await world.l1Height()) === 3n);
    world.chain.grow(4);
    await until("height 7 on L1", async () => (await world.l1Height()) === 7n);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await world.nonce()).toBe(2);
    expect(await relayer.stop()).toBe(0);
  });
});
