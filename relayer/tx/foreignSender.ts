import { sleep, type Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Chain } from "./chain.ts";
import { KeyInUseError } from "./levelStore.ts";
import type { Outbox } from "./outbox.ts";

export interface ForeignSenderCheck {
  readonly chain: Chain;
  readonly address: string;
  readonly outbox: Pick<Outbox, "slots">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pollMs: number;
  /** So long a transaction that nobody tends is waited for. */
  readonly patienceMs: number;
  readonly stopped: () => boolean;
}

/**
 * KEY-1: one key is never used by two senders. Locks see those on this machine and on this Redis; anything else shows in
 * the pools of L1: pending nonces that no store here explains. They are watched before the first transaction. When new
 * ones appear, somebody is sending: the start is refused with `KeyInUseError`. When they are mined or stand still for
 * `patienceMs`, they are what a replica left that died with its disk, and the key is taken over. False when stopped.
 */
export async function refuseForeignSender(check: ForeignSenderCheck): Promise<boolean> {
  const { clock, logger, address } = check;
  const startedAt = clock.monotonicMs();
  let firstSeen: number | undefined;
  while (!check.stopped()) {
    const foreign = await unexplained(check);
    const last = foreign?.at(-1);
    if (foreign !== undefined && last === undefined) return true;
    if (last !== undefined) {
      if (firstSeen !== undefined && last > firstSeen) {
        throw new KeyInUseError(
          `another sender is using the key of ${address}: its nonce ${String(last)} is not ours; give each sender a key`,
        );
      }
      if (firstSeen === undefined)
        logger.warn("pending transactions of the key that are not ours", { nonces: foreign });
      firstSeen ??= last;
      if (clock.monotonicMs() - startedAt >= check.patienceMs) {
        logger.warn("nobody tends them: the key is taken over", { nonces: foreign });
        return true;
      }
    }
    await sleep(clock, check.pollMs);
  }
  return false;
}

/** Pending nonces of the key that no slot holds; undefined while L1 cannot be asked or does not agree with itself. */
async function unexplained({
  chain,
  address,
  outbox,
  logger,
}: ForeignSenderCheck): Promise<readonly number[] | undefined> {
  try {
    const [{ latestNonce }, pendingNonce] = await Promise.all([chain.look(address, []), chain.pendingNonce(address)]);
    const ours = new Set(outbox.slots().map(({ nonce }) => nonce));
    const count = Math.min(Math.max(0, pendingNonce - latestNonce), NONCES_MAX);
    return Array.from({ length: count }, (_, index) => latestNonce + index).filter((nonce) => !ours.has(nonce));
  } catch (error) {
    logger.warn("L1 does not say what is pending", { error });
    return undefined;
  }
}

/** Pending nonces looked at: no pool keeps more of one account. */
const NONCES_MAX = 1_024;
