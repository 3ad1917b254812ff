import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { createLayout } from "../../src/cli/start/layout.ts";
import { SHORT_EPOCH_BLOCKS } from "../../src/cli/start/localCluster.ts";
import { bringUp, type LocalNetwork } from "../../src/cli/start/network.ts";
import type { StartOptions } from "../../src/cli/start/options.ts";
import { createProcesses } from "../../src/cli/start/processes.ts";
import type { Progress } from "../../src/cli/start/progress.ts";
import { lightClientAt } from "../../src/l1/contracts.ts";
import * as Views from "../../src/lightclient/wireViews.ts";
import { askToSignResume } from "../../src/node/adminSocket.ts";
import { sleep, systemClock } from "../../src/runtime/clock.ts";

const OPTIONS: StartOptions = {
  ...{ blocks: 12, json: true, chaos: false, validators: 4, dataDir: undefined, timeoutSeconds: 280 },
};
const TIMEOUT_MS = 300_000;
const DAY_SECONDS = 86_400;
const silent: Progress = { step: () => undefined, event: () => undefined, note: () => undefined };

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonicMs() + 90_000;
  while (!(await isSo())) {
    if (systemClock.monotonicMs() > deadline) throw new Error(`not so after 90 s: ${what}`);
    await sleep(systemClock, 250);
  }
}

async function statusOf(url: string) {
  return Views.status.parse(await (await fetch(`${url}/v1/status`)).json());
}

/** Days pass on L1, at once. */
async function pass(network: LocalNetwork, days: number): Promise<void> {
  await network.l1.provider.send("evm_increaseTime", [Math.round(days * DAY_SECONDS)]);
  await network.chain.mine(4);
}

async function play(network: LocalNetwork): Promise<void> {
  const { validators, stakers, book, l1, layout } = network;
  const client = lightClientAt(book.lightClient, l1.provider);
  const urls = validators.map(({ apiUrl }) => apiUrl);
  const first = urls[0] ?? "";
  await until("a checkpoint is on L1", async () => (await client.status()).height > 0n);

  // Longer than committee 1 is trusted, from the very creation on: nobody posted what would have changed it.
  await pass(network, 15);
  let stood: bigint[] = [];
  await until("every validator stands still", async () => {
    const before = stood;
    stood = (await Promise.all(urls.map(statusOf))).map(({ height }) => height);
    await sleep(systemClock, 1_500);
    return before.join() === stood.join();
  });

  await stakers.rotate();
  const committee = await stakers.newestCommittee();
  await pass(network, 2.1);
  const { height, epoch } = await statusOf(first);
  const lowest = stood.reduce((least, each) => (each < least ? each : least), height);
  const answer = await fetch(`${first}/v1/blocks/${lowest.toString()}`);
  const block = Views.block.parse(await answer.json()).hash;
  const request = { epoch: (epoch + 2n).toString(), block, committee: committee.toString() };
  for (const { name } of validators.slice(0, 3)) {
    await until(`${name} signs`, async () => {
      const refusal = await askToSignResume(layout.nodeDir(name), request);
      // L1 finalizes the new committee some blocks later.
      expect([undefined, "unknown-committee", "not-halted"]).toContain(refusal?.["code"]);
      return refusal === null;
    });
  }
  await until("the relayer proposes it", async () => (await client.pendingResume()).epoch === epoch + 2n);
  await pass(network, 4.1);
  await until("it is applied and the chain goes on, on L1 too", async () => {
    const status = await client.status();
    return status.epoch >= epoch + 2n && status.height > lowest + 2n;
  });
  for (const url of urls) {
    await until("every validator is there", async () => (await statusOf(url)).height > lowest + 2n);
    const next = await fetch(`${url}/v1/blocks/${(lowest + 1n).toString()}`);
    expect(Views.block.parse(await next.json()).header).toMatchObject({ epoch: epoch + 2n, committee, parent: block });
  }
}

describe("an outage of the light client", () => {
  it(
    "RESUME-1, RESUME-5: expired on a real L1, resumed by operators over their sockets, the chain goes on",
    async () => {
      const dataDir = mkdtempSync(join(tmpdir(), "crema-resume-"));
      const processes = createProcesses();
      const control = new AbortController();
      try {
        const network = await bringUp({
          ...{ options: { ...OPTIONS, dataDir }, layout: createLayout(dataDir), epochLength: SHORT_EPOCH_BLOCKS },
          ...{ processes, progress: silent, signal: control.signal },
        });
        await play(network);
        expect(processes.unexpected).toEqual([]);
      } finally {
        control.abort();
        await processes.stopAll();
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
    TIMEOUT_MS,
  );
});
