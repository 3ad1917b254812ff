import type { CancelTimer, Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import { displayUrl } from "../../src/l1/endpoints.ts";

export interface HeadHintsOptions {
  /** `ws://` or `wss://` addresses of L1 nodes. */
  readonly urls: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a node says that it has a new block; never more often than `HINT_GAP_MS`. */
  readonly onHead: () => void;
}

export interface HeadHints {
  close(): void;
}

/** Several nodes tell of the same block, and one that floods us must not set our pace. */
export const HINT_GAP_MS = 100;
const RECONNECT_FIRST_MS = 1_000;
const RECONNECT_MAX_MS = 60_000;
/** A connection that is silent for so long is taken for dead: L1 has a block every twelve seconds. */
const SILENCE_MS = 120_000;
const SUBSCRIBE = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_subscribe", params: ["newHeads"] });

/**
 * EP-5: WebSocket endpoints only wake: what a node says about its new block is not read, the quorum is asked instead, and
 * polling goes on whatever they do. A connection that is lost, refused or silent is opened again with back-off.
 */
export function watchHeads(options: HeadHintsOptions): HeadHints {
  const { urls, clock, onHead } = options;
  let hintedAt = Number.NEGATIVE_INFINITY;
  const hint = (): void => {
    const now = clock.monotonicMs();
    if (now - hintedAt < HINT_GAP_MS) return;
    hintedAt = now;
    onHead();
  };
  const connections = urls.map((url) => keepConnected(url, options, hint));
  return {
    close: () => {
      for (const close of connections) close();
    },
  };
}

/** One connection at a time to one node, until the returned function is called. */
function keepConnected(url: string, { clock, logger }: HeadHintsOptions, hint: () => void): () => void {
  const endpoint = displayUrl(url);
  let [failures, isClosed] = [0, false];
  let socket: WebSocket | undefined;
  let cancel: CancelTimer = () => undefined;

  function connect(): void {
    const opened = new WebSocket(url);
    socket = opened;
    const expectSign = (): void => {
      cancel();
      cancel = clock.setTimer(SILENCE_MS, () => {
        opened.close();
        lost("silent");
      });
    };
    opened.addEventListener("open", () => {
      opened.send(SUBSCRIBE);
      expectSign();
    });
    opened.addEventListener("message", ({ data }) => {
      if (socket !== opened || typeof data !== "string" || !data.includes('"eth_subscription"')) return;
      if (failures > 0) logger.info("L1 WebSocket is back", { endpoint });
      failures = 0;
      expectSign();
      hint();
    });
    opened.addEventListener("close", () => {
      if (socket === opened) lost("closed");
    });
  }

  function lost(reason: string): void {
    if (isClosed) return;
    socket = undefined;
    cancel();
    if (failures === 0) logger.warn("L1 WebSocket lost: polling goes on", { endpoint, reason });
    cancel = clock.setTimer(Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** Math.min(failures, 10)), connect);
    failures += 1;
  }

  connect();
  return () => {
    isClosed = true;
    cancel();
    socket?.close();
  };
}
