import type { Height } from "../protocol/scalars.ts";
import type { Clock } from "../runtime/clock.ts";
import { streamAddress } from "./endpoints.ts";

/** The part of `WebSocket` that the SDK uses. */
export interface StreamSocket {
  addEventListener(type: "message" | "close" | "error", listener: () => void): void;
  close(): void;
}

export type OpenStream = (url: string) => StreamSocket;

export interface TipOptions {
  readonly endpoints: readonly string[];
  /** Undefined where there are no WebSockets: then there is only polling. */
  readonly openStream: OpenStream | undefined;
  readonly clock: Clock;
  /** How often is asked while no stream works. */
  readonly pollMs: number;
}

/**
 * Says when asking again is worth while. The stream is only a bell: what it rings for is fetched and verified like
 * everything else, so that a lying stream costs a request and no more.
 */
export interface TipBell {
  /** Resolves when there may be something at `height`: the stream rang, or `pollMs` passed. */
  wait(height: Height, signal?: AbortSignal): Promise<void>;
  close(): void;
}

export function createTipBell(options: TipOptions): TipBell {
  const { clock, endpoints, openStream, pollMs } = options;
  let socket: StreamSocket | undefined;
  let next = 0;
  /** The stream names block after block from where it was opened: the newest one it rang for. */
  let rungFor = -1n;
  /** The height whose wait the stream has ended last. */
  let believed: Height | undefined;
  let onRing: (() => void) | undefined;

  function drop(closed: StreamSocket): void {
    if (socket === closed) socket = undefined;
  }

  function open(height: Height): void {
    const endpoint = endpoints[next % endpoints.length];
    next += 1;
    rungFor = height - 1n;
    if (openStream === undefined || endpoint === undefined) return;
    try {
      const opened = openStream(streamAddress(endpoint, height));
      socket = opened;
      opened.addEventListener("message", () => {
        if (socket !== opened) return;
        rungFor += 1n;
        onRing?.();
      });
      for (const end of ["close", "error"] as const) {
        opened.addEventListener(end, () => {
          drop(opened);
        });
      }
    } catch {
      socket = undefined;
    }
  }

  return {
    wait: async (height, signal) => {
      if (socket === undefined) open(height);
      // It rang for this height and nothing was there: now it has to wait its turn.
      const isDeaf = believed === height;
      const hasRung = (): boolean => !isDeaf && rungFor >= height;
      if (!hasRung()) {
        await new Promise<void>((resolve) => {
          const done = (): void => {
            cancel();
            onRing = undefined;
            signal?.removeEventListener("abort", done);
            resolve();
          };
          const cancel = clock.setTimer(pollMs, done);
          onRing = () => {
            if (hasRung()) done();
          };
          signal?.addEventListener("abort", done);
          if (signal?.aborted === true) done();
        });
      }
      if (hasRung()) believed = height;
    },
    close: () => {
      socket?.close();
      socket = undefined;
    },
  };
}
