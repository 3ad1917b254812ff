import type { AddressBook } from "./addressBook.ts";
import { contractInterface } from "./contracts.ts";
import type { L1Block, L1Client } from "./l1Client.ts";
import { L1DataError } from "./l1Errors.ts";
import { eventTopics, parseEvent } from "./stakeTableEvents.ts";
import { applyEvent, emptyFold, type StakeFold } from "./stakeTableFold.ts";

/** Reads the events of `StakeTable`, once each, in chain order, and folds them. */
export interface StakeTableReader {
  readonly fold: StakeFold;
  /**
   * Reads on up to and including `block`, which must be L1-finalized. When it throws, what was read so far stays and a
   * later call goes on from there; what belongs to a replaced block is never taken in.
   */
  readTo(block: L1Block): Promise<void>;
}

export function createStakeTableReader(client: L1Client, book: AddressBook): StakeTableReader {
  const abi = contractInterface("StakeTable");
  const topics = eventTopics(abi);
  const fold = emptyFold();
  let next = BigInt(book.deployedAtBlock);

  async function timeOf(number: bigint): Promise<bigint> {
    const block = await client.blockByNumber(number);
    if (block === undefined) throw new L1DataError(`L1 has events of block ${String(number)}, but not the block`);
    return block.timestamp;
  }

  return {
    fold,
    readTo: async (block) => {
      for (const range of client.logRanges(next, block.number)) {
        const logs = await client.logs({ address: book.stakeTable, topics, ...range });
        const times = new Map<bigint, bigint>();
        for (const { blockNumber } of logs) {
          if (!times.has(blockNumber)) times.set(blockNumber, await timeOf(blockNumber));
        }
        // An endpoint that changed its mind between the two answers is caught here, before anything is taken in.
        if ((await client.blockByNumber(block.number))?.hash !== block.hash) {
          throw new L1DataError(`L1 block ${String(block.number)} was replaced while its events were read`);
        }
        for (const log of logs) applyEvent(fold, parseEvent(abi, log, times.get(log.blockNumber) ?? 0n));
        next = range.toBlock + 1n;
      }
    },
  };
}
