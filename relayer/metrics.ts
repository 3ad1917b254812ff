import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";

import type { EndpointHealth } from "./l1/fanout.ts";
import type { Seen } from "./context.ts";
import type { TxObserver } from "./tx/txManager.ts";

export interface Metrics extends TxObserver {
  readonly registry: Registry;
  jobEnded(job: string, outcome: string): void;
  balance(wei: bigint): void;
  role(active: boolean): void;
  progress(seen: Seen, nowMs: number): void;
  endpoints(health: readonly EndpointHealth[]): void;
  queueDepths(counts: Readonly<Record<string, Readonly<Record<string, number>>>>): void;
}

/** Where things stand. Named, like the counters, after the questions that an operator asks; see the runbook. */
function createGauges(registers: Registry[]) {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
    new Gauge({ name: `crema_relayer_${name}`, help, labelNames, registers });
  return {
    active: gauge("active", "1 while this replica holds the key and sends, 0 while it stands by"),
    balance: gauge("balance_ether", "Can it pay? Balance of the key"),
    nonceGap: gauge("nonce_gap", "Pending nonces of the key: transactions that are not mined"),
    open: gauge("transactions", "Nonces by state", ["state"]),
    l1Height: gauge("l1_height", "Height of the checkpoint on L1"),
    finalized: gauge("finalized_height", "Newest height that a node calls finalized"),
    age: gauge("unposted_age_seconds", "Is L1 in step? Age of the newest finalization that L1 lacks; 0 when it has it"),
    head: gauge("l1_head", "Newest L1 block that the endpoints agree on"),
    endpointUp: gauge("endpoint_up", "Does the L1 endpoint answer?", ["endpoint"]),
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
    spent: counter("spent_ether_total", "What they cost"),
    reorgs: counter("reorged_total", "Transactions that a reorg took out"),
    lost: counter("nonces_lost_total", "Is the key shared? Nonces that another wallet used"),
    holds: counter("fee_holds_total", "Is L1 too dear? Times that the fee ceiling held a transaction back"),
    jobs: counter("jobs_total", "Jobs by outcome", ["job", "outcome"]),
  };
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauges = createGauges([registry]);
  const counters = createCounters([registry]);
  return { registry, ...counting(counters), ...measuring(gauges) };
}

type Counting = Pick<Metrics, "signed" | "broadcast" | "mined" | "reorged" | "lost" | "held" | "jobEnded">;
type Measuring = Pick<Metrics, "looked" | "balance" | "role" | "progress" | "endpoints" | "queueDepths">;

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
      if (limit !== null) counters.gasLimit.inc(Number(limit));
      counters.spent.inc(Number(receipt.gasUsed * receipt.feePerGas) / 1e18);
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
    role: (isActive) => {
      gauges.active.set(isActive ? 1 : 0);
    },
    progress: (seen, nowMs) => {
      gauges.l1Height.set(Number(seen.l1Height));
      gauges.finalized.set(Number(seen.finalizedHeight));
      const behind = seen.finalizedHeight > seen.l1Height;
      gauges.age.set(behind ? Math.max(0, nowMs - Number(seen.finalizedTimestampMs)) / 1000 : 0);
    },
    endpoints: (health) => {
      for (const { url, healthy, head: number } of health) {
        gauges.endpointUp.set({ endpoint: url }, healthy ? 1 : 0);
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
