import type { Command } from "commander";
import { print } from "./terminal.ts";

const TIMEOUT_MS = 5_000;

/** A node's API that does not answer as one. */
class StatusError extends Error {
  override readonly name = "StatusError";
}

/** `crema status`: what a running node says of itself. */
export function addStatus(program: Command): void {
  program
    .command("status")
    .description("show what a running node says of itself")
    .option("--api-url <url>", "base address of its HTTP API", "http://127.0.0.1:8080")
    .option("--json", "print the answer as it is")
    .action(async (options: { apiUrl: string; json?: boolean }) => {
      const status = await readStatus(options.apiUrl);
      if (options.json === true) print(JSON.stringify(status));
      else for (const [name, value] of Object.entries(status)) print(`${name.padEnd(16)} ${show(value)}`);
    });
}

async function readStatus(apiUrl: string): Promise<object> {
  let response: Response;
  try {
    response = await fetch(new URL("/v1/status", apiUrl), { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new StatusError(`no node answers at ${apiUrl}: ${cause}`);
  }
  const body: unknown = await response.json();
  if (!response.ok || typeof body !== "object" || body === null) {
    throw new StatusError(`${apiUrl} answered ${String(response.status)}`);
  }
  return body;
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
