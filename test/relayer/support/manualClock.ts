import type { Clock } from "../../../src/runtime/clock.ts";

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
  /** Moves wall time alone, as an operator or NTP does. */
  setWall(ms: number): void;
  /** How many timers wait. */
  timers(): number;
}

export function manualClock(startMs = 1_700_000_000_000): ManualClock {
  let monotonic = 0;
  let wall = startMs;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  return {
    monotonicMs: () => monotonic,
    wallMs: () => wall,
    setTimer: (delayMs, callback) => {
      const timer = { at: monotonic + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (ms) => {
      monotonic += ms;
      wall += ms;
      for (const timer of [...timers].filter(({ at }) => at <= monotonic)) {
        timers.delete(timer);
        timer.callback();
      }
    },
    timers: () => timers.size,
    setWall: (ms) => (wall = ms),
  };
}
