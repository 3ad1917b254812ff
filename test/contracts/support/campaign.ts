/**
 * How long a random campaign is. It is short, and always the same, unless the environment says otherwise:
 * `CREMA_CAMPAIGN_RUNS` and `CREMA_CAMPAIGN_ACTIONS` make it longer, `CREMA_CAMPAIGN_SEED` makes it another one.
 */
export interface Campaign {
  readonly runs: number;
  /** In each run. */
  readonly actions: number;
  readonly seed: number;
}

export function campaignOf(runs: number, actions: number): Campaign {
  return {
    runs: Number(process.env.CREMA_CAMPAIGN_RUNS ?? runs),
    actions: Number(process.env.CREMA_CAMPAIGN_ACTIONS ?? actions),
    seed: Number(process.env.CREMA_CAMPAIGN_SEED ?? 20_261_120),
  };
}

/**
 * The network of a campaign. Gas is not estimated: on a busy machine seconds pass before the transaction, and one that
 * crosses an edge of time meanwhile, as the ring's interval, would need more than was estimated.
 */
export const CAMPAIGN_NETWORK = { network: "default", override: { gas: 16_000_000n } } as const;
