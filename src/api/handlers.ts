import type { ClusterConfig } from "../protocol/ClusterConfig.ts";
import { Epoch, Height } from "../protocol/scalars.ts";
import * as Views from "../lightclient/wireViews.ts";
import * as Wire from "../lightclient/wire.ts";
import type { NamespaceBlock } from "../lightclient/confirmation.ts";
import type { FinalizedHeader } from "../lightclient/finalizedHeader.ts";
import { createChainReader, type ChainReader } from "./chainReader.ts";
import { confirmationHandlers } from "./confirmationHandlers.ts";
import { ProblemError } from "./problem.ts";
import type { FinalizationSelector, NodeQueries } from "../lightclient/nodeQueries.ts";
import type { Handlers } from "./routes.ts";
import { submitHandlers } from "./submitHandlers.ts";

/** API-8: payload bytes read for one range of namespace blocks, of all namespaces; the first block is always given. */
export const RANGE_BYTES_MAX = 8 * 1024 * 1024;
const PAGE_DEFAULT = 20;
/** Epochs that one page of handovers looks at, so that a page without a change ends. */
export const EPOCHS_SCANNED_MAX = 256;

/** Every route's function; what they share is the reader and nothing else. */
export function createHandlers(queries: NodeQueries, config: ClusterConfig): Handlers {
  const reader = createChainReader(queries);
  return {
    ...submitHandlers(queries, config.limits),
    ...confirmationHandlers(queries, reader),
    ...blockHandlers(queries, reader),
    ...finalityHandlers(queries, reader),
    getStatus: async () => {
      const status = await queries.status();
      return { ...status, epochLength: BigInt(config.epochLength), limits: config.limits };
    },
  };
}

type BlockHandlers = Pick<Handlers, "listBlocks" | "getBlock" | "getPayload" | "getNamespace" | "listNamespaceBlocks">;

function blockHandlers(queries: NodeQueries, reader: ChainReader): BlockHandlers {
  return {
    getBlock: ({ params }) => reader.block(params.block),
    getPayload: async ({ params }) => {
      const block = await reader.block(params.block);
      return {
        hash: block.hash,
        namespaces: await reader.payload(block),
      };
    },
    getNamespace: async ({ params }) => reader.namespace(await reader.block(params.block), params.namespace),
    listBlocks: async ({ query }) => {
      const { height: tip } = await queries.status();
      const heights = range(query.from, query.limit ?? PAGE_DEFAULT, tip);
      const blocks = await Promise.all(heights.map((height) => reader.block(height)));
      const next = query.from + BigInt(heights.length);
      return { blocks, ...(next <= tip && { next: Height(next) }) };
    },
    listNamespaceBlocks: async ({ params, query }) => {
      const { height: tip } = await queries.status();
      const blocks: NamespaceBlock[] = [];
      let bytes = 0;
      for (const height of range(query.from, query.limit ?? Wire.NAMESPACE_RANGE_MAX, tip)) {
        const block = await reader.block(height);
        bytes += block.payloadBytes;
        if (blocks.length > 0 && bytes > RANGE_BYTES_MAX) break;
        blocks.push(await reader.namespace(block, params.namespace));
      }
      const last = blocks.at(-1);
      if (last === undefined) return { blocks: [] };
      const { finalized, history } = await reader.confirm(last.header, query.anchor ?? "nearest");
      return { blocks, finalized, ...(history !== undefined && { history }) };
    },
  };
}

type FinalityHandlers = Pick<
  Handlers,
  | "findFinalization"
  | "getFinalization"
  | "getHandover"
  | "listHandovers"
  | "getCommittee"
  | "listEvidence"
  | "getResume"
  | "getHistoryProof"
>;

function finalityHandlers(queries: NodeQueries, reader: ChainReader): FinalityHandlers {
  async function finalization(selector: FinalizationSelector): Promise<FinalizedHeader> {
    const found = await queries.finalization(selector);
    if (found !== undefined) return found;
    const values = { selector: selector.kind, height: "height" in selector ? selector.height.toString() : null };
    throw new ProblemError("unknown-finalization", "no such finalization is held here", values);
  }

  return {
    findFinalization: ({ query }) => {
      if (query.atOrBelow !== undefined) return finalization({ kind: "at-or-below", height: query.atOrBelow });
      if (query.atOrAbove !== undefined) return finalization({ kind: "at-or-above", height: query.atOrAbove });
      return finalization({ kind: "latest" });
    },
    getFinalization: ({ params }) => finalization({ kind: "at", height: params.height }),
    getHandover: async ({ params }) => {
      const found = await queries.handover(params.epoch);
      if (found !== undefined) return found;
      const values = { epoch: params.epoch.toString() };
      throw new ProblemError("unknown-handover", `epoch ${values.epoch} has no finalized handover here`, values);
    },
    listHandovers: ({ query }) =>
      listHandovers(queries, query.after, query.limit ?? PAGE_DEFAULT, query.changes === "true"),
    getCommittee: async ({ params }) => {
      const found = await queries.committee(params.committee);
      if (found !== undefined) return found;
      const values = { committee: params.committee.toString() };
      throw new ProblemError("unknown-committee", `committee ${values.committee} is not known here`, values);
    },
    listEvidence: async ({ query }) => {
      const from = query.from ?? 0;
      const entries = await queries.evidence(from, query.limit ?? Views.PAGE_MAX);
      return { entries, next: Math.max(from, ...entries.map((entry) => entry.number + 1)) };
    },
    getResume: async () => {
      const found = await queries.resume();
      if (found === undefined) throw new ProblemError("unknown-resume", "no quorum has signed one", {});
      return found;
    },
    getHistoryProof: async ({ params }) => {
      const { size, height } = params;
      const values = { size: size.toString(), height: height.toString() };
      if (height >= size) throw new ProblemError("malformed-request", "height must be below size", values);
      const head = await reader.block(size);
      const block = await reader.block(height);
      return { header: block.header, size, path: await reader.historyPath(height, head.header) };
    },
  };
}

async function listHandovers(
  queries: NodeQueries,
  after: Epoch,
  limit: number,
  changesOnly: boolean,
): Promise<{ handovers: FinalizedHeader[]; next?: Epoch }> {
  const { epoch: current } = await queries.status();
  const handovers: FinalizedHeader[] = [];
  let scanned: bigint = after;
  while (scanned + 1n < current && scanned - after < EPOCHS_SCANNED_MAX && handovers.length < limit) {
    scanned += 1n;
    const found = await queries.handover(Epoch(scanned));
    if (found === undefined) continue;
    if (!changesOnly || found.header.nextCommittee !== found.header.committee) handovers.push(found);
  }
  return { handovers, ...(scanned + 1n < current && { next: Epoch(scanned) }) };
}

/** Heights from `from` to at most `tip`, at most `limit` of them. */
function range(from: Height, limit: number, tip: Height): Height[] {
  const count = tip < from ? 0 : Number(tip - from) + 1;
  return Array.from({ length: Math.min(count, limit) }, (_, i) => Height(from + BigInt(i)));
}
