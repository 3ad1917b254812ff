import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";

import type { FastifyError, FastifyReply } from "fastify";

import type { Logger } from "../runtime/logger.ts";
import { PROBLEM_MEDIA_TYPE, ProblemError, problemKinds, retryAfterSeconds, toProblem } from "./problem.ts";

/** What of fastify's and node's own errors is the caller's fault, by code. */
const KNOWN: Readonly<Record<string, ConstructorParameters<typeof ProblemError>>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    "unsupported-media-type",
    "the body must be JSON, or octets where the route says so",
  ],
  FST_ERR_CTP_EMPTY_JSON_BODY: ["malformed-request", "the body is empty"],
  FST_ERR_CTP_INVALID_JSON_BODY: ["malformed-request", "the body is not JSON"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["malformed-request", "the body is not as long as Content-Length says"],
  FST_ERR_CTP_BODY_TOO_LARGE: ["request-too-large", "the body is longer than the route takes"],
  FST_ERR_BAD_URL: ["malformed-request", "the address is not a valid URL"],
  FST_ERR_MAX_PARAM_LENGTH: ["uri-too-long", "a part of the address is too long"],
  HPE_HEADER_OVERFLOW: ["headers-too-large", "the request headers are too large"],
};

/** API-1: the problem that an error is for the caller; what is our fault is logged and named `internal`. */
export function asProblem(error: unknown, logger: Logger): ProblemError {
  if (error instanceof ProblemError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known = KNOWN[code];
  if (known !== undefined) return new ProblemError(...known);
  if (error instanceof SyntaxError) return new ProblemError("malformed-request", "the body is not JSON");
  if (isClientFault(error)) return new ProblemError("malformed-request", error.message);
  logger.error("request failed", { error });
  return new ProblemError("internal", "the node failed to answer");
}

/** Framework errors that carry a 4xx status of their own. */
function isClientFault(error: unknown): error is FastifyError {
  if (!(error instanceof Error) || !("statusCode" in error)) return false;
  return typeof error.statusCode === "number" && error.statusCode >= 400 && error.statusCode < 500;
}

export function sendProblem(reply: FastifyReply, error: ProblemError): void {
  const problem = toProblem(error);
  if (error.retryAfterMs !== undefined) void reply.header("retry-after", retryAfterSeconds(error.retryAfterMs));
  void reply.code(problem.status).type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(problem));
}

/** Answers bytes that are not HTTP, over the bare socket, and closes it. */
export function refuseSocket(error: Error, socket: Socket): void {
  if (!socket.writable || ("code" in error && error.code === "ECONNRESET")) {
    socket.destroy();
    return;
  }
  const code = "code" in error ? String(error.code) : "";
  const problem = new ProblemError(...(KNOWN[code] ?? ["malformed-request", "the bytes are not an HTTP request"]));
  const { status } = problemKinds[problem.code];
  const body = JSON.stringify(toProblem(problem));
  socket.end(
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ""}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `Content-Length: ${String(Buffer.byteLength(body))}\r\nConnection: close\r\n\r\n${body}`,
  );
}
