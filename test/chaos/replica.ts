import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { temporaryFolder } from "../relayer/support/backends.ts";
import type { ProcessOptions, RelayerProcess } from "../relayer/support/relayerProcess.ts";
import type { World } from "../relayer/support/world.ts";

/** One replica under a supervisor such as systemd: whatever ends the process, another is started with its folder. */
export interface Replica {
  /** Lines of this message over all processes so far. */
  count(message: string): number;
  /** SIGKILL; the supervisor starts it again after `restMs`. */
  kill(restMs: number): Promise<void>;
  /** Ends it for good; the exit code of SIGTERM. */
  stop(): Promise<number | null>;
  status(): Promise<unknown>;
  /** Asks it to take no new work. */
  drain(): Promise<void>;
  /** What its last process said last. */
  lastLines(): readonly string[];
  /** How it ended each time that it ended by itself. */
  exits(): readonly string[];
}

const RESTART_MS = 500;
const LAST_LINES = 60;
const STATUS_TIMEOUT_MS = 5_000;

export function startReplica(world: World, options: Partial<ProcessOptions>): Replica {
  const folder = temporaryFolder();
  const ended: RelayerProcess[] = [];
  let current = world.start({ ...options, dataDir: folder.path });
  const reasons: string[] = [];
  let [isStopping, restMs] = [false, RESTART_MS];
  let killed = false;
  const stopping = (): boolean => isStopping;

  async function supervise(): Promise<void> {
    for (;;) {
      const how = await current.end();
      ended.push(current);
      if (stopping()) return;
      if (!killed) reasons.push(how);
      await delay(killed ? restMs : RESTART_MS);
      killed = false;
      if (stopping()) return;
      current = world.start({ ...options, dataDir: folder.path });
    }
  }
  void supervise();

  return {
    count: (message) => [...ended, current].flatMap(({ lines }) => lines).filter(({ msg }) => msg === message).length,
    kill: async (rest) => {
      if (current.child.exitCode !== null || current.child.signalCode !== null) return;
      [killed, restMs] = [true, rest];
      await current.kill();
    },
    stop: async () => {
      isStopping = true;
      const code = await current.stop();
      folder.remove();
      return code;
    },
    status: async () => {
      const { http } = await current.ready();
      return (await fetch(`${String(http)}/status`, { signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) })).json();
    },
    drain: async () => {
      const { http } = await current.ready();
      const token = readFileSync(join(folder.path, "admin.token"), "utf8").trim();
      const headers = { authorization: `Bearer ${token}` };
      await fetch(`${String(http)}/admin/drain`, { method: "POST", headers });
    },
    lastLines: () => current.lines.slice(-LAST_LINES).map((line) => JSON.stringify(line)),
    exits: () => reasons,
  };
}
