import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { sleep, systemClock } from "../../runtime/clock.ts";
import { describeExit, ProcessError, type Managed, type Processes } from "./processes.ts";

export interface AnvilOptions {
  readonly dataDir: string;
  readonly chainId: number;
  /** Present: blocks at this interval from the start; absent: a block per transaction until `setBlockTime`. */
  readonly blockTimeSeconds?: number;
  /** A fixed port; free one when absent. */
  readonly port?: number;
}

export interface Anvil {
  readonly process: Managed;
  readonly url: string;
}

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 50;
const ACCOUNTS = 1;

/** Where npm put the L1 node's binary for this platform. */
export function anvilBinary(): string {
  const require = createRequire(import.meta.url);
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  const file = process.platform === "win32" ? "anvil.exe" : "anvil";
  // The wrapper package knows its platform packages even where npm nests them below it.
  const wrapper = createRequire(require.resolve("@foundry-rs/anvil/package.json"));
  try {
    const binary = join(dirname(wrapper.resolve(`${name}/package.json`)), "bin", file);
    if (existsSync(binary)) return binary;
  } catch {
    // Falls through to the sentence below.
  }
  throw new ProcessError(`no L1 node for this platform: the npm package ${name} is not installed (npm ci installs it)`);
}

/** Starts a development L1 as a process of its own and waits until it listens. */
export async function startAnvil(processes: Processes, options: AnvilOptions): Promise<Anvil> {
  const logFile = join(options.dataDir, "logs", "l1.log");
  const before = existsSync(logFile) ? readFileSync(logFile, "utf8").length : 0;
  const managed = processes.start({
    name: "l1",
    command: anvilBinary(),
    args: [
      ...["--port", String(options.port ?? 0), "--chain-id", String(options.chainId)],
      ...["--accounts", String(ACCOUNTS), "--balance", "1000000"],
      // `finalized` is then two blocks below the newest: the production rule works on this chain too.
      ...["--slots-in-an-epoch", "1"],
      ...["--state", join(options.dataDir, "l1-state.json")],
      ...(options.blockTimeSeconds === undefined ? [] : ["--block-time", String(options.blockTimeSeconds)]),
    ],
    env: {},
    cwd: options.dataDir,
    logFile,
  });
  const deadline = systemClock.monotonicMs() + START_TIMEOUT_MS;
  while (systemClock.monotonicMs() < deadline) {
    if (managed.exit() !== undefined) throw new ProcessError(`the L1 node did not start: ${describeExit(managed)}`);
    const port = /Listening on \S+:(\d+)/.exec(readFileSync(logFile, "utf8").slice(before))?.[1];
    if (port !== undefined) return { process: managed, url: `http://127.0.0.1:${port}` };
    await sleep(systemClock, POLL_MS);
  }
  throw new ProcessError(`the L1 node did not listen within ${String(START_TIMEOUT_MS)} ms; see ${logFile}`);
}
