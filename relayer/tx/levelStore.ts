import { mkdir } from "node:fs/promises";

import { ClassicLevel } from "classic-level";

import type { OutboxStore } from "./outbox.ts";

/** Another process has the same outbox open: two senders would share one key. */
export class KeyInUseError extends Error {
  override readonly name = "KeyInUseError";
}

export interface LevelStore extends OutboxStore {
  close(): Promise<void>;
}

/**
 * OUT-2: the outbox on disk. LevelDB gives what it needs and nothing more: atomic batches, fsync before success, a
 * checksummed log whose torn tail is dropped after `kill -9`, and a lock of the operating system on the folder, which
 * ends with the process however that ends. The lock is also LOCK-2: on one machine, one sender per key.
 */
export async function openLevelStore(folder: string): Promise<LevelStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const db = new ClassicLevel<string, string>(folder, { keyEncoding: "utf8", valueEncoding: "utf8" });
  try {
    await db.open();
  } catch (error) {
    throw isLocked(error) ? new KeyInUseError(`another process is using the key of outbox ${folder}`) : error;
  }
  return {
    load: async () => new Map(await db.iterator().all()),
    commit: async (puts, deletes) => {
      const removals = deletes.map((key) => ({ type: "del" as const, key }));
      const writes = [...puts].map(([key, value]) => ({ type: "put" as const, key, value }));
      await db.batch([...removals, ...writes], { sync: true });
    },
    close: () => db.close(),
  };
}

function isLocked(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED";
}
