import { Contract, Interface, type EventLog, type Log, type Provider } from "ethers";

import { toHash } from "../crypto/hash.ts";
import { Epoch, Height, View } from "../protocol/scalars.ts";
import { expectPresent } from "../runtime/assert.ts";
import type { CheckpointOnL1, CheckpointSource } from "./l1Proof.ts";

/** Checkpoints straight from L1: the light client stores hashes, its events say what they are of. */

const ABI = [
  "event CheckpointAdvanced(uint64 indexed height, bytes32 indexed blockHash, uint64 epoch, uint64 viewNumber, uint64 timestamp)",
  "event CheckpointKept(uint64 indexed height, uint256 indexed position, bytes32 checkpoint)",
  "function LATEST_POSITION() view returns (uint256)",
];

const abi = new Interface(ABI);
const ADVANCED = topicOf("CheckpointAdvanced");
const KEPT = topicOf("CheckpointKept");

export interface LightClientCheckpointsOptions {
  readonly provider: Provider;
  readonly lightClient: string;
  /** L1 block of the deployment: nothing older is read. */
  readonly deployedAtBlock: number;
  /** Blocks that the L1 node takes in one `eth_getLogs`. */
  readonly logRangeBlocks?: number;
  /** How far back is searched for a kept checkpoint. */
  readonly searchBlocks?: number;
}

const LOG_RANGE_BLOCKS = 5_000;
/** The ring holds 64 entries; at an entry every hour that is two and a half days of blocks. */
const SEARCH_BLOCKS = 50_000;

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Reads backwards from L1's newest block until a kept checkpoint below the height is passed, or the search ends. */
export function lightClientCheckpoints(options: LightClientCheckpointsOptions): CheckpointSource {
  const { provider, lightClient, deployedAtBlock } = options;
  const step = options.logRangeBlocks ?? LOG_RANGE_BLOCKS;
  const contract = new Contract(lightClient, ABI, provider);

  async function eventsIn({ from, to }: Range): Promise<Events> {
    const topics = [[ADVANCED, KEPT]];
    const logs = await provider.getLogs({ address: lightClient, topics, fromBlock: from, toBlock: to });
    const of = (topic: string): Log[] => logs.filter((log) => log.topics[0] === topic);
    return { advanced: of(ADVANCED), kept: of(KEPT) };
  }

  async function open(log: Log, position: bigint, isLatest: boolean): Promise<CheckpointOnL1> {
    const block = await provider.getBlock(log.blockNumber);
    if (block === null) throw new Error(`L1 has no block ${String(log.blockNumber)} that its log is of`);
    const { height, blockHash, epoch, viewNumber, timestamp } = argumentsOf("CheckpointAdvanced", log);
    return {
      position,
      isLatest,
      blockHash: toHash(String(blockHash)),
      height: Height(BigInt(String(height))),
      epoch: Epoch(BigInt(String(epoch))),
      viewNumber: View(BigInt(String(viewNumber))),
      timestamp: BigInt(String(timestamp)),
      receivedAt: BigInt(block.timestamp),
    };
  }

  /** The ring entries at or above a height, newest first, and whether one below it was passed. */
  async function openKept({ advanced, kept }: Events, height: Height, seen: Set<bigint>): Promise<Kept> {
    const found: CheckpointOnL1[] = [];
    for (const log of [...kept].reverse()) {
      const given = argumentsOf("CheckpointKept", log);
      if (BigInt(String(given["height"])) < height) return { found, passed: true };
      const position = BigInt(String(given["position"]));
      // A newer entry has taken the place of an older one at the same position.
      if (seen.has(position)) continue;
      seen.add(position);
      // The contract emits `CheckpointAdvanced` right after `CheckpointKept`.
      const source = advanced.find((each) => each.blockNumber === log.blockNumber && each.index > log.index);
      if (source !== undefined) found.push(await open(source, position, false));
    }
    return { found, passed: false };
  }

  return {
    checkpoints: async (height) => {
      const newest = await provider.getBlockNumber();
      const oldest = Math.max(deployedAtBlock, newest - (options.searchBlocks ?? SEARCH_BLOCKS));
      const latestPosition: unknown = await contract.getFunction("LATEST_POSITION").staticCall();
      const stored: CheckpointOnL1[] = [];
      const seen = new Set<bigint>();
      for (let to = newest; to >= oldest; to -= step) {
        const events = await eventsIn({ from: Math.max(oldest, to - step + 1), to });
        const last = events.advanced.at(-1);
        if (stored.length === 0 && last !== undefined) {
          stored.push(await open(last, BigInt(String(latestPosition)), true));
        }
        const { found, passed } = await openKept(events, height, seen);
        stored.push(...found);
        if (passed) break;
      }
      return stored;
    },
  };
}

interface Events {
  readonly advanced: readonly Log[];
  readonly kept: readonly Log[];
}

interface Kept {
  readonly found: readonly CheckpointOnL1[];
  readonly passed: boolean;
}

function topicOf(event: string): string {
  return expectPresent(abi.getEvent(event), event).topicHash;
}

function argumentsOf(event: string, log: Log | EventLog): Record<string, unknown> {
  const parsed = abi.parseLog(log);
  if (parsed?.name !== event) throw new Error(`not a ${event} log`);
  return parsed.args.toObject();
}
