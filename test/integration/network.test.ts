import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { createLayout } from "../../src/cli/start/layout.ts";
import { SHORT_EPOCH_BLOCKS } from "../../src/cli/start/localCluster.ts";
import { bringUp } from "../../src/cli/start/network.ts";
import type { StartOptions } from "../../src/cli/start/options.ts";
import { createProcesses } from "../../src/cli/start/processes.ts";
import type { Progress } from "../../src/cli/start/progress.ts";
import { runLocalNetwork } from "../../src/cli/start/run.ts";
import { createScene, heightOf, until } from "../../src/cli/start/scenario.ts";

const OPTIONS: StartOptions = {
  blocks: 12,
  json: true,
  chaos: true,
  validators: 4,
  dataDir: undefined,
  timeoutSeconds: 280,
};
const TIMEOUT_MS = 300_000;
const silent: Progress = { step: () => undefined, event: () => undefined, note: () => undefined };

describe("the whole system on one machine", () => {
  it(
    "MAIN-1: blocks become final and reach L1, a fifth validator joins, kill -9 loses nothing, all is confirmed once",
    async () => {
      const outcome = await runLocalNetwork(OPTIONS);
      expect(outcome.failure).toBeUndefined();
      expect(outcome.exitCode).toBe(0);
      const report = outcome.report;
      if (report === undefined) throw new Error("there is no report");
      expect(report).toMatchObject({ chainId: 31_337, validators: 5 });
      expect(report.l1Client).toMatch(/^anvil\//);
      expect(report.finalizedHeight).toBeGreaterThanOrEqual(12);
      expect(report.l1Height).toBeGreaterThanOrEqual(12);
      expect(report.epochs).toBeGreaterThan(1);
      expect(report.transactionsSubmitted).toBeGreaterThan(0);
      expect(report.transactionsConfirmedOnL1).toBe(report.transactionsSubmitted);
      expect(report.advanceGas.p50).toBeGreaterThan(100_000);
    },
    TIMEOUT_MS,
  );

  it(
    "MAIN-2: while L1 does not answer blocks go on becoming final; when it is back, they reach it",
    async () => {
      const dataDir = mkdtempSync(join(tmpdir(), "crema-away-"));
      const processes = createProcesses();
      const control = new AbortController();
      const { signal } = control;
      const options = { ...OPTIONS, dataDir };
      try {
        const layout = createLayout(dataDir);
        const network = await bringUp({
          options,
          layout,
          epochLength: SHORT_EPOCH_BLOCKS,
          processes,
          progress: silent,
          signal,
        });
        const scene = await createScene({ network, processes, progress: silent, options, signal });
        const { chain, checkpoints, rollups } = scene;
        const background = [...rollups.map((rollup) => rollup.run(signal)), chain.run(signal), checkpoints.run(signal)];
        const failed = Promise.all(background).then(() => new Promise<never>(() => undefined));
        const play = async (): Promise<void> => {
          await until(scene, "a checkpoint is on L1", () => checkpoints.height() >= 1n);
          network.l1Process.signal("SIGSTOP");
          // A client asks L1 whom to trust, so that it sees nothing now: the validators' own word has to do.
          const [{ apiUrl } = { apiUrl: "" }] = network.validators;
          const stopped = await heightOf(apiUrl);
          const knownOnL1 = checkpoints.height();
          // More than an epoch, so that a handover without news from L1 is among them.
          await until(scene, "an epoch passes without L1", async () => (await heightOf(apiUrl)) >= stopped + 12n);
          expect(checkpoints.height()).toBe(knownOnL1);
          const reached = await heightOf(apiUrl);
          network.l1Process.signal("SIGCONT");
          await until(scene, "L1 has what became final without it", () => checkpoints.height() >= reached);
          expect(processes.unexpected).toEqual([]);
        };
        await Promise.race([play(), failed]);
      } finally {
        control.abort();
        await processes.stopAll();
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
    TIMEOUT_MS,
  );

  it("MAIN-3: what cannot come up is said and leaves nothing behind", async () => {
    const dataDir = join(mkdtempSync(join(tmpdir(), "crema-short-")), "data");
    const outcome = await runLocalNetwork({ ...OPTIONS, dataDir, timeoutSeconds: 1 });
    expect(outcome).toMatchObject({ exitCode: 1, failure: "not done after 1 s" });
    expect(existsSync(join(dataDir, "logs"))).toBe(true);
    rmSync(dataDir, { recursive: true, force: true });
  });
});
