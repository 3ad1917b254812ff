import type { Context } from "../consensus/context.ts";
import type { Event } from "../consensus/input.ts";
import type { State } from "../consensus/state.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { PeerId, Priority } from "../network/transport.ts";
import type { ChainStore } from "./chainStore.ts";
import type { EngineOptions, EnginePorts } from "./ports.ts";
import type { Committee } from "../protocol/Committee.ts";
import type { Evidence, Offence } from "../protocol/Evidence.ts";
import type { Header } from "../protocol/Header.ts";
import type { CommitteeId } from "../protocol/scalars.ts";
import type { Membership } from "./membership.ts";
import type { Message } from "./message.ts";
import type { PayloadKeeper } from "./payloadKeeper.ts";
import type { TakenResume } from "./records.ts";

/** What the parts of an engine share. Everything runs on one thread; nothing here waits. */
export interface Kernel {
  readonly ports: EnginePorts;
  readonly options: EngineOptions;
  readonly chain: ChainStore;
  readonly genesis: Header;
  readonly mempool: Mempool;
  readonly keeper: PayloadKeeper;
  membership(): Membership;
  context(): Context;
  state(): State;
  /** Gives the core an input; its outputs are performed before this returns, unless one is being performed now. */
  feed(event: Event): void;
  send(to: PeerId, message: Message): void;
  /** Encodes once, sends to every member of the committee but this node. */
  sendToCommittee(message: Message): void;
  /** A committee as L1 or the store knows it, then kept. */
  committee(id: CommitteeId): Promise<Committee | undefined>;
  /** Votes or votes no more, as the light client on L1 and what is known of resumes demand (SAFE-7). */
  followLightClient(): void;
  saveEvidence(evidence: Evidence, offence: Offence): void;
  /** RESUME-5: the core hears nothing from here until `enterResumed`. */
  suspend(): void;
  isSuspended(): boolean;
  enterResumed(taken: TakenResume, committee: Committee): void;
  /** A fault of our own: stops the engine. */
  fail(error: unknown): void;
  isRunning(): boolean;
}

const BLOCK_MESSAGES: ReadonlySet<Message["type"]> = new Set([
  "proposal",
  "payload",
  "view",
  "view-request",
  "payload-request",
]);

/** Votes and certificates leave first, then proposals, shards and payloads, then everything else. */
export function priorityOf(message: Message): Priority {
  if (message.type === "certificate") return "vote";
  if (message.type === "vote") return message.shards === undefined ? "vote" : "block";
  return BLOCK_MESSAGES.has(message.type) ? "block" : "bulk";
}
