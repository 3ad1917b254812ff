import * as z from "zod";

import * as Wire from "../lightclient/wire.ts";
import * as Scalar from "../lightclient/wireScalars.ts";
import * as Views from "../lightclient/wireViews.ts";
import * as Payload from "../protocol/Payload.ts";

/** Media type of raw bytes. */
export const OCTETS = "application/octet-stream";

const pageLimit = (maximum: number) =>
  z.codec(z.string().regex(/^[1-9]\d{0,3}$/), z.int().min(1).max(maximum), {
    decode: Number,
    encode: String,
  });

/** Which finalization proves a block: the nearest at or above it (default), or the newest. */
const anchor = z.enum(["nearest", "latest"]).optional();

const blockReference = z.union([z.literal("latest"), Scalar.hash, Scalar.height]);

/** What the stream is asked for. */
export const streamQuery = z.strictObject({ from: Scalar.height.optional() });

/** The stream of finalized blocks; not in the table because its answer is not one body. */
export const STREAM_PATH = "/v1/stream";

/** One row of the table. */
export interface Route<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
> {
  readonly method: "GET" | "POST";
  /** Fastify syntax: `:name` is a parameter. */
  readonly path: string;
  readonly summary: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Where the request body may also be raw octets: what they decode to. */
  fromOctets?(octets: Uint8Array): z.output<B>;
  /** Where the answer may also be raw octets: these. */
  toOctets?(answer: z.output<R>): Uint8Array;
  readonly success: 200 | 202;
  readonly response: R;
}

const nothing = z.strictObject({});
const noBody = z.undefined();

const GET = { method: "GET", params: nothing, query: nothing, body: noBody, success: 200 } as const;
const POST = { method: "POST", params: nothing, query: nothing, success: 202 } as const;

/**
 * The HTTP interface, all of it: the server, the OpenAPI document and the tests are derived from this table.
 */
export const routes = {
  submitTransaction: {
    ...POST,
    path: "/v1/namespaces/:namespace/transactions",
    summary: "Submit one transaction's bytes to a namespace (JSON, or raw octets).",
    params: z.strictObject({ namespace: Scalar.namespaceId }),
    body: Views.submission,
    fromOctets: (data: Uint8Array) => ({ data }),
    response: Views.submitted,
  },
  submitBundle: {
    ...POST,
    path: "/v1/bundles",
    summary: "Submit transactions for several namespaces that are included in one block together, or never.",
    body: Views.bundleSubmission,
    response: Views.submittedBundle,
  },
  getTransaction: {
    ...GET,
    path: "/v1/namespaces/:namespace/transactions/:hash",
    summary: "Where a transaction stands: unknown, pending or finalized.",
    params: z.strictObject({ namespace: Scalar.namespaceId, hash: Scalar.hash }),
    response: Views.transactionPlace,
  },
  getConfirmation: {
    ...GET,
    path: "/v1/namespaces/:namespace/transactions/:hash/confirmation",
    summary: "Everything that proves, offline or on L1, that a transaction was confirmed.",
    params: z.strictObject({ namespace: Scalar.namespaceId, hash: Scalar.hash }),
    query: z.strictObject({ anchor }),
    response: Wire.confirmation,
  },
  getBundleConfirmation: {
    ...GET,
    path: "/v1/namespaces/:namespace/transactions/:hash/bundle",
    summary: "Confirmations of every part of the bundle that a transaction belongs to.",
    params: z.strictObject({ namespace: Scalar.namespaceId, hash: Scalar.hash }),
    query: z.strictObject({ anchor }),
    response: Wire.bundleConfirmation,
  },
  listNamespaceBlocks: {
    ...GET,
    path: "/v1/namespaces/:namespace/blocks",
    summary: "All transactions of a namespace, block by block without gaps, with proofs of presence or absence.",
    params: z.strictObject({ namespace: Scalar.namespaceId }),
    query: z.strictObject({ from: Scalar.height, limit: pageLimit(Wire.NAMESPACE_RANGE_MAX).optional(), anchor }),
    response: Wire.namespaceRange,
  },
  listBlocks: {
    ...GET,
    path: "/v1/blocks",
    summary: "Finalized blocks by height.",
    query: z.strictObject({ from: Scalar.height, limit: pageLimit(Views.PAGE_MAX).optional() }),
    response: Views.blockPage,
  },
  getBlock: {
    ...GET,
    path: "/v1/blocks/:block",
    summary: "A finalized block by height, by hash, or `latest`.",
    params: z.strictObject({ block: blockReference }),
    response: Views.block,
  },
  getPayload: {
    ...GET,
    path: "/v1/blocks/:block/payload",
    summary: "The payload of a finalized block (JSON, or its canonical octets).",
    params: z.strictObject({ block: blockReference }),
    toOctets: (answer: z.output<typeof Views.payload>) => Payload.encode(answer.namespaces),
    response: Views.payload,
  },
  getNamespace: {
    ...GET,
    path: "/v1/blocks/:block/namespaces/:namespace",
    summary: "The transactions of a namespace in one block, with the proof of its presence or absence.",
    params: z.strictObject({ block: blockReference, namespace: Scalar.namespaceId }),
    response: Wire.namespaceBlock,
  },
  findFinalization: {
    ...GET,
    path: "/v1/finalizations",
    summary: "The newest finalization at or below a height, or the oldest at or above one; the newest without either.",
    query: z
      .strictObject({ atOrBelow: Scalar.height.optional(), atOrAbove: Scalar.height.optional() })
      .refine((query) => query.atOrBelow === undefined || query.atOrAbove === undefined, "give one of the two"),
    response: Wire.finalization,
  },
  getFinalization: {
    ...GET,
    path: "/v1/finalizations/:height",
    summary: "The finalization of exactly this height.",
    params: z.strictObject({ height: Scalar.height }),
    response: Wire.finalization,
  },
  listHandovers: {
    ...GET,
    path: "/v1/handovers",
    summary: "Handovers of epochs above `after`; with `changes=true` only those that install another committee.",
    query: z.strictObject({
      after: Scalar.epoch,
      changes: z.enum(["true", "false"]).optional(),
      limit: pageLimit(Views.PAGE_MAX).optional(),
    }),
    response: Views.handoverPage,
  },
  getHandover: {
    ...GET,
    path: "/v1/handovers/:epoch",
    summary: "The last block of an epoch with its finalization.",
    params: z.strictObject({ epoch: Scalar.epoch }),
    response: Wire.finalization,
  },
  getCommittee: {
    ...GET,
    path: "/v1/committees/:committee",
    summary: "A committee as this node read it from L1. Not authenticated: trust the stake table on L1 instead.",
    params: z.strictObject({ committee: Scalar.committeeId }),
    response: Wire.committee,
  },
  listEvidence: {
    ...GET,
    path: "/v1/evidence",
    summary: "Verified evidence of slashable faults, oldest first.",
    query: z.strictObject({
      from: z.codec(z.string().regex(/^\d{1,15}$/), z.int().min(0), { decode: Number, encode: String }).optional(),
      limit: pageLimit(Views.PAGE_MAX).optional(),
    }),
    response: Views.evidencePage,
  },
  getResume: {
    ...GET,
    path: "/v1/resume",
    summary: "The resume of the highest epoch that a quorum of its committee signed and L1 has not applied.",
    response: Wire.resume,
  },
  getHistoryProof: {
    ...GET,
    path: "/v1/history/:size/:height",
    summary: "Proof that a finalized block stands in the history committed to by the header of height `size`.",
    params: z.strictObject({ size: Scalar.height, height: Scalar.height }),
    response: Wire.historyProof,
  },
  getStatus: {
    ...GET,
    path: "/v1/status",
    summary: "This node's view of the chain, and its limits.",
    response: Views.status,
  },
} as const satisfies Readonly<Record<string, Route>>;

export type Routes = typeof routes;
export type HandlerName = keyof Routes;

/** One function a row: takes the decoded path, query and body; rejects with a `ProblemError`. */
export type Handlers = {
  readonly [N in HandlerName]: (input: {
    readonly params: z.output<Routes[N]["params"]>;
    readonly query: z.output<Routes[N]["query"]>;
    readonly body: z.output<Routes[N]["body"]>;
  }) => Promise<z.output<Routes[N]["response"]>>;
};
