import { SELF } from "../consensus/input.ts";
import type { Propose, SendHandover } from "../consensus/output.ts";
import type { Hash } from "../crypto/hash.ts";
import { isPeerId } from "../network/transport.ts";
import * as Certificate from "../protocol/Certificate.ts";
import * as Header from "../protocol/Header.ts";
import type { Epoch, View } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import type { Kernel } from "./kernel.ts";
import { encode, type Body } from "./message.ts";
import { priorityOf } from "./kernel.ts";
import { TokenBuckets } from "./tokenBuckets.ts";

/** Own signed votes that may be repeated: three a view. */
export const OWN_VOTES_MAX = 192;
/** Votes and proposals that wait for the disk or the signer. */
export const SIGNING_MAX = 256;

/** Handovers a second that one peer is sent: at an epoch's end everyone asks everyone. */
export const HANDOVERS_PER_SECOND = 2;
export const HANDOVERS_BURST = 4;

/** Everything this node says of its own accord: signs in the order asked, after the journal is on disk (SAFE-1). */
export class Outbox {
  readonly #kernel: Kernel;
  readonly #own = new Map<string, Vote.SignedVote>();
  readonly #signing = new Set<string>();
  readonly #handovers: TokenBuckets;
  #turn: Promise<void> = Promise.resolve();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#handovers = new TokenBuckets(kernel.ports.clock, HANDOVERS_PER_SECOND, HANDOVERS_BURST);
  }

  /** `sign`: journal on disk, then sign, broadcast, feed back; a repeated one is only sent again. */
  sign(vote: Vote.Vote): void {
    this.#afterSigning(vote, (signed) => {
      this.#broadcastVote(signed);
    });
  }

  /** `propose`: as `sign`, but the vote travels inside the proposal. */
  propose(output: Propose): void {
    const { epoch, view, header } = output;
    this.#afterSigning(Vote.notarize(epoch, view, Header.hash(header)), async (signed) => {
      await this.#kernel.keeper.restore(header, view);
      if (this.#kernel.isRunning()) this.#broadcastProposal(output, signed);
    });
  }

  /** Another committee begins: what was signed as a member of the one before is not said again. */
  forget(): void {
    this.#own.clear();
  }

  /** Resolves when everything asked so far was signed and sent. */
  settled(): Promise<void> {
    return this.#turn;
  }

  #afterSigning(vote: Vote.Vote, send: (signed: Vote.SignedVote) => void | Promise<void>): void {
    const key = keyOf(vote);
    const kernel = this.#kernel;
    const { signer, journal } = kernel.ports;
    const membership = kernel.membership();
    const { seat } = membership;
    if (signer === undefined || seat === undefined) return;
    if (this.#signing.has(key) || this.#signing.size >= SIGNING_MAX) return;
    this.#signing.add(key);
    // Asked for here, not in turn: everything journaled before this vote is what the sync has to cover.
    const durable = journal.sync();
    const work = async (): Promise<void> => {
      await durable;
      const known = this.#own.get(key);
      if (!kernel.isRunning() || kernel.membership() !== membership) return;
      if (known !== undefined) {
        await send(known);
        return;
      }
      const result = await signer.sign(vote);
      if (!kernel.isRunning() || kernel.membership() !== membership) return;
      if (!result.ok) {
        kernel.ports.logger.warn("signer refused", { vote: key, refusal: result.refusal });
        return;
      }
      const signed = { vote, signer: seat, signature: result.signature };
      this.#remember(key, signed);
      await send(signed);
      kernel.feed({ type: "vote", from: SELF, vote: signed });
    };
    durable.catch(() => undefined);
    this.#turn = this.#turn
      .then(work)
      .catch((error: unknown) => {
        kernel.fail(error);
      })
      .finally(() => this.#signing.delete(key));
  }

  #remember(key: string, signed: Vote.SignedVote): void {
    this.#own.set(key, signed);
    for (const oldest of this.#own.keys()) {
      if (this.#own.size <= OWN_VOTES_MAX) break;
      this.#own.delete(oldest);
    }
  }

  #broadcastVote(signed: Vote.SignedVote): void {
    const { vote, signer } = signed;
    const shards = vote.kind === "notarize" ? this.#kernel.keeper.shardsOf(vote.block, signer) : undefined;
    this.#kernel.sendToCommittee({ type: "vote", signed, ...(shards === undefined ? {} : { shards }) });
    if (vote.kind === "notarize") this.#kernel.ports.clock.setTimer(0, () => this.#prepare(vote.block));
  }

  /** After what was just sent has left. */
  #prepare(block: Hash): void {
    if (this.#kernel.isRunning()) this.#kernel.keeper.prepare(block);
  }

  #broadcastProposal({ epoch, view, parentView, header }: Propose, signed: Vote.SignedVote): void {
    const kernel = this.#kernel;
    const { peers } = kernel.membership();
    const leader = signed.signer;
    const proposal = { epoch, view, header, parentView, leader, signature: signed.signature };
    const repeats = header.viewNumber !== view;
    const whole = repeats ? { kind: "none" as const } : kernel.keeper.wholeBody(Header.hash(header));
    if (whole !== undefined) {
      kernel.sendToCommittee({ type: "proposal", proposal, body: whole });
      return;
    }
    for (const [seat, peer] of peers.entries()) {
      if (seat === leader) continue;
      kernel.send(peer, { type: "proposal", proposal, body: this.#shardsBody(Header.hash(header), seat, leader) });
    }
  }

  #shardsBody(block: Hash, receiver: number, leader: number): Body {
    const mine = this.#kernel.keeper.shardsOf(block, leader);
    const theirs = this.#kernel.keeper.shardsOf(block, receiver);
    if (mine === undefined || theirs === undefined) return { kind: "none" };
    return { kind: "shards", receiver: theirs, leader: mine };
  }

  /** Certificates go to everyone connected, observers too: that is how they follow. */
  broadcastCertificate(certificate: Certificate.Certificate): void {
    const kernel = this.#kernel;
    const { state, ports } = { state: kernel.state(), ports: kernel.ports };
    const block = Vote.block(certificate.vote);
    const header = Certificate.isFinalization(certificate) && block !== undefined ? headerOf(state, block) : undefined;
    const message = { type: "certificate" as const, certificate, ...(header === undefined ? {} : { header }) };
    const bytes = encode(message);
    for (const { id, connected } of ports.transport.peers()) {
      if (connected && id !== ports.transport.self) ports.transport.send(id, bytes, priorityOf(message));
    }
  }

  /** EPOCH-3: answers a node of an older epoch with what ended it. */
  async sendHandover({ to, epoch }: SendHandover): Promise<void> {
    const { chain } = this.#kernel;
    if (!isPeerId(to) || !this.#handovers.take(to)) return;
    const height = await chain.handoverHeight(epoch);
    const block = height === undefined ? undefined : await chain.blockAt(height);
    if (height === undefined || block === undefined) return;
    const found = await chain.finalization(height, height, false);
    if (found === undefined) return;
    this.#kernel.send(to, { type: "certificate", certificate: found.certificate, header: block.header });
  }
}

function headerOf(state: ReturnType<Kernel["state"]>, block: Hash): Header.Header | undefined {
  const { anchor } = state;
  return Header.hash(anchor.header) === block ? anchor.header : state.blocks.get(block)?.header;
}

function keyOf(vote: Vote.Vote): string {
  return roundKey(vote.epoch, vote.view, `${vote.kind}/${Vote.block(vote) ?? ""}`);
}

function roundKey(epoch: Epoch, view: View, rest: string): string {
  return `${String(epoch)}/${String(view)}/${rest}`;
}
