import { decodeAll, DecodeError, type DecodeFault, type Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import type { Hash } from "../crypto/hash.ts";
import { expectPresent } from "../runtime/assert.ts";
import type { BlockLimits } from "./ClusterConfig.ts";
import * as NamespaceTable from "./NamespaceTable.ts";
import { NamespaceId } from "./scalars.ts";
import * as Transaction from "./Transaction.ts";

/** The transactions of one namespace in their order. */
export interface NamespacePayload {
  readonly namespace: NamespaceId;
  readonly envelopes: readonly Uint8Array[];
}

/** What a block carries: namespaces with strictly increasing ids, each with at least one transaction. */
export type Payload = readonly NamespacePayload[];

/** Why a payload makes its block invalid: a function of payload and cluster config alone. */
export type PayloadFault =
  | DecodeFault
  | Transaction.EnvelopeFault
  | { readonly code: "namespaces-not-increasing"; readonly namespace: bigint; readonly previous: bigint }
  | { readonly code: "empty-namespace"; readonly namespace: bigint }
  | { readonly code: "payload-too-large"; readonly bytes: number; readonly maximum: number }
  | { readonly code: "too-many-transactions"; readonly given: number; readonly maximum: number }
  | { readonly code: "incomplete-bundle"; readonly bundle: Hash; readonly found: number; readonly count: number }
  | { readonly code: "wrong-bundle"; readonly bundle: Hash };

export type PayloadResult =
  { readonly ok: true; readonly payload: Payload } | { readonly ok: false; readonly fault: PayloadFault };

/** Canonical bytes; an empty payload has none. */
export function encode(payload: Payload): Uint8Array {
  if (payload.length === 0) return new Uint8Array(0);
  const writer = new Writer(encodedLength(payload));
  writer.list(payload, (out, item) => {
    out.u64(item.namespace).list(item.envelopes, (inner, envelope) => inner.bytes(envelope));
  });
  return writer.finish();
}

/** Bytes of the encoding: a count, then a namespace and a count each, then a length and the bytes of each envelope. */
function encodedLength(payload: Payload): number {
  let length = 4;
  for (const { envelopes } of payload) {
    length += 8 + 4;
    for (const envelope of envelopes) length += 4 + envelope.length;
  }
  return length;
}

/** Decodes and checks the payload of a block, its envelopes as views of `bytes`; whatever is wrong is a value, for it decides a vote. */
export function decode(bytes: Uint8Array, limits: BlockLimits): PayloadResult {
  if (bytes.length === 0) return { ok: true, payload: [] };
  if (bytes.length > limits.payloadBytesMax) {
    const fault = { code: "payload-too-large", bytes: bytes.length, maximum: limits.payloadBytesMax } as const;
    return { ok: false, fault };
  }
  let payload: Payload;
  try {
    payload = decodeAll(bytes, (reader) => readPayload(reader, limits));
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, fault: error.fault };
    throw error;
  }
  const fault = check(payload, limits);
  return fault === undefined ? { ok: true, payload } : { ok: false, fault };
}

function readPayload(reader: Reader, limits: BlockLimits): Payload {
  const payload = reader.list(limits.namespacesMax, (outer) => ({
    namespace: NamespaceId(outer.u64()),
    envelopes: outer.list(limits.transactionsMax, (inner) => inner.view(limits.transactionBytesMax)),
  }));
  if (payload.length === 0) reader.refuse("an empty payload has no bytes");
  return payload;
}

/** The rules above the encoding: order of namespaces, counts, envelopes, whole bundles. */
export function check(payload: Payload, limits: BlockLimits): PayloadFault | undefined {
  let previous: bigint | undefined;
  let transactions = 0;
  for (const { namespace, envelopes } of payload) {
    if (previous !== undefined && namespace <= previous)
      return { code: "namespaces-not-increasing", namespace, previous };
    if (envelopes.length === 0) return { code: "empty-namespace", namespace };
    previous = namespace;
    transactions += envelopes.length;
  }
  if (transactions > limits.transactionsMax) {
    return { code: "too-many-transactions", given: transactions, maximum: limits.transactionsMax };
  }
  return checkBundles(payload);
}

interface OpenBundle {
  readonly count: number;
  readonly parts: Map<number, Transaction.BundlePart>;
}

function checkBundles(payload: Payload): PayloadFault | undefined {
  const bundles = new Map<Hash, OpenBundle>();
  for (const { namespace, envelopes } of payload) {
    for (const bytes of envelopes) {
      const opened = Transaction.open(bytes);
      if (!opened.ok) return opened.fault;
      const { envelope } = opened;
      if (envelope.kind === "plain") continue;
      const known = bundles.get(envelope.bundle) ?? { count: envelope.count, parts: new Map() };
      if (known.count !== envelope.count || known.parts.has(envelope.index)) {
        return { code: "wrong-bundle", bundle: envelope.bundle };
      }
      known.parts.set(envelope.index, { namespace, data: envelope.data });
      bundles.set(envelope.bundle, known);
    }
  }
  for (const [bundle, { count, parts }] of bundles) {
    if (parts.size !== count) return { code: "incomplete-bundle", bundle, found: parts.size, count };
    const ordered = Array.from({ length: count }, (_, index) => expectPresent(parts.get(index), "bundle part"));
    if (Transaction.bundleId(ordered) !== bundle) return { code: "wrong-bundle", bundle };
  }
  return undefined;
}

/** The table whose root the header's `namespaces` must be. */
export function table(payload: Payload): NamespaceTable.NamespaceTable {
  return payload.map(({ namespace, envelopes }) => ({
    namespace,
    txCount: BigInt(envelopes.length),
    txRoot: NamespaceTable.txRoot(envelopes),
  }));
}

/** Groups transactions by namespace, keeping their order inside each. */
export function fromTransactions(transactions: readonly Transaction.Transaction[]): Payload {
  const groups = new Map<NamespaceId, Uint8Array[]>();
  for (const { namespace, envelope } of transactions) {
    const group = groups.get(namespace);
    if (group === undefined) groups.set(namespace, [envelope]);
    else group.push(envelope);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([namespace, envelopes]) => ({ namespace, envelopes }));
}
