import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Registry } from "prom-client";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

import { createMetrics } from "../../relayer/metrics.ts";
import { createApiMetrics } from "../../src/api/metrics.ts";
import { createConsensusMetrics, measuredSigner } from "../../src/node/consensusMetrics.ts";
import { registerNodeMetrics } from "../../src/node/nodeMetrics.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { metricsOf } from "./promql.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const rules = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Crema[A-Z]\w+$/),
          expr: z.string().min(1),
          for: z.string().regex(/^\d+[mh]$/),
          labels: z.strictObject({ severity: z.enum(["warning", "critical"]) }),
          annotations: z.strictObject({ summary: z.string().min(10), runbook_url: z.string() }),
        }),
      ),
    }),
  ),
});
const alerts = rules.parse(parse(read("ops/prometheus/alerts.yaml"))).groups.flatMap((group) => group.rules);

const board = z.object({
  uid: z.string(),
  title: z.string(),
  panels: z.array(
    z.object({
      id: z.int(),
      title: z.string(),
      targets: z.array(z.object({ expr: z.string(), legendFormat: z.string() })).min(1),
    }),
  ),
});
const boards = readdirSync(join(ROOT, "ops/grafana")).map((name) => ({
  name,
  ...board.parse(JSON.parse(read(`ops/grafana/${name}`))),
}));

/** Series that Prometheus makes itself. */
const OWN_SERIES = ["up"];

/** Series of a registry with their label names, as a scrape would show them. */
async function seriesOf(registry: Registry): Promise<Map<string, ReadonlySet<string>>> {
  const series = new Map<string, ReadonlySet<string>>();
  for (const { name, type } of await registry.getMetricsAsJSON()) {
    const metric = registry.getSingleMetric(name);
    const labels = new Set<string>(
      typeof metric === "object" && "labelNames" in metric && Array.isArray(metric.labelNames) ? metric.labelNames : [],
    );
    const suffixes = String(type) === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    for (const suffix of suffixes)
      series.set(`${name}${suffix}`, suffix === "_bucket" ? new Set([...labels, "le"]) : labels);
  }
  return series;
}

/** The registry of a validator as `createNode` fills it; what it measures does not matter here. */
function validatorRegistry(): Registry {
  const registry = new Registry();
  createApiMetrics(registry);
  createConsensusMetrics(registry, systemClock);
  const never = (): never => {
    throw new Error("not measured here");
  };
  measuredSigner(registry, {
    publicKey: new Uint8Array(192),
    ...{ sign: never, resumed: never, confirmEpoch: never, observe: never, close: never },
  });
  registerNodeMetrics(registry, {
    engine: { status: () => new Promise(() => undefined), sizes: () => ({}) },
    l1: { finalized: () => undefined, reachable: () => false, lightClient: () => "live" },
    clock: systemClock,
    storeBytes: () => Promise.resolve({}),
  });
  for (const metric of registry.getMetricsAsArray()) Object.assign(metric, { collect: undefined });
  return registry;
}

describe("MON-1: alerts and dashboards ask for what is measured", () => {
  const known = new Map<string, ReadonlySet<string>>(OWN_SERIES.map((name) => [name, new Set()]));
  beforeAll(async () => {
    for (const registry of [createMetrics().registry, validatorRegistry()]) {
      for (const [name, labels] of await seriesOf(registry)) known.set(name, labels);
    }
  });

  /** Labels that Prometheus adds to every series. */
  const ADDED = ["instance", "job"];

  function expectKnown(query: string): void {
    const metrics = metricsOf(query);
    expect(metrics.length, query).toBeGreaterThan(0);
    expect(
      metrics.filter((name) => !known.has(name)),
      query,
    ).toEqual([]);
    const labels = new Set([...ADDED, ...metrics.flatMap((name) => [...(known.get(name) ?? [])])]);
    const matched = [...query.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = ""]) =>
      [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
    );
    const grouped = [...query.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, inside = ""]) =>
      inside.split(",").map((label) => label.trim()),
    );
    expect(
      [...matched, ...grouped].filter((label) => !labels.has(label)),
      query,
    ).toEqual([]);
  }

  it.each(alerts)("$alert", ({ expr }) => {
    expectKnown(expr);
  });

  it.each(boards.flatMap(({ name, panels }) => panels.map((panel) => ({ ...panel, name }))))(
    "$name: $title",
    ({ targets }) => {
      for (const { expr, legendFormat } of targets) {
        expectKnown(expr);
        expect(legendFormat).not.toBe("");
      }
    },
  );

  it("what an alert counts exists before the first event: Prometheus does not see the first sample of a series", async () => {
    const texts = await Promise.all([createMetrics().registry, validatorRegistry()].map((each) => each.metrics()));
    const lines = texts.join("\n").split("\n");
    const counted = alerts.flatMap(({ expr }) =>
      [...expr.matchAll(/increase\((\w+)(?:\{([^}]*)\})?\[/g)].map(([, name = "", matchers = ""]) => ({
        name,
        labels: matchers.split(",").filter((matcher) => /^\w+="/.test(matcher)),
      })),
    );
    expect(counted.length).toBeGreaterThan(10);
    const isThere = ({ name, labels }: (typeof counted)[number]): boolean =>
      lines.some((line) => /^\w+/.exec(line)?.[0] === name && labels.every((label) => line.includes(label)));
    expect(counted.filter((each) => !isThere(each))).toEqual([]);
  });

  it("panels have numbers of their own", () => {
    for (const { panels } of boards) expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  it.each([
    ['sum by (a, b) (rate(x_total{c="d{e}"}[5m])) / on (a) y > 5e10', ["x_total", "y"]],
    ["time() - max(z) > 60", ["z"]],
  ])("the metrics of %s are found", (query, expected) => {
    expect(metricsOf(query)).toEqual(expected);
  });
});

describe("MON-2: every alert has a page in the runbook, and every page an alert", () => {
  const pages = readdirSync(join(ROOT, "docs/runbook")).filter((name) => name !== "README.md");

  it("by name", () => {
    expect(pages.toSorted()).toEqual(alerts.map(({ alert }) => `${alert}.md`).toSorted());
    const index = read("docs/runbook/README.md");
    for (const { alert, labels } of alerts) expect(index).toContain(`| [${alert}](${alert}.md) | ${labels.severity} |`);
  });

  it.each(alerts)("$alert", ({ alert, annotations }) => {
    expect(annotations.runbook_url).toBe(`docs/runbook/${alert}.md`);
    const page = read(annotations.runbook_url);
    for (const part of ["## Meaning", "## Impact", "## Diagnosis", "## Actions"]) expect(page).toContain(`\n${part}\n`);
    for (const [, other = ""] of page.matchAll(/\b(Crema[A-Z]\w+)/g)) {
      expect(alerts.map((known) => known.alert)).toContain(other);
    }
  });
});
