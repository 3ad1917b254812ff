import { createContext, DEFAULT_TUNING, type Context } from "../consensus/context.ts";
import type { Event } from "../consensus/input.ts";
import type { EpochEnded, Output, Persist, SetTimer } from "../consensus/output.ts";
import { recover } from "../consensus/recover.ts";
import type { State } from "../consensus/state.ts";
import { step } from "../consensus/step.ts";
import * as Mempool from "../mempool/mempool.ts";
import type { PeerId } from "../network/transport.ts";
import type { Committee } from "../protocol/Committee.ts";
import type { Evidence, Offence } from "../protocol/Evidence.ts";
import * as Genesis from "../protocol/Genesis.ts";
import type * as Header from "../protocol/Header.ts";
import { Epoch, type Height, type CommitteeId } from "../protocol/scalars.ts";
import { assert, expectPresent, unreachable } from "../runtime/assert.ts";
import type { CancelTimer } from "../runtime/clock.ts";
import { ChainStore } from "./chainStore.ts";
import { CommitteePeers } from "./committeePeers.ts";
import { confirmEpoch, performBuild, performFetch, performFinalized, performFork } from "./performing.ts";
import { JournalKeeper } from "./journalKeeper.ts";
import { priorityOf, type Kernel } from "./kernel.ts";
import { membership, type Membership } from "./membership.ts";
import { encode, type Message } from "./message.ts";
import type { Parts } from "./parts.ts";
import { createParts } from "./createParts.ts";
import { limitsFor } from "./payloadBuilder.ts";
import type { PayloadKeeper } from "./payloadKeeper.ts";
import type { EngineOptions, EnginePorts } from "./ports.ts";
import type { KnownLightClientState, TakenResume } from "./records.ts";
import { sizesOf } from "./sizes.ts";
import { anchorOf, beginningOf, committeeBefore, remember } from "./startUp.ts";
import { verifyConflict, verifyVotes } from "./verifications.ts";

/** Inputs that wait while outputs are performed: answers given at once. */
export const INPUTS_MAX = 65_536;
/** What runs once committee and journal are known. */
interface Running {
  readonly parts: Parts;
  membership: Membership;
  previous: Committee | undefined;
  context: Context;
  state: State;
}

/** The loop: queue -> step -> perform outputs in order. Everything it knows of the world comes through the ports. */
export class EngineCore implements Kernel {
  readonly ports: EnginePorts;
  readonly options: EngineOptions;
  readonly genesis: Header.Header;
  readonly mempool: Mempool.Mempool;
  readonly #peers: CommitteePeers;
  readonly #timers = new Set<CancelTimer>();
  readonly #listeners = new Set<(height: Height) => void>();
  readonly #inputs: Event[] = [];
  #chain: ChainStore | undefined;
  #running: Running | undefined;
  #phase: "new" | "starting" | "running" | "stopped" = "new";
  #isStepping = false;
  #ended: EpochEnded | undefined;
  #isChangingEpoch = false;
  #stopFollowingL1: (() => void) | undefined;
  #isSuspended = false;
  #booting: Promise<void> = Promise.resolve();
  #isVoting = true;
  #lightClient: KnownLightClientState | undefined;
  #keptLightClient: KnownLightClientState | undefined;
  /** One at a time, so that the same evidence is kept once. */
  #evidenceTurn: Promise<void> = Promise.resolve();

  constructor(ports: EnginePorts, options: EngineOptions) {
    this.ports = ports;
    this.options = options;
    this.genesis = Genesis.header(options.config);
    const limits = limitsFor(options.mempool ?? Mempool.DEFAULT_LIMITS, options.config.limits);
    this.mempool = Mempool.createMempool(limits);
    this.#peers = new CommitteePeers(ports.transport);
  }

  get chain(): ChainStore {
    return expectPresent(this.#chain, "an opened chain");
  }

  get keeper(): PayloadKeeper {
    return this.parts().keeper;
  }

  parts(): Parts {
    return this.#now().parts;
  }

  membership(): Membership {
    return this.#now().membership;
  }

  context(): Context {
    return this.#now().context;
  }

  state(): State {
    return this.#now().state;
  }

  #now(): Running {
    return expectPresent(this.#running, "a running engine");
  }

  isRunning(): boolean {
    return this.#phase === "running";
  }

  /** Whether the store is open: final blocks can be read. */
  isOpen(): boolean {
    return this.#chain !== undefined && this.#phase !== "stopped";
  }

  async start(): Promise<void> {
    assert(this.#phase === "new", "an engine is started once");
    this.#phase = "starting";
    this.#chain = await ChainStore.open(this.ports.store, this.genesis, (damage) => {
      this.ports.logger.error("a row of the block store was damaged", { ...damage });
    });
    await remember(this.chain, this.mempool, this.options.config.limits);
    this.#lightClient = this.#keptLightClient = await this.chain.lightClient();
    this.#stopFollowingL1 = this.ports.l1.onChange(() => {
      this.#onL1Change();
    });
    await this.#bootInTurn();
  }

  /** One after the other: the journal is not read while another attempt already writes to it. */
  #bootInTurn(): Promise<void> {
    this.#booting = this.#booting.then(() => this.#boot());
    return this.#booting;
  }

  /** REC-1: takes part from the newest stored block on, as soon as its committee is known. */
  async #boot(): Promise<void> {
    if (this.#phase !== "starting") return;
    const { epoch, committee: id, journalFrom } = beginningOf(this.chain, this.genesis);
    const committee = await this.committee(id);
    if (committee === undefined || !this.isStarting()) return;
    const journal = new JournalKeeper(this.ports.journal, this.chain);
    const records = await journal.replay(epoch, journalFrom);
    const previous = await committeeBefore(this.chain, epoch);
    const isForked = (await this.chain.fork()) !== undefined;
    if (!this.isStarting()) return;
    const member = membership(epoch, committee, this.options.config, this.ports.signer?.publicKey);
    const context = this.#contextOf(member);
    const parts = createParts(this, member, journal, this.genesis, (stored) => {
      this.#onStored(stored);
    });
    const recovered = recover(
      context,
      anchorOf(this.chain, this.genesis, parts.finalizer.history()),
      records,
      isForked,
    );
    this.#readLightClient(parts);
    this.#isVoting = this.#mayVote(parts, epoch);
    const state = { ...recovered, isVotingEnabled: this.#isVoting };
    this.#running = { parts, membership: member, previous, context, state };
    this.#phase = "running";
    this.ports.transport.onMessage((from, bytes) => {
      try {
        parts.ingress.receive(from, bytes);
      } catch (error) {
        this.fail(error);
      }
    });
    this.ports.transport.onPeerChange((change) => {
      if (change.kind === "connected") this.#sendStatus(change.id);
    });
    this.#namePeers();
    parts.gossip.start();
    parts.repairs.start();
    parts.resumption.start();
    this.feed({ type: "start" });
    await parts.takeover.follow();
  }

  isSuspended(): boolean {
    return this.#isSuspended;
  }

  isStarting(): boolean {
    return this.#phase === "starting";
  }

  #contextOf(member: Membership): Context {
    const { epoch, committee, seat } = member;
    const { config, tuning = DEFAULT_TUNING } = this.options;
    return createContext({ epoch, committee, seat, config, tuning });
  }

  /** As L1 has it now, with present addresses; else as it was when this node last used it. Kept once known. */
  async committee(id: CommitteeId): Promise<Committee | undefined> {
    const known = this.ports.l1.committee(id);
    if (known === undefined) return this.chain.committee(id);
    if ((await this.chain.committee(id)) === undefined) await this.chain.saveCommittee(known);
    return known;
  }

  #namePeers(): void {
    const { l1 } = this.ports;
    const { membership: member, previous } = this.#now();
    const finalized = l1.finalized();
    const newest = finalized === undefined ? undefined : l1.newestCommitteeAt(finalized.number);
    const current = l1.committee(member.committee.id) ?? member.committee;
    const before = previous === undefined ? undefined : (l1.committee(previous.id) ?? previous);
    const next = newest === undefined ? undefined : l1.committee(newest);
    this.#peers.update([current, before, next], this.options.seeds ?? []);
  }

  #sendStatus(to: PeerId): void {
    if (!this.isRunning()) return;
    const { epoch, view } = this.state();
    this.send(to, { type: "status", epoch, view, height: this.chain.height });
  }

  #onL1Change(): void {
    if (this.#phase === "starting") {
      this.#guard(this.#bootInTurn());
      return;
    }
    if (!this.isRunning()) return;
    this.#namePeers();
    this.followLightClient();
    this.parts().checks.again();
    this.#guard(this.#changeEpoch());
    this.#guard(this.parts().takeover.follow());
  }

  /**
   * SAFE-7: no votes unless the light client lives, as L1-finalized or, while L1 was not read in this process, as it was
   * when it was read last (ETH-14); none below the epoch of an own resume (RESUME-2); none while a resume waits to be taken.
   */
  #mayVote({ resumption, takeover }: Parts, epoch: Epoch): boolean {
    return this.#lightClient === "live" && !resumption.bars(epoch) && !takeover.isDue;
  }

  #readLightClient({ takeover }: Parts): void {
    const known = this.ports.l1.lightClient();
    if (known === "unknown") return;
    this.#lightClient = known;
    // Until the resume that brought it back to life is taken, it lives for no process that cannot read of the resume.
    const kept = takeover.isDue ? "expired" : known;
    if (kept !== this.#keptLightClient) this.#guard(this.chain.saveLightClient(kept));
    this.#keptLightClient = kept;
  }

  followLightClient(): void {
    // What is said to the core while it hears nothing would be lost; `enterResumed` asks again.
    if (!this.isRunning() || this.#isSuspended) return;
    this.#readLightClient(this.parts());
    const enabled = this.#mayVote(this.parts(), this.state().epoch);
    if (enabled === this.#isVoting) return;
    this.#isVoting = enabled;
    this.feed({ type: "voting", enabled });
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.fail(error);
    });
  }

  feed(event: Event): void {
    if (!this.isRunning() || this.#isSuspended) return;
    this.#inputs.push(event);
    assert(this.#inputs.length <= INPUTS_MAX, "answers given at once are bounded");
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) this.#step(next);
    } catch (error) {
      this.fail(error);
    } finally {
      this.#isStepping = false;
    }
  }

  #step(event: Event): void {
    const running = this.#now();
    const nowMs = this.ports.clock.monotonicMs();
    const { state, outputs } = step(running.context, running.state, { ...event, nowMs });
    running.state = state;
    for (const output of outputs) {
      if (!this.isRunning() || this.#isSuspended) return;
      this.#perform(output);
    }
  }

  #perform(output: Output): void {
    this.ports.observer?.(output, this.membership().seat);
    const { outbox, keeper, checks } = this.parts();
    switch (output.type) {
      case "persist":
        this.#persist(output);
        return;
      case "sign":
        outbox.sign(output.vote);
        return;
      case "propose":
        outbox.propose(output);
        return;
      case "broadcast-certificate":
        outbox.broadcastCertificate(output.certificate);
        return;
      case "send-handover":
        this.#guard(outbox.sendHandover(output));
        return;
      case "set-timer":
        this.#setTimer(output);
        return;
      case "build":
        performBuild(this, this.parts(), output);
        return;
      case "check":
        checks.add(output.epoch, output.view, output.header, output.parent);
        return;
      case "certify":
        keeper.certify(output.header, output.view);
        return;
      case "verify-votes":
        this.#guard(
          verifyVotes(this, output).then(() => {
            if (this.isRunning()) this.parts().ingress.votesVerified(output.vote);
          }),
        );
        return;
      case "verify-conflict":
        this.#guard(verifyConflict(this, output));
        return;
      case "fetch":
        performFetch(this, this.parts(), output);
        return;
      case "finalized":
        performFinalized(this, this.parts(), output);
        return;
      case "epoch-ended":
        this.#ended = output;
        this.#guard(this.#changeEpoch());
        return;
      case "enter-view":
        checks.enterView(output.epoch, output.view);
        this.ports.logger.debug("view", { epoch: output.epoch, view: output.view, leader: output.leader });
        return;
      case "report-evidence":
        this.saveEvidence(output.evidence, output.offence);
        return;
      case "report-fork":
        this.#guard(performFork(this, this.parts(), output));
        return;
      case "reject":
        this.ports.logger.debug("refused", { from: output.from, ...output.rejection });
        return;
      default:
        unreachable(output, "output");
    }
  }

  #persist(output: Persist): void {
    const { epoch, view } = this.state();
    this.parts().journal.persist(epoch, view, output);
  }

  #setTimer({ timer, delayMs }: SetTimer): void {
    const cancel = this.ports.clock.setTimer(delayMs, () => {
      this.#timers.delete(cancel);
      this.feed({ type: "timer", timer });
    });
    this.#timers.add(cancel);
  }

  saveEvidence(evidence: Evidence, offence: Offence): void {
    this.#evidenceTurn = this.#evidenceTurn.then(async () => {
      const isNew = await this.chain.evidenceStore.save(evidence);
      if (isNew) this.ports.logger.warn("evidence of an offence", { offence });
    });
    this.#guard(this.#evidenceTurn);
  }

  #onStored(header: Header.Header): void {
    if (!this.isRunning()) return;
    const vote = this.chain.tip?.certificate?.vote;
    if (vote !== undefined) this.#guard(this.parts().journal.stored(vote.epoch, vote.view));
    this.#guard(this.parts().takeover.follow());
    this.#guard(confirmEpoch(this, this.parts(), header));
    for (const listener of [...this.#listeners]) listener(header.height);
  }

  /** EPOCH-2: the next epoch begins once its handover is stored and L1 has shown its committee. */
  async #changeEpoch(): Promise<void> {
    const ended = this.#ended;
    if (ended === undefined || this.#isChangingEpoch) return;
    this.#isChangingEpoch = true;
    try {
      const { finalizer } = this.parts();
      await finalizer.settled();
      const committee = await this.committee(ended.nextCommittee);
      if (committee === undefined || !this.isRunning() || this.#ended !== ended) return;
      // A fork that was found meanwhile: no epoch follows but a resumed one.
      if (this.state().phase !== "ended") return;
      assert(this.chain.height >= ended.handover.height, "the handover is stored before the next epoch begins");
      this.#ended = undefined;
      this.#enterEpoch(Epoch(ended.epoch + 1n), committee);
    } finally {
      this.#isChangingEpoch = false;
    }
  }

  #enterEpoch(epoch: Epoch, committee: Committee): void {
    const running = this.#now();
    this.#changeMembership(epoch, committee);
    this.ports.logger.info("epoch", { epoch, committee: committee.id, seat: running.membership.seat });
    this.feed({ type: "start-epoch" });
    // An own resume may have barred the epochs up to here.
    this.followLightClient();
    running.parts.sync.continue();
  }

  suspend(): void {
    this.#isSuspended = true;
    this.#ended = undefined;
  }

  enterResumed(taken: TakenResume, committee: Committee): void {
    const { parts } = this.#now();
    this.#changeMembership(taken.epoch, committee);
    this.#isSuspended = false;
    const anchor = anchorOf(this.chain, this.genesis, parts.finalizer.history());
    this.feed({ type: "resumed", anchor });
    this.followLightClient();
    parts.sync.continue();
  }

  #changeMembership(epoch: Epoch, committee: Committee): void {
    const running = this.#now();
    const { keeper, checks, builder, outbox } = running.parts;
    running.previous = running.membership.committee;
    running.membership = membership(epoch, committee, this.options.config, this.ports.signer?.publicKey);
    running.context = this.#contextOf(running.membership);
    keeper.enterEpoch(running.membership);
    checks.close();
    builder.close();
    outbox.forget();
    this.#namePeers();
  }

  send(to: PeerId, message: Message): void {
    this.ports.transport.send(to, encode(message), priorityOf(message));
  }

  sendToCommittee(message: Message): void {
    const bytes = encode(message);
    const { transport } = this.ports;
    for (const peer of this.membership().peers) {
      if (peer !== transport.self) transport.send(peer, bytes, priorityOf(message));
    }
  }

  /** Calls `listener` with the newest stored height after each finalization. */
  subscribe(listener: (height: Height) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  fail(error: unknown): void {
    if (this.#phase === "stopped") return;
    const fault = error instanceof Error ? error : new Error(String(error));
    this.ports.logger.error("the engine stopped itself", { error: fault });
    this.#halt();
    this.ports.onFatal?.(fault);
  }

  #halt(): void {
    this.#phase = "stopped";
    this.#stopFollowingL1?.();
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.ports.transport.onMessage(() => undefined);
    this.ports.transport.onPeerChange(() => undefined);
    if (this.#running === undefined) return;
    const { keeper, checks, fetcher, sync, gossip, builder, resumption, takeover, repairs } = this.#running.parts;
    for (const part of [keeper, checks, fetcher, sync, gossip, builder, resumption, takeover, repairs]) part.close();
  }

  async stop(): Promise<void> {
    if (this.#phase !== "stopped") this.#halt();
    if (this.#running === undefined) return;
    const { outbox, finalizer } = this.#running.parts;
    await Promise.allSettled([outbox.settled(), finalizer.written(), this.#evidenceTurn]);
  }

  sizes(): Readonly<Record<string, number>> {
    const waiting = { inputs: this.#inputs.length, timers: this.#timers.size };
    return sizesOf(this.mempool, waiting, this.#running);
  }
}
