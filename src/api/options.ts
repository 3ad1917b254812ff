/** How much a node lets the outside ask of it. Sizes in bytes, times in milliseconds. */
export interface ApiOptions {
  /** Requests per client address and window; upgrades of the stream count as one. */
  readonly requestsPerWindow: number;
  readonly rateWindowMs: number;
  /** Addresses whose request counts are remembered. */
  readonly rateClientsMax: number;
  readonly subscribersMax: number;
  /** A subscriber that takes longer to accept one message is dropped. */
  readonly sendTimeoutMs: number;
  /** A request that takes longer to arrive is dropped. */
  readonly requestTimeoutMs: number;
  /** Whether the client address is taken from `X-Forwarded-For`: only behind a proxy that sets it. */
  readonly trustProxy: boolean;
  /** Origins that browsers may call from (`Access-Control-Allow-Origin`). */
  readonly allowOrigin: string;
}

export const defaultApiOptions: ApiOptions = {
  requestsPerWindow: 10_000,
  rateWindowMs: 10_000,
  rateClientsMax: 10_000,
  subscribersMax: 256,
  sendTimeoutMs: 30_000,
  requestTimeoutMs: 30_000,
  trustProxy: false,
  allowOrigin: "*",
};
