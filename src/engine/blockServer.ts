import type { Hash } from "../crypto/hash.ts";
import type { PeerId } from "../network/transport.ts";
import type * as Certificate from "../protocol/Certificate.ts";
import type * as Header from "../protocol/Header.ts";
import type { Height } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import { viewFromMemory } from "./ingress.ts";
import type { Kernel } from "./kernel.ts";
import { HEADERS_MAX, type AncestorsRequest, type Message, type ViewAnswer } from "./message.ts";
import type { StateSync } from "./stateSync.ts";

/** Answers under way at once, over all peers; a request beyond is dropped and comes again. */
export const ANSWERS_MAX = 64;

type Request = Extract<Message, { type: "view-request" | "ancestors-request" | "range-request" | "payload-request" }>;

/** Serves what peers ask for, from memory and store; says nothing where it has nothing. */
export class BlockServer {
  readonly #kernel: Kernel;
  readonly #sync: StateSync;
  #underWay = 0;

  constructor(kernel: Kernel, sync: StateSync) {
    this.#kernel = kernel;
    this.#sync = sync;
  }

  async answer(to: PeerId, request: Request): Promise<void> {
    if (this.#underWay >= ANSWERS_MAX) return;
    this.#underWay += 1;
    try {
      const answer = await this.#answerTo(request);
      if (answer !== undefined && this.#kernel.isRunning()) this.#kernel.send(to, answer);
    } finally {
      this.#underWay -= 1;
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
    const payload = this.#kernel.keeper.opened(block)?.bytes ?? (await this.#kernel.chain.payload(block));
    return payload === undefined ? undefined : { type: "payload", block, payload };
  }
}

function isAtOrBelow(height: Height, above: Height): boolean {
  return height <= above;
}
