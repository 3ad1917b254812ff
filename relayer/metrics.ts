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

/** Named after the questions that an operator asks; see the runbook. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
    new Gauge({ name: `crema_relayer_${name}`, help, labelNames, registers });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name: `crema_relayer_${name}`, help, labelNames, registers });

  const active = gauge("active", "1 while this replica holds the key and sends, 0 while it stands by");
  const balance = gauge("balance_ether", "Can it pay? Balance of the key");
  const nonceGap = gauge("nonce_gap", "Pending nonces of the key: transactions that are not mined");
  const open = gauge("transactions", "Nonces by state", ["state"]);
  const l1Height = gauge("l1_height", "Height of the checkpoint on L1");
  const finalized = gauge("finalized_height", "Newest height that a node calls finalized");
  const age = gauge(
    "unposted_age_seconds",
    "Is L1 in step? Age of the newest finalization that L1 lacks; 0 when it has it",
  );
  const head = gauge("l1_head", "Newest L1 block that the endpoints agree on");
  const endpointUp = gauge("endpoint_up", "Does the L1 endpoint answer?", ["endpoint"]);
  const endpointHead = gauge("endpoint_head", "Newest block of the L1 endpoint", ["endpoint"]);
  const depth = gauge("queue_jobs", "Jobs by queue and state", ["queue", "state"]);
  const signed = counter("signed_total", "Transactions signed, by purpose", ["purpose"]);
  const broadcasts = counter("broadcasts_total", "Broadcasts, by what L1 said", ["outcome"]);
  const mined = counter("mined_total", "Transactions mined, by success", ["result"]);
  const gasUsed = counter("gas_used_total", "Gas of mined transactions");
  const gasLimit = counter("gas_limit_total", "Gas that they were allowed: far above gas_used is a wrong estimate");
  const spent = counter("spent_ether_total", "What they cost");
  const reorgs = counter("reorged_total", "Transactions that a reorg took out");
  const lost = counter("nonces_lost_total", "Is the key shared? Nonces that another wallet used");
  const holds = counter("fee_holds_total", "Is L1 too dear? Times that the fee ceiling held a transaction back");
  const jobs = counter("jobs_total", "Jobs by outcome", ["job", "outcome"]);

  return {
    registry,
    signed: (purpose) => {
      signed.inc({ purpose });
    },
    broadcast: (outcome) => {
      broadcasts.inc({ outcome });
    },
    mined: (_slot, receipt, limit) => {
      mined.inc({ result: receipt.succeeded ? "success" : "revert" });
      gasUsed.inc(Number(receipt.gasUsed));
      if (limit !== null) gasLimit.inc(Number(limit));
      spent.inc(Number(receipt.gasUsed * receipt.feePerGas) / 1e18);
    },
    reorged: () => {
      reorgs.inc();
    },
    lost: () => {
      lost.inc();
    },
    held: () => {
      holds.inc();
    },
    looked: (sight, slots) => {
      head.set(sight.headNumber);
      nonceGap.set(slots.filter(({ status }) => status === "pending").length);
      for (const state of ["pending", "mined", "safe", "finalized", "lost"] as const) {
        open.set({ state }, slots.filter(({ status }) => status === state).length);
      }
    },
    jobEnded: (job, outcome) => {
      jobs.inc({ job, outcome });
    },
    balance: (wei) => {
      balance.set(Number(wei) / 1e18);
    },
    role: (isActive) => {
      active.set(isActive ? 1 : 0);
    },
    progress: (seen, nowMs) => {
      l1Height.set(Number(seen.l1Height));
      finalized.set(Number(seen.finalizedHeight));
      const behind = seen.finalizedHeight > seen.l1Height;
      age.set(behind ? Math.max(0, nowMs - Number(seen.finalizedTimestampMs)) / 1000 : 0);
    },
    endpoints: (health) => {
      for (const { url, healthy, head: number } of health) {
        endpointUp.set({ endpoint: url }, healthy ? 1 : 0);
        if (number !== undefined) endpointHead.set({ endpoint: url }, number);
      }
    },
    queueDepths: (counts) => {
      for (const [queue, states] of Object.entries(counts)) {
        for (const [state, count] of Object.entries(states)) depth.set({ queue, state }, count);
      }
    },
  };
}
