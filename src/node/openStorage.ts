import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";

import type { Logger } from "../runtime/logger.ts";
import { openDiskStore } from "../storage/diskStore.ts";
import { nodeFileSystem } from "../storage/nodeFileSystem.ts";
import { StoreCorruptError, type Store } from "../storage/store.ts";
import { WriteAheadLog, WriteAheadLogCorruptError } from "../storage/writeAheadLog.ts";

export const CHAIN_DIRECTORY = "chain";
export const JOURNAL_DIRECTORY = "journal";
/** Where a node that must not sign keeps what it journals: the journal of its votes stays as it is. */
export const FOLLOWER_JOURNAL_DIRECTORY = "journal-follower";
/** Damaged databases that are kept aside. */
export const SET_ASIDE_MAX = 100;

/** Damage to the database itself: single rows are healed while the engine runs. */
export function isDatabaseDamage(error: unknown): error is StoreCorruptError {
  return error instanceof StoreCorruptError && error.damagedKey === undefined;
}

/** HEAL-5: moves the damaged database aside; everything in it that is final comes from peers again, verified. */
export function setAside(dataDir: string, error: StoreCorruptError, logger: Logger): void {
  const path = join(dataDir, CHAIN_DIRECTORY);
  for (let number = 1; number <= SET_ASIDE_MAX; number++) {
    const aside = `${path}.damaged-${String(number)}`;
    if (existsSync(aside)) continue;
    renameSync(path, aside);
    logger.error("the block store was damaged: set aside, everything is fetched from peers again", {
      ...{ file: error.path, aside, reason: error.message },
    });
    return;
  }
  throw error;
}

export async function openChain(dataDir: string, logger: Logger): Promise<Store> {
  const path = join(dataDir, CHAIN_DIRECTORY);
  try {
    return await openDiskStore(path);
  } catch (error) {
    if (!isDatabaseDamage(error)) throw error;
    setAside(dataDir, error, logger);
    return openDiskStore(path);
  }
}

export interface OpenedJournal {
  readonly journal: WriteAheadLog;
  /** Why nothing may be signed; undefined where signing is safe. */
  readonly unsafe: string | undefined;
}

/**
 * HEAL-6: opens the journal of votes. One that is damaged, or gone although the key has voted, is left as it is and the
 * node goes on without signing: what it promised is unknown, and nothing that peers say can bring it back.
 */
export async function openJournal(dataDir: string, hasVoted: boolean): Promise<OpenedJournal> {
  const follow = async (unsafe: string): Promise<OpenedJournal> => ({
    journal: await WriteAheadLog.open(nodeFileSystem, join(dataDir, FOLLOWER_JOURNAL_DIRECTORY)),
    unsafe,
  });
  try {
    const journal = await WriteAheadLog.open(nodeFileSystem, join(dataDir, JOURNAL_DIRECTORY));
    if (journal.nextIndex > 0 || !hasVoted) return { journal, unsafe: undefined };
    await journal.close();
    return await follow(`the journal of votes is gone from ${dataDir}, although this key has voted`);
  } catch (error) {
    if (!(error instanceof WriteAheadLogCorruptError)) throw error;
    return follow(error.message);
  }
}
