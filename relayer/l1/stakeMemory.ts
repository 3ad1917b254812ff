import type { LogDescription } from "ethers";

import { fromHex } from "../../src/codec/hex.ts";
import { contractInterface } from "../../src/l1/contracts.ts";
import type { L1Client, L1Log } from "../../src/l1/l1Client.ts";
import { L1DataError } from "../../src/l1/l1Errors.ts";
import { Rosters } from "./roster.ts";

export interface WaitingKey {
  readonly keyHash: string;
  readonly key: Uint8Array;
  /** L1 block of its registration. */
  readonly block: bigint;
}

/**
 * What events of the stake table hint at: keys that wait for their page, slashes to settle and to report. Hints only,
 * read from unfinalized blocks: whoever acts on one reads the contract first.
 */
export interface StakeMemory {
  /** Reads on to the newest block. */
  refresh(): Promise<void>;
  waitingKeys(): readonly WaitingKey[];
  forgetKey(keyHash: string): void;
  /** Validators that were slashed and not settled. */
  unsettled(): readonly bigint[];
  forgetSlash(validator: bigint): void;
  /** Validators of a committee in committee order; undefined while that is not known. */
  members(committee: bigint): readonly bigint[] | undefined;
  slashed(): readonly bigint[];
  /** Every key that a validator ever proved. */
  keysOf(validator: bigint): readonly Uint8Array[];
}

/** Blocks read again each time, so that a short reorg hides no event. */
const OVERLAP = 16n;
/** Waiting keys remembered; at most 125 go into one page. */
export const WAITING_MAX = 4096;

const EVENTS = ["KeyProven", "PageSealed", "ValidatorSlashed", "ValidatorSettled", "CommitteeCreated"] as const;

export function createStakeMemory(client: L1Client, stakeTable: string, deployedAtBlock: bigint): StakeMemory {
  const abi = contractInterface("StakeTable");
  const topics = EVENTS.map((name) => {
    const event = abi.getEvent(name);
    if (event === null) throw new L1DataError(`StakeTable has no event ${name}: npm run build`);
    return event.topicHash;
  });
  const waiting = new Map<string, WaitingKey>();
  const slashes = new Map<bigint, "unsettled" | "settled">();
  const rosters = new Rosters();
  const keys = new Map<bigint, Map<string, Uint8Array>>();
  let next = deployedAtBlock;

  function apply(log: L1Log): void {
    const event = abi.parseLog({ topics: [...log.topics], data: log.data });
    if (event === null) return;
    switch (event.name) {
      case "KeyProven": {
        const keyHash = text(event, "keyHash");
        const validator = integer(event, "id");
        rosters.keyProven(keyHash, validator);
        keys.set(
          validator,
          (keys.get(validator) ?? new Map<string, Uint8Array>()).set(keyHash, fromHex(text(event, "key"))),
        );
        if (waiting.size < WAITING_MAX)
          waiting.set(keyHash, { keyHash, key: fromHex(text(event, "key")), block: log.blockNumber });
        return;
      }
      case "PageSealed": {
        const keyHashes = texts(event, "keyHashes");
        rosters.pageSealed(Number(integer(event, "page")), keyHashes);
        for (const keyHash of keyHashes) waiting.delete(keyHash);
        return;
      }
      case "ValidatorSlashed":
        if (!slashes.has(integer(event, "id"))) slashes.set(integer(event, "id"), "unsettled");
        return;
      case "ValidatorSettled":
        slashes.set(integer(event, "id"), "settled");
        return;
      case "CommitteeCreated": {
        const description = fromHex(text(event, "description"));
        rosters.committeeCreated(integer(event, "id"), Number(integer(event, "nonce")), description);
      }
    }
  }

  return {
    refresh: async () => {
      const head = await client.latestBlock();
      // A chain that went back (a reorg, a development chain that was reset) is read again from there.
      if (head.number + 1n < next) next = deployedAtBlock;
      const from = next - OVERLAP > deployedAtBlock ? next - OVERLAP : deployedAtBlock;
      for (const range of client.logRanges(from, head.number)) {
        for (const log of await client.logs({ address: stakeTable, topics, ...range })) apply(log);
        next = range.toBlock + 1n;
      }
    },
    waitingKeys: () => [...waiting.values()],
    forgetKey: (keyHash) => void waiting.delete(keyHash),
    unsettled: () => [...slashes].filter(([, state]) => state === "unsettled").map(([id]) => id),
    forgetSlash: (validator) => void slashes.set(validator, "settled"),
    members: (committee) => rosters.members(committee),
    slashed: () => [...slashes.keys()],
    keysOf: (validator) => [...(keys.get(validator)?.values() ?? [])],
  };
}

function value(event: LogDescription, name: string): unknown {
  return event.args.getValue(name);
}

function text(event: LogDescription, name: string): string {
  const found = value(event, name);
  if (typeof found !== "string") throw new L1DataError(`${event.name}.${name} is no text`);
  return found;
}

function texts(event: LogDescription, name: string): readonly string[] {
  const found = value(event, name);
  if (!Array.isArray(found)) throw new L1DataError(`${event.name}.${name} is no list`);
  return found.filter((entry) => typeof entry === "string");
}

function integer(event: LogDescription, name: string): bigint {
  const found = value(event, name);
  if (typeof found !== "bigint") throw new L1DataError(`${event.name}.${name} is no number`);
  return found;
}
