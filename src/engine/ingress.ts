import { answerView } from "../consensus/answer.ts";
import { refuseCertificate, refuseProposal, refuseVote } from "../consensus/interest.ts";
import { isFault, type Rejection } from "../consensus/rejection.ts";
import { isBeingVerified } from "../consensus/votes.ts";
import type { Offence, PeerId } from "../network/transport.ts";
import * as Certificate from "../protocol/Certificate.ts";
import * as Header from "../protocol/Header.ts";
import * as Proposal from "../protocol/Proposal.ts";
import type { Epoch } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import { unreachable } from "../runtime/assert.ts";
import type { BlockServer } from "./blockServer.ts";
import type { Gossip } from "./gossip.ts";
import type { Kernel } from "./kernel.ts";
import type { LateEvidence } from "./lateEvidence.ts";
import { decode, type Body, type Message, type ProposalMessage, type ViewAnswer, type VoteMessage } from "./message.ts";
import type { PayloadFetcher } from "./payloadFetcher.ts";
import type { Resumption } from "./resumption.ts";
import type { Repairs } from "./repairs.ts";
import type { StateSync } from "./stateSync.ts";
import type { Takeover } from "./takeover.ts";
import { TokenBuckets } from "./tokenBuckets.ts";

/** Signature checks under way for one peer; what it sends beyond is dropped and comes again by retry. */
export const CHECKS_PER_PEER_MAX = 16;
/** Checks of the same certificate from different peers at once: one of them may be forged. */
export const CHECKS_PER_CERTIFICATE_MAX = 2;
/** Work a second that a peer may ask for, and how much at once, in the units of `COSTS`. */
export const REQUESTS_PER_SECOND = 1_000;
export const REQUESTS_BURST = 2_000;
/** What answering costs: about one read of the store each; payloads cost one each on top, and their bytes (LIMIT-4). */
const COSTS = {
  "view-request": 4,
  "payload-request": 8,
  "payloads-request": 4,
  "ancestors-request": 64,
  "range-request": 128,
} as const;
/** Headers, or resumes, that are hashed for one unit: most are not wanted when nobody asked for them. */
const HEADERS_PER_UNIT = 16;
/** Messages of other epochs a second that are looked at: each may cost an answer. */
export const OTHER_EPOCH_PER_SECOND = 2;
export const OTHER_EPOCH_BURST = 4;
/** Blocks whose payload was asked for and has not come; the oldest request gives way. */
export const PAYLOAD_REQUESTS_MAX = 512;

export interface IngressPorts {
  readonly server: BlockServer;
  readonly sync: StateSync;
  readonly fetcher: PayloadFetcher;
  readonly gossip: Gossip;
  readonly repairs: Repairs;
  readonly late: LateEvidence;
  readonly resumption: Resumption;
  readonly takeover: Takeover;
}

/** The door (WIRE-1): bytes of a peer -> decode, bounded -> refuse what the core would refuse -> verify -> the core. */
export class Ingress {
  readonly #kernel: Kernel;
  readonly #ports: IngressPorts;
  readonly #requests: TokenBuckets;
  readonly #otherEpochs: TokenBuckets;
  readonly #checksOfPeer = new Map<PeerId, number>();
  readonly #checksOfCertificate = new Map<string, number>();
  /** Certificates of votes that are being verified here: most often the own one is about to form. */
  readonly #deferred = new Map<string, (() => void)[]>();
  readonly #payloadRequests = new Set<string>();

  constructor(kernel: Kernel, ports: IngressPorts) {
    this.#kernel = kernel;
    this.#ports = ports;
    this.#requests = new TokenBuckets(kernel.ports.clock, REQUESTS_PER_SECOND, REQUESTS_BURST);
    this.#otherEpochs = new TokenBuckets(kernel.ports.clock, OTHER_EPOCH_PER_SECOND, OTHER_EPOCH_BURST);
  }

  /** Signature checks under way, over all peers. */
  get checksUnderWay(): number {
    return [...this.#checksOfPeer.values()].reduce((sum, count) => sum + count, 0);
  }

  receive(from: PeerId, bytes: Uint8Array): void {
    if (!this.#kernel.isRunning()) return;
    const decoded = decode(bytes, this.#kernel.options.config.limits);
    if (!decoded.ok) {
      this.#penalize(from, "malformed-message", decoded.fault.code);
      return;
    }
    this.#dispatch(from, decoded.message);
  }

  /** Notes that a payload was asked of a peer, so that its answer is taken. */
  expectPayload(from: PeerId, block: string): void {
    this.#payloadRequests.add(`${from}/${block}`);
    for (const oldest of this.#payloadRequests) {
      if (this.#payloadRequests.size <= PAYLOAD_REQUESTS_MAX) break;
      this.#payloadRequests.delete(oldest);
    }
  }

  #dispatch(from: PeerId, message: Message): void {
    const { server, sync, gossip, fetcher } = this.#ports;
    switch (message.type) {
      case "proposal":
        this.#onProposal(from, message);
        return;
      case "vote":
        this.#onVote(from, message);
        return;
      case "certificate":
        this.#onCertificate(from, message.certificate, message.header);
        return;
      case "view":
        if (this.#requests.take(from)) this.#onView(from, message);
        return;
      case "headers": {
        const isGranted = this.#requests.take(from, Math.ceil(message.headers.length / HEADERS_PER_UNIT));
        if (!isGranted || this.#ports.repairs.takeHeaders(message.headers)) return;
        if (!this.#ports.takeover.takeHeaders(from, message.headers)) {
          this.#kernel.feed({ type: "headers", from, headers: message.headers });
        }
        return;
      }
      case "resumes": {
        const cost = Math.ceil(message.votes.length / HEADERS_PER_UNIT);
        if (this.#requests.take(from, cost)) this.#ports.resumption.receive(from, message.votes);
        return;
      }
      case "payload":
        this.#onPayload(from, message.block, message.payload);
        return;
      case "payloads":
        if (!fetcher.take(from, message)) this.#penalize(from, "invalid-message", "payloads");
        return;
      case "payloads-request": {
        const cost = COSTS["payloads-request"] + message.blocks.length;
        if (this.#requests.take(from, cost)) this.#guard(server.answer(from, message));
        return;
      }
      case "status":
        sync.noteStatus(from, message.epoch, message.height);
        return;
      case "range":
        this.#guard(sync.take(from, message));
        return;
      case "transactions":
        gossip.receive(from, message.units);
        return;
      case "view-request":
      case "ancestors-request":
      case "range-request":
      case "payload-request":
        if (this.#requests.take(from, COSTS[message.type])) this.#guard(server.answer(from, message));
        return;
      default:
        unreachable(message, "message");
    }
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#kernel.fail(error);
    });
  }

  #penalize(from: PeerId, offence: Offence, why: string): void {
    this.#kernel.ports.logger.debug("peer misbehaved", { peer: from, offence, why });
    this.#kernel.ports.transport.penalize(from, offence);
  }

  /** Looks at a message of another epoch now and then: it may say that we, or they, are behind. */
  #isOtherEpoch(from: PeerId, epoch: Epoch): boolean {
    if (epoch === this.#kernel.state().epoch) return false;
    if (this.#otherEpochs.take(from)) this.#kernel.feed({ type: "other-epoch", from, epoch });
    return true;
  }

  /** Whether to go on; scores the peer where no honest one could have sent this. */
  #isWanted(from: PeerId, rejection: Rejection | undefined): boolean {
    if (rejection !== undefined && isFault(rejection)) this.#penalize(from, "invalid-message", rejection.code);
    return rejection === undefined;
  }

  /** Runs a signature check for a peer within its bound; returns whether, or if it has too many under way. */
  #check(from: PeerId, check: Certificate.SignatureCheck, then: (isValid: boolean) => void): boolean {
    const underWay = this.#checksOfPeer.get(from) ?? 0;
    if (underWay >= CHECKS_PER_PEER_MAX) return false;
    this.#checksOfPeer.set(from, underWay + 1);
    this.#guard(
      this.#kernel.ports.bls.verifyAggregate(check.keys, check.digest, check.signature).then((isValid) => {
        const left = (this.#checksOfPeer.get(from) ?? 1) - 1;
        if (left === 0) this.#checksOfPeer.delete(from);
        else this.#checksOfPeer.set(from, left);
        if (!this.#kernel.isRunning()) return;
        if (!isValid) this.#penalize(from, "invalid-signature", "aggregate");
        then(isValid);
      }),
    );
    return true;
  }

  #onProposal(from: PeerId, { proposal, body }: ProposalMessage): void {
    const kernel = this.#kernel;
    if (this.#isOtherEpoch(from, proposal.epoch)) return;
    const rejection = refuseProposal(kernel.context(), kernel.state(), proposal);
    if (rejection?.code === "duplicate") this.#takeBody(from, proposal, body);
    if (!this.#isWanted(from, rejection)) return;
    const membership = kernel.membership();
    const { committee } = membership;
    const check = Proposal.check(proposal, committee, kernel.options.domain);
    if (check === undefined) return;
    this.#check(from, check, (isValid) => {
      const verified = Proposal.conclude(proposal, isValid);
      if (verified === undefined || kernel.membership() !== membership) return;
      this.#noticeOwnKey(proposal);
      kernel.keeper.learn(proposal.header, proposal.view);
      this.#takeBody(from, proposal, body);
      kernel.feed({ type: "proposal", from, proposal: verified });
    });
  }

  /** SIGN-8: a proposal with this node's own signature that comes from outside must be in the signer's record. */
  #noticeOwnKey(proposal: Proposal.Proposal): void {
    const { signer } = this.#kernel.ports;
    if (signer === undefined || proposal.leader !== this.#kernel.membership().seat) return;
    this.#guard(
      signer.observe(Proposal.vote(proposal).vote).then((isKnown) => {
        if (!isKnown) this.#kernel.ports.logger.error("own key signs elsewhere", { view: proposal.view });
      }),
    );
  }

  #takeBody(from: PeerId, proposal: Proposal.Proposal, body: Body): void {
    const { keeper } = this.#kernel;
    const { peers, seat } = this.#kernel.membership();
    const block = Header.hash(proposal.header);
    if (!keeper.isHeld(block)) return;
    // A proposal may be passed on by anyone, so a false body is held against its sender only if that is the leader.
    const isLeader = peers[proposal.leader] === from;
    if (body.kind === "whole") {
      // LIMIT-3: coding and hashing a payload is dear, so a long one is not looked at: no honest leader sends it whole.
      const isShort = body.payload.length <= this.#kernel.options.config.inlinePayloadBytesMax;
      const isTaken = isShort && keeper.takeWhole(block, body.payload, true);
      if (!isTaken && isLeader) this.#penalize(from, "invalid-message", "payload");
    }
    if (body.kind !== "shards") return;
    const fault =
      keeper.takeShards(block, proposal.leader, body.leader) ??
      (seat === undefined ? undefined : keeper.takeShards(block, seat, body.receiver));
    if (fault !== undefined && isLeader) this.#penalize(from, "invalid-message", fault.code);
  }

  #onVote(from: PeerId, { signed, shards }: VoteMessage): void {
    const kernel = this.#kernel;
    const { vote, signer } = signed;
    if (this.#isOtherEpoch(from, vote.epoch)) return;
    // VOTE-1: votes are taken from their author's own connection only. Asked of the seat, not of the peer: whoever
    // registers another's transport key must not take away its owner's voice.
    if (kernel.membership().peers[signer] !== from) {
      this.#penalize(from, "invalid-message", "vote-of-another");
      return;
    }
    if (!this.#isWanted(from, refuseVote(kernel.context(), kernel.state(), signed))) return;
    if (shards !== undefined && vote.kind === "notarize") {
      const fault = kernel.keeper.takeShards(vote.block, signer, shards);
      if (fault !== undefined) this.#penalize(from, "invalid-message", fault.code);
    }
    kernel.feed({ type: "vote", from, vote: signed });
  }

  #onCertificate(from: PeerId, certificate: Certificate.Certificate, header: Header.Header | undefined): void {
    const kernel = this.#kernel;
    const { vote } = certificate;
    if (vote.epoch < kernel.state().epoch) this.#ports.late.receive(from, certificate, header);
    if (this.#isOtherEpoch(from, vote.epoch)) return;
    const key = certificateKey(vote);
    const same = this.#checksOfCertificate.get(key) ?? 0;
    const rejection = refuseCertificate(kernel.context(), kernel.state(), certificate);
    if (rejection?.code === "stale-view" || rejection?.code === "not-running")
      this.#ports.late.receive(from, certificate, header);
    const isWanted = this.#isWanted(from, rejection);
    if (!isWanted || same >= CHECKS_PER_CERTIFICATE_MAX) return;
    if (isBeingVerified(kernel.state(), vote)) {
      const waiting = this.#deferred.get(key) ?? [];
      const again = (): void => {
        this.#onCertificate(from, certificate, header);
      };
      if (waiting.length < CHECKS_PER_CERTIFICATE_MAX) this.#deferred.set(key, [...waiting, again]);
      return;
    }
    const membership = kernel.membership();
    const { committee } = membership;
    const checked = Certificate.checkWeight(certificate, committee, kernel.options.domain);
    if (!checked.ok) {
      this.#penalize(from, "invalid-message", checked.fault.code);
      return;
    }
    // A slot is taken only by a check that runs: else a peer that has no room left would hold it for ever.
    const isChecking = this.#check(from, checked.check, (isValid) => {
      const left = (this.#checksOfCertificate.get(key) ?? 1) - 1;
      if (left === 0) this.#checksOfCertificate.delete(key);
      else this.#checksOfCertificate.set(key, left);
      const verdict = Certificate.conclude(certificate, isValid);
      if (!verdict.ok || kernel.membership() !== membership) return;
      kernel.feed({ type: "certificate", from, certificate: verdict.certificate });
      if (header !== undefined) kernel.feed({ type: "headers", from, headers: [header] });
    });
    if (isChecking) this.#checksOfCertificate.set(key, same + 1);
  }

  /** NOTAR-5: the votes are decided: now a certificate that came meanwhile is known, or worth a check. */
  votesVerified(vote: Vote.Vote): void {
    const key = certificateKey(vote);
    const waiting = this.#deferred.get(key) ?? [];
    this.#deferred.delete(key);
    for (const again of waiting) again();
  }

  #onView(from: PeerId, answer: ViewAnswer): void {
    for (const certificate of answer.certificates) this.#onCertificate(from, certificate, answer.header);
    if (answer.proposal !== undefined) {
      this.#onProposal(from, { type: "proposal", proposal: answer.proposal, body: { kind: "none" } });
    }
    if (answer.header !== undefined) {
      this.#kernel.feed({ type: "headers", from, headers: [answer.header] });
    }
  }

  /** LIMIT-2: payloads are taken only from whom they were asked. */
  #onPayload(from: PeerId, block: Header.Header["parent"], payload: Uint8Array): void {
    if (!this.#payloadRequests.delete(`${from}/${block}`)) return;
    const { keeper } = this.#kernel;
    const isGood = keeper.takeWhole(block, payload, false) || !keeper.isHeld(block);
    if (!isGood) this.#penalize(from, "invalid-message", "payload");
  }
}

function certificateKey(vote: Vote.Vote): string {
  return `${vote.kind}/${String(vote.epoch)}/${String(vote.view)}/${Vote.block(vote) ?? ""}`;
}

/** What this node has of a view in memory, as a message. */
export function viewFromMemory(kernel: Kernel, epoch: Epoch, view: Vote.Vote["view"]): ViewAnswer {
  const state = kernel.state();
  if (epoch !== state.epoch) return { type: "view", epoch, view, certificates: [] };
  const { certificates, proposals, headers } = answerView(state, view);
  const certified = new Set(certificates.map(({ vote }) => Vote.block(vote)));
  // Where the leader equivocated, the block that a certificate names is the one worth having.
  const proposal = proposals.find(({ header }) => certified.has(Header.hash(header))) ?? proposals[0];
  const [header] = headers;
  return {
    type: "view",
    epoch,
    view,
    certificates,
    ...(proposal === undefined ? {} : { proposal }),
    ...(header === undefined ? {} : { header }),
  };
}
