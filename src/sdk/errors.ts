import type { ConfirmationFault } from "../lightclient/confirmation.ts";
import type { CommitteeId, Height } from "../protocol/scalars.ts";

/** Whatever the SDK throws for a reason outside the program. `name` tells them apart, across bundles too. */
export abstract class SdkError extends Error {}

/** What happened at one endpoint. */
export interface EndpointFailure {
  readonly endpoint: string;
  readonly reason: string;
}

/** Messages name an endpoint without user, password, path and query: those often hold a key. */
function originOf(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).origin : "(unreadable address)";
}

/** No endpoint gave an answer that could be used. */
export class EndpointsError extends SdkError {
  override readonly name = "EndpointsError";
  readonly failures: readonly EndpointFailure[];

  constructor(failures: readonly EndpointFailure[]) {
    const reasons = failures.map(({ endpoint, reason }) => `${originOf(endpoint)}: ${reason}`).join("; ");
    super(`no endpoint answered: ${reasons}`);
    this.failures = failures;
  }
}

/** An endpoint refused the request; `code` is one of the API's problem codes (`docs`, `/openapi.json`). */
export class ProblemError extends SdkError {
  override readonly name = "ProblemError";
  readonly endpoint: string;
  readonly status: number;
  readonly code: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** How long the endpoint asks to wait, milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    endpoint: string,
    problem: { readonly status: number; readonly code: string; readonly detail: string },
    values: Readonly<Record<string, unknown>>,
    retryAfterMs: number | undefined,
  ) {
    super(`${originOf(endpoint)} refused: ${problem.code}: ${problem.detail}`);
    this.endpoint = endpoint;
    this.status = problem.status;
    this.code = problem.code;
    this.values = values;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Problems of an endpoint that pass with time. */
const PASSING: ReadonlySet<string> = new Set([
  "internal",
  "namespace-full",
  "node-full",
  "not-ready",
  "rate-limited",
  "unknown-finalization",
]);

/** Whether the same question may well be answered later: nobody was there, or nobody was ready. */
export function isPassing(error: unknown): error is EndpointsError | ProblemError {
  return error instanceof EndpointsError || (error instanceof ProblemError && PASSING.has(error.code));
}

/** Why an endpoint's answer is not proven. */
export type VerificationFault =
  | ConfirmationFault
  | { readonly code: "unknown-committee"; readonly committee: CommitteeId }
  | { readonly code: "committee-not-trusted"; readonly committee: CommitteeId; readonly trustedUntil: bigint }
  | { readonly code: "header-from-future"; readonly height: Height; readonly timestamp: bigint; readonly now: bigint }
  | { readonly code: "not-the-parent"; readonly height: Height }
  | { readonly code: "gap"; readonly expected: Height; readonly given: Height }
  | { readonly code: "unproven"; readonly height: Height; readonly blocks: number };

/** An endpoint's answer does not prove what it claims: the endpoint is broken or lies. */
export class VerificationError extends SdkError {
  override readonly name = "VerificationError";
  readonly endpoint: string;
  readonly fault: VerificationFault;

  constructor(endpoint: string, fault: VerificationFault) {
    const text = JSON.stringify(fault, (_key, value: unknown) =>
      typeof value === "bigint" ? value.toString() : value,
    );
    super(`${originOf(endpoint)} gave an unproven answer: ${text}`);
    this.endpoint = endpoint;
    this.fault = fault;
  }
}

/** Finality did not come in the time given. The transaction may still become final. */
export class TimeoutError extends SdkError {
  override readonly name = "TimeoutError";
  readonly timeoutMs: number;

  constructor(what: string, timeoutMs: number) {
    super(`${what} took longer than ${String(timeoutMs)} ms`);
    this.timeoutMs = timeoutMs;
  }
}

/** L1 has no checkpoint at or above the block yet: the relayer has not posted it. */
export class NotCheckpointedError extends SdkError {
  override readonly name = "NotCheckpointedError";
  readonly height: Height;
  readonly newest: Height | undefined;

  constructor(height: Height, newest: Height | undefined) {
    super(`L1 has no checkpoint at or above height ${String(height)}; its newest is ${String(newest ?? "none")}`);
    this.height = height;
    this.newest = newest;
  }
}

/** Something that the caller passed cannot be submitted. */
export class SubmissionError extends SdkError {
  override readonly name = "SubmissionError";
}
