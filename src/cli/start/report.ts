import { percentile } from "./chainWatch.ts";
import type { Scene } from "./scenario.ts";

/** The last line of `npm start -- --blocks <n> --json`. */
export interface Report {
  /** What the L1 node calls itself. */
  readonly l1Client: string;
  readonly chainId: number;
  readonly contracts: Readonly<Record<string, string>>;
  readonly validators: number;
  readonly finalizedHeight: number;
  /** Height of the newest finalized block that L1 has a checkpoint of. */
  readonly l1Height: number;
  readonly transactionsSubmitted: number;
  /** Those that `ConfirmationVerifier` accepted the proof of, each found in exactly one place of the chain. */
  readonly transactionsConfirmedOnL1: number;
  /** From a block's header time to its verified finality at a client. */
  readonly finalityMs: { readonly p50: number; readonly p99: number };
  /** Whole-transaction gas of `LightClient.advance`. */
  readonly advanceGas: { readonly p50: number; readonly max: number };
  readonly epochs: number;
  readonly elapsedMs: number;
}

const MEDIAN = 0.5;
const TAIL = 0.99;

export function createReport(scene: Scene, l1Client: string, confirmed: number, elapsedMs: number): Report {
  const { network, chain, checkpoints, rollups } = scene;
  const { stakeTable, lightClient, slasher, confirmationVerifier, token, accessManager } = network.book;
  const gas = checkpoints.checkpoints.map((checkpoint) => checkpoint.gas);
  return {
    l1Client,
    chainId: network.book.chainId,
    contracts: { stakeTable, lightClient, slasher, confirmationVerifier, token, accessManager },
    validators: network.validators.length,
    finalizedHeight: Number(chain.height()),
    l1Height: Number(checkpoints.height()),
    transactionsSubmitted: rollups.reduce((sum, rollup) => sum + rollup.transactions.size, 0),
    transactionsConfirmedOnL1: confirmed,
    finalityMs: { p50: percentile(chain.finalityMs, MEDIAN), p99: percentile(chain.finalityMs, TAIL) },
    advanceGas: { p50: percentile(gas, MEDIAN), max: Math.max(0, ...gas) },
    epochs: Number(chain.epoch() ?? 0n),
    elapsedMs: Math.round(elapsedMs),
  };
}
