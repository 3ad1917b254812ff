import { createEndpoints, displayUrl, ENDPOINTS_MAX, type Endpoints } from "../../src/l1/endpoints.ts";
import { L1DataError, L1UnavailableError, type EndpointFailure } from "../../src/l1/l1Errors.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import { agreedHead, agreedValue, quorumOf } from "./agreement.ts";

export interface FanoutOptions {
  readonly urls: readonly string[];
  readonly chainId: bigint;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface EndpointHealth {
  readonly url: string;
  readonly healthy: boolean;
  /** It refused for rate and is left alone for a while: not a fault of its own. */
  readonly limited: boolean;
  readonly head: number | undefined;
  readonly failures: number;
  readonly lastError: string | undefined;
}

interface Endpoint {
  readonly url: string;
  readonly post: Endpoints;
  failures: number;
  restUntil: number;
  /** Refusals for rate in a row. */
  limits: number;
  limitedUntil: number;
  head: number | undefined;
  lastError: string | undefined;
}

/** An answer of one endpoint; its JSON-RPC error is an answer too. */
export interface RpcAnswer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data: string | undefined };
}

const REST_FIRST_MS = 1_000;
const REST_MAX_MS = 30_000;
/** For so long a head that was read serves other questions too. */
const HEAD_AGE_MS = 250;
/** Only these take a block as their last parameter and are asked at the agreed head. */
const AT_BLOCK = new Set(["eth_call", "eth_getTransactionCount", "eth_getBalance", "eth_getCode", "eth_estimateGas"]);

/**
 * Several L1 endpoints as one (EP-1). Reads are answered by a quorum: with three or more endpoints a majority must agree
 * at one block, so that one that lies or lags decides nothing; with two the one that is ahead serves and the other
 * stands in. Transactions go to all. EP-3: a transport fault lets an endpoint rest and counts against it; an answer, a
 * refusal of a transaction or a revert among them, never does. EP-4: an endpoint that refuses for rate is left alone for
 * a growing while, whatever else is away, and stays healthy.
 */
export class Fanout implements Endpoints {
  readonly #endpoints: readonly Endpoint[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #quorum: number;
  #headReadAt = Number.NEGATIVE_INFINITY;
  #head: Promise<number> | undefined;

  constructor(options: FanoutOptions) {
    if (options.urls.length === 0 || options.urls.length > ENDPOINTS_MAX) {
      throw new RangeError(`between 1 and ${String(ENDPOINTS_MAX)} L1 endpoints, got ${String(options.urls.length)}`);
    }
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#quorum = quorumOf(options.urls.length);
    this.#endpoints = options.urls.map((url) => ({
      url: displayUrl(url),
      post: createEndpoints({ ...options, urls: [url], preferAgainMs: 0 }),
      failures: 0,
      restUntil: 0,
      limits: 0,
      limitedUntil: 0,
      head: undefined,
      lastError: undefined,
    }));
  }

  health(): readonly EndpointHealth[] {
    const now = this.#clock.monotonicMs();
    return this.#endpoints.map(({ url, failures, head, lastError, limitedUntil }) => ({
      url,
      healthy: failures === 0,
      limited: limitedUntil > now,
      head,
      failures,
      lastError,
    }));
  }

  /** For `RpcProvider`: contract bindings read through the quorum. */
  async post(payload: unknown, method: string): Promise<unknown> {
    const requests = Array.isArray(payload) ? payload.map(toRequest) : [toRequest(payload)];
    const answers = await Promise.all(
      requests.map(async (request) => {
        const answer = await this.ask(request.method, request.params);
        return { jsonrpc: "2.0", id: request.id, ...(answer.error === undefined ? { result: answer.result } : answer) };
      }),
    );
    if (answers.length === 0) throw new L1DataError(`empty JSON-RPC payload for ${method}`);
    return Array.isArray(payload) ? answers : answers[0];
  }

  /** The number of the newest block that the quorum has; asked anew, or as known for a quarter of a second. */
  head(age: "fresh" | "recent" = "recent"): Promise<number> {
    const now = this.#clock.monotonicMs();
    if (age === "fresh" || this.#head === undefined || now - this.#headReadAt > HEAD_AGE_MS) {
      this.#headReadAt = now;
      this.#head = this.#readHead();
      this.#head.catch(() => (this.#head = undefined));
    }
    return this.#head;
  }

  /** One question, answered by the quorum. `latest` as last parameter of a state read becomes the agreed head. */
  async ask(method: string, params: readonly unknown[]): Promise<RpcAnswer> {
    const last = params.at(-1);
    const pinned = this.#endpoints.length > 1 && AT_BLOCK.has(method) && (last === "latest" || last === "pending");
    const asked = pinned ? [...params.slice(0, -1), `0x${(await this.head()).toString(16)}`] : params;
    if (this.#quorum === 1) return this.#askInOrder(method, asked);
    const { answers, failures } = await this.askAll(method, asked);
    const agreed = agreedValue(answers.map(canonical), this.#quorum);
    const value = agreed === undefined ? undefined : answers[agreed];
    if (value === undefined) {
      throw new L1UnavailableError(method, [...failures, { endpoint: "quorum", reason: "endpoints do not agree" }]);
    }
    return value;
  }

  /** `ask` for callers that take a result only; a JSON-RPC error becomes `L1DataError`. */
  async read(method: string, params: readonly unknown[]): Promise<unknown> {
    const answer = await this.ask(method, params);
    if (answer.error !== undefined) throw new L1DataError(`${method}: ${answer.error.message}`);
    return answer.result;
  }

  /** The answers of every endpoint that gave one. */
  async askAll(
    method: string,
    params: readonly unknown[],
  ): Promise<{ readonly answers: readonly RpcAnswer[]; readonly failures: readonly EndpointFailure[] }> {
    const failures: EndpointFailure[] = [];
    const answers: RpcAnswer[] = [];
    await Promise.all(
      this.#awake().map(async (endpoint) => {
        const answer = await this.#askOne(endpoint, method, params);
        if ("reason" in answer) failures.push(answer);
        else answers.push(answer);
      }),
    );
    if (answers.length === 0) throw new L1UnavailableError(method, failures);
    return { answers, failures };
  }

  async #askInOrder(method: string, params: readonly unknown[]): Promise<RpcAnswer> {
    const failures: EndpointFailure[] = [];
    const order = [...this.#awake()].sort((a, b) => a.failures - b.failures || (b.head ?? -1) - (a.head ?? -1));
    for (const endpoint of order) {
      const answer = await this.#askOne(endpoint, method, params);
      if (!("reason" in answer)) return answer;
      failures.push(answer);
    }
    throw new L1UnavailableError(method, failures);
  }

  async #askOne(endpoint: Endpoint, method: string, params: readonly unknown[]): Promise<RpcAnswer | EndpointFailure> {
    try {
      const payload = { jsonrpc: "2.0", id: 1, method, params };
      const answer = toAnswer(await endpoint.post.post(payload, method), method);
      if (answer.error !== undefined && isRateLimit(answer.error)) return this.#limited(endpoint, answer.error.message);
      this.#recovered(endpoint);
      return answer;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (/HTTP 429/.test(reason)) return this.#limited(endpoint, "HTTP 429");
      this.#failed(endpoint, reason);
      return { endpoint: endpoint.url, reason };
    }
  }

  async #readHead(): Promise<number> {
    const heads: number[] = [];
    const failures: EndpointFailure[] = [];
    await Promise.all(
      this.#awake().map(async (endpoint) => {
        const answer = await this.#askOne(endpoint, "eth_blockNumber", []);
        if ("reason" in answer) failures.push(answer);
        else if (typeof answer.result === "string" && /^0x[0-9a-fA-F]{1,12}$/.test(answer.result)) {
          endpoint.head = Number(BigInt(answer.result));
          heads.push(endpoint.head);
        }
      }),
    );
    const head = agreedHead(heads, this.#endpoints.length);
    if (head === undefined) throw new L1UnavailableError("eth_blockNumber", failures);
    return head;
  }

  /**
   * Endpoints that are not resting; with too few of them also those that rest, as a question must not fail for
   * politeness; never those that asked to be left alone.
   */
  #awake(): readonly Endpoint[] {
    const now = this.#clock.monotonicMs();
    const allowed = this.#endpoints.filter((endpoint) => endpoint.limitedUntil <= now);
    const awake = allowed.filter((endpoint) => endpoint.restUntil <= now);
    return awake.length < this.#quorum ? allowed : awake;
  }

  #recovered(endpoint: Endpoint): void {
    if (endpoint.failures > 0) this.#logger.info("L1 endpoint answers again", { endpoint: endpoint.url });
    endpoint.failures = 0;
    endpoint.restUntil = 0;
    endpoint.limits = 0;
    endpoint.lastError = undefined;
  }

  #limited(endpoint: Endpoint, reason: string): EndpointFailure {
    const now = this.#clock.monotonicMs();
    // Questions that were under way together are refused together: one refusal.
    if (endpoint.limitedUntil <= now) {
      endpoint.limits += 1;
      endpoint.limitedUntil = now + backoffMs(endpoint.limits);
      const { url: name, limits } = endpoint;
      if (limits === 1) this.#logger.warn("L1 endpoint limits our rate", { endpoint: name, reason });
    }
    return { endpoint: endpoint.url, reason: `rate limited: ${reason}` };
  }

  #failed(endpoint: Endpoint, reason: string): void {
    endpoint.failures += 1;
    endpoint.lastError = reason;
    endpoint.restUntil = this.#clock.monotonicMs() + backoffMs(endpoint.failures);
    if (endpoint.failures === 1) this.#logger.warn("L1 endpoint failed", { endpoint: endpoint.url, reason });
  }
}

function backoffMs(times: number): number {
  return Math.min(REST_MAX_MS, REST_FIRST_MS * 2 ** Math.min(times - 1, 10));
}

/** -32005 is "limit exceeded" of EIP-1474; providers that use other codes say so in words. */
function isRateLimit({ code, message, data }: NonNullable<RpcAnswer["error"]>): boolean {
  if (data !== undefined) return false;
  return code === -32005 || code === 429 || /rate.?limit|too many requests|compute units per second/i.test(message);
}

function toRequest(value: unknown): { readonly id: unknown; readonly method: string; readonly params: unknown[] } {
  if (typeof value !== "object" || value === null || !("method" in value) || typeof value.method !== "string") {
    throw new L1DataError("not a JSON-RPC request");
  }
  const params = "params" in value && Array.isArray(value.params) ? value.params : [];
  return { id: "id" in value ? value.id : 1, method: value.method, params };
}

function toAnswer(body: unknown, method: string): RpcAnswer {
  if (typeof body !== "object" || body === null) throw new L1DataError(`${method}: the answer is no object`);
  if ("error" in body && typeof body.error === "object" && body.error !== null) {
    const { error } = body;
    const code = "code" in error && typeof error.code === "number" ? error.code : -32603;
    const message = "message" in error && typeof error.message === "string" ? error.message : "";
    return { error: { code, message, data: errorData(error) } };
  }
  return { result: "result" in body ? body.result : undefined };
}

/** Revert data stands in `data`, in some nodes one level deeper. */
function errorData(error: object): string | undefined {
  const data: unknown = "data" in error ? error.data : undefined;
  if (typeof data === "string") return /^(reverted )?0x/i.test(data) ? data.replace(/^reverted /i, "") : undefined;
  if (typeof data === "object" && data !== null && "data" in data && typeof data.data === "string") return data.data;
  return undefined;
}

/** Equal answers as equal text: members in order, error texts of different nodes reduced to their data. */
function canonical(answer: RpcAnswer): string {
  if (answer.error !== undefined) return `error ${answer.error.data ?? ""}`;
  return JSON.stringify(answer.result, (_name, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
