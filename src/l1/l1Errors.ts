/** One endpoint's answer to one attempt: why it could not be used. */
export interface EndpointFailure {
  readonly endpoint: string;
  readonly reason: string;
}

/** No endpoint could be reached, or none answered in time. Says nothing about the request itself: try again later. */
export class L1UnavailableError extends Error {
  override readonly name = "L1UnavailableError";
  readonly method: string;
  readonly failures: readonly EndpointFailure[];

  constructor(method: string, failures: readonly EndpointFailure[]) {
    const reasons = failures.map(({ endpoint, reason }) => `${endpoint}: ${reason}`).join("; ");
    super(`no L1 endpoint answered ${method}: ${reasons}`);
    this.method = method;
    this.failures = failures;
  }
}

/** Every endpoint that answered belongs to another chain than the configured one. */
export class L1WrongChainError extends Error {
  override readonly name = "L1WrongChainError";
  readonly expected: bigint;
  readonly actual: bigint;
  readonly endpoint: string;

  constructor(expected: bigint, actual: bigint, endpoint: string) {
    super(`L1 endpoint ${endpoint} serves chain ${String(actual)}, expected chain ${String(expected)}`);
    this.expected = expected;
    this.actual = actual;
    this.endpoint = endpoint;
  }
}

/** L1 answered with something that cannot be true of a chain that follows the protocol (a missing block, a bad event). */
export class L1DataError extends Error {
  override readonly name = "L1DataError";
}

/** The contract binding cannot be made: the build output is missing, or no code is at the address. */
export class L1ContractError extends Error {
  override readonly name = "L1ContractError";
}

/** True for failures of reaching L1, which end by themselves; false for answers that will not change by asking again. */
export function isL1Unavailable(error: unknown): error is L1UnavailableError {
  return error instanceof L1UnavailableError;
}
