import { readBoundedText } from "../runtime/boundedBody.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { L1UnavailableError, L1WrongChainError, type EndpointFailure } from "./l1Errors.ts";

/** More endpoints than this are refused: a request tries every one of them before it gives up. */
export const ENDPOINTS_MAX = 8;
/** Largest answer read from an endpoint, in bytes; `eth_getLogs` ranges are bounded so that answers stay far below. */
export const RESPONSE_BYTES_MAX = 32 * 1024 * 1024;

export interface EndpointsOptions {
  /** HTTP JSON-RPC addresses, the preferred one first. */
  readonly urls: readonly string[];
  readonly chainId: bigint;
  /** Longest wait for one answer of one endpoint. */
  readonly timeoutMs: number;
  /** After this time away from the preferred endpoint it is tried again. */
  readonly preferAgainMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Endpoints {
  /** Posts one JSON-RPC payload; the parsed JSON body. Throws `L1UnavailableError` or `L1WrongChainError`. */
  post(payload: unknown, method: string): Promise<unknown>;
}

/** A transport failure: this endpoint cannot serve now, another may. */
class EndpointFault extends Error {
  override readonly name = "EndpointFault";
}

/**
 * JSON-RPC over several endpoints. One is used at a time; a transport fault (refused, timed out, 5xx, 429, a body that
 * is no JSON) moves to the next one. JSON-RPC errors are answers and are never retried here. An endpoint's chain id is
 * checked whenever it becomes the current one.
 */
export function createEndpoints(options: EndpointsOptions): Endpoints {
  const { urls, clock, logger } = options;
  if (urls.length === 0 || urls.length > ENDPOINTS_MAX) {
    throw new RangeError(`between 1 and ${String(ENDPOINTS_MAX)} L1 endpoints are needed, got ${String(urls.length)}`);
  }
  let current = 0;
  let leftPreferredAt = 0;
  const checked = new Set<number>();

  async function tryEndpoint(index: number, payload: unknown): Promise<unknown> {
    const url = urls[index] ?? "";
    if (!checked.has(index)) {
      const actual = await readChainId(url, options.timeoutMs);
      if (actual !== options.chainId) throw new L1WrongChainError(options.chainId, actual, displayUrl(url));
      checked.add(index);
    }
    return postJson(url, payload, options.timeoutMs);
  }

  function moveTo(index: number): void {
    if (index === current) return;
    logger.warn("L1 endpoint changed", { from: displayUrl(urls[current] ?? ""), to: displayUrl(urls[index] ?? "") });
    if (current === 0) leftPreferredAt = clock.monotonicMs();
    current = index;
  }

  function firstToTry(): number {
    const wait = current !== 0 && clock.monotonicMs() - leftPreferredAt < options.preferAgainMs;
    if (current !== 0 && !wait) leftPreferredAt = clock.monotonicMs();
    return wait ? current : 0;
  }

  return {
    post: async (payload, method) => {
      const failures: EndpointFailure[] = [];
      let wrongChain: L1WrongChainError | undefined;
      const first = firstToTry();
      for (let step = 0; step < urls.length; step++) {
        const index = (first + step) % urls.length;
        try {
          const answer = await tryEndpoint(index, payload);
          moveTo(index);
          return answer;
        } catch (error) {
          if (!(error instanceof EndpointFault) && !(error instanceof L1WrongChainError)) throw error;
          if (error instanceof L1WrongChainError) wrongChain = error;
          checked.delete(index);
          failures.push({ endpoint: displayUrl(urls[index] ?? ""), reason: error.message });
        }
      }
      if (wrongChain !== undefined && failures.every(({ reason }) => reason.includes("serves chain"))) throw wrongChain;
      throw new L1UnavailableError(method, failures);
    },
  };
}

/** The address without user, password, path and query: those often hold an API key. */
export function displayUrl(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "(unreadable address)";
}

async function readChainId(url: string, timeoutMs: number): Promise<bigint> {
  const body = await postJson(url, { jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }, timeoutMs);
  const result = typeof body === "object" && body !== null && "result" in body ? body.result : undefined;
  if (typeof result !== "string" || !/^0x[0-9a-fA-F]{1,16}$/.test(result)) {
    throw new EndpointFault("eth_chainId was not answered with a number");
  }
  return BigInt(result);
}

async function postJson(url: string, payload: unknown, timeoutMs: number): Promise<unknown> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await readBoundedText(response, RESPONSE_BYTES_MAX);
    if (body === undefined) throw new EndpointFault(`answer longer than ${String(RESPONSE_BYTES_MAX)} bytes`);
    text = body;
  } catch (error) {
    throw error instanceof EndpointFault ? error : new EndpointFault(describe(error, timeoutMs));
  }
  // Some nodes answer a JSON-RPC error with status 400; the body decides then.
  if (response.status === 429 || response.status >= 500) throw new EndpointFault(`HTTP ${String(response.status)}`);
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    throw new EndpointFault(`HTTP ${String(response.status)} with a body that is not JSON`);
  }
}

function describe(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer in ${String(timeoutMs)} ms`;
  const cause = error.cause;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message;
}
