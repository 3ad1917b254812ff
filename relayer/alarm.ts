import type { Clock } from "../src/runtime/clock.ts";

/** A sleep that can be ended early. */
export interface Alarm {
  /** Resolves after `delayMs`, or when the alarm rings; at once if it rang since the last wait ended. */
  wait(delayMs: number): Promise<void>;
  ring(): void;
}

export function createAlarm(clock: Clock): Alarm {
  let isRung = false;
  let wake: () => void = () => undefined;
  return {
    wait: async (delayMs) => {
      if (!isRung) {
        await new Promise<void>((resolve) => {
          const cancel = clock.setTimer(delayMs, resolve);
          wake = () => {
            cancel();
            resolve();
          };
        });
      }
      wake = () => undefined;
      isRung = false;
    },
    ring: () => {
      isRung = true;
      wake();
    },
  };
}
