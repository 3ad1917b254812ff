import { spawn, type ChildProcess } from "node:child_process";

import { JsonRpcProvider, Network } from "ethers";

import { anvilBinary } from "../../../src/cli/start/anvil.ts";
import { freePort } from "./redisServer.ts";

export interface Anvil {
  readonly url: string;
  readonly provider: JsonRpcProvider;
  rpc(method: string, params?: readonly unknown[]): Promise<unknown>;
  mine(blocks?: number): Promise<void>;
  /** SIGSTOP: accepts connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export const CHAIN_ID = 31337;
/** anvil's first development account. */
export const FIRST_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

export interface AnvilOptions {
  /** A block per transaction; else blocks come from `mine` or `blockTime`. */
  readonly automine?: boolean;
  readonly blockTime?: number;
  /** A block is safe after so many more and finalized after twice as many; 1 unless given. */
  readonly slotsInEpoch?: number;
  readonly args?: readonly string[];
}

/** A real L1 node process. */
export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const port = await freePort();
  const mining =
    options.blockTime !== undefined
      ? ["--block-time", String(options.blockTime)]
      : options.automine === false
        ? ["--no-mining"]
        : [];
  const slots = String(options.slotsInEpoch ?? 1);
  const args = ["--port", String(port), "--chain-id", String(CHAIN_ID), "--slots-in-an-epoch", slots, "--silent"];
  const child = spawn(anvilBinary(), [...args, ...mining, ...(options.args ?? [])], { stdio: "ignore" });
  const url = `http://127.0.0.1:${String(port)}`;
  const provider = new JsonRpcProvider(url, Network.from(CHAIN_ID), {
    staticNetwork: true,
    pollingInterval: 50,
    cacheTimeout: -1,
  });
  await untilAnswering(url, child);
  const rpc = (method: string, params: readonly unknown[] = []): Promise<unknown> => provider.send(method, [...params]);
  return {
    url,
    provider,
    rpc,
    mine: async (blocks = 1) => {
      for (let i = 0; i < blocks; i++) await rpc("evm_mine");
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    stop: async () => {
      provider.destroy();
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function untilAnswering(url: string, child: ChildProcess): Promise<void> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  for (let attempt = 0; attempt < 400; attempt++) {
    if (child.exitCode !== null) throw new Error(`anvil ended with ${String(child.exitCode)}`);
    try {
      const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
      if (answer.ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("anvil did not answer");
}
