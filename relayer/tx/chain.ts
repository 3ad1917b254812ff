import type { Hash } from "../../src/crypto/hash.ts";
import type { BroadcastClass } from "./broadcastErrors.ts";
import type { Market } from "./feePolicy.ts";
import type { Sight } from "./sendState.ts";

/** What a call would do at the newest block. `revertData` is the contract's error, 0x text, empty if it gave none. */
export type Simulation =
  | { readonly kind: "ok"; readonly gas: bigint }
  | { readonly kind: "revert"; readonly revertData: string; readonly message: string };

export interface Call {
  readonly from: string;
  readonly to: string;
  readonly data: string;
}

/** L1 as the transaction manager needs it. Rejections mean that L1 could not be reached or did not agree with itself. */
export interface Chain {
  readonly chainId: bigint;
  /** The key's nonce, the newest blocks and the receipts of `hashes`, as of one agreed head. */
  look(address: string, hashes: readonly Hash[]): Promise<Sight>;
  /** Transactions of the key that are mined or wait in a pool, as far as the endpoints agree. */
  pendingNonce(address: string): Promise<number>;
  market(): Promise<Market>;
  simulate(call: Call): Promise<Simulation>;
  /** Sends raw bytes to every endpoint; resolves with the best that any of them said, never rejects. */
  broadcast(
    raw: string,
  ): Promise<{ readonly outcome: BroadcastClass | "accepted"; readonly messages: readonly string[] }>;
  balance(address: string): Promise<bigint>;
}
