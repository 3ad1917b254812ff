import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { FastifyAdapter } from "@bull-board/fastify";
import { Queue } from "bullmq";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { isAuthorized } from "./auth.ts";
import { assert } from "../src/runtime/assert.ts";
import type { QueueBackend } from "./backends/backend.ts";
import { QUEUES, queueKey } from "./queues.ts";

export interface DashboardOptions {
  readonly backend: QueueBackend;
  /** Account of the relayer: names its transaction queue. */
  readonly signer: string;
  readonly password: string;
}

export const DASHBOARD_PATH = "/dashboard";
/** Jobs that one page may show. */
export const PAGE_JOBS_MAX = 100;

/** Only what the board itself brings is loaded, and no other page may frame it. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'self'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

/**
 * OPS-4: the BullMQ board over the relayer's queues, on every backend. It shows and changes nothing: retry and drain are
 * commands. Every request needs the password, as HTTP Basic or Bearer.
 */
export function addDashboard(app: FastifyInstance, { backend, signer, password }: DashboardOptions): void {
  const queues = QUEUES.map((name) => backend.queue(queueKey(name, signer), {}));
  // An error of a connection is the relayer's to report.
  for (const queue of queues) queue.on("error", () => undefined);
  const server = new FastifyAdapter().setBasePath(DASHBOARD_PATH);
  createBullBoard({
    queues: queues.map((queue) => {
      assert(isQueue(queue), "every backend makes BullMQ's own queues");
      return new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false });
    }),
    serverAdapter: server,
    options: { uiConfig: { boardTitle: "Crema relayer", hideRedisDetails: true } },
  });
  app.addHook("onClose", async () => {
    await Promise.allSettled(queues.map((queue) => queue.close()));
  });
  app.register(
    (board, _options, done) => {
      // After the rate limit, which is a hook of each route.
      board.addHook("preHandler", async (request, reply) => {
        await guard(request, reply, password);
      });
      board.register(server.registerPlugin());
      done();
    },
    { prefix: DASHBOARD_PATH },
  );
}

function isQueue(queue: object): queue is Queue {
  return queue instanceof Queue;
}

async function guard(request: FastifyRequest, reply: FastifyReply, password: string): Promise<void> {
  void reply.headers(HEADERS);
  if (!isAuthorized(request.headers.authorization, password)) {
    void reply.header("www-authenticate", 'Basic realm="crema-relayer", charset="UTF-8"');
    await reply.code(401).send({ error: "the dashboard's password is needed" });
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    await reply.code(405).header("allow", "GET, HEAD").send({ error: "the dashboard only shows" });
    return;
  }
  const { searchParams } = new URL(request.url, "http://localhost");
  const perPage = Number(searchParams.get("jobsPerPage") ?? 10);
  const page = Number(searchParams.get("page") ?? 1);
  if (!isCount(perPage, PAGE_JOBS_MAX) || !isCount(page, 1_000_000)) {
    await reply.code(400).send({ error: `jobsPerPage is a number up to ${String(PAGE_JOBS_MAX)}, page is a number` });
  }
}

function isCount(value: number, maximum: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= maximum;
}
