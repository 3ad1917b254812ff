import { join } from "node:path";

import type { Wallet } from "ethers";

import { sleep, systemClock } from "../../runtime/clock.ts";
import type { Layout } from "./layout.ts";
import { writeSecret } from "./layout.ts";
import { StartError } from "./options.ts";
import { describeExit, type Managed, type Processes } from "./processes.ts";
import { ROOT } from "./tools.ts";

/** The relayer of the local network: queue and poster, one process (and its private Redis, where one is found). */
export interface LocalRelayer {
  readonly address: string;
  readonly url: string;
  start(): void;
  readonly process: () => Managed | undefined;
}

export interface RelayerSetup {
  readonly processes: Processes;
  readonly layout: Layout;
  readonly l1Url: string;
  readonly nodeUrls: readonly string[];
  readonly account: Wallet;
  readonly port: number;
}

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

export function createRelayer(setup: RelayerSetup): LocalRelayer {
  const { layout } = setup;
  writeSecret(layout.relayerKeyFile, setup.account.privateKey);
  let running: Managed | undefined;
  return {
    address: setup.account.address,
    url: `http://127.0.0.1:${String(setup.port)}`,
    process: () => running,
    start: () => {
      running = setup.processes.start({
        name: "relayer",
        command: process.execPath,
        args: [join(ROOT, "relayer", "main.ts"), "run"],
        env: {
          CREMA_L1_URLS: setup.l1Url,
          CREMA_L1_FINALITY: "tag",
          CREMA_ADDRESS_BOOK: layout.addressBook,
          CREMA_NODE_URLS: setup.nodeUrls.join(","),
          CREMA_DATA_DIR: layout.relayerDir,
          CREMA_RELAYER_KEY_FILE: layout.relayerKeyFile,
          CREMA_POST_EVERY_BLOCKS: "1",
          CREMA_POST_EVERY_SECONDS: "5",
          CREMA_POLL_MS: "250",
          // Blocks come every second here: what takes longer than a few was dropped.
          CREMA_BUMP_AFTER_MS: "4000",
          CREMA_REBROADCAST_AFTER_MS: "2000",
          CREMA_HTTP_HOST: "127.0.0.1",
          CREMA_HTTP_PORT: String(setup.port),
        },
        cwd: ROOT,
        logFile: join(layout.logs, "relayer.log"),
      });
    },
  };
}

/** Waits until the relayer says that it works; throws when its process ends instead. */
export async function untilRelayerReady(relayer: LocalRelayer): Promise<void> {
  const deadline = systemClock.monotonicMs() + READY_TIMEOUT_MS;
  while (systemClock.monotonicMs() < deadline) {
    const running = relayer.process();
    if (running?.exit() !== undefined) throw new StartError(describeExit(running));
    try {
      const answer = await fetch(`${relayer.url}/healthz`, { signal: AbortSignal.timeout(1_000) });
      if (answer.ok) return;
    } catch {
      // Not listening yet.
    }
    await sleep(systemClock, POLL_MS);
  }
  throw new StartError(`the relayer was not ready within ${String(READY_TIMEOUT_MS / 1000)} s`);
}
