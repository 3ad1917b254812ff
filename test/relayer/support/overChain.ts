import type { Chain } from "../../../relayer/tx/chain.ts";

/** A chain like another, with some of its answers replaced. */
export function overChain(chain: Chain, over: Partial<Chain>): Chain {
  return {
    chainId: chain.chainId,
    look: (address, hashes) => chain.look(address, hashes),
    pendingNonce: (address) => chain.pendingNonce(address),
    market: () => chain.market(),
    simulate: (call) => chain.simulate(call),
    broadcast: (raw) => chain.broadcast(raw),
    balance: (address) => chain.balance(address),
    ...over,
  };
}
