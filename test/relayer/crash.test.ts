import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { presentBackends } from "./support/backends.ts";
import type { RelayerProcess } from "./support/relayerProcess.ts";
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
  let mining: NodeJS.Timeout;
  let heir: RelayerProcess | undefined;
  beforeAll(async () => {
    world = await createWorld({ automine: false });
    // Blocks that come by themselves, five a second: what is waited for below is a few of them each time.
    mining = setInterval(() => void world.anvil.mine().catch(() => undefined), 200);
  });
  afterAll(async () => {
    clearInterval(mining);
    await world.close();
  });

  const start = (): RelayerProcess =>
    world.start({ script: CRASHING, env: { CREMA_QUEUE: kind, CREMA_LOCK_TTL_MS: "1000", CREMA_POLL_MS: "50" } });

  // The heir of one crash is the victim of the next: what it found on disk is what the next one must cope with as well.
  it.each(POINTS)("CRASH-1: %s: posted once, nothing stuck", async (point) => {
    const [nonce, height] = [await world.nonce(), world.chain.height];
    const dying = (heir ??= start());
    await dying.ready();
    writeFileSync(join(world.dataDir, "crash-at"), point);
    dying.child.kill("SIGUSR2");
    await dying.line(`armed ${point}`);
    world.chain.grow(1);
    expect(await dying.end()).toBe("SIGKILL");
    const next = (heir = start());
    await until("posted", async () => (await world.l1Height()) === height + 1n);
    const lines = () => [...dying.lines, ...next.lines];
    await until("it is final", () =>
      lines().some((line) => line["msg"] === "transaction finalized" && line["nonce"] === nonce),
    );
    expect(await world.nonce()).toBe(nonce + 1);
  });
});
