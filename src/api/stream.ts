import * as z from "zod";

import * as Views from "../lightclient/wireViews.ts";
import { Height } from "../protocol/scalars.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ApiMetrics } from "./metrics.ts";
import type { NodeQueries } from "../lightclient/nodeQueries.ts";

/**
 * The stream of finalized blocks. A subscriber is a cursor, not a queue: the next block is read when the last one has
 * left, so a slow subscriber costs one message of memory however far it falls behind, and every subscriber can resume
 * from any height the node still has.
 */

/** What the stream needs of a WebSocket. */
export interface Socket {
  /** Sends text; `sent` is called when it has left, or with an error. */
  send(text: string, sent: (error?: Error | null) => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  onClose(listener: () => void): void;
}

/** Private-use close codes (RFC 6455 section 7.4.2). */
export const CLOSE_PRUNED = 4410;
export const CLOSE_INTERNAL = 4500;

export interface StreamContext {
  readonly queries: NodeQueries;
  readonly clock: Clock;
  readonly metrics: ApiMetrics;
  readonly sendTimeoutMs: number;
}

/** Serves one subscriber until it leaves; resolves then, never rejects. `from` defaults to the next block. */
export async function serveSubscriber(context: StreamContext, socket: Socket, from: Height | undefined): Promise<void> {
  const closed = new AbortController();
  socket.onClose(() => {
    closed.abort();
  });
  context.metrics.subscribed(1);
  try {
    await run(context, socket, from, closed.signal);
  } catch {
    socket.close(CLOSE_INTERNAL, "the node failed to answer");
  } finally {
    context.metrics.subscribed(-1);
  }
}

async function run(
  context: StreamContext,
  socket: Socket,
  from: Height | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { queries } = context;
  const tip = followTip(queries, signal);
  try {
    tip.raise((await queries.status()).height);
    let cursor: Height = from ?? Height(tip.height() + 1n);
    while (!signal.aborted) {
      if (cursor > tip.height()) {
        await tip.wait();
        continue;
      }
      const message = await readMessage(queries, cursor);
      if (message === undefined) {
        socket.close(CLOSE_PRUNED, `block ${cursor.toString()} is not kept here`);
        return;
      }
      if (!(await send(context, socket, message, signal))) return;
      context.metrics.streamed();
      cursor = Height(cursor + 1n);
    }
  } finally {
    tip.stop();
  }
}

/** One block with its own finalization, if the node holds one for exactly this height. */
async function readMessage(queries: NodeQueries, height: Height): Promise<string | undefined> {
  const block = await queries.blockAt(height);
  if (block === undefined) return undefined;
  const finalized = await queries.finalization({ kind: "at", height });
  const { hash, header } = block;
  const own = finalized === undefined ? {} : { finalization: finalized.certificate };
  return JSON.stringify(z.encode(Views.streamed, { hash, header, ...own }));
}

/** Whether the message left before the subscriber did and in time. */
function send(context: StreamContext, socket: Socket, text: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (ok: boolean): void => {
      cancel();
      signal.removeEventListener("abort", onClosed);
      resolve(ok);
    };
    const onClosed = (): void => {
      finish(false);
    };
    const cancel = context.clock.setTimer(context.sendTimeoutMs, () => {
      socket.terminate();
      finish(false);
    });
    signal.addEventListener("abort", onClosed);
    socket.send(text, (error) => {
      finish(error === undefined || error === null);
    });
  });
}

interface Tip {
  height(): Height;
  raise(height: Height): void;
  /** Resolves when the tip rose or the subscriber left. */
  wait(): Promise<void>;
  stop(): void;
}

function followTip(queries: NodeQueries, signal: AbortSignal): Tip {
  let newest = Height(0n);
  let wake: (() => void) | undefined;
  const wakeUp = (): void => {
    wake?.();
    wake = undefined;
  };
  const raise = (height: Height): void => {
    if (height <= newest) return;
    newest = height;
    wakeUp();
  };
  const unsubscribe = queries.subscribe(raise);
  signal.addEventListener("abort", wakeUp);
  return {
    height: () => newest,
    raise,
    wait: () =>
      new Promise((resolve) => {
        wake = resolve;
        if (signal.aborted) wakeUp();
      }),
    stop: () => {
      unsubscribe();
      signal.removeEventListener("abort", wakeUp);
    },
  };
}
