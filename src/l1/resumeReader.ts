import { toHash, type Hash } from "../crypto/hash.ts";
import { CommitteeId, Epoch, Height } from "../protocol/scalars.ts";
import type { AddressBook } from "./addressBook.ts";
import { contractInterface } from "./contracts.ts";
import type { L1Block, L1Client } from "./l1Client.ts";
import { L1DataError } from "./l1Errors.ts";

/** Applied resumes kept, the newest ones: each takes days, so that a longer list is of another world. */
export const RESUMES_MAX = 256;

/** A resume that was applied, and the height of its block. */
export interface AppliedResume {
  readonly epoch: Epoch;
  readonly block: Hash;
  readonly committee: CommitteeId;
  readonly height: Height;
}

/** ETH-15: reads the resumes that were applied, once each, in chain order. */
export interface ResumeReader {
  readonly applied: readonly AppliedResume[];
  /** Reads on up to and including `block`, which must be L1-finalized; when it throws, a later call goes on from there. */
  readTo(block: L1Block): Promise<void>;
}

export function createResumeReader(
  client: Pick<L1Client, "logs" | "logRanges" | "blockByNumber">,
  book: Pick<AddressBook, "lightClient" | "deployedAtBlock">,
): ResumeReader {
  const abi = contractInterface("LightClient");
  const topicOf = (name: string): string => {
    const event = abi.getEvent(name);
    if (event === null) throw new L1DataError(`the build output of LightClient has no event ${name}: npm run build`);
    return event.topicHash;
  };
  const applied: AppliedResume[] = [];
  let next = BigInt(book.deployedAtBlock);

  /** The checkpoint that applying a resume makes is announced in the same transaction, with its height. */
  async function heightOf(block: Hash, at: bigint): Promise<Height> {
    const topics = [topicOf("CheckpointAdvanced")];
    const logs = await client.logs({ address: book.lightClient, topics, fromBlock: at, toBlock: at });
    for (const { topics: given, data } of logs) {
      const parsed = abi.parseLog({ topics: [...given], data });
      if (parsed?.args["blockHash"] === block) return Height(BigInt(String(parsed.args["height"])));
    }
    throw new L1DataError(`L1 block ${String(at)} applies a resume to ${block}, but makes no checkpoint of it`);
  }

  return {
    applied,
    readTo: async (block) => {
      for (const range of client.logRanges(next, block.number)) {
        const logs = await client.logs({ address: book.lightClient, topics: [topicOf("ResumeApplied")], ...range });
        const found: AppliedResume[] = [];
        for (const { topics, data, blockNumber } of logs) {
          const parsed = abi.parseLog({ topics: [...topics], data });
          if (parsed === null) throw new L1DataError(`unknown event in L1 block ${String(blockNumber)}`);
          const hash = toHash(String(parsed.args["blockHash"]));
          const [epoch, committee] = [parsed.args["epoch"], parsed.args["committee"]].map((id) => BigInt(String(id)));
          const height = await heightOf(hash, blockNumber);
          found.push({ epoch: Epoch(epoch ?? 0n), block: hash, committee: CommitteeId(committee ?? 0n), height });
        }
        if (found.length > 0 && (await client.blockByNumber(block.number))?.hash !== block.hash) {
          throw new L1DataError(`L1 block ${String(block.number)} was replaced while its events were read`);
        }
        applied.push(...found);
        applied.splice(0, Math.max(0, applied.length - RESUMES_MAX));
        next = range.toBlock + 1n;
      }
    },
  };
}
