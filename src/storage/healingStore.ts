import { concatBytes, toHex } from "../codec/hex.ts";
import { KEY_BYTES_MAX, StoreCorruptError, type Entry, type Operation, type Range, type Store } from "./store.ts";

/** A row that was found damaged: named, set aside and taken out of the table. */
export interface Damage {
  /** 0x hexadecimal. */
  readonly key: string;
  readonly reason: string;
  /** `healed`: what it must hold followed from other rows. `lost`: it reads as absent until it is brought back. */
  readonly outcome: "healed" | "lost";
}

export interface HealingOptions {
  /** Keys below this prefix hold the damaged bytes of others. */
  readonly quarantine: Uint8Array;
  /** What the row must hold, as far as other rows say; may read through the store that it is given. */
  readonly derive: (key: Uint8Array, store: Store) => Promise<Uint8Array | undefined>;
  readonly onDamage: (damage: Damage, key: Uint8Array) => void;
}

/** Rows derived within each other: a damaged row may need another damaged one, but never itself. */
const DEPTH_MAX = 4;
/** Damaged rows that one iteration steps over. */
const STEPS_MAX = 100_000;

/**
 * HEAL-1: a store whose damaged rows are named, set aside, and read as what other rows say they must hold, or as absent.
 * Only rows: damage to the database itself is thrown on.
 */
export function createHealingStore(store: Store, options: HealingOptions): Store {
  const underWay = new Map<string, Promise<Uint8Array | undefined>>();

  async function heal(key: Uint8Array, error: StoreCorruptError, depth: number): Promise<Uint8Array | undefined> {
    const bytes = error.bytes ?? new Uint8Array(0);
    const aside = concatBytes(options.quarantine, key).slice(0, KEY_BYTES_MAX);
    await store.batch([put(aside, bytes), { kind: "delete", key }], { sync: true });
    const value = depth < DEPTH_MAX ? await options.derive(key, healingAt(depth + 1)) : undefined;
    if (value !== undefined) await store.batch([put(key, value)], { sync: true });
    const outcome = value === undefined ? "lost" : "healed";
    options.onDamage({ key: toHex(key), reason: error.message, outcome }, key);
    return value;
  }

  /** Two readers of one damaged row wait for the same repair; a repair never waits for another, lest it be its own. */
  function healOnce(key: Uint8Array, error: StoreCorruptError, depth: number): Promise<Uint8Array | undefined> {
    const name = toHex(key);
    const known = underWay.get(name);
    if (known !== undefined) return depth === 0 ? known : Promise.resolve(undefined);
    const work = heal(key, error, depth).finally(() => underWay.delete(name));
    underWay.set(name, work);
    return work;
  }

  function healingAt(depth: number): Store {
    async function* range(bounds: Range): AsyncGenerator<Entry> {
      let { start, end } = bounds;
      let left = bounds.limit ?? Infinity;
      for (let steps = 0; left > 0; steps++) {
        try {
          const limit = left === Infinity ? {} : { limit: left };
          for await (const entry of store.range({ ...bounds, ...limit, start, end })) {
            if (bounds.reverse === true) end = entry.key;
            else start = concatBytes(entry.key, Uint8Array.of(0));
            left -= 1;
            yield entry;
          }
          return;
        } catch (error) {
          if (!(error instanceof StoreCorruptError) || error.damagedKey === undefined || steps >= STEPS_MAX)
            throw error;
          // Healed or gone: the iteration goes on where it was.
          await healOnce(error.damagedKey, error, depth);
        }
      }
    }
    return {
      get: async (key) => {
        try {
          return await store.get(key);
        } catch (error) {
          if (!(error instanceof StoreCorruptError) || error.damagedKey === undefined) throw error;
          return healOnce(error.damagedKey, error, depth);
        }
      },
      range,
      batch: (operations, batchOptions) => store.batch(operations, batchOptions),
      close: () => store.close(),
    };
  }

  return healingAt(0);
}

function put(key: Uint8Array, value: Uint8Array): Operation {
  return { kind: "put", key, value };
}
