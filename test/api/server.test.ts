import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createApi, type Api, type ApiDependencies } from "../../src/api/server.ts";
import { RANGE_BYTES_MAX } from "../../src/api/handlers.ts";
import type { NodeQueries } from "../../src/lightclient/nodeQueries.ts";
import { OCTETS } from "../../src/api/routes.ts";
import { toHex } from "../../src/codec/hex.ts";
import { keccakHash } from "../../src/crypto/hash.ts";
import type * as Evidence from "../../src/protocol/Evidence.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { CommitteeId, Epoch, NamespaceId, ValidatorId, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { Chain, config, makeCommittee } from "./chain.ts";
import { memoryNode, type MemoryNode } from "./memoryNode.ts";

let node: MemoryNode;
let api: Api;
let base: string;

async function start(options: ApiDependencies["options"] = {}): Promise<void> {
  api = await createApi({ queries: node.queries, config, clock: systemClock, logger: silentLogger, options });
  base = await api.listen({ host: "127.0.0.1", port: 0 });
}

beforeEach(async () => {
  node = memoryNode(new Chain([makeCommittee(1), makeCommittee(2)]));
  await start();
});
afterEach(() => api.close());

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function call(path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(base + path, init);
  const body: unknown = JSON.parse(await response.text());
  if (typeof body !== "object" || body === null) throw new Error("answers are JSON objects");
  return {
    status: response.status,
    type: response.headers.get("content-type") ?? "",
    headers: response.headers,
    body: { ...body },
  };
}

function post(path: string, body: unknown): Promise<Answer> {
  return call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

const NAMESPACE = NamespaceId(4242n);
const TRANSACTIONS = "/v1/namespaces/4242/transactions";
const plainHash = (data: Uint8Array): string => Transaction.hash(Transaction.plain(NAMESPACE, data));

async function expectProblem(answer: Promise<Answer>, status: number, code: string): Promise<Answer> {
  const given = await answer;
  expect({ status: given.status, code: given.body["code"], type: given.type.split(";")[0] }).toEqual({
    status,
    code,
    type: "application/problem+json",
  });
  expect(given.body["type"]).toBe(`urn:crema:problem:${code}`);
  return given;
}

describe("submission", () => {
  it("takes hexadecimal JSON, base64 JSON and raw octets as the same transaction", async () => {
    const data = Uint8Array.of(2, 0xf8, 0x6b, 0xff);
    const submitted = await post(TRANSACTIONS, { data: toHex(data) });
    expect(submitted).toMatchObject({ status: 202, body: { namespace: "4242", hash: plainHash(data) } });
    const base64 = post(TRANSACTIONS, { data: Buffer.from(data).toString("base64"), encoding: "base64" });
    const duplicate = await expectProblem(base64, 409, "duplicate-transaction");
    expect(duplicate.body["values"]).toEqual({ hash: plainHash(data) });
    const octets = call(TRANSACTIONS, { method: "POST", headers: { "content-type": OCTETS }, body: data });
    await expectProblem(octets, 409, "duplicate-transaction");
  });

  it("API-2: takes an envelope of exactly the cluster's limit and refuses one byte more", async () => {
    const room = config.limits.transactionBytesMax - Transaction.PLAIN_OVERHEAD_BYTES;
    expect((await post(TRANSACTIONS, { data: toHex(new Uint8Array(room)) })).status).toBe(202);
    const over = post(TRANSACTIONS, { data: toHex(new Uint8Array(room + 1)) });
    const { body } = await expectProblem(over, 413, "transaction-too-large");
    expect(body["values"]).toEqual({ bytes: room + 2, maximum: room + 1 });
  });

  it("API-4: a body longer than any lawful submission is not read", async () => {
    const body = new Uint8Array(2 * config.limits.payloadBytesMax + 5000);
    const over = call(TRANSACTIONS, { method: "POST", headers: { "content-type": OCTETS }, body });
    await expectProblem(over, 413, "request-too-large");
  });

  it("names every reason for which the node refuses, with Retry-After where waiting helps", async () => {
    const cases = [
      [{ kind: "invalid", reason: "no" }, 422, "invalid-transaction", null],
      [{ kind: "unknown-namespace", namespace: NAMESPACE }, 404, "unknown-namespace", null],
      [{ kind: "full", scope: "namespace", maximum: 9, retryAfterMs: 1200 }, 429, "namespace-full", "2"],
      [{ kind: "full", scope: "node", maximum: 99, retryAfterMs: 10 }, 503, "node-full", "1"],
      [{ kind: "not-ready", reason: "catching up", retryAfterMs: 5000 }, 503, "not-ready", "5"],
      [{ kind: "too-large", bytes: 9, maximum: 8 }, 413, "transaction-too-large", null],
    ] as const;
    for (const [outcome, status, code, retryAfter] of cases) {
      node.refuse(outcome);
      const answer = await expectProblem(post(TRANSACTIONS, { data: "0x01" }), status, code);
      expect(answer.headers.get("retry-after")).toBe(retryAfter);
    }
  });

  it("submits a bundle whose parts share one id", async () => {
    const parts = [
      { namespace: "1", data: "0x01" },
      { namespace: "2", data: "0x02" },
    ];
    const { status, body } = await post("/v1/bundles", { parts });
    const expected = Transaction.bundleId([
      { namespace: NamespaceId(1n), data: Uint8Array.of(1) },
      { namespace: NamespaceId(2n), data: Uint8Array.of(2) },
    ]);
    expect({ status, bundle: body["bundle"] }).toEqual({ status: 202, bundle: expected });
    await expectProblem(post("/v1/bundles", { parts: parts.slice(1) }), 400, "malformed-request");
  });

  it("API-3: refuses malformed bodies with the place and the reason", async () => {
    const cases: readonly unknown[] = [
      {},
      { data: "0x0" },
      { data: "zz" },
      { data: 5 },
      { data: "0x00", extra: 1 },
      { data: "=A==", encoding: "base64" },
      { data: "0x00", encoding: "utf8" },
      [],
      null,
    ];
    for (const body of cases) {
      const { body: problem } = await expectProblem(post(TRANSACTIONS, body), 400, "malformed-request");
      expect(problem["values"]).toMatchObject({ part: "body" });
    }
    const notJson = call(TRANSACTIONS, { method: "POST", headers: { "content-type": "application/json" }, body: "{" });
    await expectProblem(notJson, 400, "malformed-request");
    const text = call(TRANSACTIONS, { method: "POST", headers: { "content-type": "text/plain" }, body: "hello" });
    await expectProblem(text, 415, "unsupported-media-type");
    const octets = call("/v1/bundles", { method: "POST", headers: { "content-type": OCTETS }, body: "hello" });
    await expectProblem(octets, 415, "unsupported-media-type");
  });

  it("refuses namespaces that are no uint64", async () => {
    for (const name of ["-1", "1e3", "18446744073709551616", "0x10", "01", "%00"]) {
      await expectProblem(post(`/v1/namespaces/${name}/transactions`, { data: "0x" }), 400, "malformed-request");
    }
    expect((await post("/v1/namespaces/18446744073709551615/transactions", { data: "0x" })).status).toBe(202);
  });
});

describe("reading", () => {
  it("gives the place of a transaction from unknown over pending to finalized", async () => {
    const data = Uint8Array.of(9);
    const path = `${TRANSACTIONS}/${plainHash(data)}`;
    expect((await call(path)).body).toEqual({ kind: "unknown" });
    await expectProblem(call(`${path}/confirmation`), 404, "unknown-transaction");
    await post(TRANSACTIONS, { data: toHex(data) });
    expect((await call(path)).body).toEqual({ kind: "pending" });
    const early = await expectProblem(call(`${path}/confirmation`), 409, "transaction-pending");
    expect(early.headers.get("retry-after")).toBe("1");
    await node.finalize();
    expect((await call(path)).body).toEqual({ kind: "finalized", height: "1", index: 0 });
    expect((await call(`${path}/confirmation`)).status).toBe(200);
    await expectProblem(call(`${path}/bundle`), 404, "not-a-bundle");
  });

  it("gives blocks by height, hash and latest, and says what is not there", async () => {
    const block = await node.finalize();
    for (const reference of ["1", block.hash, block.hash.toUpperCase().replace("0X", "0x"), "latest"]) {
      expect((await call(`/v1/blocks/${reference}`)).body["hash"]).toBe(block.hash);
    }
    const { body } = await expectProblem(call("/v1/blocks/2"), 404, "unknown-block");
    expect(body["values"]).toEqual({ block: "2", finalizedHeight: "1" });
    await expectProblem(call("/v1/blocks/first"), 400, "malformed-request");
  });

  it("gives the payload as JSON and as canonical octets", async () => {
    await post(TRANSACTIONS, { data: "0xaa" });
    const { payload, hash } = await node.finalize();
    expect((await call("/v1/blocks/1/payload")).body).toEqual({
      hash,
      namespaces: [{ namespace: "4242", envelopes: ["0x00aa"] }],
    });
    const octets = await fetch(`${base}/v1/blocks/1/payload`, { headers: { accept: OCTETS } });
    expect(new Uint8Array(await octets.arrayBuffer())).toEqual(Payload.encode(payload));
  });

  it("says pruned (410) for payloads that were dropped, but still knows empty blocks", async () => {
    await post(TRANSACTIONS, { data: "0xaa" });
    await node.finalize();
    await node.finalize();
    node.prune(3n);
    const { body } = await expectProblem(call("/v1/blocks/1/payload"), 410, "pruned");
    expect(body["values"]).toEqual({ height: "1", oldestHeight: "3" });
    expect((await call("/v1/blocks/2/payload")).status).toBe(200);
  });

  it("pages blocks, at most 100 at once", async () => {
    for (let i = 0; i < 5; i++) await node.finalize();
    const first = await call("/v1/blocks?from=0&limit=4");
    expect(first.body).toMatchObject({ next: "4" });
    const last = await call("/v1/blocks?from=4&limit=4");
    expect(last.body["blocks"]).toHaveLength(2);
    expect(last.body).not.toHaveProperty("next");
    expect((await call("/v1/blocks?from=0&limit=100")).status).toBe(200);
    await expectProblem(call("/v1/blocks?from=0&limit=101"), 400, "malformed-request");
    await expectProblem(call("/v1/blocks?from=0&from=1"), 400, "malformed-request");
    await expectProblem(call("/v1/blocks"), 400, "malformed-request");
  });

  it("API-8: a range of namespace blocks ends where the payloads read for it exceed the limit", async () => {
    for (let i = 0; i < 4; i++) await node.finalize();
    const sized = async (payloadBytes: number): Promise<unknown> => {
      const blockAt: NodeQueries["blockAt"] = async (height) => {
        const block = await node.queries.blockAt(height);
        return block && { ...block, payloadBytes };
      };
      await api.close();
      const queries = { ...node.queries, blockAt };
      api = await createApi({ queries, config, clock: systemClock, logger: silentLogger });
      base = await api.listen({ host: "127.0.0.1", port: 0 });
      return (await call("/v1/namespaces/4242/blocks?from=1")).body["blocks"];
    };
    expect(await sized(RANGE_BYTES_MAX / 4)).toHaveLength(4);
    expect(await sized(RANGE_BYTES_MAX / 4 + 1)).toHaveLength(3);
    expect(await sized(RANGE_BYTES_MAX * 2)).toHaveLength(1);
  });

  it("finds finalizations at, at or below and at or above a height", async () => {
    await node.finalize();
    await node.finalize(false);
    await node.finalize();
    const heightOf = async (path: string): Promise<unknown> => (await call(path)).body["header"];
    expect(await heightOf("/v1/finalizations/1")).toMatchObject({ height: "1" });
    await expectProblem(call("/v1/finalizations/2"), 404, "unknown-finalization");
    expect(await heightOf("/v1/finalizations?atOrBelow=2")).toMatchObject({ height: "1" });
    expect(await heightOf("/v1/finalizations?atOrAbove=2")).toMatchObject({ height: "3" });
    expect(await heightOf("/v1/finalizations")).toMatchObject({ height: "3" });
    await expectProblem(call("/v1/finalizations?atOrAbove=4"), 404, "unknown-finalization");
    await expectProblem(call("/v1/finalizations?atOrAbove=1&atOrBelow=1"), 400, "malformed-request");
  });

  it("lists handovers, all or only those that change the committee, with a cursor", async () => {
    for (let i = 0; i < 31; i++) await node.finalize();
    const epochs = async (query: string): Promise<unknown> => {
      const { handovers } = (await call(`/v1/handovers?${query}`)).body;
      return Array.isArray(handovers)
        ? handovers.map((each: { header: { epoch: string } }) => each.header.epoch)
        : handovers;
    };
    expect(await epochs("after=0")).toEqual(["1", "2", "3"]);
    expect(await epochs("after=0&changes=true")).toEqual(["1"]);
    expect((await call("/v1/handovers?after=0&limit=2")).body).toMatchObject({ next: "2" });
    expect((await call("/v1/handovers?after=2&limit=2")).body).not.toHaveProperty("next");
    expect((await call("/v1/handovers/3")).status).toBe(200);
    await expectProblem(call("/v1/handovers/4"), 404, "unknown-handover");
  });

  it("gives committees, history proofs and status", async () => {
    for (let i = 0; i < 3; i++) await node.finalize();
    expect((await call("/v1/committees/1")).body).toMatchObject({ id: "1" });
    await expectProblem(call("/v1/committees/9"), 404, "unknown-committee");
    expect((await call("/v1/history/3/1")).body).toMatchObject({ size: "3", header: { height: "1" } });
    await expectProblem(call("/v1/history/3/3"), 400, "malformed-request");
    await expectProblem(call("/v1/history/9/3"), 404, "unknown-block");
    expect((await call("/v1/status")).body).toMatchObject({ height: "3", limits: config.limits, epochLength: "10" });
  });

  it("RESUME-4: gives the certified resume with the header of its block, or says that there is none", async () => {
    await expectProblem(call("/v1/resume"), 404, "unknown-resume");
    const { header, hash } = await node.finalize();
    const message = { epoch: Epoch(20n), block: hash, committee: CommitteeId(9n) };
    node.setResume({ message, header, absent: Uint8Array.of(0), signature: new Uint8Array(48).fill(1) });
    expect((await call("/v1/resume")).body).toMatchObject({
      message: { epoch: "20", block: hash, committee: "9" },
      header: { height: header.height.toString() },
      absent: "0x00",
      signature: `0x${"01".repeat(48)}`,
    });
  });

  it("lists evidence with numbers and a cursor that never goes back", async () => {
    const statement = (byte: number): Evidence.Statement => ({
      message: Vote.notarize(Epoch(1n), View(1n), keccakHash(Uint8Array.of(byte))),
      signers: { kind: "key", validator: ValidatorId(1n) },
      signature: new Uint8Array(48),
    });
    node.evidence.push({ first: statement(1), second: statement(2) });
    const page = await call("/v1/evidence");
    expect(page.body).toMatchObject({ next: 1, entries: [{ number: 0 }] });
    expect((await call("/v1/evidence?from=7")).body).toEqual({ next: 7, entries: [] });
  });
});

describe("operation", () => {
  it("answers health, readiness with its reason, metrics and OpenAPI", async () => {
    expect((await call("/healthz")).body).toEqual({ healthy: true });
    expect((await call("/readyz")).body).toEqual({ ready: true });
    node.setNotReady("catching up");
    const { body } = await expectProblem(call("/readyz"), 503, "not-ready");
    expect(body["detail"]).toBe("catching up");
    const metrics = await (await fetch(`${base}/metrics`)).text();
    expect(metrics).toContain('crema_api_requests_total{route="/readyz",status="503"} 1');
    expect((await call("/openapi.json")).body["openapi"]).toBe("3.1.0");
  });

  it("limits requests per client: the maximum passes, one more is told to wait", async () => {
    await api.close();
    await start({ requestsPerWindow: 3, rateWindowMs: 60_000 });
    for (let i = 0; i < 3; i++) expect((await call("/v1/status")).status).toBe(200);
    const answer = await expectProblem(call("/v1/status"), 429, "rate-limited");
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await call("/healthz")).status).toBe(200);
  });

  it("API-1: unknown routes, wrong methods and bad addresses are problems too", async () => {
    await expectProblem(call("/v2/blocks"), 404, "unknown-route");
    const put = await expectProblem(call("/v1/status", { method: "PUT" }), 405, "method-not-allowed");
    expect(put.headers.get("allow")).toBe("GET");
    await expectProblem(call("/v1/blocks/%zz"), 400, "malformed-request");
    await expectProblem(call(`/v1/blocks/${"9".repeat(200)}`), 414, "uri-too-long");
  });

  it("API-1: a fault of the node is `internal`, without details", async () => {
    const broken = { ...node.queries, status: () => Promise.reject(new Error("secret path")) };
    await api.close();
    api = await createApi({ queries: broken, config, clock: systemClock, logger: silentLogger });
    base = await api.listen({ host: "127.0.0.1", port: 0 });
    const { body } = await expectProblem(call("/v1/status"), 500, "internal");
    expect(JSON.stringify(body)).not.toContain("secret");
  });

  it("lets pages of any origin read and submit", async () => {
    const preflight = await fetch(`${base}${TRANSACTIONS}`, { method: "OPTIONS" });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-methods")).toContain("POST");
  });

  it("says when the port is taken", async () => {
    const { port } = new URL(base);
    const second = await createApi({ queries: node.queries, config, clock: systemClock, logger: silentLogger });
    await expect(second.listen({ host: "127.0.0.1", port: Number(port) })).rejects.toThrow("EADDRINUSE");
    await second.close();
  });
});

it("keeps hexadecimal answers decodable", async () => {
  await post(TRANSACTIONS, { data: "0xaabb" });
  await node.finalize();
  const { body } = await call("/v1/blocks/1/namespaces/4242");
  expect(body["envelopes"]).toEqual([toHex(Uint8Array.of(0, 0xaa, 0xbb))]);
});
