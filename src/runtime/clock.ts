/** Cancels a timer; calling it after the timer fired does nothing. */
export type CancelTimer = () => void;

/**
 * Time as the code may see it. Timers and durations use `monotonicMs`, which never jumps; only block timestamps and
 * trust periods use `wallMs`, which may.
 */
export interface Clock {
  /** Milliseconds from an arbitrary origin, never decreasing. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch, whole. */
  wallMs(): number;
  /** Calls `callback` once, `delayMs` from now (at least one turn of the event loop later). */
  setTimer(delayMs: number, callback: () => void): CancelTimer;
}

/** Node cannot hold a longer timeout in one timer. */
const TIMER_DELAY_MAX_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), TIMER_DELAY_MAX_MS));
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `delayMs` on the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}
