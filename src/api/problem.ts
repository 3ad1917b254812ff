/**
 * Failures as RFC 9457 problem details (`application/problem+json`). `code` is stable and meant for programs, `title`
 * and `detail` are for people, `values` holds what was wrong.
 */

export const PROBLEM_MEDIA_TYPE = "application/problem+json";

interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

/** API-1: every failure has one of these codes; a code never changes its meaning or its status. */
export const problemKinds = {
  "malformed-request": { status: 400, title: "The request is not well formed" },
  "unknown-route": { status: 404, title: "There is no such route" },
  "unknown-block": { status: 404, title: "This node has no such finalized block" },
  "unknown-transaction": { status: 404, title: "This node does not know the transaction" },
  "unknown-namespace": { status: 404, title: "The cluster does not serve this namespace" },
  "unknown-finalization": { status: 404, title: "This node holds no such finalization" },
  "unknown-handover": { status: 404, title: "This epoch has no finalized handover" },
  "unknown-resume": { status: 404, title: "No quorum has signed a resume that L1 has not applied" },
  "unknown-committee": { status: 404, title: "This node knows no such committee" },
  "not-a-bundle": { status: 404, title: "The transaction is not a part of a bundle" },
  "method-not-allowed": { status: 405, title: "The route does not take this method" },
  "duplicate-transaction": { status: 409, title: "The transaction was submitted before" },
  "transaction-pending": { status: 409, title: "The transaction is not finalized yet" },
  pruned: { status: 410, title: "This node no longer keeps data of this height" },
  "request-too-large": { status: 413, title: "The request body is too large" },
  "transaction-too-large": { status: 413, title: "The transaction is too large" },
  "uri-too-long": { status: 414, title: "The address is too long" },
  "unsupported-media-type": { status: 415, title: "The request body has a media type that the route does not take" },
  "invalid-transaction": { status: 422, title: "The transaction can never be included" },
  "rate-limited": { status: 429, title: "Too many requests" },
  "namespace-full": { status: 429, title: "Too many transactions of this namespace are waiting" },
  "headers-too-large": { status: 431, title: "The request headers are too large" },
  internal: { status: 500, title: "The node failed to answer" },
  "node-full": { status: 503, title: "Too many transactions are waiting at this node" },
  "not-ready": { status: 503, title: "This node does not take transactions now" },
  "too-many-subscribers": { status: 503, title: "Too many subscribers are connected to this node" },
} as const satisfies Readonly<Record<string, ProblemKind>>;

export type ProblemCode = keyof typeof problemKinds;

export type ProblemValue = string | number | boolean | null | readonly ProblemValue[] | ProblemValues;
export interface ProblemValues {
  readonly [name: string]: ProblemValue;
}

/** The body of a failed answer. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly values: ProblemValues;
}

/** A failure that the caller is told about. Never carries secrets or stack traces. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly code: ProblemCode;
  readonly values: ProblemValues;
  /** Sent as `Retry-After`, rounded up to whole seconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ProblemCode, detail: string, values: ProblemValues = {}, retryAfterMs?: number) {
    super(detail);
    this.code = code;
    this.values = values;
    this.retryAfterMs = retryAfterMs;
  }
}

export function toProblem(error: ProblemError): Problem {
  const kind = problemKinds[error.code];
  return {
    type: `urn:crema:problem:${error.code}`,
    title: kind.title,
    status: kind.status,
    code: error.code,
    detail: error.message,
    values: error.values,
  };
}

/** `Retry-After` in whole seconds, at least one (RFC 9110 section 10.2.3). */
export function retryAfterSeconds(retryAfterMs: number): number {
  return Math.max(1, Math.ceil(retryAfterMs / 1000));
}
