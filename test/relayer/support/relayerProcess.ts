import { spawn, type ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { AddressBook } from "../../../src/l1/addressBook.ts";

const MAIN = fileURLToPath(new URL("../../../relayer/main.ts", import.meta.url));

export interface RelayerProcess {
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly child: ChildProcess;
  /** The line that says it is ready. */
  ready(): Promise<Readonly<Record<string, unknown>>>;
  /** Resolves with the first line of this message, past or to come. */
  line(message: string): Promise<Readonly<Record<string, unknown>>>;
  /** How it ended by itself: the signal, or its last words. */
  end(): Promise<string>;
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface ProcessOptions {
  readonly book: AddressBook;
  readonly l1Urls: readonly string[];
  readonly nodeUrls: readonly string[];
  readonly dataDir: string;
  readonly key: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly script?: string;
}

/** The relayer as operators run it: its own process, configured by environment. */
export function startRelayer(options: ProcessOptions): RelayerProcess {
  const book = join(options.dataDir, "addresses.json");
  writeFileSync(book, JSON.stringify(options.book));
  const env = {
    PATH: process.env["PATH"] ?? "",
    CREMA_L1_URLS: options.l1Urls.join(","),
    CREMA_ADDRESS_BOOK: book,
    CREMA_NODE_URLS: options.nodeUrls.join(","),
    CREMA_DATA_DIR: options.dataDir,
    CREMA_RELAYER_KEY: options.key,
    CREMA_POLL_MS: "100",
    CREMA_BUMP_AFTER_MS: "2000",
    CREMA_REBROADCAST_AFTER_MS: "1000",
    CREMA_HTTP_PORT: "0",
    CREMA_SEAL_AFTER_SECONDS: "0",
    CREMA_ROTATE: "false",
    CREMA_LOCK_TTL_MS: "2000",
    CREMA_LOG_LEVEL: "debug",
    ...options.env,
  };
  const child = spawn(process.execPath, [options.script ?? MAIN, "run"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: Readonly<Record<string, unknown>>[] = [];
  const waiting: (() => void)[] = [];
  const errors: string[] = [];
  let rest = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString("utf8")).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) lines.push(parse(part));
    for (const wake of waiting.splice(0)) wake();
  });
  child.stderr.on("data", (chunk: Buffer) => void errors.push(chunk.toString("utf8")));
  const ended = new Promise<number | null>((resolve) =>
    child.once("exit", (code) => {
      resolve(code);
      for (const wake of waiting.splice(0)) wake();
    }),
  );

  async function line(message: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const found = lines.find(({ msg }) => msg === message);
      if (found !== undefined) return found;
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(
          `the relayer ended without saying "${message}": ${errors.join("")} ${JSON.stringify(lines.slice(-5))}`,
        );
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  return {
    lines,
    child,
    line,
    ready: () => line("ready"),
    end: async () => {
      const code = await ended;
      return child.signalCode ?? `exit code ${String(code)}: ${errors.join("")} ${JSON.stringify(lines.slice(-5))}`;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? Object.fromEntries(Object.entries(parsed)) : { msg: text };
  } catch {
    return { msg: text };
  }
}
