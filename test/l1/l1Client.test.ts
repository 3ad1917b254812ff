import { createServer, type Server } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startAnvil, type Anvil } from "../../src/cli/start/anvil.ts";
import { createProcesses } from "../../src/cli/start/processes.ts";
import { createL1Client, type FinalityRule, type L1Client } from "../../src/l1/l1Client.ts";
import { ENDPOINTS_MAX, displayUrl } from "../../src/l1/endpoints.ts";
import { L1DataError, L1UnavailableError, L1WrongChainError } from "../../src/l1/l1Errors.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";

const CHAIN_ID = 31_337;
const processes = createProcesses();
const dataDir = mkdtempSync(join(tmpdir(), "crema-l1-"));
let anvil: Anvil;

function client(
  urls: readonly string[],
  finality: FinalityRule = { kind: "tag" },
  chainId = BigInt(CHAIN_ID),
): L1Client {
  return createL1Client({ urls, chainId, finality, timeoutMs: 2_000, clock: systemClock, logger: silentLogger });
}

/** An endpoint that answers every request in the same way. */
async function stub(status: number, body: string, delayMs = 0): Promise<{ url: string; server: Server }> {
  const server = createServer((_request, response) => {
    setTimeout(() => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(body);
    }, delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${String(address.port)}`, server };
}

beforeAll(async () => {
  anvil = await startAnvil(processes, { dataDir, chainId: CHAIN_ID });
  const l1 = client([anvil.url]);
  for (let i = 0; i < 6; i++) await rpc(l1, "evm_mine");
  l1.close();
});

afterAll(async () => {
  await processes.stopAll();
  rmSync(dataDir, { recursive: true, force: true });
});

async function rpc(l1: L1Client, method: string): Promise<void> {
  const provider = l1.provider;
  if (!("send" in provider) || typeof provider.send !== "function") throw new Error("no send");
  await provider.send(method, []);
}

describe("L1 client against a real node", () => {
  it("reads the newest, the finalized and numbered blocks, and undefined for those that do not exist", async () => {
    const l1 = client([anvil.url]);
    const latest = await l1.latestBlock();
    const finalized = await l1.finalizedBlock();
    expect(latest.number).toBe(6n);
    expect(finalized?.number).toBe(4n);
    expect(await l1.blockByNumber(latest.number)).toEqual(latest);
    expect(await l1.blockByHash(latest.hash)).toEqual(latest);
    expect((await l1.blockByNumber(5n))?.hash).toBe(latest.parent);
    expect(await l1.blockByNumber(1_000n)).toBeUndefined();
    expect(await l1.blockByHash(`0x${"11".repeat(32)}` as typeof latest.hash)).toBeUndefined();
    l1.close();
  });

  it("ETH-1: finality by depth is that many blocks below the newest, and none while the chain is younger", async () => {
    expect((await client([anvil.url], { kind: "depth", blocks: 1 }).finalizedBlock())?.number).toBe(5n);
    expect((await client([anvil.url], { kind: "depth", blocks: 6 }).finalizedBlock())?.number).toBe(0n);
    expect(await client([anvil.url], { kind: "depth", blocks: 7 }).finalizedBlock()).toBeUndefined();
  });

  it("ETH-4: moves to the next endpoint when one refuses, times out, is overloaded or answers nonsense", async () => {
    const refused = "http://127.0.0.1:1";
    const overloaded = await stub(429, "{}");
    const broken = await stub(502, "<html>");
    const nonsense = await stub(200, "<html>");
    const slow = await stub(200, "{}", 10_000);
    const l1 = client([refused, overloaded.url, broken.url, nonsense.url, slow.url, anvil.url]);
    expect((await l1.latestBlock()).number).toBe(6n);
    l1.close();
    for (const { server } of [overloaded, broken, nonsense, slow]) {
      server.closeAllConnections();
      server.close();
    }
  });

  it("says which endpoints failed and why when none answers, and works again afterwards", async () => {
    const gone = await stub(200, "{}");
    await new Promise((resolve) => gone.server.close(resolve));
    const l1 = client([gone.url]);
    const error = await l1.latestBlock().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(L1UnavailableError);
    expect(String(error)).toContain(`${gone.url}: ECONNREFUSED`);
    const port = Number(new URL(gone.url).port);
    const again = createServer((_request, response) => {
      response.writeHead(200).end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: "0x7a69" }));
    });
    await new Promise<void>((resolve) => again.listen(port, "127.0.0.1", resolve));
    // It answers now, though not with a block: the failure is another one.
    await expect(l1.latestBlock()).rejects.not.toThrow(L1UnavailableError);
    again.closeAllConnections();
    again.close();
  });

  it("ETH-3: an endpoint of another chain is never used; all of another chain is a typed error with both ids", async () => {
    const wrong = await client([anvil.url], { kind: "tag" }, 1n)
      .latestBlock()
      .catch((caught: unknown) => caught);
    expect(wrong).toBeInstanceOf(L1WrongChainError);
    expect(wrong).toMatchObject({ expected: 1n, actual: BigInt(CHAIN_ID) });
    const other = await stub(200, '{"jsonrpc":"2.0","id":1,"result":"0x1"}');
    expect((await client([other.url, anvil.url]).latestBlock()).number).toBe(6n);
    other.server.closeAllConnections();
    other.server.close();
  });

  it("a JSON-RPC error is an answer: it is not retried elsewhere", async () => {
    const l1 = client([anvil.url]);
    await expect(rpc(l1, "no_such_method")).rejects.toThrow(/Method not found|not exist|no_such_method/i);
    l1.close();
  });

  it("rejects answers that no chain can give", async () => {
    const body = '{"jsonrpc":"2.0","id":1,"result":"0x7a69"}';
    const liar = await stub(200, body);
    const error = await client([liar.url])
      .latestBlock()
      .catch((caught: unknown) => caught);
    expect(error instanceof L1DataError || String(error).includes("missing response")).toBe(true);
    liar.server.closeAllConnections();
    liar.server.close();
  });

  it(`takes ${String(ENDPOINTS_MAX)} endpoints and no more, and never none`, () => {
    const urls = (count: number): string[] => Array.from({ length: count }, () => anvil.url);
    expect(() => client(urls(ENDPOINTS_MAX))).not.toThrow();
    expect(() => client(urls(ENDPOINTS_MAX + 1))).toThrow(RangeError);
    expect(() => client([])).toThrow(RangeError);
  });

  it("cuts log ranges at the limit, without gap or overlap", () => {
    const l1 = createL1Client({
      urls: [anvil.url],
      chainId: BigInt(CHAIN_ID),
      finality: { kind: "tag" },
      timeoutMs: 1_000,
      clock: systemClock,
      logger: silentLogger,
      logRangeBlocks: 10n,
    });
    expect([...l1.logRanges(5n, 26n)]).toEqual([
      { fromBlock: 5n, toBlock: 14n },
      { fromBlock: 15n, toBlock: 24n },
      { fromBlock: 25n, toBlock: 26n },
    ]);
    expect([...l1.logRanges(5n, 14n)]).toHaveLength(1);
    expect([...l1.logRanges(5n, 15n)]).toHaveLength(2);
    expect([...l1.logRanges(5n, 4n)]).toEqual([]);
  });

  it("never shows what stands in an address besides its origin: keys live there", () => {
    expect(displayUrl("https://user:secret@l1.example/v3/KEY?token=x")).toBe("https://l1.example");
    expect(displayUrl("not an address")).toBe("(unreadable address)");
  });
});
