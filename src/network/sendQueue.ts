import { PRIORITIES, SEND_QUEUE_BYTES_MAX, SEND_QUEUE_MESSAGES_MAX, type Priority } from "./transport.ts";

/**
 * What waits for one peer. NET-3: at most `bytesMax` and `messagesMax` wait; a new message makes room by evicting the
 * oldest of the least urgent lane, never one that is more urgent than itself; if that is not enough it is refused. So a
 * peer that reads slowly costs bounded memory and loses old bulk first, and votes overtake blocks at every fragment.
 */
export interface SendQueueOptions {
  readonly bytesMax?: number;
  readonly messagesMax?: number;
}

/** The next piece of a message. */
export interface Fragment {
  readonly priority: Priority;
  /** Length of the whole message. */
  readonly total: number;
  readonly isFirst: boolean;
  readonly bytes: Uint8Array;
}

interface Lane {
  readonly priority: Priority;
  messages: Uint8Array[];
  /** Messages before this position were sent; they are cut off now and then. */
  head: number;
  /** How much of the message at `head` was taken. */
  taken: number;
}

/** Sent messages that may stay in a lane's array before it is cut. */
const SENT_KEPT_MAX = 1024;

export class SendQueue {
  readonly #bytesMax: number;
  readonly #messagesMax: number;
  readonly #lanes: readonly Lane[] = PRIORITIES.map((priority) => ({ priority, messages: [], head: 0, taken: 0 }));
  #bytes = 0;
  #messages = 0;
  #evicted = 0;

  constructor(options: SendQueueOptions = {}) {
    this.#bytesMax = options.bytesMax ?? SEND_QUEUE_BYTES_MAX;
    this.#messagesMax = options.messagesMax ?? SEND_QUEUE_MESSAGES_MAX;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Messages that were accepted and never sent whole. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Whether the message was taken. */
  push(bytes: Uint8Array, priority: Priority): boolean {
    const own = PRIORITIES.indexOf(priority);
    if (!this.#couldFit(bytes.length, own)) return false;
    for (let lane = this.#lanes.length - 1; lane >= own; lane--) {
      while (!this.#hasRoom(bytes.length) && this.#evict(lane)) this.#evicted++;
    }
    if (!this.#hasRoom(bytes.length)) return false;
    this.#lanes[own]?.messages.push(bytes);
    this.#bytes += bytes.length;
    this.#messages++;
    return true;
  }

  /** The next at most `bytesMax` bytes of the most urgent message; undefined when nothing waits. */
  take(bytesMax: number): Fragment | undefined {
    for (const lane of this.#lanes) {
      const message = lane.messages[lane.head];
      if (message === undefined) continue;
      const bytes = message.subarray(lane.taken, lane.taken + bytesMax);
      const fragment = { priority: lane.priority, total: message.length, isFirst: lane.taken === 0, bytes };
      lane.taken += bytes.length;
      if (lane.taken >= message.length) this.#drop(lane);
      return fragment;
    }
    return undefined;
  }

  /** The connection broke: messages that were begun start anew on the next. */
  rewind(): void {
    for (const lane of this.#lanes) lane.taken = 0;
  }

  clear(): void {
    this.#evicted += this.#messages;
    for (const lane of this.#lanes) Object.assign(lane, { messages: [], head: 0, taken: 0 });
    this.#bytes = 0;
    this.#messages = 0;
  }

  #hasRoom(length: number): boolean {
    return this.#bytes + length <= this.#bytesMax && this.#messages < this.#messagesMax;
  }

  /** Whether evicting all that may be evicted makes room: nothing is evicted in vain. */
  #couldFit(length: number, own: number): boolean {
    let bytes = this.#bytes;
    let messages = this.#messages;
    if (this.#hasRoom(length)) return true;
    for (const lane of this.#lanes.slice(own)) {
      for (let i = lane.head + (lane.taken > 0 ? 1 : 0); i < lane.messages.length; i++) {
        bytes -= lane.messages[i]?.length ?? 0;
        messages--;
        if (bytes + length <= this.#bytesMax && messages < this.#messagesMax) return true;
      }
    }
    return false;
  }

  /** Removes the oldest message of a lane that was not begun. */
  #evict(index: number): boolean {
    const lane = this.#lanes[index];
    if (lane === undefined) return false;
    if (lane.taken === 0) return this.#drop(lane);
    const [second] = lane.messages.splice(lane.head + 1, 1);
    if (second === undefined) return false;
    this.#bytes -= second.length;
    this.#messages--;
    return true;
  }

  #drop(lane: Lane): boolean {
    const message = lane.messages[lane.head];
    if (message === undefined) return false;
    this.#bytes -= message.length;
    this.#messages--;
    lane.messages[lane.head] = EMPTY;
    lane.head++;
    lane.taken = 0;
    if (lane.head === lane.messages.length || lane.head > SENT_KEPT_MAX) {
      lane.messages = lane.messages.slice(lane.head);
      lane.head = 0;
    }
    return true;
  }
}

const EMPTY = new Uint8Array(0);
