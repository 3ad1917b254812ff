import { readFileSync } from "node:fs";

/** Memory of one process at one moment. */
export interface MemorySample {
  readonly atMs: number;
  /** Everything resident, pages of mapped database files included, which the system takes back when it needs them. */
  readonly rssBytes: number;
  /** What only this process holds and nothing can take back. */
  readonly anonymousBytes: number;
}

const KIBIBYTE = 1024;
const MINUTE_MS = 60_000;
const WINDOW = 10;

function field(status: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
  return found === undefined ? 0 : Number(found) * KIBIBYTE;
}

/** Undefined where the process is gone, or the system has no /proc. */
export function memoryOf(pid: number, atMs: number): MemorySample | undefined {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, "utf8");
    return { atMs, rssBytes: field(status, "VmRSS"), anonymousBytes: field(status, "RssAnon") };
  } catch {
    return undefined;
  }
}

export interface MemoryTrend {
  readonly startBytes: number;
  readonly endBytes: number;
  readonly slopeBytesPerMinute: number;
}

/** First and last level, each over some samples, and the slope of the line of least squares. */
export function trendOf(
  samples: readonly MemorySample[],
  of: (sample: MemorySample) => number = ({ rssBytes }) => rssBytes,
): MemoryTrend {
  const level = (some: readonly MemorySample[]): number => {
    const sorted = some.map(of).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  const meanX = mean(samples.map(({ atMs }) => atMs));
  const meanY = mean(samples.map(of));
  let above = 0;
  let below = 0;
  for (const sample of samples) {
    above += (sample.atMs - meanX) * (of(sample) - meanY);
    below += (sample.atMs - meanX) ** 2;
  }
  return {
    startBytes: level(samples.slice(0, WINDOW)),
    endBytes: level(samples.slice(-WINDOW)),
    slopeBytesPerMinute: below === 0 ? 0 : Math.round((above / below) * MINUTE_MS),
  };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
