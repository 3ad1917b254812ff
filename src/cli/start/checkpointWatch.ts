import type { AddressBook } from "../../l1/addressBook.ts";
import { contractInterface } from "../../l1/contracts.ts";
import type { L1Client } from "../../l1/l1Client.ts";
import { isL1Unavailable } from "../../l1/l1Errors.ts";
import { GENESIS_HEIGHT, Height } from "../../protocol/scalars.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { StartError } from "./options.ts";

/** A finalized block that the relayer posted to the light client. */
export interface Checkpoint {
  readonly height: Height;
  readonly l1Number: bigint;
  /** Of the whole transaction. */
  readonly gas: number;
}

export interface CheckpointWatch {
  readonly checkpoints: readonly Checkpoint[];
  readonly height: () => Height;
  run(signal: AbortSignal): Promise<void>;
}

const POLL_MS = 250;

/** Watches the light client on L1 for new checkpoints. */
export function watchCheckpoints(
  l1: L1Client,
  book: AddressBook,
  onCheckpoint: (checkpoint: Checkpoint) => void,
): CheckpointWatch {
  const abi = contractInterface("LightClient");
  const topic = abi.getEvent("CheckpointAdvanced")?.topicHash;
  if (topic === undefined) throw new StartError("the light client's build output has no event CheckpointAdvanced");
  const checkpoints: Checkpoint[] = [];
  let next = BigInt(book.deployedAtBlock);

  async function poll(): Promise<void> {
    const latest = await l1.latestBlock();
    if (latest.number < next) return;
    const logs = await l1.logs({
      address: book.lightClient,
      topics: [topic ?? ""],
      fromBlock: next,
      toBlock: latest.number,
    });
    for (const log of logs) {
      const height: unknown = abi.parseLog({ topics: [...log.topics], data: log.data })?.args.getValue("height");
      const receipt = await l1.provider.getTransactionReceipt(log.transactionHash);
      if (typeof height !== "bigint" || receipt === null)
        throw new StartError("L1 gave a checkpoint without its receipt");
      // The light client is made with genesis as its checkpoint; nobody posted that.
      if (height === GENESIS_HEIGHT) continue;
      const checkpoint = { height: Height(height), l1Number: log.blockNumber, gas: Number(receipt.gasUsed) };
      checkpoints.push(checkpoint);
      onCheckpoint(checkpoint);
    }
    next = latest.number + 1n;
  }

  return {
    checkpoints,
    height: () => checkpoints.at(-1)?.height ?? Height(0n),
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await poll();
        } catch (error) {
          if (!isL1Unavailable(error)) throw error;
        }
        await sleep(systemClock, POLL_MS);
      }
    },
  };
}
