import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { contractsAreBuilt } from "../../l1/contracts.ts";
import { StartError } from "./options.ts";

/** The repository's root: where the build tools expect to be run. */
export const ROOT = dirname(fileURLToPath(new URL("../../../package.json", import.meta.url)));

const OUTPUT_LINES = 30;
const BUILD_ATTEMPTS = 5;
const SHARED_CACHE_FILE = "compile-cache.json.tmp";

/** Runs one of our own tools to its end; throws with its last lines when it fails. */
export async function runTool(
  what: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string> {
  const child = spawn(process.execPath, [...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  const output: string[] = [];
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    output.push(chunk.toString());
  });
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) {
    const tail = output.join("").trimEnd().split("\n").slice(-OUTPUT_LINES).join("\n");
    throw new StartError(`${what} failed (exit code ${String(code)}):\n${tail}`);
  }
  return stdout;
}

/** Compiles the contracts where they changed since the last time; a build without changes takes a second. */
export async function buildContracts(signal: AbortSignal): Promise<void> {
  const require = createRequire(import.meta.url);
  const cli = join(dirname(require.resolve("hardhat/package.json")), "dist", "src", "cli.js");
  if (!existsSync(cli)) throw new StartError("Hardhat is not installed: npm ci");
  for (let attempt = 1; ; attempt++) {
    try {
      await runTool("building the contracts", [cli, "build", "--quiet"], {}, signal);
      break;
    } catch (error) {
      // Two builds at once (two networks, two test files) rename one temporary cache file: the later finds it gone.
      const collided = error instanceof StartError && error.message.includes(SHARED_CACHE_FILE);
      if (!collided || attempt === BUILD_ATTEMPTS) throw error;
    }
  }
  if (!contractsAreBuilt()) throw new StartError("the build left contracts out: rm -rf artifacts cache, then again");
}
