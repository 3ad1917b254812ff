import { chmod, rm } from "node:fs/promises";
import { createServer, request as httpRequest, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";

import * as z from "zod";

import type { ResumeRefusal, ResumeRequest } from "../lightclient/nodeQueries.ts";
import * as Scalar from "../lightclient/wireScalars.ts";

/** Requests longer than this are refused, bytes. */
export const ADMIN_BODY_BYTES_MAX = 4_096;
/** How long the operator's command waits for the node. */
const ADMIN_TIMEOUT_MS = 30_000;
/** Longest path that every platform gives a socket. */
const SOCKET_PATH_BYTES_MAX = 103;
const RESUME_PATH = "/resume";

const requestBody = z.strictObject({ epoch: Scalar.epoch, block: Scalar.hash, committee: Scalar.committeeId });
const answerBody = z.strictObject({ refusal: z.record(z.string(), z.json()).nullable() });

/** What an operator can have a running node do. */
export interface AdminCommands {
  signResume(request: ResumeRequest): Promise<ResumeRefusal | undefined>;
}

/** A node that cannot be reached, or does not understand. */
export class AdminError extends Error {
  override readonly name = "AdminError";
}

export function adminSocketPath(dataDir: string): string {
  return join(dataDir, "admin.sock");
}

/**
 * RESUME-9: the operator's door, a socket in the node's own directory that only the account it runs under can open. No
 * address of a network leads to it.
 */
export async function openAdminSocket(dataDir: string, commands: AdminCommands): Promise<{ close(): Promise<void> }> {
  const path = adminSocketPath(dataDir);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) throw new AdminError(`too long for a socket: ${path}`);
  await rm(path, { force: true });
  const server = createServer({ requestTimeout: ADMIN_TIMEOUT_MS }, (request, response) => {
    answer(request, commands).then(
      ({ status, body }) => response.writeHead(status, { "content-type": "application/json" }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  await listen(server, path);
  await chmod(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Bound within this call, with the mode it keeps: nobody else ever has a moment to connect.
    const before = process.umask(0o177);
    server.listen(path, resolve);
    process.umask(before);
  });
}

async function answer(
  request: IncomingMessage,
  commands: AdminCommands,
): Promise<{ readonly status: number; readonly body: string }> {
  const text = await read(request);
  if (request.method !== "POST" || request.url !== RESUME_PATH || text === undefined)
    return { status: 404, body: "{}" };
  const parsed = requestBody.safeParse(parse(text));
  if (!parsed.success) return { status: 400, body: JSON.stringify({ reason: z.prettifyError(parsed.error) }) };
  const refusal = (await commands.signResume(parsed.data)) ?? null;
  const values = (_: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value);
  return { status: 200, body: JSON.stringify({ refusal }, values) };
}

/** The body, or undefined where it is longer than any that makes sense. */
async function read(message: IncomingMessage): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of message) {
    if (!(part instanceof Uint8Array)) continue;
    bytes += part.length;
    if (bytes > ADMIN_BODY_BYTES_MAX) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Asks the node whose directory this is to sign. Resolves to why it did not, or null. */
export async function askToSignResume(
  dataDir: string,
  request: z.input<typeof requestBody>,
): Promise<Readonly<Record<string, unknown>> | null> {
  const body = JSON.stringify(request);
  const socketPath = adminSocketPath(dataDir);
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = httpRequest({ socketPath, path: RESUME_PATH, method: "POST", timeout: ADMIN_TIMEOUT_MS }, resolve);
    asked.once("error", (error) => {
      reject(new AdminError(`no node answers at ${socketPath}: ${error.message}`));
    });
    asked.end(body);
  });
  const text = (await read(message)) ?? "";
  if (message.statusCode !== 200) throw new AdminError(`the node refused the request: ${text}`);
  return answerBody.parse(JSON.parse(text)).refusal;
}
