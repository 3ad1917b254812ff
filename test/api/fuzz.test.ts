import { connect } from "node:net";

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";

import { problemKinds } from "../../src/api/problem.ts";
import { OCTETS, routes } from "../../src/api/routes.ts";
import { bodyLimit, createApi, type Api } from "../../src/api/server.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { Chain, config, makeCommittee } from "./chain.ts";
import { memoryNode, type MemoryNode } from "./memoryNode.ts";

/** API-7: whatever comes in, an answer of the table goes out, and never `internal`. */

let node: MemoryNode;
let api: Api;
let base: string;

beforeAll(async () => {
  node = memoryNode(new Chain([makeCommittee(1)]));
  for (let i = 0; i < 12; i++) await node.finalize();
  const options = { requestsPerWindow: 1_000_000 };
  api = await createApi({ queries: node.queries, config, clock: systemClock, logger: silentLogger, options });
  base = await api.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => api.close());

/** Values that are nearly right, and values that are not. */
const part = fc.oneof(
  fc.constantFrom(
    "0",
    "1",
    "11",
    "12",
    "13",
    "latest",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "1.5",
    "",
  ),
  fc.constant(`0x${"00".repeat(32)}`),
  fc.constant(`0x${"zz".repeat(32)}`),
  fc.bigInt({ min: 0n, max: 2n ** 70n }).map(String),
  fc.string({ unit: "binary", maxLength: 40 }),
);

async function expectAnswer(response: Response): Promise<void> {
  const body: unknown = JSON.parse(await response.text());
  if (response.status < 300) return;
  expect(response.headers.get("content-type")).toContain("application/problem+json");
  if (typeof body !== "object" || body === null || !("code" in body) || !("status" in body))
    throw new Error("no problem");
  const { code, status } = body;
  const kind = Object.entries(problemKinds).find(([name]) => name === code)?.[1];
  expect(kind?.status).toBe(response.status);
  expect(status).toBe(response.status);
  expect(response.status, JSON.stringify(body)).not.toBe(500);
}

it("API-7: every route answers every path and query", async () => {
  const gets = Object.values(routes).filter(({ method }) => method === "GET");
  const query = fc.dictionary(
    fc.oneof(fc.constantFrom("from", "limit", "after", "changes", "atOrAbove", "anchor"), fc.string()),
    part,
    { maxKeys: 3 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...gets),
      fc.array(part, { minLength: 3, maxLength: 3 }),
      query,
      async (route, parts, given) => {
        let next = 0;
        const path = route.path.replaceAll(
          /:\w+/g,
          () => encodeURIComponent((parts[next++] ?? "").toWellFormed()) || "%20",
        );
        const search = new URLSearchParams(Object.entries(given));
        await expectAnswer(await fetch(`${base}${path}?${search.toString()}`));
      },
    ),
    { numRuns: 400 },
  );
}, 60_000);

it("API-7: every submission is answered, whatever the body and its media type", async () => {
  const type = fc.constantFrom("application/json", OCTETS, "text/plain", "application/json; charset=utf-16", "x", "");
  const json = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        data: fc.oneof(
          fc.string(),
          fc.uint8Array().map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`),
        ),
        encoding: fc.constantFrom("hex", "base64", "none"),
      },
      { requiredKeys: [] },
    ),
    fc.record({
      parts: fc.array(fc.record({ namespace: part, data: fc.constantFrom("0x", "0x00", "0x0") }), { maxLength: 18 }),
    }),
  );
  const body = fc.oneof(
    json.map((value) => JSON.stringify(value)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
    fc.constantFrom("", "{", '{"__proto__":1}', '{"constructor":{"prototype":1}}', "[".repeat(10_000)),
  );
  const path = fc.constantFrom("/v1/namespaces/1/transactions", "/v1/bundles");
  await fc.assert(
    fc.asyncProperty(path, type, body, async (target, contentType, text) => {
      await expectAnswer(
        await fetch(base + target, { method: "POST", headers: { "content-type": contentType }, body: text }),
      );
    }),
    { numRuns: 400 },
  );
}, 60_000);

it("API-4: a body of the limit is read and one byte more is not", async () => {
  const limit = bodyLimit(config.limits);
  const post = (bytes: number) =>
    fetch(`${base}/v1/namespaces/1/transactions`, {
      method: "POST",
      headers: { "content-type": OCTETS },
      body: new Uint8Array(bytes),
    });
  expect(await (await post(limit)).json()).toMatchObject({ code: "transaction-too-large" });
  expect(await (await post(limit + 1)).json()).toMatchObject({ code: "request-too-large" });
});

function raw(bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(base);
    let answer = "";
    const socket = connect(Number(port), hostname, () => socket.end(bytes));
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    socket.on("error", () => {
      resolve(answer);
    });
    socket.on("close", () => {
      resolve(answer);
    });
  });
}

it("API-7: bytes that are not HTTP are refused in form, and the node goes on", async () => {
  const text = new TextEncoder();
  const cases = [
    text.encode("GARBAGE\r\n\r\n"),
    text.encode("GET /v1/status HTTP/9.9\r\n\r\n"),
    text.encode(`GET / HTTP/1.1\r\nhost: a\r\nx: ${"a".repeat(20_000)}\r\n\r\n`),
    Uint8Array.of(0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1),
  ];
  for (const bytes of cases) expect(await raw(bytes)).toMatch(/^HTTP\/1\.1 4\d\d [\s\S]*application\/problem\+json/);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      await raw(bytes);
      return true;
    }),
    { numRuns: 50 },
  );
  expect((await fetch(`${base}/healthz`)).status).toBe(200);
}, 60_000);
