import type { Hash } from "../crypto/hash.ts";
import type { BundlePartProof } from "../lightclient/confirmation.ts";
import * as Proofs from "../lightclient/proofs.ts";
import type * as NamespaceTable from "../protocol/NamespaceTable.ts";
import type * as Payload from "../protocol/Payload.ts";
import type { NamespaceId } from "../protocol/scalars.ts";
import * as Transaction from "../protocol/Transaction.ts";
import { assert, expectPresent } from "../runtime/assert.ts";
import type { ChainReader } from "./chainReader.ts";
import { ProblemError } from "./problem.ts";
import type { FinalizedBlock, NodeQueries } from "../lightclient/nodeQueries.ts";
import type { Handlers } from "./routes.ts";

/** A client that asks too early is told to come back after about a block. */
const PENDING_RETRY_MS = 1_000;

type ConfirmationHandlers = Pick<Handlers, "getTransaction" | "getConfirmation" | "getBundleConfirmation">;

interface Content {
  readonly payload: Payload.Payload;
  readonly table: NamespaceTable.NamespaceTable;
}

interface Located {
  readonly block: FinalizedBlock;
  readonly content: Content;
  readonly index: number;
}

export function confirmationHandlers(queries: NodeQueries, reader: ChainReader): ConfirmationHandlers {
  async function locate(namespace: NamespaceId, hash: Hash): Promise<Located> {
    const place = await queries.transaction(namespace, hash);
    const values = { namespace: namespace.toString(), transaction: hash };
    if (place.kind === "pending") {
      throw new ProblemError("transaction-pending", "the transaction waits for a block", values, PENDING_RETRY_MS);
    }
    if (place.kind === "unknown") {
      throw new ProblemError("unknown-transaction", "no such transaction waits or is finalized here", values);
    }
    const block = await reader.block(place.height);
    const content = { payload: await reader.payload(block), table: await reader.namespaceTable(block) };
    return { block, content, index: place.index };
  }

  return {
    getTransaction: ({ params }) => queries.transaction(params.namespace, params.hash),
    getConfirmation: async ({ params, query }) => {
      const { block, content, index } = await locate(params.namespace, params.hash);
      const part = provePart(content, params.namespace, index);
      return { ...(await reader.confirm(block.header, query.anchor ?? "nearest")), ...part };
    },
    getBundleConfirmation: async ({ params, query }) => {
      const { block, content, index } = await locate(params.namespace, params.hash);
      const { envelope } = provePart(content, params.namespace, index);
      const opened = Transaction.open(envelope);
      if (!opened.ok || opened.envelope.kind !== "part") {
        throw new ProblemError("not-a-bundle", "the transaction was submitted alone", { transaction: params.hash });
      }
      const { bundle } = opened.envelope;
      const confirmed = await reader.confirm(block.header, query.anchor ?? "nearest");
      return { ...confirmed, bundle, parts: proveParts(content, bundle) };
    },
  };
}

function provePart({ payload, table }: Content, namespace: NamespaceId, index: number): BundlePartProof {
  const proof = Proofs.proveNamespace(table, namespace);
  assert(proof.kind === "present", `namespace ${String(namespace)} must be in the block that the index names`);
  const envelopes = expectPresent(payload.find((part) => part.namespace === namespace)?.envelopes, "its envelopes");
  const envelope = expectPresent(envelopes[index], "the transaction that the index names");
  return { namespace: proof, transaction: Proofs.proveTransaction(envelopes, index), envelope };
}

/** All parts of a bundle in the order of their index; a finalized block holds all of them or none. */
function proveParts(content: Content, bundle: Hash): BundlePartProof[] {
  const parts: BundlePartProof[] = [];
  for (const { namespace, envelopes } of content.payload) {
    for (const [index, envelope] of envelopes.entries()) {
      const opened = Transaction.open(envelope);
      if (!opened.ok || opened.envelope.kind !== "part" || opened.envelope.bundle !== bundle) continue;
      parts[opened.envelope.index] = provePart(content, namespace, index);
    }
  }
  return parts;
}
