import fastifyRateLimit from "@fastify/rate-limit";
import fastify, { type FastifyInstance } from "fastify";

import type { Logger } from "../src/runtime/logger.ts";
import { isAuthorized } from "./auth.ts";
import type { DashboardOptions } from "./dashboard.ts";
import type { Metrics } from "./metrics.ts";
import type { Relayer } from "./relayer.ts";

export interface HttpOptions {
  readonly relayer: Pick<Relayer, "checkReady" | "isActive" | "measure" | "status" | "retry" | "drain">;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly host: string;
  readonly port: number;
  /** Who may retry and drain. */
  readonly adminToken: string;
  /** Undefined: there is none. */
  readonly dashboard?: DashboardOptions;
}

/** Nothing here takes a body of more. */
const BODY_BYTES_MAX = 1024;
/** Requests of one address in a minute, over which it is told to wait: nobody guesses a token at this pace. */
export const REQUESTS_PER_MINUTE_MAX = 600;

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

/** OPS-1: `/healthz`, `/readyz`, `/metrics` and `/status` for anyone who reaches the port; the rest needs the token. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const app = fastify({ bodyLimit: BODY_BYTES_MAX, logger: false, forceCloseConnections: true });
  await app.register(fastifyRateLimit, { max: REQUESTS_PER_MINUTE_MAX, timeWindow: 60_000 });
  addReads(app, options);
  addAdministration(app, options);
  if (options.dashboard !== undefined) {
    // The board is large: who does not want it does not load it.
    const { addDashboard } = await import("./dashboard.ts");
    addDashboard(app, options.dashboard);
  }
  const url = await app.listen({ host: options.host, port: options.port });
  return { url, close: () => app.close() };
}

function addReads(app: FastifyInstance, { relayer, metrics }: HttpOptions): void {
  app.get("/healthz", () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    try {
      await relayer.checkReady();
      return { status: "ready", role: relayer.isActive() ? "active" : "standby" };
    } catch (error) {
      return reply.code(503).send({ status: "not ready", reason: error instanceof Error ? error.message : "unknown" });
    }
  });
  app.get("/metrics", async (_request, reply) => {
    await relayer.measure();
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  app.get("/status", () => relayer.status());
}

function addAdministration(app: FastifyInstance, { relayer, logger, adminToken }: HttpOptions): void {
  app.register((admin, _options, done) => {
    // After the rate limit, which is a hook of the route: nobody guesses without being counted.
    admin.addHook("preHandler", async (request, reply) => {
      if (!isAuthorized(request.headers.authorization, adminToken)) {
        await reply.code(401).send({ error: "the admin token is needed" });
      }
    });
    admin.post("/admin/retry", async () => {
      const count = await relayer.retry();
      logger.info("retry asked by an operator", { count });
      return { retried: count };
    });
    admin.post<{ Querystring: { on?: string } }>("/admin/drain", async (request) => {
      const on = request.query.on !== "false";
      await relayer.drain(on);
      logger.info("drain asked by an operator", { on });
      return { draining: on };
    });
    done();
  });
}
