import * as z from "zod";

import { assert } from "../runtime/assert.ts";
import { ProblemError, type ProblemValue } from "./problem.ts";
import type { Handlers, Route } from "./routes.ts";
import { routes } from "./routes.ts";

/** What came over HTTP, before anything was checked. */
export interface RawRequest {
  readonly params: unknown;
  readonly query: unknown;
  /** Parsed JSON, or the bytes of a body of octets. */
  readonly body: unknown;
  /** Whether the caller would rather have octets. */
  readonly wantsOctets: boolean;
}

/** A route with its function: decodes what came, calls, encodes what goes. */
export interface Endpoint {
  readonly route: Route;
  /** The JSON form of the answer, or its octets. Rejects with `ProblemError` for what the caller did wrong. */
  readonly answer: (request: RawRequest) => Promise<Answer>;
}

export type Answer =
  { readonly kind: "json"; readonly value: unknown } | { readonly kind: "octets"; readonly octets: Uint8Array };

/** Issues named in one problem. */
const ISSUES_MAX = 5;
const MESSAGE_LENGTH_MAX = 200;

function endpoint<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  route: Route<P, Q, B, R>,
  handler: (input: { params: z.output<P>; query: z.output<Q>; body: z.output<B> }) => Promise<z.output<R>>,
): Endpoint {
  return {
    route,
    answer: async (request) => {
      const output = await handler({
        params: decode(route.params, request.params, "path"),
        query: decode(route.query, request.query, "query"),
        body: decodeBody(route, request.body),
      });
      if (request.wantsOctets && route.toOctets !== undefined) {
        return { kind: "octets", octets: route.toOctets(output) };
      }
      const encoded = z.safeEncode(route.response, output);
      assert(encoded.success, `the answer of ${route.path} must fit its schema: ${describe(encoded.error)}`);
      return { kind: "json", value: encoded.data };
    },
  };
}

function decodeBody<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  route: Route<P, Q, B, R>,
  body: unknown,
): z.output<B> {
  if (!(body instanceof Uint8Array)) return decode(route.body, body, "body");
  if (route.fromOctets !== undefined) return route.fromOctets(body);
  throw new ProblemError("unsupported-media-type", "this route takes JSON");
}

/** API-3: nothing reaches a handler that its row's schema does not describe. */
export function decode<S extends z.ZodType>(schema: S, value: unknown, part: "path" | "query" | "body"): z.output<S> {
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, ISSUES_MAX).map((issue) => ({
    at: issue.path.map(String).join("."),
    message: issue.message.slice(0, MESSAGE_LENGTH_MAX),
  }));
  const [first] = issues;
  const where = first === undefined || first.at === "" ? part : `${part} ${first.at}`;
  throw new ProblemError("malformed-request", `${where}: ${first?.message ?? "not understood"}`, {
    part,
    issues: issues satisfies readonly ProblemValue[],
  });
}

function describe(error: z.ZodError | undefined): string {
  return error === undefined ? "" : error.message.slice(0, MESSAGE_LENGTH_MAX);
}

/** Every row of the table with its function. */
export function bindRoutes(handlers: Handlers): Readonly<Record<keyof Handlers, Endpoint>> {
  return {
    submitTransaction: endpoint(routes.submitTransaction, handlers.submitTransaction),
    submitBundle: endpoint(routes.submitBundle, handlers.submitBundle),
    getTransaction: endpoint(routes.getTransaction, handlers.getTransaction),
    getConfirmation: endpoint(routes.getConfirmation, handlers.getConfirmation),
    getBundleConfirmation: endpoint(routes.getBundleConfirmation, handlers.getBundleConfirmation),
    listNamespaceBlocks: endpoint(routes.listNamespaceBlocks, handlers.listNamespaceBlocks),
    listBlocks: endpoint(routes.listBlocks, handlers.listBlocks),
    getBlock: endpoint(routes.getBlock, handlers.getBlock),
    getPayload: endpoint(routes.getPayload, handlers.getPayload),
    getNamespace: endpoint(routes.getNamespace, handlers.getNamespace),
    findFinalization: endpoint(routes.findFinalization, handlers.findFinalization),
    getFinalization: endpoint(routes.getFinalization, handlers.getFinalization),
    listHandovers: endpoint(routes.listHandovers, handlers.listHandovers),
    getHandover: endpoint(routes.getHandover, handlers.getHandover),
    getCommittee: endpoint(routes.getCommittee, handlers.getCommittee),
    listEvidence: endpoint(routes.listEvidence, handlers.listEvidence),
    getResume: endpoint(routes.getResume, handlers.getResume),
    getHistoryProof: endpoint(routes.getHistoryProof, handlers.getHistoryProof),
    getStatus: endpoint(routes.getStatus, handlers.getStatus),
  };
}
