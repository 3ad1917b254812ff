/** What `npm start` was asked for. */
export interface StartOptions {
  /** Run until so many blocks are finalized and checkpointed on L1, then end; run until interrupted when absent. */
  readonly blocks: number | undefined;
  /** Progress to standard error, one JSON object as the last line of standard output. */
  readonly json: boolean;
  /** Kill one validator and the relayer in the middle, without warning, and start them again. */
  readonly chaos: boolean;
  /** Validators at the start; one more joins while the network runs. */
  readonly validators: number;
  /** Everything the network writes; a fresh temporary directory when absent. */
  readonly dataDir: string | undefined;
  /** Longest time for `blocks`, in seconds. */
  readonly timeoutSeconds: number;
}

export const VALIDATORS_MIN = 4;
export const VALIDATORS_MAX = 12;
export const BLOCKS_MAX = 100_000;

/** A local network that cannot be brought up, or that did not do what it must. The message says what failed. */
export class StartError extends Error {
  override readonly name = "StartError";
}
