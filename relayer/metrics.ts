import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import type { EndpointHealth } from "./l1/fanout.ts";
import type { Seen } from "./context.ts";
import type { TxObserver } from "./tx/txManager.ts";

export interface Metrics extends TxObserver {
  readonly registry: Registry;
  jobEnded(job: string, outcome: string): void;
  balance(wei: bigint): void;
  role(active: boolean, draining: boolean): void;
  /** Who sends, and over which queue. */
  identity(address: string, queue: string): void;
  signerFailed(reason: "refused" | "unavailable"): void;
  /** To be called often: the age of what L1 lacks is as exact as that. */
  progress(seen: Pick<Seen, "l1Height" | "finalizedHeight" | "finalizedTimestampMs">, nowMs: number): void;
  endpoints(health: readonly EndpointHealth[]): void;
  queueDepths(counts: Readonly<Record<string, Readonly<Record<string, number>>>>): void;
}

/** Near 1 the next transaction runs out of gas; far below, its estimate is wrong. */
const GAS_RATIO_BUCKETS = [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1];

/** Where things stand. Named, like the counters, after the questions that an operator asks; see the runbook. */
function createGauges(registers: Registry[]) {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
    new Gauge({ name: `crema_relayer_${name}`, help, labelNames, registers });
  return {
    active: gauge("active", "1 while this replica holds the key and sends, 0 while it stands by"),
    info: gauge("info", "Always 1: account and queue", ["address", "queue"]),
    draining: gauge("draining", "1 while an operator wants no new work"),
    balance: gauge("balance_ether", "Can it pay? Balance of the key"),
    nonceGap: gauge("nonce_gap", "Pending nonces of the key: transactions that are not mined"),
    open: gauge("transactions", "Nonces by state", ["state"]),
    l1Height: gauge("l1_height", "Height of the checkpoint on L1"),
    finalized: gauge("finalized_height", "Newest height that a node calls finalized"),
    age: gauge(
      "unposted_age_seconds",
      "Is L1 in step? Age of the oldest finalization seen that L1 lacks; 0 when it has all",
    ),
    head: gauge("l1_head", "Newest L1 block that the endpoints agree on"),
    endpointUp: gauge("endpoint_up", "Does the L1 endpoint answer?", ["endpoint"]),
    endpointFailures: gauge("endpoint_failures", "Failures of the L1 endpoint in a row", ["endpoint"]),
    endpointHead: gauge("endpoint_head", "Newest block of the L1 endpoint", ["endpoint"]),
    depth: gauge("queue_jobs", "Jobs by queue and state", ["queue", "state"]),
  };
}

/** What happened. */
function createCounters(registers: Registry[]) {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name: `crema_relayer_${name}`, help, labelNames, registers });
  return {
    signed: counter("signed_total", "Transactions signed, by purpose", ["purpose"]),
    broadcasts: counter("broadcasts_total", "Broadcasts, by what L1 said", ["outcome"]),
    mined: counter("mined_total", "Transactions mined, by success", ["result"]),
    gasUsed: counter("gas_used_total", "Gas of mined transactions"),
    gasLimit: counter("gas_limit_total", "Gas that they were allowed: far above gas_used is a wrong estimate"),
    gasRatio: new Histogram({
      name: "crema_relayer_gas_used_ratio",
      help: "Gas of a mined transaction against what it was allowed",
      buckets: GAS_RATIO_BUCKETS,
      registers,
    }),
    signerFailures: counter("signer_failures_total", "Signatures that the key's keeper did not give", ["reason"]),
    spent: counter("spent_ether_total", "What they cost"),
    reorgs: counter("reorged_total", "Transactions that a reorg took out"),
    lost: counter("nonces_lost_total", "Is the key shared? Nonces that another wallet used"),
    holds: counter("fee_holds_total", "Is L1 too dear? Times that the fee ceiling held a transaction back"),
    jobs: counter("jobs_total", "Jobs by outcome", ["job", "outcome"]),
  };
}

/** Prometheus does not see the first event of a series that did not exist: what alerts watch exists from the start. */
function startAtZero({ signed, mined, signerFailures, jobs }: ReturnType<typeof createCounters>): void {
  for (const purpose of ["send", "bump", "supersede", "cancel"]) signed.inc({ purpose }, 0);
  for (const result of ["success", "revert"]) mined.inc({ result }, 0);
  for (const reason of ["refused", "unavailable"]) signerFailures.inc({ reason }, 0);
  jobs.inc({ job: "submit-evidence", outcome: "failed" }, 0);
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauges = createGauges([registry]);
  const counters = createCounters([registry]);
  startAtZero(counters);
  return { registry, ...counting(counters), ...measuring(gauges) };
}

type Counting = Pick<
  Metrics,
  "signerFailed" | "signed" | "broadcast" | "mined" | "reorged" | "lost" | "held" | "jobEnded"
>;
type Measuring = Pick<Metrics, "looked" | "balance" | "role" | "identity" | "progress" | "endpoints" | "queueDepths">;

function counting(counters: ReturnType<typeof createCounters>): Counting {
  return {
    signed: (purpose) => {
      counters.signed.inc({ purpose });
    },
    broadcast: (outcome) => {
      counters.broadcasts.inc({ outcome });
    },
    mined: (_slot, receipt, limit) => {
      counters.mined.inc({ result: receipt.succeeded ? "success" : "revert" });
      counters.gasUsed.inc(Number(receipt.gasUsed));
      if (limit !== null) {
        counters.gasLimit.inc(Number(limit));
        counters.gasRatio.observe(Number(receipt.gasUsed) / Number(limit));
      }
      counters.spent.inc(Number(receipt.gasUsed * receipt.feePerGas) / 1e18);
    },
    signerFailed: (reason) => {
      counters.signerFailures.inc({ reason });
    },
    reorged: () => {
      counters.reorgs.inc();
    },
    lost: () => {
      counters.lost.inc();
    },
    held: () => {
      counters.holds.inc();
    },
    jobEnded: (job, outcome) => {
      counters.jobs.inc({ job, outcome });
    },
  };
}

function measuring(gauges: ReturnType<typeof createGauges>): Measuring {
  let unposted: Unposted | undefined;
  return {
    looked: (sight, slots) => {
      gauges.head.set(sight.headNumber);
      gauges.nonceGap.set(slots.filter(({ status }) => status === "pending").length);
      for (const state of ["pending", "mined", "safe", "finalized", "lost"] as const) {
        gauges.open.set({ state }, slots.filter(({ status }) => status === state).length);
      }
    },
    balance: (wei) => {
      gauges.balance.set(Number(wei) / 1e18);
    },
    role: (isActive, isDraining) => {
      gauges.active.set(isActive ? 1 : 0);
      gauges.draining.set(isDraining ? 1 : 0);
    },
    identity: (address, queue) => {
      gauges.info.set({ address, queue }, 1);
    },
    progress: (seen, nowMs) => {
      gauges.l1Height.set(Number(seen.l1Height));
      gauges.finalized.set(Number(seen.finalizedHeight));
      unposted = oldestUnposted(unposted, seen);
      gauges.age.set(unposted === undefined ? 0 : Math.max(0, nowMs - Number(unposted.timestampMs)) / 1000);
    },
    endpoints: (health) => {
      for (const { url, healthy, failures, head: number } of health) {
        gauges.endpointUp.set({ endpoint: url }, healthy ? 1 : 0);
        gauges.endpointFailures.set({ endpoint: url }, failures);
        if (number !== undefined) gauges.endpointHead.set({ endpoint: url }, number);
      }
    },
    queueDepths: (counts) => {
      for (const [queue, states] of Object.entries(counts)) {
        for (const [state, count] of Object.entries(states)) gauges.depth.set({ queue, state }, count);
      }
    },
  };
}

/** A finalization that L1 does not have. */
interface Unposted {
  readonly height: bigint;
  readonly timestampMs: bigint;
}

/** The oldest finalization seen that L1 lacks: once it is posted, the newest that still is not. */
function oldestUnposted(known: Unposted | undefined, seen: Parameters<Metrics["progress"]>[0]): Unposted | undefined {
  if (known !== undefined && known.height > seen.l1Height) return known;
  if (seen.finalizedHeight <= seen.l1Height) return undefined;
  return { height: seen.finalizedHeight, timestampMs: seen.finalizedTimestampMs };
}
