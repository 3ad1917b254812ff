import type { Hash } from "../crypto/hash.ts";
import type { ConfirmedBlock, NamespaceBlock } from "../lightclient/confirmation.ts";
import type { FinalizedHeader } from "../lightclient/finalizedHeader.ts";
import * as Proofs from "../lightclient/proofs.ts";
import type * as Header from "../protocol/Header.ts";
import * as NamespaceTable from "../protocol/NamespaceTable.ts";
import * as Payload from "../protocol/Payload.ts";
import type { Height, NamespaceId } from "../protocol/scalars.ts";
import { ProblemError } from "./problem.ts";
import type { FinalizedBlock, NodeQueries } from "../lightclient/nodeQueries.ts";

/** Tables of recent blocks kept, so that one namespace after another does not hash the same payload again. */
export const TABLE_CACHE_MAX = 64;

export type BlockReference = Height | Hash | "latest";

/** Which finalization proves a block: the nearest at or above it, or the newest the node has. */
export type Anchor = "nearest" | "latest";

/** Reads finalized blocks through `NodeQueries`, answers with problems where something is not there, and proves. */
export interface ChainReader {
  block(reference: BlockReference): Promise<FinalizedBlock>;
  payload(block: FinalizedBlock): Promise<Payload.Payload>;
  namespaceTable(block: FinalizedBlock): Promise<NamespaceTable.NamespaceTable>;
  /** Everything a block holds of a namespace. */
  namespace(block: FinalizedBlock, namespace: NamespaceId): Promise<NamespaceBlock>;
  /** The finalization that a block is proven with. */
  confirm(header: Header.Header, anchor: Anchor): Promise<ConfirmedBlock>;
  historyPath(height: Height, head: Header.Header): Promise<readonly Hash[]>;
}

export function createChainReader(queries: NodeQueries): ChainReader {
  const tables = new Map<Hash, NamespaceTable.NamespaceTable>();

  async function block(reference: BlockReference): Promise<FinalizedBlock> {
    const found = await findBlock(queries, reference);
    if (found !== undefined) return found;
    const { height } = await queries.status();
    const values = { block: String(reference), finalizedHeight: height.toString() };
    throw new ProblemError("unknown-block", `block ${String(reference)} is not finalized here`, values);
  }

  async function payload(of: FinalizedBlock): Promise<Payload.Payload> {
    if (of.header.namespaces === NamespaceTable.EMPTY_NAMESPACES) return [];
    const found = await queries.payload(of.header.height);
    if (found !== undefined) return found;
    const { oldestHeight } = await queries.status();
    const values = { height: of.header.height.toString(), oldestHeight: oldestHeight.toString() };
    throw new ProblemError("pruned", `the payload of height ${values.height} is not kept here`, values);
  }

  async function namespaceTable(of: FinalizedBlock): Promise<NamespaceTable.NamespaceTable> {
    const known = tables.get(of.hash);
    if (known !== undefined) return known;
    const table = Payload.table(await payload(of));
    tables.set(of.hash, table);
    const [oldest] = tables.keys();
    if (tables.size > TABLE_CACHE_MAX && oldest !== undefined) tables.delete(oldest);
    return table;
  }

  async function namespace(of: FinalizedBlock, id: NamespaceId): Promise<NamespaceBlock> {
    const proof = Proofs.proveNamespace(await namespaceTable(of), id);
    if (proof.kind === "absent") return { header: of.header, proof, envelopes: [] };
    const part = (await payload(of)).find((candidate) => candidate.namespace === id);
    return { header: of.header, proof, envelopes: part?.envelopes ?? [] };
  }

  async function historyPath(height: Height, head: Header.Header): Promise<readonly Hash[]> {
    const path = await queries.historyPath(height, head.height);
    if (path !== undefined) return path;
    const values = { height: height.toString(), size: head.height.toString() };
    throw new ProblemError("pruned", "the history tree of this node does not reach this far", values);
  }

  async function confirm(header: Header.Header, anchor: Anchor): Promise<ConfirmedBlock> {
    const finalized = await findAnchor(queries, header, anchor);
    if (finalized.header.height === header.height) return { header, finalized };
    return { header, finalized, history: await historyPath(header.height, finalized.header) };
  }

  return { block, payload, namespaceTable, namespace, confirm, historyPath };
}

async function findBlock(queries: NodeQueries, reference: BlockReference): Promise<FinalizedBlock | undefined> {
  if (typeof reference === "bigint") return queries.blockAt(reference);
  if (reference !== "latest") return queries.blockByHash(reference);
  const { height } = await queries.status();
  return queries.blockAt(height);
}

async function findAnchor(queries: NodeQueries, header: Header.Header, anchor: Anchor): Promise<FinalizedHeader> {
  const { height } = header;
  const selector = anchor === "latest" ? ({ kind: "latest" } as const) : ({ kind: "at-or-above", height } as const);
  const finalized = await queries.finalization(selector);
  if (finalized !== undefined && finalized.header.height >= height) return finalized;
  const values = { height: height.toString() };
  throw new ProblemError("unknown-finalization", `no finalization at or above height ${values.height} is held`, values);
}
