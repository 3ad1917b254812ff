import { expect, it } from "vitest";

import { createAlarm } from "../../relayer/alarm.ts";
import { manualClock } from "./support/manualClock.ts";

it("an alarm ends a wait early, one that rang meanwhile ends the next, and time ends it anyway", async () => {
  const clock = manualClock();
  const alarm = createAlarm(clock);
  const early = alarm.wait(1_000);
  alarm.ring();
  await early;
  expect(clock.timers()).toBe(0);
  // Rung while nobody waits: the work that it announced must not wait a whole round.
  alarm.ring();
  await alarm.wait(1_000);
  const late = alarm.wait(1_000);
  clock.advance(1_000);
  await late;
  const left = alarm.wait(1_000);
  expect(clock.timers()).toBe(1);
  clock.advance(1_000);
  await left;
});
