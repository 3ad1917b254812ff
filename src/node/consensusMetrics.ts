import { Counter, Histogram, type Registry } from "prom-client";

import type { EngineObserver } from "../engine/ports.ts";
import type { EnterView, Output } from "../consensus/output.ts";
import type { Offence } from "../protocol/Evidence.ts";
import type * as Vote from "../protocol/Vote.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Signer } from "../signer/signer.ts";
import type { Refusal } from "../signer/slashingProtection.ts";

/** Views whose entry is remembered, for the time to their certificates. */
export const VIEWS_MAX = 256;
/** Blocks that became final later than this are caught up with: they say nothing about finality. */
export const CURRENT_MS = 60_000;
const OFFENCES: readonly Offence[] = ["S1", "S2", "S3", "S4", "S5"];
/** What the signer may answer; see `Refusal`. */
const OUTCOMES: readonly ("signed" | Refusal["code"])[] = [
  "signed",
  "disabled",
  "awaits-peers",
  "closed-epoch",
  "below-floor",
  "contradiction",
  "resumed-later",
  "voted-later",
];
/** Upper bounds of consensus times, seconds. */
const SECONDS_BUCKETS = [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30];

interface EnteredView {
  readonly atMs: number;
  readonly isOwn: boolean;
  readonly certified: Set<Vote.Vote["kind"]>;
}

type Counters = ReturnType<typeof createCounters>;

/** What the consensus core does, counted and timed. Labels come from types, never from a peer. */
export function createConsensusMetrics(registry: Registry, clock: Clock): EngineObserver {
  const counters = createCounters(registry);
  // Prometheus does not see the first event of a series that did not exist.
  for (const offence of OFFENCES) counters.evidence.inc({ offence }, 0);
  const views = new Map<string, EnteredView>();
  return (output, seat) => {
    if (output.type === "enter-view") {
      const isOwn = output.leader === seat;
      enter(views, output, { atMs: clock.monotonicMs(), isOwn });
      counters.views.inc();
      if (isOwn) counters.led.inc();
    } else if (output.type === "broadcast-certificate") {
      certified(counters, views, output.certificate.vote, clock.monotonicMs());
    } else if (output.type === "finalized") finalized(counters, output.headers, clock.wallMs());
    else if (output.type === "report-evidence") counters.evidence.inc({ offence: output.offence });
    else if (output.type === "report-fork") counters.forks.inc();
    else if (output.type === "reject") counters.rejected.inc({ code: output.rejection.code });
  };
}

function createCounters(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name: `crema_${name}`, help, labelNames, registers });
  const seconds = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Histogram<L> =>
    new Histogram({ name: `crema_${name}`, help, labelNames, buckets: SECONDS_BUCKETS, registers });
  return {
    views: counter("views_total", "Views entered."),
    nullified: counter("views_nullified_total", "Views that a quorum gave up."),
    led: counter("leader_views_total", "Views that this validator led."),
    missed: counter("leader_misses_total", "Views that this validator led and that a quorum gave up."),
    blocks: counter("finalized_blocks_total", "Blocks that became final here."),
    certificates: seconds("certificate_seconds", "Time from entering a view to its certificate, by kind.", ["kind"]),
    finality: seconds("finality_seconds", "Time from a block's header to its finality here."),
    evidence: counter("evidence_total", "Offences found, by kind.", ["offence"]),
    forks: counter("forks_total", "Finalizations that contradict what is final here."),
    rejected: counter("rejected_total", "Inputs refused, by reason.", ["code"]),
  };
}

function enter(views: Map<string, EnteredView>, { epoch, view }: EnterView, entered: Omit<EnteredView, "certified">) {
  views.set(keyOf(epoch, view), { ...entered, certified: new Set() });
  const [oldest] = views.keys();
  if (views.size > VIEWS_MAX && oldest !== undefined) views.delete(oldest);
}

/** Certificates are broadcast again while a view is stuck: the first of each kind counts. */
function certified(counters: Counters, views: ReadonlyMap<string, EnteredView>, vote: Vote.Vote, nowMs: number): void {
  const entered = views.get(keyOf(vote.epoch, vote.view));
  if (entered === undefined || entered.certified.has(vote.kind)) return;
  entered.certified.add(vote.kind);
  counters.certificates.observe({ kind: vote.kind }, (nowMs - entered.atMs) / 1000);
  if (vote.kind !== "nullify") return;
  counters.nullified.inc();
  if (entered.isOwn) counters.missed.inc();
}

function finalized(
  { blocks, finality }: Counters,
  headers: Extract<Output, { type: "finalized" }>["headers"],
  nowMs: number,
): void {
  blocks.inc(headers.length);
  for (const { timestamp } of headers) {
    const ageMs = Math.max(0, nowMs - Number(timestamp));
    if (ageMs <= CURRENT_MS) finality.observe(ageMs / 1000);
  }
}

function keyOf(epoch: bigint, view: bigint): string {
  return `${String(epoch)}/${String(view)}`;
}

/** The signer, with what it signs and refuses counted. */
export function measuredSigner(registry: Registry, signer: Signer): Signer {
  const asked = new Counter({
    name: "crema_signatures_total",
    help: "Votes that the signer was asked for, by outcome: signed, or why not.",
    labelNames: ["outcome"],
    registers: [registry],
  });
  for (const outcome of OUTCOMES) asked.inc({ outcome }, 0);
  return {
    ...signer,
    sign: async (message) => {
      const result = await signer.sign(message);
      asked.inc({ outcome: result.ok ? "signed" : result.refusal.code });
      return result;
    },
  };
}
