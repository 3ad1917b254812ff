import * as ClusterConfig from "../../protocol/ClusterConfig.ts";

/** Blocks of an epoch when a run is to end: short, so that the committee changes within a few blocks. */
export const SHORT_EPOCH_BLOCKS = 10;
/** Blocks of an epoch when the network runs on. */
export const EPOCH_BLOCKS = 100;
export const L1_CHAIN_ID = 31_337;
/** Seconds between L1 blocks. */
export const L1_BLOCK_SECONDS = 1;

/** The cluster config of a network on one machine: L1 blocks every second, final two blocks later. */
export function localClusterConfig(
  genesisTimeMs: number,
  epochLength: number,
  changes: Partial<ClusterConfig.ClusterConfig> = {},
): ClusterConfig.ClusterConfig {
  return ClusterConfig.parse({
    name: "crema-local",
    l1ChainId: L1_CHAIN_ID,
    genesisTimeMs,
    epochLength,
    // Five nodes share this machine's cores: generous timers, which only a failed leader ever needs.
    deltaMs: 1_000,
    emptyBlockDelayMs: 400,
    timeoutGrowthPercent: 150,
    timeoutMaxMs: 10_000,
    skipTimeoutMs: 5_000,
    maxClockDriftMs: 2_000,
    maxAnchorLag: 30,
    l1Finality: { mode: "finalized" },
    voteWindow: 64,
    inlinePayloadBytesMax: 4_096,
    shards: [],
    limits: {
      transactionBytesMax: 128 * 1024,
      transactionsMax: 10_000,
      namespacesMax: 100,
      payloadBytesMax: 4 * 1024 * 1024,
    },
    ...changes,
  });
}
