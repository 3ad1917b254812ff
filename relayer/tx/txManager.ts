import { Transaction } from "ethers";

import { toHash, type Hash } from "../../src/crypto/hash.ts";
import { expectPresent } from "../../src/runtime/assert.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Chain } from "./chain.ts";
import { bumpedFees, initialFees, type FeeDecision, type FeeLimits, type Fees, type Market } from "./feePolicy.ts";
import type { Intent } from "./intent.ts";
import { carriedBy, plannedIntents, statusOf, wishFor, type IntentStatus } from "./intentStatus.ts";
import { FenceLostError, type KeyLock } from "./keyLock.ts";
import { nextNonce } from "./nonces.ts";
import type { Outbox } from "./outbox.ts";
import { prunable } from "./prune.ts";
import {
  lastAttempt,
  type Attempt,
  type IntentRecord,
  type Mined,
  type OutboxRecord,
  type SlotRecord,
} from "./records.ts";
import { nextStep, type SendTimes, type Sight, type SlotStep } from "./sendState.ts";
import type { Signer } from "./signer.ts";

/** What a revert at the newest block means for an intent that is not mined yet. */
export interface Judgement {
  readonly verdict: "already-done" | "retry" | "unrecoverable";
  /** Name of the contract's error. */
  readonly name: string;
}

/** What happened, for metrics. */
export interface TxObserver {
  signed(purpose: "send" | "bump" | "supersede" | "cancel"): void;
  broadcast(outcome: string): void;
  mined(slot: SlotRecord, mined: Mined, gasLimit: bigint | null): void;
  reorged(slot: SlotRecord): void;
  lost(slot: SlotRecord): void;
  held(neededPerGas: bigint, ceilingPerGas: bigint): void;
  looked(sight: Sight, slots: readonly SlotRecord[]): void;
}

export interface TxManagerPorts {
  readonly chain: Chain;
  readonly signer: Signer;
  readonly outbox: Outbox;
  readonly lock: KeyLock;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: TxObserver;
  readonly judge: (revertData: string) => Judgement;
}

export interface TxLimits {
  readonly fees: FeeLimits;
  readonly times: SendTimes;
  /** Pending nonces at once; 1 unless an operator knows why (a gap strands everything above it). */
  readonly maxInFlight: number;
  /** Added to the gas estimate, in percent. */
  readonly gasMarginPercent: bigint;
  /** Wait after a preflight that may pass later. */
  readonly retryAfterMs: number;
}

/** Transactions ever signed for one nonce. At 15 % each, 40 raise a fee 267-fold: every ceiling is reached before. */
export const ATTEMPTS_MAX = 40;
const CANCEL_GAS = 21_000n;

/**
 * The one sender of a (chain, key). `tick` looks at the chain, asks `nextStep` for every open nonce and performs the
 * answer. CRASH-1: each step is persisted before the next, so that a crash between any two loses and repeats nothing:
 * assign -> sign -> persist -> broadcast -> mined -> safe -> finalized.
 */
export class TxManager {
  readonly #ports: TxManagerPorts;
  readonly #limits: TxLimits;
  /** Volatile: when raw bytes last reached an endpoint (monotonic), refused fees, and preflights that may pass later. */
  readonly #broadcastAt = new Map<number, number>();
  readonly #underpriced = new Set<number>();
  readonly #unfunded = new Set<number>();
  readonly #retryAt = new Map<Hash, number>();
  readonly #withdrawn = new Set<Hash>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(ports: TxManagerPorts, limits: TxLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  /**
   * TX-1: makes the intent durable. One that is open, mined or reverted is not taken twice; a dropped one is open again,
   * as what dropped it (another's transaction, a newer intent) may be gone since.
   */
  offer(intent: Intent): Promise<IntentStatus> {
    return this.#exclusive(async () => {
      const { outbox, clock, logger } = this.#ports;
      const known = outbox.intent(intent.id);
      if (known === undefined || known.state === "dropped") {
        const planned = plannedIntents(outbox).filter((record) => supersedes(intent, record.intent));
        const dropped = planned.map((record) => drop(record, `superseded by ${intent.label}`));
        const record = newRecord(intent, clock.wallMs());
        await outbox.commit([...dropped, record]);
        logger.info("intent taken", { label: intent.label, intent: intent.id, superseded: dropped.length });
      }
      return expectPresent(this.status(intent.id), "the intent just taken");
    });
  }

  status(id: Hash): IntentStatus | undefined {
    return statusOf(this.#ports.outbox, id);
  }

  /** Whether a pending transaction of the group is too young to be replaced by a newer one. */
  isBusy(group: string): boolean {
    const { outbox, clock } = this.#ports;
    return outbox.slots().some((slot) => {
      if (slot.status !== "pending" || carriedBy(outbox, slot)?.intent.group !== group) return false;
      const ageMs = clock.wallMs() - lastAttempt(slot).signedAtMs;
      return ageMs >= 0 && ageMs < (this.#limits.times.bumpAfterMs * 3) / 4 && !this.#underpriced.has(slot.nonce);
    });
  }

  /** TX-8: gives an intent up: unsigned it is dropped, pending it is cancelled by a transfer to itself. */
  withdraw(id: Hash, reason: string): Promise<void> {
    return this.#exclusive(async () => {
      const record = this.#ports.outbox.intent(id);
      if (record?.state !== "open") return;
      const status = this.status(id);
      if (status?.kind === "planned") await this.#ports.outbox.commit([drop(record, reason)]);
      if (status?.kind === "pending") this.#withdrawn.add(id);
    });
  }

  /** Makes a reverted or dropped intent wanted again: for operators. */
  retry(id: Hash): Promise<boolean> {
    return this.#exclusive(async () => {
      const record = this.#ports.outbox.intent(id);
      if (record === undefined || (record.state !== "reverted" && record.state !== "dropped")) return false;
      await this.#ports.outbox.commit([{ ...record, state: "open", reason: "", gasLimit: null }]);
      return true;
    });
  }

  /** One round: settle what is known, then send what is wanted. */
  tick(): Promise<void> {
    return this.#exclusive(async () => {
      const { outbox, chain, signer, observer } = this.#ports;
      this.#assertHeld();
      const open = outbox.slots().filter(({ status }) => status !== "finalized");
      const sight = await chain.look(
        signer.address,
        open.flatMap(({ attempts }) => attempts.map(({ hash }) => hash)),
      );
      const undone = outbox.slots().filter(({ status, nonce }) => status === "finalized" && nonce >= sight.latestNonce);
      for (const slot of [...open, ...undone]) await this.#step(slot, sight);
      const old = prunable(outbox, sight);
      await outbox.commit([], old);
      await this.#sendNext(sight);
      observer.looked(sight, outbox.slots());
    });
  }

  async #step(slot: SlotRecord, sight: Sight): Promise<void> {
    const { clock, outbox } = this.#ports;
    const at = this.#broadcastAt.get(slot.nonce);
    const since = at === undefined ? undefined : clock.monotonicMs() - at;
    const refused = { underpriced: this.#underpriced.has(slot.nonce), unfunded: this.#unfunded.has(slot.nonce) };
    const wish = wishFor(outbox, slot, this.#withdrawn, refused);
    const step = nextStep(slot, sight, wish, this.#limits.times, clock.wallMs(), since);
    if (step.kind === "wait") return;
    if (step.kind === "rebroadcast") return this.#broadcast(slot);
    if (step.kind === "replace") return this.#replace(slot, step.purpose);
    await this.#record(slot, step, sight);
  }

  /** Steps that only note what the chain shows. */
  async #record(
    slot: SlotRecord,
    step: Exclude<SlotStep, { kind: "wait" | "rebroadcast" | "replace" }>,
    sight: Sight,
  ): Promise<void> {
    const { outbox, observer, logger, clock } = this.#ports;
    const fields = { nonce: slot.nonce, label: this.#labelOf(slot) };
    switch (step.kind) {
      case "mined":
        return this.#mined(slot, step.mined);
      case "safe":
        return outbox.commit([{ ...slot, status: "safe" }]);
      case "finalized":
        logger.info("transaction finalized", { ...fields, hash: slot.mined?.hash });
        return outbox.commit([{ ...slot, status: "finalized" }, ...this.#finalIntents(slot)]);
      case "reopen": {
        // RE-1: what a reorg took out is sent again as it was; what it reverted is open again.
        logger.warn("transaction gone after a reorg", { ...fields, hash: slot.mined?.hash });
        observer.reorged(slot);
        this.#broadcastAt.delete(slot.nonce);
        const undone = this.#minedIntent(slot);
        const settled = undone?.state === "reverted" || undone?.state === "final";
        const reopened = undone !== undefined && settled ? [{ ...undone, state: "open" as const, reason: "" }] : [];
        return outbox.commit([{ ...slot, status: "pending", mined: null }, ...reopened]);
      }
      case "suspect":
        return outbox.commit([{ ...slot, consumedAt: { block: sight.headNumber, atMs: clock.wallMs() } }]);
      case "unsuspect":
        return outbox.commit([{ ...slot, consumedAt: null }]);
      case "lost":
        logger.error("nonce was used by another wallet: the key must not be shared", fields);
        observer.lost(slot);
        return outbox.commit([{ ...slot, status: "lost" }]);
    }
  }

  async #mined(slot: SlotRecord, mined: Mined): Promise<void> {
    const { outbox, observer, logger } = this.#ports;
    const next: SlotRecord = { ...slot, status: "mined", mined, consumedAt: null };
    const record = this.#minedIntent(next);
    const changed: OutboxRecord[] = [next];
    // TX-4: a revert is final: the same call is never sent again. Otherwise a dropped one that won is wanted after all.
    if (record !== undefined) {
      const reverted = { ...record, state: "reverted" as const, reason: "the transaction reverted" };
      changed.push(mined.succeeded ? { ...record, state: "open", reason: "" } : reverted);
      // What waited in the same group was decided before this one counted: its job decides again.
      const stale = plannedIntents(outbox).filter(
        ({ intent }) => intent.group !== "" && intent.group === record.intent.group && intent.id !== record.intent.id,
      );
      changed.push(...stale.map((planned) => drop(planned, `decided before ${record.intent.label} was mined`)));
    }
    await outbox.commit(changed);
    this.#underpriced.delete(slot.nonce);
    observer.mined(next, mined, record?.gasLimit ?? null);
    const { hash, blockNumber, gasUsed, succeeded } = mined;
    logger.info("transaction mined", {
      label: this.#labelOf(next),
      nonce: slot.nonce,
      hash,
      blockNumber,
      gasUsed,
      succeeded,
    });
  }

  /** TX-7: another transaction in the same nonce: higher fees, a newer intent, or a cancelling transfer. */
  async #replace(slot: SlotRecord, purpose: "bump" | "supersede" | "cancel"): Promise<void> {
    const { chain, outbox, logger } = this.#ports;
    if (slot.attempts.length >= ATTEMPTS_MAX) return this.#rebroadcastIfDue(slot);
    const last = lastAttempt(slot);
    const carried = carriedBy(outbox, slot);
    const market = await chain.market();
    const chosen = await this.#chooseReplacement(slot, purpose, carried);
    if (chosen === undefined) return this.#rebroadcastIfDue(slot);
    const urgent = this.#isUrgent(chosen.record);
    const decision = bumpedFees(last.fees, market, this.#limits.fees, urgent);
    if (decision.kind === "hold") return this.#hold(slot, decision);
    const attempt = await this.#sign(slot.nonce, chosen.record, chosen.gasLimit, decision.fees, chosen.purpose);
    const changed: OutboxRecord[] = [{ ...slot, attempts: [...slot.attempts, attempt] }];
    if (chosen.record !== undefined) changed.push({ ...chosen.record, gasLimit: chosen.gasLimit });
    if (carried !== undefined && carried.intent.id !== chosen.record?.intent.id) {
      changed.push(
        drop(carried, chosen.record === undefined ? "cancelled" : `superseded by ${chosen.record.intent.label}`),
      );
      this.#withdrawn.delete(carried.intent.id);
    }
    await outbox.commit(changed);
    logger.info("transaction replaced", {
      nonce: slot.nonce,
      purpose: chosen.purpose,
      label: chosen.record?.intent.label ?? "cancel",
      hash: attempt.hash,
      ...decision.fees,
    });
    await this.#broadcast({ ...slot, attempts: [...slot.attempts, attempt] });
  }

  /** What goes into the nonce next. An intent that the contract would refuse now is not paid for: it is cancelled. */
  async #chooseReplacement(
    slot: SlotRecord,
    purpose: "bump" | "supersede" | "cancel",
    carried: IntentRecord | undefined,
  ): Promise<Replacement | undefined> {
    const { outbox } = this.#ports;
    if (purpose === "cancel" || carried === undefined)
      return { record: undefined, gasLimit: CANCEL_GAS, purpose: "cancel" };
    if (purpose === "supersede") {
      const newest = plannedIntents(outbox).find(({ intent }) => supersedes(intent, carried.intent));
      const ready = newest === undefined ? undefined : await this.#preflight(newest);
      if (newest !== undefined && ready?.kind === "ready") {
        return { record: newest, gasLimit: ready.gasLimit, purpose: "supersede" };
      }
    }
    const again = await this.#preflight(carried);
    if (again.kind === "gone") return { record: undefined, gasLimit: CANCEL_GAS, purpose: "cancel" };
    if (again.kind === "later") return undefined;
    // Never estimated again: the estimate of a resend would see the effect of the first one in the pool (TX-9).
    return {
      record: carried,
      gasLimit: carried.gasLimit ?? again.gasLimit,
      purpose: slot.attempts.length === 0 ? "send" : "bump",
    };
  }

  async #sendNext(sight: Sight): Promise<void> {
    const { outbox } = this.#ports;
    for (const record of plannedIntents(outbox)) {
      const slots = outbox.slots();
      if (slots.filter(({ status }) => status === "pending").length >= this.#limits.maxInFlight) return;
      if ((this.#retryAt.get(record.intent.id) ?? 0) > this.#ports.clock.monotonicMs()) continue;
      await this.#send(record, sight, slots);
    }
  }

  /** NONCE-1 and TX-2: preflight, price, assign, sign, persist, broadcast, in this order. */
  async #send(record: IntentRecord, sight: Sight, slots: readonly SlotRecord[]): Promise<void> {
    const { chain, outbox, logger } = this.#ports;
    const ready = await this.#preflight(record);
    if (ready.kind !== "ready") return;
    const market: Market = await chain.market();
    const decision = initialFees(market, this.#limits.fees, this.#isUrgent(record));
    if (decision.kind === "hold") return this.#hold(undefined, decision);
    const held = slots.filter(({ status }) => status !== "lost").map(({ nonce }) => nonce);
    const nonce = nextNonce(sight.latestNonce, held);
    const attempt = await this.#sign(nonce, record, ready.gasLimit, decision.fees, "send");
    // A lost nonce comes back when a reorg takes out the foreign transaction: its old attempts stay watched.
    const earlier = slots.find((slot) => slot.nonce === nonce)?.attempts ?? [];
    const attempts = [...earlier, attempt];
    const slot: SlotRecord = {
      kind: "slot",
      revision: 0,
      nonce,
      attempts,
      status: "pending",
      mined: null,
      consumedAt: null,
    };
    await outbox.commit([slot, { ...record, gasLimit: ready.gasLimit }]);
    this.#broadcastAt.delete(nonce);
    this.#underpriced.delete(nonce);
    logger.info("transaction signed", { label: record.intent.label, nonce, hash: attempt.hash, ...decision.fees });
    await this.#broadcast(slot);
  }

  /** L1 is the memory: what the contract would refuse is not sent. */
  async #preflight(record: IntentRecord): Promise<Preflight> {
    const { chain, signer, clock, outbox, logger, judge } = this.#ports;
    const { intent } = record;
    const outcome = await chain.simulate({ from: signer.address, to: intent.to, data: intent.data });
    if (outcome.kind === "ok") {
      const gasLimit = (outcome.gas * (100n + this.#limits.gasMarginPercent)) / 100n;
      if (gasLimit <= intent.gasMax) return { kind: "ready", gasLimit };
      const reason = `needs ${gasLimit.toString()} gas, more than ${intent.gasMax.toString()}`;
      if (this.status(intent.id)?.kind === "planned") await outbox.commit([drop(record, reason)]);
      return { kind: "gone" };
    }
    const { verdict, name } = judge(outcome.revertData);
    logger.info("preflight refused", { label: intent.label, verdict, error: name === "" ? outcome.message : name });
    if (verdict === "retry") {
      this.#retryAt.set(intent.id, clock.monotonicMs() + this.#limits.retryAfterMs);
      return { kind: "later" };
    }
    if (this.status(intent.id)?.kind === "planned") await outbox.commit([drop(record, `${verdict}: ${name}`)]);
    return { kind: "gone" };
  }

  async #sign(
    nonce: number,
    record: IntentRecord | undefined,
    gasLimit: bigint,
    fees: Fees,
    purpose: "send" | "bump" | "supersede" | "cancel",
  ): Promise<Attempt> {
    const { signer, chain, clock, observer } = this.#ports;
    this.#assertHeld();
    const to = record?.intent.to ?? signer.address;
    const data = record?.intent.data ?? "0x";
    const raw = await signer.sign({ chainId: chain.chainId, nonce, to, data, value: 0n, gasLimit, ...fees });
    const hash = toHash(expectPresent(Transaction.from(raw).hash, "hash of a signed transaction"));
    observer.signed(purpose);
    return { hash, raw, fees, intentId: record?.intent.id ?? null, signedAtMs: clock.wallMs() };
  }

  /** The newest attempt's bytes, to every endpoint. Nothing here changes what is persisted, one case apart. */
  async #broadcast(slot: SlotRecord): Promise<void> {
    const { chain, clock, logger, observer, outbox } = this.#ports;
    this.#assertHeld();
    const last = lastAttempt(slot);
    const { outcome, messages } = await chain.broadcast(last.raw);
    observer.broadcast(outcome);
    const fields = { nonce: slot.nonce, hash: last.hash, outcome, messages };
    if (outcome === "transport") {
      logger.warn("transaction reached no endpoint", fields);
      return;
    }
    this.#broadcastAt.set(slot.nonce, clock.monotonicMs());
    if (outcome === "fee") this.#underpriced.add(slot.nonce);
    else this.#underpriced.delete(slot.nonce);
    if (outcome === "funds") this.#unfunded.add(slot.nonce);
    else this.#unfunded.delete(slot.nonce);
    if (outcome === "accepted" || outcome === "known") {
      logger.debug("transaction broadcast", fields);
      return;
    }
    logger.warn("transaction refused", fields);
    // Never in any pool and never to be: the nonce is free again, and the intent is a fault that stays visible.
    const record = carriedBy(outbox, slot);
    if (outcome === "invalid" && slot.attempts.length === 1 && record !== undefined) {
      await outbox.commit([drop(record, `refused by L1: ${messages.join("; ")}`)], [slot]);
    }
  }

  async #rebroadcastIfDue(slot: SlotRecord): Promise<void> {
    const at = this.#broadcastAt.get(slot.nonce);
    const dueAt = at === undefined ? 0 : at + this.#limits.times.rebroadcastAfterMs;
    if (this.#ports.clock.monotonicMs() >= dueAt) await this.#broadcast(slot);
  }

  /** FEE-3: over the ceiling nothing new is signed; what is in flight is kept in the pools. */
  async #hold(slot: SlotRecord | undefined, decision: FeeDecision & { kind: "hold" }): Promise<void> {
    this.#ports.observer.held(decision.neededPerGas, decision.ceilingPerGas);
    this.#ports.logger.warn("fee ceiling holds a transaction", { ...decision, nonce: slot?.nonce });
    if (slot !== undefined) await this.#rebroadcastIfDue(slot);
  }

  /** Past its deadline an intent may cost more; so may whatever stands before one in the nonce order. */
  #isUrgent(record: IntentRecord | undefined): boolean {
    const now = this.#ports.clock.wallMs();
    const waiting = plannedIntents(this.#ports.outbox).some(({ intent }) => now >= intent.urgentAtMs);
    return waiting || (record !== undefined && now >= record.intent.urgentAtMs);
  }

  #minedIntent(slot: SlotRecord): IntentRecord | undefined {
    const attempt = slot.attempts.find(({ hash }) => hash === slot.mined?.hash);
    return attempt === undefined || attempt.intentId === null ? undefined : this.#ports.outbox.intent(attempt.intentId);
  }

  #finalIntents(slot: SlotRecord): readonly IntentRecord[] {
    const record = this.#minedIntent(slot);
    return record?.state === "open" ? [{ ...record, state: "final" }] : [];
  }

  #labelOf(slot: SlotRecord): string {
    return (this.#minedIntent(slot) ?? carriedBy(this.#ports.outbox, slot))?.intent.label ?? "cancel";
  }

  #assertHeld(): void {
    if (!this.#ports.lock.held()) throw new FenceLostError("the key's lock is not held");
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work, work);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

interface Replacement {
  /** Undefined for the cancelling transfer. */
  readonly record: IntentRecord | undefined;
  readonly gasLimit: bigint;
  readonly purpose: "send" | "bump" | "supersede" | "cancel";
}

type Preflight =
  { readonly kind: "ready"; readonly gasLimit: bigint } | { readonly kind: "later" } | { readonly kind: "gone" };

function supersedes(newer: Intent, older: Intent): boolean {
  return newer.group !== "" && newer.group === older.group && newer.rank > older.rank;
}

function drop(record: IntentRecord, reason: string): IntentRecord {
  return { ...record, state: "dropped", reason };
}

function newRecord(intent: Intent, offeredAtMs: number): IntentRecord {
  return { kind: "intent", revision: 0, intent, state: "open", reason: "", offeredAtMs, gasLimit: null };
}
