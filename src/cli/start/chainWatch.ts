import type * as Header from "../../protocol/Header.ts";
import { Height, type CommitteeId, type Epoch } from "../../protocol/scalars.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import type { Client } from "../../sdk/client.ts";
import { SdkError } from "../../sdk/errors.ts";

/** What a client saw of the chain from outside, every block of it verified. */
export interface ChainWatch {
  readonly height: () => Height;
  readonly epoch: () => Epoch | undefined;
  /** Committees that finalized blocks, in order of appearance. */
  readonly committees: ReadonlySet<CommitteeId>;
  /** From a block's header time to its verified finality at the client, milliseconds. */
  readonly finalityMs: readonly number[];
  run(signal: AbortSignal): Promise<void>;
}

/** Samples kept for the percentiles; the newest ones. */
export const SAMPLES_MAX = 10_000;
const RETRY_MS = 200;

export function watchChain(client: Client, onBlock: (header: Header.Header, finalityMs: number) => void): ChainWatch {
  const committees = new Set<CommitteeId>();
  const finalityMs: number[] = [];
  let height = Height(0n);
  let epoch: Epoch | undefined;

  function take(header: Header.Header): void {
    const latency = Math.max(0, systemClock.wallMs() - Number(header.timestamp));
    height = header.height;
    epoch = header.epoch;
    committees.add(header.committee);
    finalityMs.push(latency);
    if (finalityMs.length > SAMPLES_MAX) finalityMs.shift();
    onBlock(header, latency);
  }

  return {
    height: () => height,
    epoch: () => epoch,
    committees,
    finalityMs,
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          for await (const { header } of client.watch({ from: Height(height + 1n), signal })) take(header);
        } catch (error) {
          if (!(error instanceof SdkError)) throw error;
          await sleep(systemClock, RETRY_MS);
        }
      }
    },
  };
}

/** The value below which the given share of the samples lies (nearest rank); 0 without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
