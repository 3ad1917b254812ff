import type { Interface, LogDescription } from "ethers";

import { fromHex } from "../codec/hex.ts";
import { toHash, type Hash } from "../crypto/hash.ts";
import { CommitteeId, ValidatorId } from "../protocol/scalars.ts";
import type { L1Log } from "./l1Client.ts";
import { L1DataError } from "./l1Errors.ts";
import type { StakeEvent } from "./stakeTableFold.ts";

/** The events that matter to the layer; delegations and rewards are not among them. */
const EVENT_NAMES = [
  "ValidatorRegistered",
  "ValidatorExited",
  "ValidatorSlashed",
  "NetworkChanged",
  "KeyProven",
  "KeyRotated",
  "SeatTaken",
  "PageSealed",
  "CommitteeCreated",
] as const;

/** First topics of the events that `parseEvent` understands. */
export function eventTopics(stakeTable: Interface): readonly string[] {
  return EVENT_NAMES.map((name) => {
    const event = stakeTable.getEvent(name);
    if (event === null) throw new L1DataError(`the build output of StakeTable has no event ${name}: npm run build`);
    return event.topicHash;
  });
}

/** Reads one log of `StakeTable`. `blockTime` is the time of its block, in seconds. */
export function parseEvent(stakeTable: Interface, log: L1Log, blockTime: bigint): StakeEvent {
  const parsed = stakeTable.parseLog({ topics: [...log.topics], data: log.data });
  if (parsed === null) throw new L1DataError(`unknown event in L1 transaction ${log.transactionHash}`);
  const read = (name: string): Argument => new Argument(parsed, name);
  switch (parsed.name) {
    case "ValidatorRegistered":
      return { kind: "registered", validator: read("id").validator(), operator: read("operator").text() };
    case "ValidatorExited":
      return { kind: "exited", validator: read("id").validator() };
    case "ValidatorSlashed":
      return { kind: "slashed", validator: read("id").validator() };
    case "NetworkChanged":
      return { kind: "network", validator: read("id").validator(), network: read("network").bytes() };
    case "KeyProven":
      return {
        kind: "key-proven",
        validator: read("id").validator(),
        keyHash: read("keyHash").hash(),
        key: read("key").bytes(),
      };
    case "KeyRotated":
      return { kind: "key-rotated", validator: read("id").validator(), keyHash: read("keyHash").hash() };
    case "SeatTaken":
      return { kind: "seat-taken", validator: read("id").validator(), seat: read("seat").small() };
    case "PageSealed":
      return { kind: "page-sealed", page: read("page").small(), keyHashes: read("keyHashes").hashes() };
    case "CommitteeCreated":
      return {
        kind: "committee",
        id: CommitteeId(read("id").integer()),
        randomness: read("randomness").hash(),
        nonce: read("nonce").small(),
        description: read("description").bytes(),
        createdNumber: log.blockNumber,
        createdAt: blockTime,
      };
    default:
      throw new L1DataError(`event ${parsed.name} was not asked for`);
  }
}

/** A named argument of an event, read as one type or refused. */
class Argument {
  readonly #value: unknown;
  readonly #place: string;

  constructor(event: LogDescription, name: string) {
    this.#value = event.args.getValue(name);
    this.#place = `${event.name}.${name}`;
  }

  integer(): bigint {
    if (typeof this.#value !== "bigint") throw new L1DataError(`${this.#place} is no integer`);
    return this.#value;
  }

  /** An integer of at most 32 bits. */
  small(): number {
    return Number(this.integer());
  }

  hashes(): readonly Hash[] {
    if (!Array.isArray(this.#value)) throw new L1DataError(`${this.#place} is no list`);
    return this.#value.map((entry: unknown) => {
      if (typeof entry !== "string") throw new L1DataError(`${this.#place} holds something else than hashes`);
      return toHash(entry.toLowerCase());
    });
  }

  text(): string {
    if (typeof this.#value !== "string") throw new L1DataError(`${this.#place} is no text`);
    return this.#value;
  }

  bytes(): Uint8Array {
    return fromHex(this.text());
  }

  hash(): Hash {
    return toHash(this.text().toLowerCase());
  }

  validator(): ValidatorId {
    return ValidatorId(this.integer());
  }
}
