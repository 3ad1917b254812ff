import { createApi, type Api } from "../../src/api/server.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { createClient, pinnedCommittees, type Client, type ClientOptions, type Network } from "../../src/sdk/index.ts";
import type { Fetch } from "../../src/sdk/transport.ts";
import { bls, Chain, config, domain, EPOCH_LENGTH, GENESIS_MS, genesis, makeCommittee } from "../api/chain.ts";
import { memoryNode, type MemoryNode } from "../api/memoryNode.ts";
import * as Header from "../../src/protocol/Header.ts";

export const network: Network = {
  genesisHash: Header.hash(genesis),
  l1ChainId: domain.chainId,
  stakeTable: domain.stakeTable,
  epochLength: BigInt(EPOCH_LENGTH),
};

/** Wall time shortly after genesis; everything else is the machine's. */
export const clock = { ...systemClock, wallMs: () => GENESIS_MS + 60_000 };

export const TRUST_SECONDS = 14n * 86_400n;

/** Nodes that serve one chain over real HTTP, and a client that knows them. */
export interface Cluster {
  readonly node: MemoryNode;
  readonly endpoints: readonly string[];
  client(options?: Partial<ClientOptions>): Promise<Client>;
  /** Closes one node's HTTP interface. */
  closeNode(index: number): Promise<void>;
  close(): Promise<void>;
}

export async function startCluster(size = 1): Promise<Cluster> {
  const committees = [makeCommittee(1), makeCommittee(2), makeCommittee(3)];
  const node = memoryNode(new Chain(committees));
  const apis: Api[] = [];
  const endpoints: string[] = [];
  for (let i = 0; i < size; i++) {
    const api = await createApi({ queries: node.queries, config, clock: systemClock, logger: silentLogger });
    endpoints.push(await api.listen({ host: "127.0.0.1", port: 0 }));
    apis.push(api);
  }
  return {
    node,
    endpoints,
    client: (options = {}) =>
      createClient({
        endpoints,
        network,
        committees: pinnedCommittees(
          committees.map(({ committee }) => committee),
          TRUST_SECONDS,
        ),
        clock,
        bls,
        ...options,
        limits: { pollMs: 20, submitTimeoutMs: 2_000, ...options.limits },
      }),
    closeNode: async (index) => apis[index]?.close(),
    close: async () => {
      await Promise.all(apis.map((api) => api.close()));
    },
  };
}

/** A `fetch` that changes the JSON of successful answers whose path fits. */
export function tampering(fits: RegExp, change: (json: unknown) => unknown): Fetch {
  return async (url, init) => {
    const response = await globalThis.fetch(url, init);
    if (!fits.test(new URL(url).pathname) || response.status >= 300) return response;
    const changed = change(JSON.parse(await response.text()));
    return new Response(JSON.stringify(changed), { status: response.status });
  };
}
