import fastifyRateLimit from "@fastify/rate-limit";
import fastifyWebsocket, { type WebSocket } from "@fastify/websocket";
import fastify, { type FastifyInstance } from "fastify";
import { Registry } from "prom-client";

import type * as ClusterConfig from "../protocol/ClusterConfig.ts";
import { BUNDLE_PARTS_MAX } from "../protocol/Transaction.ts";
import { assert } from "../runtime/assert.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { bindRoutes, decode, type Endpoint } from "./endpoint.ts";
import { asProblem, refuseSocket, sendProblem } from "./failures.ts";
import { createHandlers } from "./handlers.ts";
import { createApiMetrics, type ApiMetrics } from "./metrics.ts";
import { openApiDocument } from "./openApi.ts";
import { defaultApiOptions, type ApiOptions } from "./options.ts";
import { ProblemError } from "./problem.ts";
import type { NodeQueries } from "../lightclient/nodeQueries.ts";
import { OCTETS, STREAM_PATH, streamQuery } from "./routes.ts";
import { serveSubscriber, type Socket } from "./stream.ts";

/** Version of the HTTP interface: the major number is the `v1` of the paths. */
export const API_VERSION = "1.0.0";

const URL_PART_LENGTH_MAX = 80;
const HEADER_BYTES_MAX = 16 * 1024;
/** JSON around the data of a submission. */
const JSON_OVERHEAD_BYTES = 4096;
/** Subscribers have nothing to say. */
const SUBSCRIBER_MESSAGE_BYTES_MAX = 1024;
const NOT_READY_RETRY_MS = 1_000;
const CROSS_ORIGIN_CACHE_SECONDS = 600;
const MS_PER_SECOND = 1000;
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

export interface ApiDependencies {
  readonly queries: NodeQueries;
  readonly config: ClusterConfig.ClusterConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where metrics are registered, and what `/metrics` prints; default a registry of its own. */
  readonly registry?: Registry;
  /** What `/healthz` says beside that the node is there. */
  readonly health?: Readonly<Record<string, string | boolean>>;
  readonly options?: Partial<ApiOptions>;
}

/** A node's HTTP interface. */
export interface Api {
  /** Starts to listen; port 0 takes a free one. Resolves to the base address; rejects when the port is taken. */
  listen(address: { readonly host: string; readonly port: number }): Promise<string>;
  /** Stops to listen and ends every connection. */
  close(): Promise<void>;
}

interface Context extends ApiDependencies {
  readonly app: FastifyInstance;
  readonly registry: Registry;
  readonly metrics: ApiMetrics;
  readonly limits: ApiOptions;
}

export async function createApi(dependencies: ApiDependencies): Promise<Api> {
  const limits = { ...defaultApiOptions, ...dependencies.options };
  const registry = dependencies.registry ?? new Registry();
  const app = createServer(dependencies, limits);
  const context = { ...dependencies, app, registry, metrics: createApiMetrics(registry), limits };
  addFailures(context);
  addCrossOrigin(context);
  addMeasurement(context);
  await app.register(fastifyRateLimit, {
    max: limits.requestsPerWindow,
    timeWindow: limits.rateWindowMs,
    cache: limits.rateClientsMax,
    errorResponseBuilder: (_request, { ttl, max }) =>
      new ProblemError("rate-limited", "too many requests from this address", { maximum: max }, ttl),
  });
  await app.register(fastifyWebsocket, { options: { maxPayload: SUBSCRIBER_MESSAGE_BYTES_MAX } });
  addBodies(context);
  const endpoints = bindRoutes(createHandlers(dependencies.queries, dependencies.config));
  for (const endpoint of Object.values(endpoints)) addEndpoint(context, endpoint);
  addStream(context);
  addOperations(context);
  return {
    listen: async ({ host, port }) => {
      await app.listen({ host, port });
      return baseAddress(app);
    },
    close: () => app.close(),
  };
}

function createServer({ config, logger }: ApiDependencies, limits: ApiOptions): FastifyInstance {
  return fastify({
    bodyLimit: bodyLimit(config.limits),
    requestTimeout: limits.requestTimeoutMs,
    forceCloseConnections: true,
    trustProxy: limits.trustProxy,
    routerOptions: { maxParamLength: URL_PART_LENGTH_MAX },
    http: { maxHeaderSize: HEADER_BYTES_MAX },
    clientErrorHandler: refuseSocket,
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, asProblem(error, logger));
    },
  });
}

/** API-4: no body is read beyond what the largest lawful submission needs as hexadecimal JSON. */
export function bodyLimit({ transactionBytesMax, payloadBytesMax }: ClusterConfig.BlockLimits): number {
  return 2 * Math.min(BUNDLE_PARTS_MAX * transactionBytesMax, payloadBytesMax) + JSON_OVERHEAD_BYTES;
}

function baseAddress(app: FastifyInstance): string {
  const address = app.server.address();
  assert(address !== null && typeof address === "object", "a listening server has an address");
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${host}:${String(address.port)}`;
}

function addFailures({ app, logger }: Context): void {
  app.setErrorHandler((error, _request, reply) => {
    sendProblem(reply, asProblem(error, logger));
  });
  app.setNotFoundHandler((request, reply) => {
    const values = { method: request.method, path: request.url.slice(0, URL_PART_LENGTH_MAX) };
    sendProblem(reply, new ProblemError("unknown-route", "see /openapi.json for the routes there are", values));
  });
}

/** The interface is public and carries no credentials, so that pages of any origin may use it. */
function addCrossOrigin({ app, limits }: Context): void {
  app.addHook("onRequest", async (_request, reply) => {
    void reply.header("access-control-allow-origin", limits.allowOrigin);
  });
  app.options("/*", async (_request, reply) =>
    reply
      .code(204)
      .header("access-control-allow-methods", "GET, POST")
      .header("access-control-allow-headers", "content-type")
      .header("access-control-max-age", CROSS_ORIGIN_CACHE_SECONDS)
      .send(),
  );
}

function addMeasurement({ app, metrics }: Context): void {
  app.addHook("onResponse", async (request, reply) => {
    metrics.answered(request.routeOptions.url ?? "none", reply.statusCode, reply.elapsedTime / MS_PER_SECOND);
  });
}

/** JSON and octets are taken; text and forms are not. */
function addBodies({ app }: Context): void {
  app.removeContentTypeParser("text/plain");
  app.addContentTypeParser<Buffer>(OCTETS, { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });
}

function addEndpoint({ app }: Context, { route, answer }: Endpoint): void {
  app.route({
    method: route.method,
    url: route.path,
    handler: async (request, reply) => {
      const { params, query, body } = request;
      const wantsOctets = (request.headers.accept ?? "").includes(OCTETS);
      const answered = await answer({ params, query, body: body ?? undefined, wantsOctets });
      void reply.code(route.success);
      if (answered.kind === "json") return reply.send(answered.value);
      return reply
        .type(OCTETS)
        .send(Buffer.from(answered.octets.buffer, answered.octets.byteOffset, answered.octets.length));
    },
  });
  refuseOtherMethods(app, route.method, route.path);
}

function refuseOtherMethods(app: FastifyInstance, allowed: string, path: string): void {
  app.route({
    method: METHODS.filter((method) => method !== allowed),
    url: path,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      void reply.header("allow", allowed);
      throw new ProblemError("method-not-allowed", `the route takes ${allowed}`, { method: request.method, allowed });
    },
  });
}

function addStream({ app, queries, clock, metrics, limits, logger }: Context): void {
  const context = { queries, clock, metrics, sendTimeoutMs: limits.sendTimeoutMs };
  let subscribers = 0;
  app.route({
    method: "GET",
    url: STREAM_PATH,
    preValidation: (request, _reply, done) => {
      decode(streamQuery, request.query, "query");
      if (!request.ws) throw new ProblemError("malformed-request", "this route is a WebSocket");
      if (subscribers >= limits.subscribersMax) {
        const values = { maximum: limits.subscribersMax };
        throw new ProblemError("too-many-subscribers", "all places are taken", values, NOT_READY_RETRY_MS);
      }
      done();
    },
    handler: () => {
      throw new ProblemError("malformed-request", "this route is a WebSocket");
    },
    wsHandler: (socket, request) => {
      const { from } = decode(streamQuery, request.query, "query");
      subscribers += 1;
      serveSubscriber(context, asSocket(socket), from)
        .catch((error: unknown) => {
          logger.error("stream failed", { error });
        })
        .finally(() => {
          subscribers -= 1;
        });
    },
  });
}

function asSocket(socket: WebSocket): Socket {
  return {
    send: (text, sent) => {
      socket.send(text, sent);
    },
    close: (code, reason) => {
      socket.close(code, reason);
    },
    terminate: () => {
      socket.terminate();
    },
    onClose: (listener) => {
      socket.on("close", listener);
    },
  };
}

/** What operators and load balancers ask; not rate limited. */
function addOperations({ app, queries, registry, health }: Context): void {
  const document = openApiDocument(API_VERSION);
  const config = { rateLimit: false } as const;
  app.get("/healthz", { config }, (_request, reply) => reply.send({ healthy: true, ...health }));
  app.get("/readyz", { config }, async () => {
    const { notReady } = await queries.status();
    if (notReady === undefined) return { ready: true };
    throw new ProblemError("not-ready", notReady, {}, NOT_READY_RETRY_MS);
  });
  app.get("/metrics", { config }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  app.get("/openapi.json", { config }, (_request, reply) => reply.send(document));
}
