import { keccakHash, type Hash } from "../crypto/hash.ts";
import { keyOf } from "../mempool/mempool.ts";
import type { BlockLimits } from "../protocol/ClusterConfig.ts";
import * as NamespaceTable from "../protocol/NamespaceTable.ts";
import * as Payload from "../protocol/Payload.ts";
import type { NamespaceId } from "../protocol/scalars.ts";

/** One namespace of a payload with the hashes of its envelopes, in order. */
export interface NamespaceHashes {
  readonly namespace: NamespaceId;
  readonly hashes: readonly Hash[];
}

/** A payload that was found good: hashed once, used by index, mempool and builder. */
export interface OpenedPayload {
  readonly bytes: Uint8Array;
  readonly namespaces: readonly NamespaceHashes[];
}

/** The hash of a transaction with these very bytes, where it is known. */
export type KnownHash = (envelope: Uint8Array) => Hash | undefined;

const nothingKnown: KnownHash = () => undefined;

/**
 * DA-6: a payload is valid iff it decodes canonically within the limits, its bundles are whole, and its table has the
 * header's `namespaces` root; a function of payload, header and cluster config alone. Undefined if it is not. What `hashOf` knows is not hashed again.
 */
export function openPayload(
  bytes: Uint8Array,
  namespaces: Hash,
  limits: BlockLimits,
  hashOf: KnownHash = nothingKnown,
): OpenedPayload | undefined {
  const decoded = Payload.decode(bytes, limits);
  if (!decoded.ok) return undefined;
  if (NamespaceTable.root(Payload.table(decoded.payload)) !== namespaces) return undefined;
  return withHashes(bytes, decoded.payload, hashOf);
}

/** Of a payload that this node built itself. */
export function withHashes(
  bytes: Uint8Array,
  payload: Payload.Payload,
  hashOf: KnownHash = nothingKnown,
): OpenedPayload {
  return {
    bytes,
    namespaces: payload.map(({ namespace, envelopes }) => ({
      namespace,
      hashes: envelopes.map((envelope) => hashOf(envelope) ?? keccakHash(envelope)),
    })),
  };
}

/** Mempool keys of all transactions. */
export function* keysOf(opened: Pick<OpenedPayload, "namespaces">): Generator<string> {
  for (const { namespace, hashes } of opened.namespaces) for (const hash of hashes) yield keyOf(namespace, hash);
}
