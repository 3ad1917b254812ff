import { JsonRpcApiProvider, Network, type JsonRpcError, type JsonRpcPayload, type JsonRpcResult } from "ethers";

import type { Endpoints } from "./endpoints.ts";
import { L1DataError } from "./l1Errors.ts";

/** How often a pending `wait()` of ethers looks for new blocks, in ms. */
const POLLING_INTERVAL_MS = 500;

/** An ethers provider over `Endpoints`: contract bindings get fail-over, timeouts and the chain id check for free. */
export class RpcProvider extends JsonRpcApiProvider {
  readonly #endpoints: Endpoints;

  constructor(endpoints: Endpoints, chainId: bigint) {
    const network = Network.from(chainId);
    // Without the plug-ins: they would ask gas stations and name services that a private chain does not have.
    super(new Network(network.name, chainId), {
      staticNetwork: true,
      batchMaxCount: 1,
      // Answers are never cached: a reader must see the chain as it is at the moment of asking.
      cacheTimeout: -1,
      pollingInterval: POLLING_INTERVAL_MS,
    });
    this.#endpoints = endpoints;
    this._start();
  }

  override async _send(payload: JsonRpcPayload | JsonRpcPayload[]): Promise<(JsonRpcResult | JsonRpcError)[]> {
    const requests = Array.isArray(payload) ? payload : [payload];
    const method = requests.map((request) => request.method).join(",");
    const answer = await this.#endpoints.post(payload, method);
    const answers: unknown[] = Array.isArray(answer) ? answer : [answer];
    return answers.map((entry) => toAnswer(entry, method));
  }
}

function toAnswer(entry: unknown, method: string): JsonRpcResult | JsonRpcError {
  if (typeof entry !== "object" || entry === null || !("id" in entry) || typeof entry.id !== "number") {
    throw new L1DataError(`the answer to ${method} is not a JSON-RPC answer`);
  }
  if ("error" in entry && typeof entry.error === "object" && entry.error !== null) {
    const code = "code" in entry.error && typeof entry.error.code === "number" ? entry.error.code : -32603;
    const message = "message" in entry.error && typeof entry.error.message === "string" ? entry.error.message : "";
    const data: unknown = "data" in entry.error ? entry.error.data : undefined;
    return { id: entry.id, error: { code, message, data } };
  }
  return { id: entry.id, result: "result" in entry ? entry.result : undefined };
}
