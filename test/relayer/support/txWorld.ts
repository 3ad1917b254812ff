import { Wallet } from "ethers";
import { z } from "zod";

import { Fanout } from "../../../relayer/l1/fanout.ts";
import { FanoutChain } from "../../../relayer/l1/fanoutChain.ts";
import { localSigner } from "../../../relayer/keys/localSigner.ts";
import { judgeRevert } from "../../../relayer/errors.ts";
import type { Chain } from "../../../relayer/tx/chain.ts";
import { intentId, type Intent } from "../../../relayer/tx/intent.ts";
import { localLock } from "../../../relayer/tx/keyLock.ts";
import { openLevelStore, type LevelStore } from "../../../relayer/tx/levelStore.ts";
import { Outbox } from "../../../relayer/tx/outbox.ts";
import type { Signer } from "../../../relayer/tx/signer.ts";
import { TxManager, type TxLimits, type TxObserver } from "../../../relayer/tx/txManager.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { CHAIN_ID, startAnvil, type Anvil } from "./anvil.ts";
import { temporaryFolder } from "./backends.ts";
import { manualClock, type ManualClock } from "./manualClock.ts";

const GWEI = 1_000_000_000n;
export const TARGET = "0x00000000000000000000000000000000000000aa";

export const LIMITS: TxLimits = {
  fees: {
    minTipPerGas: GWEI / 100n,
    maxTipPerGas: 5n * GWEI,
    bumpPercent: 15n,
    ceilingPerGas: 100n * GWEI,
    urgentCeilingPerGas: 500n * GWEI,
  },
  times: { bumpAfterMs: 48_000, rebroadcastAfterMs: 25_000, lostAfterBlocks: 2, lostAfterMs: 60_000 },
  maxInFlight: 1,
  gasMarginPercent: 25n,
  retryAfterMs: 1_000,
};

/** One key, one L1 node that mines when told to, and a transaction manager that ticks when told to. */
export interface TxWorld {
  readonly anvil: Anvil;
  readonly clock: ManualClock;
  readonly wallet: Wallet;
  readonly chain: Chain;
  manager: TxManager;
  outbox: Outbox;
  readonly events: string[];
  /** A call that succeeds; `name` makes it its own. */
  intent(name: string, over?: Partial<Intent>): Intent;
  /** Forgets everything in memory and opens the outbox again, as a restart does. */
  restart(over?: Partial<{ chain: Chain; signer: Signer; limits: TxLimits }>): Promise<void>;
  pool(): Promise<readonly PoolEntry[]>;
  close(): Promise<void>;
}

export interface PoolEntry {
  readonly nonce: number;
  readonly hash: string;
  readonly input: string;
  readonly maxFeePerGas: bigint;
}

export async function createTxWorld(urls: readonly string[] = []): Promise<TxWorld> {
  const folder = temporaryFolder();
  const anvil = await startAnvil({ automine: false });
  const wallet = new Wallet(`0x${"11".repeat(32)}`);
  await anvil.rpc("anvil_setBalance", [wallet.address, `0x${(10n ** 20n).toString(16)}`]);
  await anvil.mine();
  const clock = manualClock(Date.now());
  const endpoints = urls.length === 0 ? [anvil.url] : urls;
  const fanout = new Fanout({
    urls: endpoints,
    chainId: BigInt(CHAIN_ID),
    timeoutMs: 2_000,
    clock: systemClock,
    logger: silentLogger,
  });
  const chain = new FanoutChain(fanout, BigInt(CHAIN_ID), endpoints.length, { kind: "tag" });
  const events: string[] = [];
  let store: LevelStore = await openLevelStore(folder.path);

  async function build(over: Partial<{ chain: Chain; signer: Signer; limits: TxLimits }> = {}) {
    const outbox = await Outbox.open([store]);
    const manager = new TxManager(
      {
        chain: over.chain ?? chain,
        signer: over.signer ?? localSigner(wallet),
        outbox,
        lock: localLock,
        clock,
        logger: silentLogger,
        observer: observe(events),
        judge: (data) => judgeRevert([], data),
      },
      over.limits ?? LIMITS,
    );
    return { outbox, manager };
  }

  const world: TxWorld = {
    ...(await build()),
    anvil,
    clock,
    wallet,
    chain,
    events,
    intent: (name, over = {}) => {
      const data = `0x${Buffer.from(name).toString("hex")}`;
      const plain = {
        group: "",
        rank: 0n,
        priority: 0,
        to: TARGET,
        data,
        gasMax: 1_000_000n,
        urgentAtMs: Number.MAX_SAFE_INTEGER,
      };
      return { label: name, id: intentId(BigInt(CHAIN_ID), name, TARGET, data), ...plain, ...over };
    },
    restart: async (over) => {
      await store.close();
      store = await openLevelStore(folder.path);
      Object.assign(world, await build(over));
    },
    pool: () => readPool(anvil, wallet.address),
    close: async () => {
      await store.close();
      await anvil.stop();
      folder.remove();
    },
  };
  return world;
}

function observe(events: string[]): TxObserver {
  return {
    signed: (purpose) => void events.push(`signed ${purpose}`),
    broadcast: (outcome) => void events.push(`broadcast ${outcome}`),
    mined: (_slot, mined) => void events.push(mined.succeeded ? "mined" : "reverted"),
    reorged: () => void events.push("reorged"),
    lost: () => void events.push("lost"),
    held: () => void events.push("held"),
    looked: () => undefined,
  };
}

const quantity = z.string().transform((text) => BigInt(text));
const poolSchema = z.record(
  z.string(),
  z.record(
    z.string(),
    z.record(z.string(), z.object({ nonce: quantity, hash: z.string(), input: z.string(), maxFeePerGas: quantity })),
  ),
);

async function readPool(anvil: Anvil, address: string): Promise<readonly PoolEntry[]> {
  const sections = Object.values(poolSchema.parse(await anvil.rpc("txpool_content")));
  const accounts = sections.flatMap((section) => Object.entries(section));
  const ours = accounts.filter(([account]) => account.toLowerCase() === address.toLowerCase());
  return ours.flatMap(([, entries]) =>
    Object.values(entries).map((entry) => ({ ...entry, nonce: Number(entry.nonce) })),
  );
}
