import { describe, expect, it } from "vitest";

import type { Hash } from "../../src/crypto/hash.ts";
import { commit } from "../../src/dispersal/dispersal.ts";
import { shardLayout } from "../../src/dispersal/shardLayout.ts";
import { PAYLOADS_MAX } from "../../src/engine/message.ts";
import { PayloadFetcher, REQUESTS_MAX, WANTED_MAX, type Fetched } from "../../src/engine/payloadFetcher.ts";
import { toPeerId, type PeerId } from "../../src/network/transport.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as NamespaceTable from "../../src/protocol/NamespaceTable.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { Height, NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import { AssertionError } from "../../src/runtime/assert.ts";
import { config } from "./support/lonelyEngine.ts";
import { manualClock } from "./support/manualClock.ts";

const layout = shardLayout([1n, 1n, 1n, 1n], 4);
const FETCH_MS = 100;
const peers = ["a", "b", "c", "d", "e", "f"].map((digit) => toPeerId(digit.repeat(64)));

interface Block {
  readonly header: Header.Header;
  readonly hash: Hash;
  readonly payload: Uint8Array;
}

function blockOf(number: number): Block {
  const transaction = Transaction.plain(NamespaceId(1n), new TextEncoder().encode(`in block ${String(number)}`));
  const content = Payload.fromTransactions([transaction]);
  const payload = Payload.encode(content);
  const header: Header.Header = {
    ...Genesis.header(config),
    height: Height(BigInt(number)),
    payload: commit(payload, layout),
    namespaces: NamespaceTable.root(Payload.table(content)),
  };
  return { header, hash: Header.hash(header), payload };
}

function world() {
  const clock = manualClock();
  const asked: { readonly peer: PeerId; readonly blocks: readonly Hash[] }[] = [];
  const fetcher = new PayloadFetcher({
    ...{ clock, limits: config.limits, fetchMs: FETCH_MS },
    request: (peer, blocks) => asked.push({ peer, blocks }),
  });
  const fetched = new Map<Hash, Fetched>();
  const want = (block: Block, from: readonly PeerId[], isGone?: (missing: ReadonlySet<PeerId>) => boolean): void => {
    const wish = { header: block.header, layout, peers: from, ...(isGone === undefined ? {} : { isGone }) };
    void fetcher.fetch(wish).then((result) => fetched.set(block.hash, result));
  };
  const give = (peer: PeerId | undefined, given: readonly Block[], missing: readonly Block[] = []): boolean =>
    fetcher.take(peer ?? toPeerId("0".repeat(64)), {
      type: "payloads",
      payloads: given.map(({ hash, payload }) => ({ block: hash, payload })),
      missing: missing.map(({ hash }) => hash),
    });
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await Promise.resolve();
  };
  return { clock, asked, fetcher, fetched, want, give, pass };
}

describe("payload fetcher", () => {
  it("SYNC-4: asks several peers side by side, each for a batch, and one at a time", async () => {
    const { asked, want, pass, give } = world();
    const blocks = Array.from({ length: PAYLOADS_MAX * (REQUESTS_MAX + 1) + 1 }, (_, index) => blockOf(index));
    for (const block of blocks) want(block, peers);
    await pass(1);
    expect(asked.map(({ peer }) => peer)).toEqual(peers.slice(0, REQUESTS_MAX));
    expect(asked.map((request) => request.blocks.length)).toEqual(
      Array.from({ length: REQUESTS_MAX }, () => PAYLOADS_MAX),
    );
    expect(new Set(asked.flatMap((request) => request.blocks)).size).toBe(REQUESTS_MAX * PAYLOADS_MAX);
    expect(give(peers[0], blocks.slice(0, PAYLOADS_MAX))).toBe(true);
    await pass(1);
    expect(asked).toHaveLength(REQUESTS_MAX + 1);
    expect(asked.at(-1)).toMatchObject({ peer: peers[0] });
  });

  it("SYNC-4: who says that it lacks a payload is passed over at once", async () => {
    const { asked, want, pass, give, fetched } = world();
    const block = blockOf(1);
    want(block, peers.slice(0, 2));
    await pass(1);
    give(peers[0], [], [block]);
    await pass(1);
    expect(asked.map(({ peer }) => peer)).toEqual(peers.slice(0, 2));
    give(peers[1], [block]);
    await pass(1);
    expect(fetched.get(block.hash)).toMatchObject({ bytes: block.payload });
  });

  it("SYNC-4: a silent peer, an empty answer and a false payload only cost time", async () => {
    const { asked, want, pass, give, fetched } = world();
    const [block, other] = [blockOf(1), blockOf(2)];
    want(block, peers.slice(0, 3));
    await pass(1);
    await pass(FETCH_MS);
    give(peers[1], []);
    await pass(1);
    expect(give(peers[2], [{ ...block, payload: other.payload }])).toBe(false);
    await pass(1);
    expect(asked.map(({ peer }) => peer)).toEqual(peers.slice(0, 3));
    // All failed: a pause, then another round.
    expect(fetched.size).toBe(0);
    await pass(FETCH_MS);
    expect(asked).toHaveLength(4);
    give(asked[3]?.peer, [block]);
    await pass(1);
    expect(fetched.get(block.hash)).toMatchObject({ bytes: block.payload });
  });

  it("LIMIT-2: only an answer of a peer that was asked counts, a late one too", async () => {
    const { want, pass, give, fetched } = world();
    const block = blockOf(1);
    want(block, peers.slice(0, 2));
    await pass(1);
    expect(give(peers[3], [block])).toBe(true);
    await pass(1);
    expect(fetched.size).toBe(0);
    await pass(FETCH_MS);
    give(peers[0], [block]);
    await pass(1);
    expect(fetched.get(block.hash)).toMatchObject({ bytes: block.payload });
  });

  it("SYNC-5: what enough peers lack is gone; without such a rule it is asked for again and again", async () => {
    const { asked, want, pass, give, fetched } = world();
    const [kept, pruned] = [blockOf(1), blockOf(2)];
    want(pruned, peers.slice(0, 2), (missing) => missing.size === 2);
    want(kept, peers.slice(0, 2));
    for (let turn = 0; turn < 40; turn++) {
      // Both repeat themselves: what they said before must not put off the next round.
      for (const peer of peers.slice(0, 2)) give(peer, [], [pruned, kept]);
      await pass(FETCH_MS);
    }
    expect([...fetched]).toEqual([[pruned.hash, "gone"]]);
    expect(asked.filter(({ blocks }) => blocks.includes(kept.hash)).length).toBeGreaterThan(3);
  });

  it("SYNC-4: takes as many wishes as its maximum, no more, and gives all up when closed", async () => {
    const { want, pass, fetcher, fetched } = world();
    const blocks = Array.from({ length: WANTED_MAX }, (_, index) => blockOf(index));
    for (const block of blocks) want(block, peers);
    expect(fetcher.underWay).toBe(WANTED_MAX);
    await expect(async () => fetcher.fetch({ header: blockOf(WANTED_MAX).header, layout, peers })).rejects.toThrow(
      AssertionError,
    );
    fetcher.close();
    await pass(1);
    expect(fetcher.underWay).toBe(0);
    expect(new Set(fetched.values())).toEqual(new Set([undefined]));
  });
});
