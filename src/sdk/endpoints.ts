import type * as z from "zod";

import type { Hash } from "../crypto/hash.ts";
import * as Wire from "../lightclient/wire.ts";
import * as Views from "../lightclient/wireViews.ts";
import type { CommitteeId, Epoch, Height, NamespaceId } from "../protocol/scalars.ts";
import type { BundlePart } from "../protocol/Transaction.ts";
import { toHex } from "../codec/hex.ts";
import type { Request } from "./transport.ts";

/** The routes that the SDK uses: what to ask, and what the answer looks like. A test holds them against the API's table. */

export type Status = z.output<typeof Views.status>;
export type TransactionPlace = z.output<typeof Views.transactionPlace>;
export type HandoverPage = z.output<typeof Views.handoverPage>;
export type EvidencePage = z.output<typeof Views.evidencePage>;

export type FinalizationQuery =
  | { readonly kind: "latest" }
  | { readonly kind: "at"; readonly height: Height }
  | { readonly kind: "at-or-below"; readonly height: Height }
  | { readonly kind: "at-or-above"; readonly height: Height };

export interface HandoverQuery {
  /** Handovers of epochs above this one. */
  readonly after: Epoch;
  /** Only those that install another committee. */
  readonly changes?: boolean;
  readonly limit?: number;
}

/** Which finalization proves the answer: the nearest, or the newest where the nearest committee is too old to trust. */
export type Anchor = "nearest" | "latest";

/** A question and the schema of its answer. */
export interface Question<S extends z.ZodType> {
  readonly request: Request;
  readonly schema: S;
}

const get = <S extends z.ZodType>(path: string, schema: S, query: NonNullable<Request["query"]> = {}): Question<S> => ({
  request: { method: "GET", path, query },
  schema,
});

const inNamespace = (namespace: NamespaceId): string => `/v1/namespaces/${namespace.toString()}`;
const ofTransaction = (namespace: NamespaceId, hash: Hash): string => `${inNamespace(namespace)}/transactions/${hash}`;

export const submitTransaction = (namespace: NamespaceId, data: Uint8Array): Question<typeof Views.submitted> => ({
  request: { method: "POST", path: `${inNamespace(namespace)}/transactions`, octets: data },
  schema: Views.submitted,
});

export const submitBundle = (parts: readonly BundlePart[]): Question<typeof Views.submittedBundle> => ({
  request: {
    method: "POST",
    path: "/v1/bundles",
    json: { parts: parts.map(({ namespace, data }) => ({ namespace: namespace.toString(), data: toHex(data) })) },
  },
  schema: Views.submittedBundle,
});

export const transaction = (namespace: NamespaceId, hash: Hash) =>
  get(ofTransaction(namespace, hash), Views.transactionPlace);

export const confirmation = (namespace: NamespaceId, hash: Hash, anchor: Anchor) =>
  get(`${ofTransaction(namespace, hash)}/confirmation`, Wire.confirmation, { anchor });

export const bundleConfirmation = (namespace: NamespaceId, hash: Hash, anchor: Anchor) =>
  get(`${ofTransaction(namespace, hash)}/bundle`, Wire.bundleConfirmation, { anchor });

export const namespaceBlocks = (namespace: NamespaceId, from: Height, anchor: Anchor) =>
  get(`${inNamespace(namespace)}/blocks`, Wire.namespaceRange, { from: from.toString(), anchor });

export const blocks = (from: Height) => get("/v1/blocks", Views.blockPage, { from: from.toString(), limit: "100" });

export const block = (height: Height) => get(`/v1/blocks/${height.toString()}`, Views.block);

export const historyProof = (height: Height, size: Height) =>
  get(`/v1/history/${size.toString()}/${height.toString()}`, Wire.historyProof);

export const status = () => get("/v1/status", Views.status);

export const committee = (id: CommitteeId) => get(`/v1/committees/${id.toString()}`, Wire.committee);

export const handover = (epoch: Epoch) => get(`/v1/handovers/${epoch.toString()}`, Wire.finalization);

export const handovers = ({ after, changes = false, limit }: HandoverQuery) =>
  get("/v1/handovers", Views.handoverPage, {
    after: after.toString(),
    changes: String(changes),
    limit: limit?.toString(),
  });

export const evidence = (from: number) => get("/v1/evidence", Views.evidencePage, { from: from.toString() });

/** The resume that waits for L1; the node has none where it answers that it knows none. */
export const resume = () => get("/v1/resume", Wire.resume);

export function finalization(query: FinalizationQuery): Question<typeof Wire.finalization> {
  if (query.kind === "at") return get(`/v1/finalizations/${query.height.toString()}`, Wire.finalization);
  if (query.kind === "latest") return get("/v1/finalizations", Wire.finalization);
  const bound = query.kind === "at-or-below" ? "atOrBelow" : "atOrAbove";
  return get("/v1/finalizations", Wire.finalization, { [bound]: query.height.toString() });
}

/** The WebSocket of the stream at an endpoint. */
export function streamAddress(endpoint: string, from: Height): string {
  return `${endpoint.replace(/^http/, "ws").replace(/\/+$/, "")}/v1/stream?from=${from.toString()}`;
}
