import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Fanout } from "../../../relayer/l1/fanout.ts";
import { L1UnavailableError } from "../../../src/l1/l1Errors.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { CHAIN_ID, startAnvil, type Anvil } from "../support/anvil.ts";
import { manualClock, type ManualClock } from "../support/manualClock.ts";
import { startProxy, type Proxy } from "../support/proxy.ts";

const HOLDER = "0x00000000000000000000000000000000000000aa";

describe("several L1 endpoints", () => {
  let anvil: Anvil;
  let proxies: Proxy[];
  let clock: ManualClock;
  beforeEach(async () => {
    anvil = await startAnvil();
    proxies = [await startProxy(anvil.url), await startProxy(anvil.url), await startProxy(anvil.url)];
    clock = manualClock();
  });
  afterEach(async () => {
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await anvil.stop();
  });

  function fanoutOver(count: number): Fanout {
    const urls = proxies.slice(0, count).map(({ url }) => url);
    return new Fanout({ urls, chainId: BigInt(CHAIN_ID), timeoutMs: 2_000, clock, logger: silentLogger });
  }
  const balance = (fanout: Fanout): Promise<unknown> => fanout.read("eth_getBalance", [HOLDER, "latest"]);
  const proxy = (index: number): Proxy => {
    const found = proxies[index];
    if (found === undefined) throw new RangeError("no such proxy");
    return found;
  };

  it("EP-3: what a contract or a pool refuses is an answer: the endpoint stays healthy (OZ 681)", async () => {
    const fanout = fanoutOver(1);
    await anvil.rpc("anvil_setCode", [HOLDER, "0x60006000fd"]);
    const call = await fanout.ask("eth_estimateGas", [{ to: HOLDER, data: "0x01" }, "latest"]);
    expect(call.error?.message).toMatch(/revert/i);
    const sent = await fanout.ask("eth_sendRawTransaction", ["0x02c0"]);
    expect(sent.error).toBeDefined();
    proxy(0).refusal = { code: -32603, message: "nonce too low" };
    expect((await fanout.ask("eth_sendRawTransaction", ["0x02c0"])).error?.message).toBe("nonce too low");
    proxy(0).refusal = undefined;
    expect(fanout.health()).toMatchObject([{ healthy: true, limited: false, failures: 0 }]);
    expect(await balance(fanout)).toBe("0x0");
  });

  it("EP-3: a transport fault counts against the endpoint, and an answer makes it good", async () => {
    const fanout = fanoutOver(2);
    proxy(0).status = 503;
    expect(await balance(fanout)).toBe("0x0");
    expect(fanout.health()).toMatchObject([{ healthy: false }, { healthy: true }]);
    proxy(0).status = undefined;
    clock.advance(60_000);
    await fanout.head("fresh");
    expect(fanout.health()).toMatchObject([{ healthy: true, failures: 0 }, { healthy: true }]);
  });

  it.each([
    ["HTTP 429", (to: Proxy): unknown => (to.status = 429)],
    ["-32005", (to: Proxy): unknown => (to.refusal = { code: -32005, message: "limit exceeded" })],
    ["words", (to: Proxy): unknown => (to.refusal = { code: -32000, message: "Too Many Requests" })],
  ] as const)("EP-4: %s: the endpoint is left alone for a growing while and stays healthy", async (_title, limit) => {
    const fanout = fanoutOver(1);
    expect(await balance(fanout)).toBe("0x0");
    limit(proxy(0));
    for (const waitMs of [1_000, 2_000, 4_000]) {
      await expect(balance(fanout)).rejects.toThrow(L1UnavailableError);
      const asked = proxy(0).requests;
      clock.advance(waitMs - 1);
      // The only endpoint there is: still nothing is asked.
      await expect(balance(fanout)).rejects.toThrow(L1UnavailableError);
      expect(proxy(0).requests).toBe(asked);
      expect(fanout.health()).toMatchObject([{ healthy: true, limited: true, failures: 0 }]);
      clock.advance(1);
    }
    proxy(0).status = undefined;
    proxy(0).refusal = undefined;
    expect(await balance(fanout)).toBe("0x0");
    expect(fanout.health()).toMatchObject([{ healthy: true, limited: false }]);
  });

  it("EP-1: the other endpoints go on while one is limited", async () => {
    const fanout = fanoutOver(3);
    proxy(1).status = 429;
    expect(await balance(fanout)).toBe("0x0");
    const asked = proxy(1).requests;
    expect(await balance(fanout)).toBe("0x0");
    expect(proxy(1).requests).toBe(asked);
  });
});
