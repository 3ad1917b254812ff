import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { systemClock } from "../../runtime/clock.ts";

/** A started process came to an end that nobody asked for, or did not come up. */
export class ProcessError extends Error {
  override readonly name = "ProcessError";
}

export interface ProcessSpec {
  /** Shown in messages, unique. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Standard output and error are appended here. */
  readonly logFile: string;
}

export interface Managed {
  readonly spec: ProcessSpec;
  readonly pid: number;
  /** Undefined while it runs. */
  readonly exit: () => { readonly code: number | null; readonly signal: string | null } | undefined;
  readonly exited: Promise<void>;
  /** Sends a signal to the whole group. */
  signal(name: NodeJS.Signals): void;
  /** SIGKILL to the whole group: no chance to tidy up. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL when it is still there after the grace period. Resolves to false when SIGKILL was needed. */
  stop(): Promise<boolean>;
}

export interface Processes {
  /** Starts a process in a group of its own, so that a terminal's Ctrl-C reaches only us. */
  start(spec: ProcessSpec): Managed;
  /** Processes that ended without `kill` or `stop`. */
  readonly unexpected: readonly Managed[];
  /** Calls back at each unexpected end. */
  onUnexpectedExit(callback: (process: Managed) => void): void;
  /** Ends everything, newest first; resolves to the names of those that had to be killed. */
  stopAll(): Promise<readonly string[]>;
}

/** Most processes one network may have. */
export const PROCESSES_MAX = 64;
const STOP_GRACE_MS = 10_000;
const LOG_TAIL_LINES = 15;

/** Starts and ends process groups, with a watcher beside them that ends them should this process die (`reaper.ts`). */
export function createProcesses(): Processes {
  const running = new Map<string, Managed>();
  const unexpected: Managed[] = [];
  const callbacks: ((process: Managed) => void)[] = [];
  const reaper = startReaper();

  function start(spec: ProcessSpec): Managed {
    if (running.size >= PROCESSES_MAX) throw new ProcessError(`more than ${String(PROCESSES_MAX)} processes`);
    if (running.has(spec.name)) throw new ProcessError(`${spec.name} is running already`);
    const child = spawnInGroup(spec);
    const { pid } = child;
    if (pid === undefined) throw new ProcessError(`${spec.name} could not be started: ${spec.command}`);
    reaper.add(pid);
    const managed = manage(spec, child, pid, (wasAsked) => {
      running.delete(spec.name);
      reaper.remove(pid);
      if (wasAsked) return;
      unexpected.push(managed);
      for (const callback of callbacks) callback(managed);
    });
    running.set(spec.name, managed);
    return managed;
  }

  return {
    start,
    unexpected,
    onUnexpectedExit: (callback) => {
      callbacks.push(callback);
    },
    stopAll: async () => {
      const killed: string[] = [];
      // The L1 node was started first and goes last, so that nobody complains about its absence.
      const [first, ...others] = [...running.values()];
      const stop = async (managed: Managed): Promise<void> => {
        if (!(await managed.stop())) killed.push(managed.spec.name);
      };
      await Promise.all(others.map(stop));
      if (first !== undefined) await stop(first);
      reaper.end();
      return killed;
    },
  };
}

function manage(spec: ProcessSpec, child: ChildProcess, pid: number, onExit: (wasAsked: boolean) => void): Managed {
  let asked = false;
  let exit: { code: number | null; signal: string | null } | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      exit = { code, signal };
      onExit(asked);
      resolve();
    });
  });
  return {
    spec,
    pid,
    exit: () => exit,
    exited,
    signal: (name) => {
      signalGroup(pid, name);
    },
    kill: async () => {
      asked = true;
      signalGroup(pid, "SIGKILL");
      await exited;
    },
    stop: async () => {
      asked = true;
      if (exit !== undefined) return true;
      signalGroup(pid, "SIGTERM");
      const inTime = await within(STOP_GRACE_MS, exited);
      signalGroup(pid, "SIGKILL");
      await exited;
      return inTime;
    },
  };
}

/** Whether something happened in time; leaves no timer behind. */
function within(timeoutMs: number, event: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = systemClock.setTimer(timeoutMs, () => {
      resolve(false);
    });
    void event.then(() => {
      cancel();
      resolve(true);
    });
  });
}

function spawnInGroup(spec: ProcessSpec): ChildProcess {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, "a");
  try {
    const child = spawn(spec.command, [...spec.args], {
      cwd: spec.cwd,
      detached: true,
      env: { ...inheritedEnvironment(), ...spec.env },
      stdio: ["ignore", log, log],
    });
    // A command that does not exist is reported by the missing pid; without a listener the event would end us.
    child.on("error", () => undefined);
    return child;
  } finally {
    closeSync(log);
  }
}

/** Children see the machine's settings, but none of ours: a stray CREMA_ variable must not configure five validators. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CREMA_")));
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // Gone already.
  }
}

interface Reaper {
  add(pid: number): void;
  remove(pid: number): void;
  end(): void;
}

function startReaper(): Reaper {
  const script = fileURLToPath(new URL("./reaper.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  return {
    add: (pid) => child.stdin.write(`add ${String(pid)}\n`),
    remove: (pid) => child.stdin.write(`remove ${String(pid)}\n`),
    end: () => child.stdin.end(),
  };
}

/** The last lines that a process wrote, for messages about its end. */
export function logTail(spec: ProcessSpec): string {
  try {
    return readFileSync(spec.logFile, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
  } catch {
    return "(no log)";
  }
}

export function describeExit(managed: Managed): string {
  const exit = managed.exit();
  if (exit === undefined) return `${managed.spec.name} is running`;
  const how = exit.signal === null ? `with code ${String(exit.code)}` : `by ${exit.signal}`;
  return `${managed.spec.name} ended ${how}; last lines of ${managed.spec.logFile}:\n${logTail(managed.spec)}`;
}
