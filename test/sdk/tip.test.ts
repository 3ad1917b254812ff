import { describe, expect, it } from "vitest";

import { Height } from "../../src/protocol/scalars.ts";
import { createTipBell, type StreamSocket } from "../../src/sdk/tip.ts";
import { manualClock } from "../engine/support/manualClock.ts";

const POLL_MS = 1_000;

function setUp() {
  const clock = manualClock();
  let ring: () => void = () => undefined;
  const socket: StreamSocket = {
    addEventListener: (type, listener) => {
      if (type === "message") ring = listener;
    },
    close: () => undefined,
  };
  const bell = createTipBell({ endpoints: ["http://127.0.0.1:1"], openStream: () => socket, clock, pollMs: POLL_MS });
  const waiting = (height: bigint): { done: boolean } => {
    const state = { done: false };
    void bell.wait(Height(height)).then(() => {
      state.done = true;
    });
    return state;
  };
  return { clock, ring: () => ring(), waiting };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("createTipBell", () => {
  it("rings for the block that is awaited, and not for an earlier one that was fetched meanwhile", async () => {
    const { ring, waiting } = setUp();
    const first = waiting(5n);
    ring();
    await settle();
    expect(first.done).toBe(true);
    // Blocks 5 and 6 came in one answer before the stream named 6.
    ring();
    const seventh = waiting(7n);
    await settle();
    expect(seventh.done).toBe(false);
    ring();
    await settle();
    expect(seventh.done).toBe(true);
  });

  it("believes a stream once a block: after a ring for nothing it polls", async () => {
    const { clock, ring, waiting } = setUp();
    const first = waiting(5n);
    ring();
    await settle();
    expect(first.done).toBe(true);
    const again = waiting(5n);
    ring();
    await settle();
    expect(again.done).toBe(false);
    clock.advance(POLL_MS);
    await settle();
    expect(again.done).toBe(true);
  });
});
