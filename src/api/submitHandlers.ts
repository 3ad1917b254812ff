import type { BlockLimits } from "../protocol/ClusterConfig.ts";
import * as Transaction from "../protocol/Transaction.ts";
import { unreachable } from "../runtime/assert.ts";
import { ProblemError } from "./problem.ts";
import type { NodeQueries, SubmitOutcome } from "../lightclient/nodeQueries.ts";
import type { Handlers } from "./routes.ts";

type SubmitHandlers = Pick<Handlers, "submitTransaction" | "submitBundle">;

export function submitHandlers(queries: NodeQueries, limits: BlockLimits): SubmitHandlers {
  async function submit(transactions: readonly Transaction.Transaction[]): Promise<void> {
    for (const { envelope } of transactions) checkLength(envelope.length, limits.transactionBytesMax);
    refuseUnlessAccepted(await queries.submit(transactions));
  }

  return {
    submitTransaction: async ({ params, body }) => {
      const transaction = Transaction.plain(params.namespace, body.data);
      await submit([transaction]);
      return { namespace: params.namespace, hash: Transaction.hash(transaction) };
    },
    submitBundle: async ({ body }) => {
      const transactions = Transaction.bundle(body.parts);
      await submit(transactions);
      return {
        bundle: Transaction.bundleId(body.parts),
        transactions: transactions.map((part) => ({ namespace: part.namespace, hash: Transaction.hash(part) })),
      };
    },
  };
}

/** API-2: an envelope above the cluster's limit can never be included, so it is refused before the mempool sees it. */
function checkLength(bytes: number, maximum: number): void {
  if (bytes <= maximum) return;
  throw new ProblemError(
    "transaction-too-large",
    `${String(bytes)} bytes with the envelope, limit ${String(maximum)}`,
    {
      bytes,
      maximum,
    },
  );
}

function refuseUnlessAccepted(outcome: SubmitOutcome): void {
  switch (outcome.kind) {
    case "accepted":
      return;
    case "duplicate":
      throw new ProblemError("duplicate-transaction", "this node has the same bytes already", { hash: outcome.hash });
    case "too-large":
      checkLength(outcome.bytes, outcome.maximum);
      return;
    case "invalid":
      throw new ProblemError("invalid-transaction", outcome.reason);
    case "unknown-namespace": {
      const values = { namespace: outcome.namespace.toString() };
      throw new ProblemError("unknown-namespace", `namespace ${values.namespace} is not served`, values);
    }
    case "full": {
      const code = outcome.scope === "namespace" ? "namespace-full" : "node-full";
      const values = { maximum: outcome.maximum };
      throw new ProblemError(code, "try again when earlier ones are included", values, outcome.retryAfterMs);
    }
    case "not-ready":
      throw new ProblemError("not-ready", outcome.reason, {}, outcome.retryAfterMs);
    default:
      unreachable(outcome, "submit outcome");
  }
}
