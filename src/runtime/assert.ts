/** A broken promise of our own code. Never thrown for what a peer or a user sent. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stops on a fault of our own: assertions stay on in production. `message` says which promise was broken. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Returns `value`, or stops: for values whose presence our own code has already established. */
export function expectPresent<T>(value: T | null | undefined, what: string): T {
  assert(value !== null && value !== undefined, `${what} must be present`);
  return value;
}

/** Closes an exhaustive switch. */
export function unreachable(value: never, what: string): never {
  throw new AssertionError(`unhandled ${what}: ${JSON.stringify(value)}`);
}
