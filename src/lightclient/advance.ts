import * as Certificate from "../protocol/Certificate.ts";
import type * as Committee from "../protocol/Committee.ts";
import * as Header from "../protocol/Header.ts";
import { CommitteeId, FIRST_EPOCH } from "../protocol/scalars.ts";
import type { FinalizedHeader } from "./finalizedHeader.ts";
import {
  checkpointOf,
  checkPosition,
  install,
  refused,
  seconds,
  store,
  type Fault,
  type L1,
  type Outcome,
  type Setting,
  type State,
} from "./lightClient.ts";

const FIRST_COMMITTEE = CommitteeId(FIRST_EPOCH);

/** LC-34: `LightClient.advance`: a finalized block becomes the latest checkpoint; a handover installs its committee. */
export function advance(state: State, given: FinalizedHeader, l1: L1, setting: Setting): Outcome {
  const { header, certificate } = given;
  const committee = l1.committee(state.position.committee || FIRST_COMMITTEE);
  if (committee === undefined) return refused({ code: "no-committee", committee: FIRST_COMMITTEE });
  // Genesis names committee 1; it is installed when its first finalization comes.
  const isFirst = state.position.committee === 0n;
  const installed = isFirst ? install(state, committee, setting.parameters) : state;

  const fault =
    checkTrust(installed, l1) ??
    checkOrder(installed, given) ??
    checkHeader(header, l1, setting) ??
    checkFinalization(given, committee, setting);
  if (fault !== undefined) return refused(fault);

  const { height, epoch } = header;
  const { view } = certificate.vote;
  let next: State = { ...installed, position: { ...installed.position, height, epoch, view } };
  if (Header.isHandover(header)) {
    const successor = checkSuccessor(header, l1);
    if ("code" in successor) return refused(successor);
    if (successor.id !== header.committee) next = install(next, successor, setting.parameters);
  }
  const outgrown = checkPosition(next);
  if (outgrown !== undefined) return refused(outgrown);
  const checkpoint = checkpointOf(header, Header.hash(header), view, l1.nowSeconds);
  return { ok: true, state: store(next, checkpoint, l1.nowSeconds, setting.parameters) };
}

function checkTrust({ trustedUntil, halt }: State, { nowSeconds }: L1): Fault | undefined {
  if (nowSeconds < trustedUntil) return undefined;
  return halt.frozen ? { code: "frozen" } : { code: "expired", trustedUntil, nowSeconds };
}

/** LC-35: the installed committee; height and (epoch, view) strictly increase. */
function checkOrder({ position }: State, { header, certificate }: FinalizedHeader): Fault | undefined {
  const { view } = certificate.vote;
  if (header.committee !== position.committee) {
    return { code: "wrong-committee", given: header.committee, installed: position.committee };
  }
  if (header.height <= position.height) {
    return { code: "height-not-increasing", given: header.height, latest: position.height };
  }
  if (header.epoch < position.epoch) {
    return { code: "epoch-not-increasing", given: header.epoch, latest: position.epoch };
  }
  if (header.epoch === position.epoch && view <= position.view) {
    return { code: "view-not-increasing", given: view, latest: position.view };
  }
  return undefined;
}

/** LC-36: within its epoch; a handover exactly at its end; not from the future. */
function checkHeader(header: Header.Header, l1: L1, { parameters }: Setting): Fault | undefined {
  const { height, epoch, nextCommittee: next } = header;
  const lastHeight = epoch * parameters.epochLength;
  if (height > lastHeight) return { code: "height-beyond-epoch", height, lastHeight };
  if ((height === lastHeight) !== Header.isHandover(header)) return { code: "handover-malformed", height, epoch, next };
  const [headerSeconds, latestSeconds] = [seconds(header.timestamp), l1.nowSeconds + parameters.l1Drift];
  if (headerSeconds > latestSeconds) return { code: "header-from-future", headerSeconds, latestSeconds };
  return undefined;
}

/** LC-37: a quorum's `finalize` of the block in its view; a handover's may be of a later one. */
export function checkFinalization(
  { header, certificate }: FinalizedHeader,
  committee: Committee.Committee,
  { domain, bls }: Setting,
): Fault | undefined {
  const { vote } = certificate;
  const isViewRight = Header.isHandover(header) ? vote.view >= header.viewNumber : vote.view === header.viewNumber;
  if (!isViewRight) return { code: "wrong-view", given: vote.view, header: header.viewNumber };
  const checked = Certificate.checkWeight(certificate, committee, domain);
  if (!checked.ok) return checked.fault;
  const given = Header.hash(header);
  // On L1 the vote is made from the header; here it comes with the certificate and has to be the same.
  if (vote.block !== given || vote.epoch !== header.epoch) return { code: "wrong-block", given, signed: vote.block };
  const { keys, digest, signature } = checked.check;
  return bls.verifyAggregate(keys, digest, signature, "vote") ? undefined : { code: "bad-signature" };
}

/** LC-38: a handover names the newest committee that its anchor can see. */
function checkSuccessor(header: Header.Header, l1: L1): Committee.Committee | Fault {
  const { nextCommittee: given, committee: installed, l1Number } = header;
  if (given < installed) return { code: "next-committee-too-old", given, installed };
  if (l1Number > l1.blockNumber) return { code: "anchor-from-future", l1Number, blockNumber: l1.blockNumber };
  const successor = l1.committee(given);
  if (successor === undefined || successor.createdNumber > l1Number) {
    return { code: "next-committee-not-created", given, l1Number };
  }
  const newer = l1.committee(CommitteeId(given + 1n));
  if (newer !== undefined && newer.createdNumber <= l1Number) {
    return { code: "next-committee-not-newest", given, newer: newer.id };
  }
  return successor;
}
