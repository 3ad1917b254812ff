import { afterEach, describe, expect, it } from "vitest";

import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { inlineBls } from "../../src/engine/blsPort.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import { createMemoryNetwork } from "../../src/network/memoryTransport.ts";
import { peerIdFromKey } from "../../src/network/transport.ts";
import type { Member } from "../../src/protocol/Committee.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { Height, NamespaceId, ValidatorId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { createMemoryStore } from "../../src/storage/memoryStore.ts";
import { quickConfig } from "../simulation/world.ts";
import { memoryJournal } from "./support/memoryJournal.ts";
import { fixedL1 } from "./support/fixedL1.ts";
import { plainSigner } from "./support/plainSigner.ts";

const bls = await createMclBls();
const running: Engine[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((engine) => engine.stop()));
});

/** Engines on a memory network with the system clock and real signatures. */
async function startFour(transportKeys: readonly number[] = [0x10, 0x11, 0x12, 0x13]): Promise<Engine[]> {
  const config = quickConfig({
    genesisTimeMs: 1_700_000_000_000,
    epochLength: 5,
    deltaMs: 2_000,
    timeoutMaxMs: 8_000,
    skipTimeoutMs: 8_000,
    maxClockDriftMs: 5_000,
  });
  const domain = {
    chainId: 31_337n,
    stakeTable: "0x5fbdb2315678afecb367f032d93f642f64180aa3" as const,
    salt: Genesis.hash(config),
  };
  const secrets = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));
  const members = secrets.map((secret, seat): Member => ({
    validator: ValidatorId(BigInt(seat) + 1n),
    seat,
    key: bls.publicKey(secret),
    weight: 65_535n,
    transportKey: new Uint8Array(32).fill(transportKeys[seat] ?? 0),
    address: "",
  }));
  const network = createMemoryNetwork();
  // Who registered the transport key of another cannot prove it: nobody runs there.
  const owners = members.filter(({ seat }) => transportKeys.lastIndexOf(transportKeys[seat] ?? 0) === seat);
  const engines = owners.map((member) =>
    createEngine(
      {
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        transport: network.join({ self: peerIdFromKey(member.transportKey) }),
        store: createMemoryStore(),
        journal: memoryJournal(),
        l1: fixedL1(members),
        bls: inlineBls(bls),
        signer: plainSigner(bls, secrets[member.seat] ?? new Uint8Array(), domain),
      },
      { config, domain },
    ),
  );
  running.push(...engines);
  await Promise.all(engines.map((engine) => engine.start()));
  return engines;
}

function finalizedAt(engine: Engine, height: bigint): Promise<void> {
  return new Promise((resolve) => {
    const stop = engine.subscribe((stored) => {
      if (stored < height) return;
      stop();
      resolve();
    });
  });
}

describe("engine", () => {
  it("four engines finalize transactions of two namespaces and agree on every block", { timeout: 60_000 }, async () => {
    const engines = await startFour();
    const [first, second, third] = engines;
    if (first === undefined || second === undefined || third === undefined) throw new Error("four engines");
    const one = Transaction.plain(NamespaceId(10n), new TextEncoder().encode("ten"));
    const two = Transaction.plain(NamespaceId(20n), new TextEncoder().encode("twenty"));
    const ready = Promise.all(engines.map((engine) => finalizedAt(engine, 12n)));
    expect(await first.submit([one])).toEqual({ kind: "accepted" });
    expect(await second.submit([two])).toEqual({ kind: "accepted" });
    expect(await first.submit([one])).toMatchObject({ kind: "duplicate" });
    await ready;
    for (const transaction of [one, two]) {
      const place = await third.transaction(transaction.namespace, Transaction.hash(transaction));
      expect(place.kind).toBe("finalized");
      if (place.kind !== "finalized") continue;
      const payload = await third.payload(place.height);
      const envelopes = payload?.find(({ namespace }) => namespace === transaction.namespace)?.envelopes;
      expect(envelopes?.[place.index]).toEqual(transaction.envelope);
    }
    for (let height = 0n; height <= 12n; height++) {
      const hashes = await Promise.all(engines.map(async (engine) => (await engine.blockAt(Height(height)))?.hash));
      expect(new Set(hashes).size, `height ${String(height)}`).toBe(1);
    }
    const handover = await first.handover(
      (await first.status()).epoch > 1n ? ((await first.blockAt(Height(5n)))?.header.epoch ?? fail()) : fail(),
    );
    expect(handover?.header.height).toBe(5n);
  });

  it("PEERS-2: a member that registered another's transport key stops no node", { timeout: 60_000 }, async () => {
    const engines = await startFour([0x13, 0x11, 0x12, 0x13]);
    expect(engines.length).toBe(3);
    const transaction = Transaction.plain(NamespaceId(10n), new TextEncoder().encode("ten"));
    const ready = Promise.all(engines.map((engine) => finalizedAt(engine, 6n)));
    expect(await engines[0]?.submit([transaction])).toEqual({ kind: "accepted" });
    await ready;
    for (const engine of engines) {
      expect((await engine.transaction(transaction.namespace, Transaction.hash(transaction))).kind).toBe("finalized");
    }
  });
});

function fail(): never {
  throw new Error("the first epoch has ended");
}
