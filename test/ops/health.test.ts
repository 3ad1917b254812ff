import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { REQUESTS_PER_MINUTE_MAX, startHttp, type HttpServer } from "../../relayer/http.ts";
import { createMetrics } from "../../relayer/metrics.ts";
import { createApi, type Api } from "../../src/api/server.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { Chain, config, makeCommittee } from "../api/chain.ts";
import { memoryNode, type MemoryNode } from "../api/memoryNode.ts";

const DOCUMENT = fileURLToPath(new URL("../../docs/operating.md", import.meta.url));
const TOKEN = "an admin token that is long enough";

/** Rows of the table of routes in the documentation: process, route, when, status. */
const rows = [
  ...readFileSync(DOCUMENT, "utf8").matchAll(/^\| (validator|relayer) \| `(\/\w+)` \| ([^|]+) \| (\d{3}) \|/gm),
].map(([, process = "", route = "", when = "", status = ""]) => ({
  process,
  route,
  when: when.trim(),
  status: Number(status),
}));

describe("MON-4: health and readiness answer as docs/operating.md says", () => {
  let node: MemoryNode;
  let api: Api;
  let relayer: HttpServer;
  let reason: string | undefined;
  const bases = new Map<string, string>();
  beforeAll(async () => {
    node = memoryNode(new Chain([makeCommittee(1), makeCommittee(2)]));
    api = await createApi({ queries: node.queries, config, clock: systemClock, logger: silentLogger });
    bases.set("validator", await api.listen({ host: "127.0.0.1", port: 0 }));
    relayer = await startHttp({
      relayer: {
        checkReady: () => (reason === undefined ? Promise.resolve() : Promise.reject(new Error(reason))),
        isActive: () => false,
        measure: () => Promise.resolve(),
        status: () => Promise.reject(new Error("not asked here")),
        retry: () => Promise.resolve(0),
        drain: () => Promise.resolve(),
      },
      ...{ metrics: createMetrics(), logger: silentLogger, host: "127.0.0.1", port: 0, adminToken: TOKEN },
    });
    bases.set("relayer", relayer.url);
  });
  afterAll(async () => {
    await api.close();
    await relayer.close();
  });

  it("the documentation has a table of them", () => {
    expect(rows.map(({ process, route }) => `${process} ${route}`)).toEqual(
      ["validator", "relayer"].flatMap((process) =>
        ["/healthz", "/readyz", "/readyz", "/metrics"].map((route) => `${process} ${route}`),
      ),
    );
  });

  it.each(rows)("$process $route, $when: $status", async ({ process, route, when, status }) => {
    const isWell = when === "always" || when === "ready";
    reason = isWell ? undefined : "no L1 endpoint answered";
    node.setNotReady(isWell ? undefined : "catching up");
    const answer = await fetch(`${bases.get(process) ?? ""}${route}`);
    expect(answer.status).toBe(status);
    const body = await answer.text();
    if (!isWell) expect(body).toMatch(/catching up|no L1 endpoint answered/);
  });

  it("OPS-1: an address that asks too often is told to wait", async () => {
    const base = bases.get("relayer") ?? "";
    reason = undefined;
    let last = 0;
    for (let asked = 0; asked <= REQUESTS_PER_MINUTE_MAX && last !== 429; asked++) {
      last = (await fetch(`${base}/admin/retry`, { method: "POST" })).status;
      if (last !== 429) expect(last).toBe(401);
    }
    expect(last).toBe(429);
  });
});
