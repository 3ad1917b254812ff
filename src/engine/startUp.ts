import type { Anchor } from "../consensus/input.ts";
import * as Mempool from "../mempool/mempool.ts";
import * as Certificate from "../protocol/Certificate.ts";
import type { BlockLimits } from "../protocol/ClusterConfig.ts";
import type { Committee } from "../protocol/Committee.ts";
import * as Header from "../protocol/Header.ts";
import type { History } from "../protocol/History.ts";
import { Epoch, Height, type CommitteeId } from "../protocol/scalars.ts";
import { assert } from "../runtime/assert.ts";
import type { ChainStore } from "./chainStore.ts";
import { keysOf, openPayload } from "./openedPayload.ts";

/** Blocks whose transactions are remembered after a restart, so that they are not included again. */
export const REMEMBERED_BLOCKS = 1024n;

/** MEM-2 across restarts: what the newest blocks carry is not taken into the pool again. */
export async function remember(chain: ChainStore, pool: Mempool.Mempool, limits: BlockLimits): Promise<void> {
  const top = chain.height;
  const from = top > REMEMBERED_BLOCKS ? top - REMEMBERED_BLOCKS : 0n;
  for (let at = from + 1n; at <= top; at++) {
    const block = await chain.blockAt(Height(at));
    const bytes = block === undefined ? undefined : await chain.payload(Header.hash(block.header));
    if (block === undefined || bytes === undefined) continue;
    const opened = openPayload(bytes, block.header.namespaces, limits);
    if (opened !== undefined) Mempool.markIncluded(pool, keysOf(opened));
  }
}

/** The epoch that follows on the newest stored block, its committee, and where the journal of it begins. */
export interface Beginning {
  readonly epoch: Epoch;
  readonly committee: CommitteeId;
  readonly journalFrom: number;
}

/** REC-1, RESUME-5: a resume that was taken on the tip counts before anything that the tip itself says. */
export function beginningOf(chain: ChainStore, genesis: Header.Header): Beginning {
  const tip = chain.tip?.header ?? genesis;
  const journalFrom = chain.resumes.at(-1)?.journalFrom ?? 0;
  const taken = chain.resumes.findLast(({ block }) => block === Header.hash(tip));
  if (taken !== undefined) return { epoch: taken.epoch, committee: taken.committee, journalFrom };
  if (!Header.isHandover(tip)) return { epoch: tip.epoch, committee: tip.committee, journalFrom };
  return { epoch: Epoch(tip.epoch + 1n), committee: tip.nextCommittee, journalFrom };
}

/** What the core builds on: the newest stored block. */
export function anchorOf(chain: ChainStore, genesis: Header.Header, history: History): Anchor {
  const header = chain.tip?.header ?? genesis;
  const certificate = chain.tip?.certificate;
  if (certificate === undefined) return { header, history, certificate };
  const verdict = Certificate.conclude(certificate, true);
  assert(verdict.ok && Certificate.isFinalization(verdict.certificate), "the stored tip is final");
  return { header, history, certificate: verdict.certificate };
}

/** The committee of the epoch before, whose members this node stays connected to. */
export async function committeeBefore(chain: ChainStore, epoch: Epoch): Promise<Committee | undefined> {
  const resumed = chain.resumes.find((taken) => taken.epoch === epoch)?.height;
  const height = resumed ?? (epoch > 1n ? await chain.handoverHeight(Epoch(epoch - 1n)) : undefined);
  const block = height === undefined ? undefined : await chain.blockAt(height);
  return block === undefined ? undefined : chain.committee(block.header.committee);
}
