/**
 * NONCE-1: the nonce of a new transaction is a function of the chain and of what is persisted in flight, never a
 * counter: the lowest nonce that the chain has not used and that no open slot holds. A crash between any two steps
 * therefore leaves no gap: what was never persisted never took a nonce, what was persisted is broadcast again.
 *
 * `chainNonce` is the account's transaction count at the newest block, `held` the nonces of the open slots.
 */
export function nextNonce(chainNonce: number, held: Iterable<number>): number {
  const taken = new Set(held);
  let nonce = chainNonce;
  while (taken.has(nonce)) nonce += 1;
  return nonce;
}
