import type { Hash } from "../crypto/hash.ts";
import type { PeerId } from "../network/transport.ts";
import type * as Certificate from "../protocol/Certificate.ts";
import type * as Header from "../protocol/Header.ts";
import type { Height } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import { viewFromMemory } from "./ingress.ts";
import type { Kernel } from "./kernel.ts";
import {
  HEADERS_MAX,
  PAYLOADS_ANSWER_BYTES,
  type AncestorsRequest,
  type Message,
  type PayloadsAnswer,
  type ViewAnswer,
} from "./message.ts";
import type { StateSync } from "./stateSync.ts";
import { TokenBuckets } from "./tokenBuckets.ts";

/** Answers under way at once, over all peers; a request beyond is dropped and comes again. */
export const ANSWERS_MAX = 64;
/** Answers under way for one peer: the others find room, too. */
export const PEER_ANSWERS_MAX = 8;
/** Bytes of payloads that one peer is given a second, and at once. */
export const SERVED_BYTES_PER_SECOND = 32 * 1024 * 1024;
export const SERVED_BYTES_BURST = 64 * 1024 * 1024;

type Request = Extract<
  Message,
  { type: "view-request" | "ancestors-request" | "range-request" | "payload-request" | "payloads-request" }
>;

/** Serves what peers ask for, from memory and store; says nothing where it has nothing. */
export class BlockServer {
  readonly #kernel: Kernel;
  readonly #sync: StateSync;
  readonly #bytes: TokenBuckets;
  readonly #underWay = new Map<PeerId, number>();

  constructor(kernel: Kernel, sync: StateSync) {
    this.#kernel = kernel;
    this.#sync = sync;
    this.#bytes = new TokenBuckets(kernel.ports.clock, SERVED_BYTES_PER_SECOND, SERVED_BYTES_BURST);
  }

  /** Answers under way, over all peers. */
  get underWay(): number {
    return [...this.#underWay.values()].reduce((sum, count) => sum + count, 0);
  }

  async answer(to: PeerId, request: Request): Promise<void> {
    const mine = this.#underWay.get(to) ?? 0;
    if (mine >= PEER_ANSWERS_MAX || this.underWay >= ANSWERS_MAX) return;
    this.#underWay.set(to, mine + 1);
    try {
      const answer = await this.#answerTo(request);
      // LIMIT-4: who is given payloads faster than a link carries them would only fill the queue in front of it.
      const isGranted = answer !== undefined && this.#bytes.take(to, payloadBytesOf(answer));
      if (isGranted && this.#kernel.isRunning()) this.#kernel.send(to, answer);
    } finally {
      const left = (this.#underWay.get(to) ?? 1) - 1;
      if (left > 0) this.#underWay.set(to, left);
      else this.#underWay.delete(to);
    }
  }

  async #answerTo(request: Request): Promise<Message | undefined> {
    switch (request.type) {
      case "view-request":
        return this.#view(request.epoch, request.view);
      case "ancestors-request":
        return this.#ancestors(request);
      case "range-request":
        return this.#sync.answer(request.from, request.count);
      case "payload-request":
        return this.#payload(request.block);
      case "payloads-request":
        return this.#payloads(request.blocks);
    }
  }

  /** FETCH-4: from memory above the final block, from the store at and below it. */
  async #view(epoch: Vote.Vote["epoch"], view: Vote.Vote["view"]): Promise<ViewAnswer | undefined> {
    const held = viewFromMemory(this.#kernel, epoch, view);
    if (held.certificates.length > 0) return held;
    const { chain } = this.#kernel;
    const kinds = ["notarize", "nullify", "finalize"] as const;
    const found = await Promise.all(kinds.map((kind) => chain.certificate(epoch, view, kind)));
    const certificates: Certificate.Certificate[] = found.filter((certificate) => certificate !== undefined);
    if (certificates.length === 0) return held.proposal === undefined ? undefined : held;
    const header = await this.#headerOf(certificates);
    const proposal = held.proposal === undefined ? {} : { proposal: held.proposal };
    return { type: "view", epoch, view, certificates, ...proposal, ...(header === undefined ? {} : { header }) };
  }

  async #headerOf(certificates: readonly Certificate.Certificate[]): Promise<Header.Header | undefined> {
    for (const { vote } of certificates) {
      const block = Vote.block(vote);
      const header = block === undefined ? undefined : await this.#header(block);
      if (header !== undefined) return header;
    }
    return undefined;
  }

  async #header(block: Hash): Promise<Header.Header | undefined> {
    const held = this.#kernel.state().blocks.get(block);
    if (held !== undefined) return held.header;
    const height = await this.#kernel.chain.heightOf(block);
    return height === undefined ? undefined : (await this.#kernel.chain.blockAt(height))?.header;
  }

  async #ancestors({ block, above }: AncestorsRequest): Promise<Message | undefined> {
    const headers: Header.Header[] = [];
    let next: Hash = block;
    while (headers.length < HEADERS_MAX) {
      const header = await this.#header(next);
      if (header === undefined || isAtOrBelow(header.height, above)) break;
      headers.push(header);
      next = header.parent;
    }
    return headers.length === 0 ? undefined : { type: "headers", headers };
  }

  async #payload(block: Hash): Promise<Message | undefined> {
    const payload = await this.#payloadOf(block);
    return payload === undefined ? undefined : { type: "payload", block, payload };
  }

  /** SYNC-4: as many as fit, and by name those that are not here. */
  async #payloads(blocks: readonly Hash[]): Promise<PayloadsAnswer> {
    const payloads: { readonly block: Hash; readonly payload: Uint8Array }[] = [];
    const missing: Hash[] = [];
    let left = PAYLOADS_ANSWER_BYTES;
    for (const block of new Set(blocks)) {
      if (left <= 0) break;
      const payload = await this.#payloadOf(block);
      if (payload === undefined) missing.push(block);
      else if (payload.length <= left || payloads.length === 0) payloads.push({ block, payload });
      else break;
      left -= payload?.length ?? 0;
    }
    return { type: "payloads", payloads, missing };
  }

  async #payloadOf(block: Hash): Promise<Uint8Array | undefined> {
    return this.#kernel.keeper.opened(block)?.bytes ?? (await this.#kernel.chain.payload(block));
  }
}

function payloadBytesOf(answer: Message): number {
  if (answer.type === "payload") return answer.payload.length;
  return answer.type === "payloads" ? answer.payloads.reduce((sum, { payload }) => sum + payload.length, 0) : 0;
}

function isAtOrBelow(height: Height, above: Height): boolean {
  return height <= above;
}
