import * as z from "zod";

import * as Views from "../lightclient/wireViews.ts";
import { PROBLEM_MEDIA_TYPE } from "./problem.ts";
import { OCTETS, routes, STREAM_PATH, type Route } from "./routes.ts";

type Json = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 document of the route table; a pure function of it, so that it can be kept as a snapshot. */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) };
  }
  paths[STREAM_PATH] = { get: streamOperation() };
  return {
    openapi: "3.1.0",
    info: { title: "Crema node", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: { schemas: { Problem: jsonSchema(Views.problem) } },
  };
}

function operation(name: string, route: Route): Json {
  const body = jsonSchema(route.body);
  const hasBody = route.method === "POST";
  return {
    operationId: name,
    summary: route.summary,
    parameters: [...parameters(route.params, "path"), ...parameters(route.query, "query")],
    ...(hasBody && {
      requestBody: { required: true, content: content(body, route.fromOctets !== undefined) },
    }),
    responses: {
      [String(route.success)]: {
        description: "Success",
        content: content(jsonSchema(route.response), route.toOctets !== undefined),
      },
      default: problemResponse(),
    },
  };
}

function streamOperation(): Json {
  return {
    operationId: "stream",
    summary: "WebSocket: finalized blocks from a height on, one JSON message each (shape of the 200 answer).",
    parameters: [{ name: "from", in: "query", required: false, schema: { type: "string" } }],
    responses: {
      "101": { description: "Switching protocols" },
      "200": { description: "One message", content: content(jsonSchema(Views.streamed), false) },
      default: problemResponse(),
    },
  };
}

function problemResponse(): Json {
  const schema = { $ref: "#/components/schemas/Problem" };
  return { description: "Failure (RFC 9457)", content: { [PROBLEM_MEDIA_TYPE]: { schema } } };
}

function content(schema: Json, octets: boolean): Json {
  const raw = { [OCTETS]: { schema: { type: "string", format: "binary" } } };
  return { "application/json": { schema }, ...(octets && raw) };
}

function parameters(schema: z.ZodType, place: "path" | "query"): Json[] {
  if (!(schema instanceof z.ZodObject)) return [];
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  return Object.entries(shape).map(([name, member]) => ({
    name,
    in: place,
    required: place === "path" || !z.safeParse(member, undefined).success,
    schema: jsonSchema(member),
  }));
}

/** What stands in JSON: the input side of every codec, in requests and answers alike. */
function jsonSchema(schema: z.core.$ZodType): Json {
  const described = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return Object.fromEntries(Object.entries(described).filter(([name]) => name !== "$schema"));
}
