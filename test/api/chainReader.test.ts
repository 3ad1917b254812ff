import { expect, it } from "vitest";

import { createChainReader, TABLE_CACHE_MAX } from "../../src/api/chainReader.ts";
import { NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import { Chain, makeCommittee } from "./chain.ts";
import { memoryNode } from "./memoryNode.ts";

it("TABLE_CACHE_MAX namespace tables are kept; with one more the oldest is hashed again", async () => {
  const node = memoryNode(new Chain([makeCommittee(1)]));
  for (let i = 0; i <= TABLE_CACHE_MAX; i++) {
    await node.queries.submit([Transaction.plain(NamespaceId(1n), Uint8Array.of(i))]);
    await node.finalize(false);
  }
  let read = 0;
  const payload: typeof node.queries.payload = (height) => {
    read += 1;
    return node.queries.payload(height);
  };
  const reader = createChainReader({ ...node.queries, payload });
  const table = async (height: number): Promise<void> => {
    await reader.namespaceTable(await reader.block(node.chain.at(height).header.height));
  };
  for (let height = 1; height <= TABLE_CACHE_MAX; height++) await table(height);
  await table(1);
  expect(read).toBe(TABLE_CACHE_MAX);
  await table(TABLE_CACHE_MAX + 1);
  await table(1);
  expect(read).toBe(TABLE_CACHE_MAX + 2);
});
