import fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { isAuthorized } from "../../relayer/auth.ts";
import { readRelayerConfig } from "../../relayer/config.ts";
import { addDashboard, PAGE_JOBS_MAX } from "../../relayer/dashboard.ts";
import { openQueues, type QueueSet } from "../../relayer/queues.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { openForTest, presentBackends, type OpenedBackend } from "./support/backends.ts";

const SIGNER = "0x00000000000000000000000000000000000000Aa";
const PASSWORD = "correct horse battery staple";
const basic = (password: string): string => `Basic ${Buffer.from(`anyone:${password}`).toString("base64")}`;

describe.each(presentBackends().filter((kind) => kind !== "private-redis"))("OPS-4: the dashboard on %s", (kind) => {
  let opened: OpenedBackend;
  let queues: QueueSet;
  let app: FastifyInstance;
  beforeAll(async () => {
    opened = await openForTest(kind);
    queues = await openQueues(opened.backend, SIGNER, systemClock, silentLogger);
    app = fastify();
    addDashboard(app, { backend: opened.backend, signer: SIGNER, password: PASSWORD });
    await app.ready();
  });
  afterAll(async () => {
    await app.close();
    await queues.close();
    await opened.close();
  });

  const get = (url: string, authorization = basic(PASSWORD)) => app.inject({ url, headers: { authorization } });

  it("shows the board and the jobs to who has the password", async () => {
    const page = await get("/dashboard/");
    expect([page.statusCode, page.headers["x-frame-options"]]).toEqual([200, "DENY"]);
    expect(page.body).toContain("Crema relayer");
    const base = /<base href="([^"]+)"/.exec(page.body)?.[1] ?? "";
    const script = /src="([^"]+\.js)"/.exec(page.body)?.[1] ?? "";
    expect((await get(new URL(script, `http://x${base}`).pathname)).statusCode).toBe(200);

    await queues.ensure("light-client", "advance", "advance-7", { height: 7 });
    const answer = await get("/dashboard/api/queues?activeQueue=light-client&status=waiting", `Bearer ${PASSWORD}`);
    expect(answer.statusCode).toBe(200);
    const shown: unknown = answer.json();
    expect(shown).toMatchObject({
      queues: [
        { name: "watch", readOnlyMode: true },
        { name: "light-client", counts: { waiting: 1 }, jobs: [{ id: "advance-7", data: { height: 7 } }] },
        { name: "stake-table" },
        { name: "slashing" },
        { name: `l1-tx-${SIGNER.toLowerCase()}` },
      ],
    });
  });

  it("shows nothing without it", async () => {
    const paths = ["/dashboard", "/dashboard/", "/dashboard/api/queues", "/dashboard/static/js/x.js"];
    for (const path of paths) {
      for (const header of ["", basic("wrong"), basic(""), "Bearer", `Bearer ${PASSWORD}x`, "Basic !!"]) {
        const answer = await get(path, header);
        expect([path, answer.statusCode]).toEqual([path, 401]);
        expect(answer.headers["www-authenticate"]).toContain("Basic");
        expect(answer.body).toBe('{"error":"the dashboard\'s password is needed"}');
      }
    }
  });

  it("changes nothing", async () => {
    await queues.ensure("light-client", "advance", "advance-8", { height: 8 });
    const before = (await queues.counts())["light-client"];
    for (const action of ["empty", "pause", "retry/failed", "clean/wait", "obliterate", "add", "advance-8/promote"]) {
      const url = `/dashboard/api/queues/light-client/${action}`;
      const answer = await app.inject({ method: "PUT", url, headers: { authorization: basic(PASSWORD) } });
      expect([action, answer.statusCode >= 400]).toEqual([action, true]);
      const posted = await app.inject({ method: "POST", url, headers: { authorization: basic(PASSWORD) } });
      expect([action, posted.statusCode >= 400]).toEqual([action, true]);
    }
    expect((await queues.counts())["light-client"]).toEqual(before);
  });

  it("a page has so many jobs and no more", async () => {
    const page = (jobs: number) => get(`/dashboard/api/queues?activeQueue=watch&jobsPerPage=${String(jobs)}`);
    expect((await page(PAGE_JOBS_MAX)).statusCode).toBe(200);
    expect((await page(PAGE_JOBS_MAX + 1)).statusCode).toBe(400);
    expect((await page(-1)).statusCode).toBe(400);
  });
});

describe("OPS-4: who may look", () => {
  it.each([
    ["the password as Bearer", `Bearer ${PASSWORD}`, true],
    ["in small letters", `bearer ${PASSWORD}`, true],
    ["the password as Basic", basic(PASSWORD), true],
    ["another scheme", `Digest ${PASSWORD}`, false],
    ["nothing", undefined, false],
    ["a scheme alone", "Basic", false],
    ["Basic without a user", `Basic ${Buffer.from(PASSWORD).toString("base64")}`, false],
    ["a header longer than is looked at", `Bearer ${"x".repeat(2000)}`, false],
  ])("%s", (_title, header, expected) => {
    expect(isAuthorized(header, PASSWORD)).toBe(expected);
  });

  const ENV = {
    CREMA_L1_URLS: "http://127.0.0.1:8545",
    CREMA_NODE_URLS: "http://127.0.0.1:8080",
    CREMA_ADDRESS_BOOK: "book.json",
    CREMA_RELAYER_KEY_FILE: "key",
    CREMA_DASHBOARD: "true",
  };
  it.each([
    ["127.0.0.1", "", true],
    ["::1", "", true],
    ["localhost", "", true],
    ["0.0.0.0", "", false],
    ["::", "", false],
    ["192.0.2.1", "", false],
    ["127.example.org", "", false],
    ["0.0.0.0", "password", true],
  ])("a dashboard on %s with password file %j: %s", (host, file, isTaken) => {
    const env = { ...ENV, CREMA_HTTP_HOST: host, CREMA_DASHBOARD_PASSWORD_FILE: file };
    const read = (): unknown => readRelayerConfig({ flags: {}, env });
    if (isTaken) expect(read).not.toThrow();
    else expect(read).toThrow("needs dashboardPasswordFile");
  });
});
