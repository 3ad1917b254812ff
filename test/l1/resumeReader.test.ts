import { describe, expect, it } from "vitest";

import { toHash } from "../../src/crypto/hash.ts";
import type { AddressBook } from "../../src/l1/addressBook.ts";
import { contractInterface } from "../../src/l1/contracts.ts";
import type { L1Block, L1Client, L1Log } from "../../src/l1/l1Client.ts";
import { L1DataError } from "../../src/l1/l1Errors.ts";
import { createResumeReader, RESUMES_MAX } from "../../src/l1/resumeReader.ts";

const abi = contractInterface("LightClient");
const LIGHT_CLIENT = `0x${"11".repeat(20)}` as const;
const hashOf = (byte: number): ReturnType<typeof toHash> => toHash(`0x${byte.toString(16).padStart(64, "0")}`);
const blockOf = (number: bigint): L1Block => {
  const hash = hashOf(Number(number) + 1_000);
  return { number, hash, parent: hash, timestamp: number * 12n, randomness: hash };
};

function logOf(blockNumber: bigint, event: string, values: readonly unknown[]): L1Log {
  const fragment = abi.getEvent(event);
  if (fragment === null) throw new Error(`no event ${event}`);
  const { topics, data } = abi.encodeEventLog(fragment, values);
  const { hash } = blockOf(blockNumber);
  const common = { blockHash: hash, transactionHash: hash, logIndex: 0 };
  return { address: LIGHT_CLIENT, topics: topics.map(String), data, blockNumber, ...common };
}

/** What L1 says when a resume is applied, and another checkpoint in the same block. */
function applied(blockNumber: bigint, epoch: bigint, committee: bigint, block: string, height: bigint): L1Log[] {
  return [
    logOf(blockNumber, "CheckpointAdvanced", [height - 1n, hashOf(77), epoch, 1n, 5n]),
    logOf(blockNumber, "CheckpointAdvanced", [height, block, epoch, 0n, 5n]),
    logOf(blockNumber, "ResumeApplied", [epoch, committee, block]),
  ];
}

function readerOf(logs: readonly L1Log[], canonical: (number: bigint) => L1Block = blockOf) {
  const client: Pick<L1Client, "logs" | "logRanges" | "blockByNumber"> = {
    logs: ({ topics, fromBlock, toBlock }) =>
      Promise.resolve(
        logs.filter(
          (log) => topics.includes(log.topics[0] ?? "") && log.blockNumber >= fromBlock && log.blockNumber <= toBlock,
        ),
      ),
    logRanges: function* (fromBlock, toBlock) {
      if (fromBlock <= toBlock) yield { fromBlock, toBlock };
    },
    blockByNumber: (number) => Promise.resolve(canonical(number)),
  };
  const book: Pick<AddressBook, "lightClient" | "deployedAtBlock"> = { lightClient: LIGHT_CLIENT, deployedAtBlock: 3 };
  return createResumeReader(client, book);
}

describe("reader of applied resumes", () => {
  it("ETH-15: shows each once, oldest first, with the height of its block, as far as L1 was read", async () => {
    const reader = readerOf([...applied(10n, 20n, 2n, hashOf(1), 44n), ...applied(30n, 50n, 7n, hashOf(2), 90n)]);
    await reader.readTo(blockOf(9n));
    expect(reader.applied).toEqual([]);
    await reader.readTo(blockOf(10n));
    const first = { epoch: 20n, block: hashOf(1), committee: 2n, height: 44n };
    expect(reader.applied).toEqual([first]);
    await reader.readTo(blockOf(40n));
    await reader.readTo(blockOf(40n));
    expect(reader.applied).toEqual([first, { epoch: 50n, block: hashOf(2), committee: 7n, height: 90n }]);
  });

  it("ETH-15: takes nothing of a block that was replaced meanwhile, or that makes no checkpoint", async () => {
    const logs = applied(10n, 20n, 2n, hashOf(1), 44n);
    const replaced = readerOf(logs, (number) => ({ ...blockOf(number), hash: hashOf(5) }));
    await expect(replaced.readTo(blockOf(12n))).rejects.toThrow(L1DataError);
    expect(replaced.applied).toEqual([]);
    const bare = readerOf(logs.slice(2));
    await expect(bare.readTo(blockOf(12n))).rejects.toThrow(L1DataError);
    expect(bare.applied).toEqual([]);
  });

  it("ETH-15: keeps the newest where there are more than anyone can have applied", async () => {
    const many = Array.from({ length: RESUMES_MAX + 1 }, (_, i) => {
      return applied(BigInt(i) + 10n, BigInt(i) + 1n, BigInt(i) + 2n, hashOf(i + 1), BigInt(i) + 5n);
    });
    const reader = readerOf(many.flat());
    await reader.readTo(blockOf(10_000n));
    expect(reader.applied).toHaveLength(RESUMES_MAX);
    expect(reader.applied[0]?.epoch).toBe(2n);
  });
});
