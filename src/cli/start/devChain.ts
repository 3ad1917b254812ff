import type { RpcProvider } from "../../l1/rpcProvider.ts";

/** Calls that only a development chain answers. */
export interface DevChain {
  /** One block per transaction from now on. */
  mineAtOnce(): Promise<void>;
  /** One block per interval from now on, whether or not it has transactions. */
  mineEvery(seconds: number): Promise<void>;
  mine(blocks: number): Promise<void>;
  clientVersion(): Promise<string>;
}

export function devChain(provider: RpcProvider): DevChain {
  const call = async (method: string, params: unknown[]): Promise<unknown> => {
    const answer: unknown = await provider.send(method, params);
    return answer;
  };
  return {
    mineAtOnce: async () => {
      await call("evm_setIntervalMining", [0]);
      await call("evm_setAutomine", [true]);
    },
    mineEvery: async (seconds) => {
      await call("evm_setAutomine", [false]);
      await call("evm_setIntervalMining", [seconds]);
    },
    mine: async (blocks) => {
      await call("anvil_mine", [`0x${blocks.toString(16)}`]);
    },
    clientVersion: async () => String(await call("web3_clientVersion", [])),
  };
}
