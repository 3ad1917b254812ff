import * as z from "zod";

import * as Views from "../lightclient/wireViews.ts";
import { EndpointsError, ProblemError, SdkError, VerificationError, type EndpointFailure } from "./errors.ts";

/** The part of `fetch` that the SDK uses. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Uint8Array<ArrayBuffer> | string;
    readonly signal: AbortSignal;
  },
) => Promise<FetchResponse>;

export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStream<Uint8Array> | null;
}

/** One request, the same for every endpoint. */
export interface Request {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly octets?: Uint8Array;
  readonly json?: unknown;
}

/** Checks an answer at the endpoint that gave it; throws `VerificationError` to have the next one asked. */
export type Check<T, U> = (answer: T, endpoint: string) => U | Promise<U>;

export interface TransportOptions {
  readonly endpoints: readonly string[];
  readonly fetch: Fetch;
  /** Longest time for one request at one endpoint, milliseconds. */
  readonly requestTimeoutMs: number;
  /** Longest answer taken, bytes. */
  readonly answerBytesMax: number;
}

/** Asks endpoints in turn until one gives an answer that passes. */
export interface Transport {
  readonly endpoints: readonly string[];
  ask<S extends z.ZodType, U>(
    request: Request,
    schema: S,
    check: Check<z.output<S>, U>,
    signal?: AbortSignal,
  ): Promise<U>;
}

/** Codes that say something of this endpoint at this time, so that another one may do better. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  "internal",
  "not-ready",
  "node-full",
  "namespace-full",
  "rate-limited",
  "too-many-subscribers",
  "pruned",
  "unknown-block",
  "unknown-transaction",
  "unknown-finalization",
  "unknown-handover",
  "unknown-committee",
  "transaction-pending",
]);

export function createTransport(options: TransportOptions): Transport {
  const { endpoints } = options;
  let preferred = 0;

  async function askOne<S extends z.ZodType>(
    endpoint: string,
    request: Request,
    schema: S,
    signal: AbortSignal | undefined,
  ): Promise<z.output<S>> {
    const timeout = AbortSignal.timeout(options.requestTimeoutMs);
    const response = await options.fetch(addressOf(endpoint, request), {
      method: request.method,
      ...payloadOf(request),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    const json = await readJson(response, options.answerBytesMax);
    if (response.status >= 300) throw problemOf(endpoint, response, json);
    const parsed = z.safeParse(schema, json);
    if (parsed.success) return parsed.data;
    throw new AnswerError(`the answer is malformed: ${parsed.error.issues[0]?.message ?? "unknown"}`);
  }

  return {
    endpoints,
    ask: async (request, schema, check, signal) => {
      const failures: EndpointFailure[] = [];
      const refusals: SdkError[] = [];
      for (let i = 0; i < endpoints.length; i++) {
        const index = (preferred + i) % endpoints.length;
        const endpoint = endpoints[index] ?? "";
        try {
          const checked = await check(await askOne(endpoint, request, schema, signal), endpoint);
          preferred = index;
          return checked;
        } catch (error) {
          signal?.throwIfAborted();
          if (error instanceof ProblemError && !ELSEWHERE.has(error.code)) throw error;
          if (error instanceof SdkError) refusals.push(error);
          failures.push({ endpoint, reason: reasonOf(error) });
        }
      }
      throw decisive(refusals, failures);
    },
  };
}

/** An answer that is no answer. */
class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** What to tell the caller when all failed: a lie before a refusal, a refusal before silence. */
function decisive(refusals: readonly SdkError[], failures: readonly EndpointFailure[]): SdkError {
  return refusals.find((error) => error instanceof VerificationError) ?? refusals[0] ?? new EndpointsError(failures);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

function addressOf(endpoint: string, { path, query = {} }: Request): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value);
  const text = search.toString();
  return `${endpoint.replace(/\/+$/, "")}${path}${text === "" ? "" : `?${text}`}`;
}

function payloadOf({ octets, json }: Request): {
  headers: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | string;
} {
  const accept = "application/json";
  if (octets !== undefined) {
    return { headers: { accept, "content-type": "application/octet-stream" }, body: Uint8Array.from(octets) };
  }
  if (json === undefined) return { headers: { accept } };
  return { headers: { accept, "content-type": "application/json" }, body: JSON.stringify(json) };
}

/** SDK-1: no endpoint can make the client hold more than `maximum` bytes of an answer. */
async function readJson(response: FetchResponse, maximum: number): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  if (response.body !== null) {
    const reader = response.body.getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      bytes += chunk.value.length;
      if (bytes > maximum) {
        await reader.cancel();
        throw new AnswerError(`the answer is longer than ${String(maximum)} bytes`);
      }
      text += decoder.decode(chunk.value, { stream: true });
    }
  }
  try {
    return JSON.parse(text + decoder.decode());
  } catch {
    throw new AnswerError(`status ${String(response.status)} without JSON`);
  }
}

function problemOf(endpoint: string, response: FetchResponse, json: unknown): Error {
  const parsed = z.safeParse(Views.problem, json);
  if (!parsed.success) return new AnswerError(`status ${String(response.status)}`);
  const seconds = Number(response.headers.get("retry-after") ?? "");
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
  return new ProblemError(endpoint, parsed.data, parsed.data.values, retryAfterMs);
}
