import type { Build, Fetch, Finalized, ReportFork } from "../consensus/output.ts";
import * as Mempool from "../mempool/mempool.ts";
import * as Header from "../protocol/Header.ts";
import type { Kernel } from "./kernel.ts";
import type { Message } from "./message.ts";
import { keysOf } from "./openedPayload.ts";
import type { Parts } from "./parts.ts";
import { buildBlock, chooseUnits } from "./payloadBuilder.ts";
import { SYNC_GAP } from "./stateSync.ts";

/** A block no older than this, by the own clock, is taken for the present end of the chain. */
export const CURRENT_BLOCK_AGE_MS = 60_000;

/** `build`: at once if anything waits, else an empty block after `emptyBlockDelay`. */
export function performBuild(kernel: Kernel, { builder, keeper, finalizer }: Parts, output: Build): void {
  const { epoch, view, parent } = output;
  const ports = { ...kernel.ports, config: kernel.options.config, mempool: kernel.mempool };
  const membership = kernel.membership();
  const fail = (): void => {
    kernel.feed({ type: "build-failed", epoch, view });
  };
  builder.start(kernel.options.config.emptyBlockDelayMs, (isLast) => {
    const state = kernel.state();
    if (state.epoch !== epoch || state.view !== view || kernel.membership() !== membership) return true;
    const excluded = finalizer.hasUnknownPayloads ? undefined : transactionsAbove(kernel, parent);
    const units = chooseUnits(ports, parent, excluded);
    if (units.length === 0 && !isLast) return false;
    const built = buildBlock(ports, membership, output, units);
    if (built === undefined) {
      fail();
      return true;
    }
    keeper.keepBuilt(built.header, view, built.dispersal, built.opened);
    kernel.feed({ type: "built", epoch, view, header: built.header });
    return true;
  });
}

/** Keys of all transactions in blocks from `parent` down to the final one; undefined where a payload is not at hand. */
function transactionsAbove(kernel: Kernel, parent: Header.Header): ReadonlySet<string> | undefined {
  const { anchor, blocks } = kernel.state();
  const found = new Set<string>();
  let at = parent;
  while (at.height > anchor.header.height) {
    const opened = kernel.keeper.opened(Header.hash(at));
    if (opened === undefined) return undefined;
    for (const key of keysOf(opened)) found.add(key);
    const next = blocks.get(at.parent)?.header;
    if (next === undefined) break;
    at = next;
  }
  return found;
}

/** `fetch`: asks one member; far behind, its store instead of its memory. */
export function performFetch(kernel: Kernel, { sync }: Parts, { want, seat }: Fetch): void {
  const peer = kernel.membership().peers[seat];
  if (peer === undefined) return;
  switch (want.type) {
    case "view":
      kernel.send(peer, { type: "view-request", epoch: want.epoch, view: want.view });
      return;
    case "ancestors": {
      const { block, height, above } = want;
      const request: Message = { type: "ancestors-request", block, height, above };
      if (height - above > SYNC_GAP) sync.ask(peer);
      kernel.send(peer, request);
      return;
    }
    case "handover":
      sync.ask(peer);
  }
}

/** `finalized`: into the store, with what the keeper has of the payloads; their transactions leave the pool now. */
export function performFinalized(kernel: Kernel, { finalizer, keeper }: Parts, output: Finalized): void {
  for (const header of output.headers) {
    const opened = keeper.opened(Header.hash(header));
    if (opened !== undefined) Mempool.markIncluded(kernel.mempool, keysOf(opened));
  }
  void finalizer.add(output.headers, output.certificate, kernel.membership());
  keeper.finalized(output.certificate.vote.view);
}

/** `report-fork`: kept for good, told to everybody; what convicts by it is asked for (ACC-3, ACC-6). */
export async function performFork(kernel: Kernel, { late }: Parts, { mine, theirs }: ReportFork): Promise<void> {
  const { epoch, view } = theirs.vote;
  kernel.ports.logger.error("finality was contradicted: this node votes no more", { epoch, view });
  late.inquire(mine, theirs);
  await kernel.chain.saveFork({ mine, theirs });
  // In one view the archive has room for one: the own stays, the fork's record has both.
  if (mine?.vote.view !== theirs.vote.view) await kernel.chain.saveCertificates([theirs], true);
}

/** SIGN-6: an epoch is told to the signer as current only from a block of these days, when no peer is known ahead. */
export async function confirmEpoch(kernel: Kernel, { sync }: Parts, header: Header.Header): Promise<void> {
  const { signer, clock } = kernel.ports;
  const ageMs = clock.wallMs() - Number(header.timestamp);
  if (signer === undefined || ageMs > CURRENT_BLOCK_AGE_MS || sync.isBehind) return;
  await signer.confirmEpoch(header.epoch);
}
