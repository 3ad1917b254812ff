import type { Hash } from "../crypto/hash.ts";
import type { NamespaceId } from "../protocol/scalars.ts";
import * as Transaction from "../protocol/Transaction.ts";
import { sleep, type Clock } from "../runtime/clock.ts";
import type { BundleSubmission, Submission } from "./client.ts";
import * as Endpoints from "./endpoints.ts";
import { isPassing, ProblemError, SubmissionError, VerificationError } from "./errors.ts";
import type { Transport } from "./transport.ts";

export interface Submitter {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

const RETRY_MS = 500;
const RETRY_MS_MAX = 5_000;

export async function submit(submitter: Submitter, namespace: NamespaceId, data: Uint8Array): Promise<Submission> {
  const transaction = Transaction.plain(namespace, data);
  const hash = Transaction.hash(transaction);
  const { request, schema } = Endpoints.submitTransaction(namespace, data);
  const repeated = await persist(submitter, () =>
    submitter.transport.ask(request, schema, (answer, endpoint) => {
      requireSame(endpoint, answer.hash, hash);
    }),
  );
  return { namespace, hash, envelope: transaction.envelope, repeated };
}

export async function submitBundle(
  submitter: Submitter,
  parts: readonly Transaction.BundlePart[],
): Promise<BundleSubmission> {
  if (parts.length < Transaction.BUNDLE_PARTS_MIN || parts.length > Transaction.BUNDLE_PARTS_MAX) {
    const { BUNDLE_PARTS_MIN: least, BUNDLE_PARTS_MAX: most } = Transaction;
    throw new SubmissionError(`a bundle has ${String(least)} to ${String(most)} parts, not ${String(parts.length)}`);
  }
  const bundle = Transaction.bundleId(parts);
  const { request, schema } = Endpoints.submitBundle(parts);
  const repeated = await persist(submitter, () =>
    submitter.transport.ask(request, schema, (answer, endpoint) => {
      requireSame(endpoint, answer.bundle, bundle);
    }),
  );
  const transactions = Transaction.bundle(parts);
  return { bundle, parts: transactions.map((part) => ({ ...part, hash: Transaction.hash(part), repeated })) };
}

/**
 * SDK-8: tries until an endpoint took it, refused it for good, or time is up. Trying twice is safe: the same bytes in
 * the same namespace are one transaction. Returns whether an endpoint had it already.
 */
async function persist(submitter: Submitter, attempt: () => Promise<void>): Promise<boolean> {
  const { clock, timeoutMs } = submitter;
  const deadline = clock.monotonicMs() + timeoutMs;
  for (let pauseMs = RETRY_MS; ; pauseMs = Math.min(2 * pauseMs, RETRY_MS_MAX)) {
    try {
      await attempt();
      return false;
    } catch (error) {
      if (error instanceof ProblemError && error.code === "duplicate-transaction") return true;
      const waitMs = retryDelay(error, pauseMs);
      if (waitMs === undefined || clock.monotonicMs() + waitMs > deadline) throw error;
      await sleep(clock, waitMs);
    }
  }
}

/** How long to wait before the next attempt; undefined where none makes sense. */
function retryDelay(error: unknown, pauseMs: number): number | undefined {
  if (!isPassing(error)) return undefined;
  return error instanceof ProblemError ? (error.retryAfterMs ?? pauseMs) : pauseMs;
}

/** An endpoint that names another hash took something else. */
function requireSame(endpoint: string, given: Hash, expected: Hash): void {
  if (given !== expected) throw new VerificationError(endpoint, { code: "wrong-transaction", given, expected });
}
