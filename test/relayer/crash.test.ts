import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { presentBackends } from "./support/backends.ts";
import { createWorld, until, type World } from "./support/world.ts";

const CRASHING = fileURLToPath(new URL("support/crashingRelayer.ts", import.meta.url));

/** Every two steps of a transaction, in order. */
const POINTS = [
  "after the preflight",
  "before intent is persisted",
  "after intent is persisted",
  "after the nonce is assigned",
  "after signing",
  "before signed is persisted",
  "after signed is persisted",
  "after the broadcast",
  "before mined is persisted",
  "after mined is persisted",
  "after safe is persisted",
  "after finalized is persisted",
] as const;

describe.each(presentBackends().filter((kind) => kind !== "redis"))("JOB-4: kill -9 of the relayer on %s", (kind) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld({ blockTime: 1 });
  });
  afterAll(() => world.close());

  it.each(POINTS)("CRASH-1: %s: posted once, nothing stuck", async (point) => {
    const [nonce, height] = [await world.nonce(), world.chain.height];
    world.chain.grow(1);
    const env = { CREMA_QUEUE: kind };
    const dying = world.start({ script: CRASHING, env: { ...env, CRASH_AT: point } });
    expect(await dying.end()).toBe("SIGKILL");
    const heir = world.start({ env });
    await until("posted", async () => (await world.l1Height()) === height + 1n);
    const { http } = await heir.ready();
    await until("all are final", async () => {
      const status: unknown = await (await fetch(`${String(http)}/status`)).json();
      return JSON.stringify(status).includes(`"final":${String(nonce + 1)}`);
    });
    expect(await world.nonce()).toBe(nonce + 1);
    expect(await heir.stop()).toBe(0);
  });
});
