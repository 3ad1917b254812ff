import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Output } from "../../src/consensus/output.ts";
import { ZERO_HASH } from "../../src/crypto/hash.ts";
import type { EngineObserver } from "../../src/engine/ports.ts";
import { createConsensusMetrics, CURRENT_MS, measuredSigner, VIEWS_MAX } from "../../src/node/consensusMetrics.ts";
import { registerNodeMetrics } from "../../src/node/nodeMetrics.ts";
import { storeSize } from "../../src/node/storeSize.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { CommitteeId, Epoch, Height, ValidatorId, View } from "../../src/protocol/scalars.ts";
import type { Vote } from "../../src/protocol/Vote.ts";
import { config } from "../engine/support/lonelyEngine.ts";
import { manualClock } from "../engine/support/manualClock.ts";

const EPOCH = Epoch(1n);

function entered(view: bigint, leader: number): Output {
  return { type: "enter-view", epoch: EPOCH, view: View(view), leader };
}

function certificate(kind: Vote["kind"], view: bigint): Output {
  const round = { epoch: EPOCH, view: View(view) };
  const vote: Vote = kind === "nullify" ? { kind, ...round } : { kind, ...round, block: ZERO_HASH };
  return {
    type: "broadcast-certificate",
    certificate: { vote, absent: new Uint8Array(1), signature: new Uint8Array(48) },
  };
}

function finalized(timestamp: bigint): Output {
  const vote = { kind: "finalize", epoch: EPOCH, view: View(1n), block: ZERO_HASH } as const;
  const header = { ...Genesis.header(config), timestamp };
  return {
    type: "finalized",
    headers: [header],
    certificate: { vote, absent: new Uint8Array(1), signature: new Uint8Array(48) },
  };
}

describe("what consensus does, as metrics", () => {
  let registry: Registry;
  let clock: ReturnType<typeof manualClock>;
  let observe: EngineObserver;
  beforeEach(() => {
    registry = new Registry();
    clock = manualClock();
    observe = createConsensusMetrics(registry, clock);
  });
  const lines = async (): Promise<readonly string[]> =>
    (await registry.metrics()).split("\n").filter((line) => !line.startsWith("#") && !line.includes("_bucket"));

  it("counts views, those that this validator led, and those of them that were given up", async () => {
    for (const [view, leader] of [
      [1n, 0],
      [2n, 1],
      [3n, 1],
    ] as const) {
      observe(entered(view, leader), 1);
    }
    for (const view of [1n, 3n, 3n]) observe(certificate("nullify", view), 1);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        "crema_views_total 3",
        "crema_leader_views_total 2",
        "crema_views_nullified_total 2",
        "crema_leader_misses_total 1",
      ]),
    );
  });

  it("times the first certificate of each kind of a view, and the finality of current blocks", async () => {
    observe(entered(1n, 0), undefined);
    clock.advance(250);
    observe(certificate("notarize", 1n), undefined);
    observe(certificate("notarize", 1n), undefined);
    clock.advance(250);
    observe(certificate("finalize", 1n), undefined);
    observe(certificate("finalize", 99n), undefined);
    observe(finalized(BigInt(clock.wallMs() - 400)), undefined);
    observe(finalized(BigInt(clock.wallMs() - CURRENT_MS - 1)), undefined);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'crema_certificate_seconds_sum{kind="notarize"} 0.25',
        'crema_certificate_seconds_count{kind="notarize"} 1',
        'crema_certificate_seconds_sum{kind="finalize"} 0.5',
        "crema_finality_seconds_sum 0.4",
        "crema_finality_seconds_count 1",
        "crema_finalized_blocks_total 2",
      ]),
    );
  });

  it(`remembers ${String(VIEWS_MAX)} views and no more`, async () => {
    for (let view = 1n; view <= VIEWS_MAX + 1; view++) observe(entered(view, 0), 0);
    observe(certificate("nullify", 1n), 0);
    expect(await lines()).toContain("crema_views_nullified_total 0");
    observe(certificate("nullify", 2n), 0);
    expect(await lines()).toContain("crema_views_nullified_total 1");
  });

  it("counts what the signer signs and refuses", async () => {
    let isRefusing = false;
    const signer = measuredSigner(registry, {
      publicKey: new Uint8Array(192),
      sign: () =>
        Promise.resolve(
          isRefusing ? { ok: false, refusal: { code: "awaits-peers" } } : { ok: true, signature: new Uint8Array(48) },
        ),
      resumed: () => undefined,
      confirmEpoch: () => Promise.resolve(),
      observe: () => Promise.resolve(true),
      close: () => Promise.resolve(),
    });
    const vote = { kind: "nullify", epoch: EPOCH, view: View(1n) } as const;
    await signer.sign(vote);
    isRefusing = true;
    await signer.sign(vote);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'crema_signatures_total{outcome="signed"} 1',
        'crema_signatures_total{outcome="awaits-peers"} 1',
      ]),
    );
  });
});

describe("where a node stands, as metrics", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "crema-metrics-"))));
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("is read when scraped", async () => {
    const registry = new Registry();
    const clock = manualClock();
    let l1Number = 40n;
    registerNodeMetrics(registry, {
      engine: {
        status: () =>
          Promise.resolve({
            ...{ genesisHash: ZERO_HASH, l1ChainId: 1n, stakeTable: "0x", validator: ValidatorId(1n) },
            ...{ height: Height(7n), hash: ZERO_HASH, timestamp: 5_000n, epoch: EPOCH, view: View(9n) },
            ...{ committee: CommitteeId(1n), oldestHeight: Height(1n), l1Number: 30n, peers: 3 },
            ...{ mempool: { transactions: 2, bytes: 100 }, notReady: "catching up" },
          }),
        sizes: () => ({ views: 4 }),
      },
      l1: {
        finalized: () => ({ number: l1Number, hash: ZERO_HASH }),
        reachable: () => true,
        lightClient: () => "expired",
      },
      clock,
      storeBytes: () => Promise.resolve({ chain: 12 }),
    });
    clock.advance(5_000);
    const first = await registry.metrics();
    for (const line of [
      "crema_finalized_height 7",
      "crema_finalized_timestamp_seconds 5",
      "crema_view 9",
      "crema_committee_member 1",
      "crema_ready 0",
      "crema_anchor_lag_blocks 10",
      "crema_l1_unchanged_seconds 5",
      "crema_l1_reachable 1",
      "crema_l1_light_client_live 0",
      'crema_store_bytes{part="chain"} 12',
      'crema_engine_size{what="views"} 4',
    ]) {
      expect(first.split("\n")).toContain(line);
    }
    l1Number = 41n;
    expect((await registry.metrics()).split("\n")).toContain("crema_l1_unchanged_seconds 0");
  });

  it("sizes on disk are those of the files, read once a minute", async () => {
    const clock = manualClock();
    mkdirSync(join(folder, "below"));
    writeFileSync(join(folder, "one"), "12345");
    const size = storeSize({ chain: folder, journal: join(folder, "none") }, clock);
    expect(await size()).toEqual({ chain: 5, journal: 0 });
    writeFileSync(join(folder, "two"), "678");
    expect(await size()).toEqual({ chain: 5, journal: 0 });
    clock.advance(60_000);
    expect(await size()).toEqual({ chain: 8, journal: 0 });
  });
});
