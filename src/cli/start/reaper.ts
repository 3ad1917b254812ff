/**
 * Ends what its parent leaves behind. The parent writes `add <pid>` and `remove <pid>` lines on standard input, one per
 * process group that it starts or sees ending; when standard input closes (the parent is gone, however it died), every
 * group still listed gets SIGTERM and, after a grace period, SIGKILL.
 */
import { createInterface } from "node:readline";

import { systemClock } from "../../runtime/clock.ts";

const GRACE_MS = 3_000;
const groups = new Set<number>();

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, name);
  } catch {
    // The group is gone already, which is what is wanted.
  }
}

// Signals of the terminal go to the parent, which decides; the reaper must outlive it.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => undefined);

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [verb, text] = line.split(" ");
  const pid = Number(text);
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  if (verb === "add") groups.add(pid);
  else groups.delete(pid);
});
lines.on("close", () => {
  for (const pid of groups) signal(pid, "SIGTERM");
  if (groups.size === 0) process.exit(0);
  systemClock.setTimer(GRACE_MS, () => {
    for (const pid of groups) signal(pid, "SIGKILL");
    process.exit(0);
  });
});
