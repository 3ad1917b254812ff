import { isError, type Provider } from "ethers";

import type { AddressBook } from "../../src/l1/addressBook.ts";
import { Height } from "../../src/protocol/scalars.ts";
import { lightClientCheckpoints } from "../../src/sdk/l1Checkpoints.ts";
import type { CheckpointOnL1 } from "../../src/sdk/l1Proof.ts";
import { lightClientAt, slasherAt, stakeTableAt } from "../../src/l1/contracts.ts";

/** Above every height: only the newest checkpoint is looked for. */
const HEIGHT_MAX = (1n << 64n) - 1n;

/** Addresses the relayer calls. */
export type Contracts = Pick<AddressBook, "stakeTable" | "lightClient" | "slasher">;

/** `LightClient.status()`: where L1 stands. Times in seconds. */
export interface ClientState {
  readonly height: bigint;
  readonly epoch: bigint;
  readonly committee: bigint;
  readonly trustedUntil: bigint;
  readonly freshAt: bigint;
  readonly frozen: boolean;
}

export interface RotationState {
  readonly newestCommittee: bigint;
  /** Its creation, seconds; 0 while there is none. */
  readonly newestAt: bigint;
  /** Earliest time of the next `rotate()`, seconds. */
  readonly nextAt: bigint;
  readonly seatsTaken: bigint;
}

/** What the processors read of the contracts before they act: L1 is the memory. */
export interface L1Reader {
  /** Time of the newest block, seconds: what a contract would compare with. */
  headTime(): Promise<bigint>;
  /** Time of a block, seconds. */
  blockTime(number: bigint): Promise<bigint>;
  client(): Promise<ClientState>;
  rotation(): Promise<RotationState>;
  /** Page that holds a key; 0 while it waits for `seal` or is unknown. */
  keyPage(keyHash: string): Promise<bigint>;
  isSettled(validator: bigint): Promise<boolean>;
  /** Earliest time at which `settle` succeeds, seconds. */
  settleableAt(validator: bigint): Promise<bigint>;
  isSlashed(validator: bigint): Promise<boolean>;
  /** Those of `seats` that `reportSlashed` would count now: of slashed validators and not reported yet. */
  reportable(committee: bigint, seats: readonly number[]): Promise<readonly number[]>;
  /** The resume that waits for its delay: its epoch, and the time from which it may be applied, seconds; 0 without one. */
  pendingResume(): Promise<{ readonly epoch: bigint; readonly applicableAt: bigint }>;
  /** The checkpoint that stands, as far as L1's events tell it. */
  latestCheckpoint(): Promise<CheckpointOnL1 | undefined>;
}

export function createL1Reader(contracts: Contracts, provider: Provider, deployedAtBlock: bigint): L1Reader {
  const lightClient = lightClientAt(contracts.lightClient, provider);
  const stakeTable = stakeTableAt(contracts.stakeTable, provider);
  const slasher = slasherAt(contracts.slasher, provider);
  // Back to the deployment: a client that expired may have been last fed long ago.
  const checkpoints = lightClientCheckpoints({
    ...{ provider, lightClient: contracts.lightClient, deployedAtBlock: Number(deployedAtBlock) },
    searchBlocks: Number.MAX_SAFE_INTEGER,
  });
  return {
    headTime: async () => {
      const block = await provider.getBlock("latest");
      if (block === null) throw new Error("L1 has no newest block");
      return BigInt(block.timestamp);
    },
    blockTime: async (number) => {
      const block = await provider.getBlock(number);
      // Gone by a reorg: as young as can be.
      return block === null ? 1n << 63n : BigInt(block.timestamp);
    },
    client: async () => {
      const { height, epoch, committee, trustedUntil, freshAt, frozen } = await lightClient.status();
      return { height, epoch, committee, trustedUntil, freshAt, frozen };
    },
    rotation: async () => {
      const [newestCommittee, nextAt, seatsTaken] = await Promise.all([
        stakeTable.newestCommittee(),
        stakeTable.nextRotationAt(),
        stakeTable.seatsTaken(),
      ]);
      const newestAt = newestCommittee === 0n ? 0n : (await stakeTable.committee(newestCommittee)).createdAt;
      return { newestCommittee, newestAt, nextAt, seatsTaken };
    },
    keyPage: async (keyHash) => (await stakeTable.keyOf(keyHash)).page,
    isSettled: async (validator) => (await stakeTable.validator(validator)).settled,
    settleableAt: (validator) => slasher.settleableAt(validator),
    isSlashed: async (validator) => (await stakeTable.slashedAt(validator)) !== 0n,
    reportable: async (committee, seats) => {
      const kept: number[] = [];
      for (const seat of seats) {
        try {
          await lightClient.reportSlashed.staticCall(committee, [seat]);
          kept.push(seat);
        } catch (error) {
          if (!isError(error, "CALL_EXCEPTION")) throw error;
        }
      }
      return kept;
    },
    pendingResume: async () => {
      const { epoch, applicableAt } = await lightClient.pendingResume();
      return { epoch, applicableAt };
    },
    latestCheckpoint: async () => {
      const stored = await checkpoints.checkpoints(Height(HEIGHT_MAX));
      return stored.find(({ isLatest }) => isLatest);
    },
  };
}
