import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";

import { sleep, systemClock } from "../../src/runtime/clock.ts";

const SERVERS = ["redis-server", "valkey-server"] as const;
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;
const POLL_MS = 25;

/**
 * The shell holds the server's life to ours: its standard input is a pipe from this process, and ends with it however
 * that ends, `kill -9` included. The server then stops as on SIGTERM, with its append-only file synced.
 */
const GUARD = '"$@" & server=$!; trap "" INT TERM; cat >/dev/null; kill "$server" 2>/dev/null; wait "$server"';

const PID_FILE = "redis.pid";
/** Where the socket of the server of this folder was made, for whoever comes after a `kill -9`. */
const PLACE_FILE = "redis.place";
const PLACE_PREFIX = "crema-redis-";

/** Another server still has the folder: two writers would ruin its append-only file. */
export class FolderInUseError extends Error {
  override readonly name = "FolderInUseError";
}

export interface PrivateRedis {
  readonly socket: string;
  readonly server: string;
  stop(): Promise<void>;
}

/** The first Redis or Valkey server on PATH. */
export function findServer(path: string): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return SERVERS.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file));
}

/** QUEUE-2: starts `server` for this process alone: a Unix socket, no TCP port, append-only file in `folder`, no eviction. */
export async function startPrivateRedis(server: string, folder: string): Promise<PrivateRedis> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await waitForPrevious(folder);
  // Socket paths are limited to about a hundred bytes: the data folder's may be longer.
  await sweep(folder);
  const place = await mkdtemp(join(tmpdir(), PLACE_PREFIX));
  await writeFile(join(folder, PLACE_FILE), place);
  const socket = join(place, "redis.sock");
  const args = ["--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir", folder];
  const durable = [
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--save",
    "",
    "--maxmemory-policy",
    "noeviction",
  ];
  const quiet = ["--daemonize", "no", "--loglevel", "warning", "--pidfile", join(folder, PID_FILE)];
  const output: string[] = [];
  const child = spawn("/bin/sh", ["-c", GUARD, "sh", server, ...args, ...durable, ...quiet], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const keep = (chunk: Buffer): void => void output.push(chunk.toString("utf8").slice(0, 2_000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const stop = async (): Promise<void> => {
    await stopChild(child);
    await rm(place, { recursive: true, force: true });
  };
  try {
    await waitForSocket(socket, child);
  } catch (cause) {
    await stop();
    throw new Error(`${server} did not start: ${output.slice(-5).join("").trim()}`, { cause });
  }
  return { socket, server, stop };
}

/** QUEUE-5: removes the socket's folder that a killed relayer left behind: its own only, whose server has ended. */
async function sweep(folder: string): Promise<void> {
  const left = await readFile(join(folder, PLACE_FILE), "utf8").catch(() => "");
  const isOurs = dirname(left) === tmpdir() && basename(left).startsWith(PLACE_PREFIX);
  if (isOurs) await rm(left, { recursive: true, force: true });
}

/** After `kill -9` of the relayer its server takes a moment to stop. */
async function waitForPrevious(folder: string): Promise<void> {
  for (let waitedMs = 0; await isRunning(join(folder, PID_FILE)); waitedMs += POLL_MS) {
    if (waitedMs >= STOP_TIMEOUT_MS) throw new FolderInUseError(`another server is using ${folder}`);
    await sleep(systemClock, POLL_MS);
  }
}

async function isRunning(pidFile: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(pidFile, "utf8"));
    if (!Number.isInteger(pid) || pid <= 0) return false;
    process.kill(pid, 0);
    // The number may be another program's by now; where the system can say, it decides.
    const command = await readFile(`/proc/${String(pid)}/cmdline`, "utf8").catch(() => "redis");
    return /redis|valkey/.test(command);
  } catch {
    return false;
  }
}

async function waitForSocket(socket: string, child: ChildProcess): Promise<void> {
  const attempts = START_TIMEOUT_MS / POLL_MS;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (child.exitCode !== null) throw new Error(`exit code ${String(child.exitCode)}`);
    if (await answers(socket)) return;
    await sleep(systemClock, POLL_MS);
  }
  throw new Error("timed out");
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection({ path });
    probe.once("error", () => {
      resolve(false);
    });
    // A server that still loads its file answers with an error: the connection alone is not enough.
    probe.once("data", (chunk) => {
      probe.destroy();
      resolve(chunk.toString("utf8").startsWith("+PONG"));
    });
    probe.once("connect", () => probe.write("PING\r\n"));
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.stdin?.end();
  const cancel = systemClock.setTimer(STOP_TIMEOUT_MS, () => child.kill("SIGKILL"));
  await ended;
  cancel();
}
