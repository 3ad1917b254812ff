import type { LocalNetwork } from "../../src/cli/start/network.ts";
import type { Hash } from "../../src/crypto/hash.ts";
import { Height, NamespaceId } from "../../src/protocol/scalars.ts";
import { sleep, systemClock } from "../../src/runtime/clock.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import type { Client } from "../../src/sdk/client.ts";
import { SdkError } from "../../src/sdk/errors.ts";

/** A transaction that some validator said it took. */
interface Accepted {
  readonly namespace: NamespaceId;
  readonly data: Uint8Array;
  /** When it was last handed in. */
  submittedAtMs: number;
}

export interface UsersReport {
  readonly transactionsAccepted: number;
  readonly transactionsLost: number;
  readonly duplicates: number;
  /** Handed in again since the validator that took them died before it had passed them on, or was slow. */
  readonly resubmitted: number;
}

/** Users of three rollups: they submit, hand in again what does not become final, and read back every block. */
export interface Users {
  run(signal: AbortSignal): Promise<void>;
  /** No new transactions from now on. */
  stopTraffic(): void;
  /** Accepted and not seen in a final block yet. */
  missing(): number;
  report(): UsersReport;
}

const NAMESPACES = [901_001n, 901_002n, 901_003n].map((id) => NamespaceId(id));
const RESUBMIT_MS = 8_000;
const RETRY_MS = 250;
const SMALL_BYTES = 200;
const LARGE_BYTES = 20_000;
/** So many in flight at most: users wait for their transactions, too. */
const MISSING_MAX = 4_000;

/** `perSecond` transactions of all users together; one in four is large. */
export async function createUsers(network: LocalNetwork, perSecond: number): Promise<Users> {
  const accepted = new Map<Hash, Accepted>();
  /** How often each transaction stands in the chain, by the verified contents of its namespace. */
  const included = new Map<Hash, number>();
  const clients = await Promise.all(network.validators.map((_, index) => network.client(index)));
  const heights = new Map<NamespaceId, Height>(NAMESPACES.map((namespace) => [namespace, Height(0n)]));
  let resubmitted = 0;
  let hasTraffic = true;

  const missing = (): [Hash, Accepted][] => [...accepted].filter(([hash]) => !included.has(hash));

  async function submit(client: Client, namespace: NamespaceId, data: Uint8Array): Promise<void> {
    try {
      const { hash } = await client.submit(namespace, data);
      const known = accepted.get(hash);
      if (known !== undefined) known.submittedAtMs = systemClock.monotonicMs();
      else accepted.set(hash, { namespace, data, submittedAtMs: systemClock.monotonicMs() });
    } catch (error) {
      // Nobody took it: not accepted, so nobody owes it anything.
      if (!(error instanceof SdkError)) throw error;
    }
  }

  async function traffic(client: Client, signal: AbortSignal): Promise<void> {
    const pauseMs = (1_000 * clients.length) / perSecond;
    while (!signal.aborted) {
      await sleep(systemClock, pauseMs * (0.5 + systemRandom.fraction()));
      if (!hasTraffic || accepted.size - included.size > MISSING_MAX) continue;
      const size = systemRandom.fraction() < 0.25 ? LARGE_BYTES : SMALL_BYTES;
      const namespace = NAMESPACES[Math.floor(systemRandom.fraction() * NAMESPACES.length)] ?? NamespaceId(901_001n);
      await submit(client, namespace, systemRandom.bytes(8 + Math.floor(systemRandom.fraction() * size)));
    }
  }

  async function resubmit(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn++) {
      await sleep(systemClock, RETRY_MS);
      const before = systemClock.monotonicMs() - RESUBMIT_MS;
      const late = missing().filter(([, { submittedAtMs }]) => submittedAtMs < before);
      for (const [, { namespace, data }] of late.slice(0, 32)) {
        const client = clients[turn % clients.length];
        if (client === undefined) break;
        resubmitted += 1;
        await submit(client, namespace, data);
      }
    }
  }

  async function follow(namespace: NamespaceId, client: Client, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const from = Height((heights.get(namespace) ?? 0n) + 1n);
        for await (const block of client.follow(namespace, { from, signal })) {
          for (const { hash } of block.transactions) included.set(hash, (included.get(hash) ?? 0) + 1);
          heights.set(namespace, block.header.height);
        }
      } catch (error) {
        if (!(error instanceof SdkError)) throw error;
        await sleep(systemClock, RETRY_MS);
      }
    }
  }

  return {
    run: async (signal) => {
      const readers = NAMESPACES.map(async (namespace, index) =>
        follow(namespace, await network.client(index), signal),
      );
      await Promise.all([...clients.map((client) => traffic(client, signal)), ...readers, resubmit(signal)]);
    },
    stopTraffic: () => {
      hasTraffic = false;
    },
    missing: () => missing().length,
    report: () => ({
      transactionsAccepted: accepted.size,
      transactionsLost: missing().length,
      duplicates: [...included.values()].filter((count) => count > 1).length,
      resubmitted,
    }),
  };
}
