import * as Committee from "../protocol/Committee.ts";
import * as Header from "../protocol/Header.ts";
import { CommitteeId, View } from "../protocol/scalars.ts";
import * as Resume from "../protocol/Resume.ts";
import { checkTrusted, isInHistory } from "./halt.ts";
import {
  checkpointOf,
  checkPosition,
  install,
  refused,
  store,
  trustedUntil,
  type Fault,
  type L1,
  type Outcome,
  type Setting,
  type State,
} from "./lightClient.ts";
import type { Path } from "./proofs.ts";

/** How an expired or frozen client lives again: by the word of a quorum of a newer committee, after a delay. */

const DAY_SECONDS = 86_400n;
const COMMITTEE_AGE_SECONDS = 2n * DAY_SECONDS;
const TRUST_LEFT_SECONDS = 7n * DAY_SECONDS;
/** Epochs that a resume may be ahead. */
export const RESUME_EPOCHS_MAX = 65_536n;

/** A resume as it is posted: the message, its quorum, and the header of the block that it names. */
export interface SignedResume {
  readonly message: Resume.Resume;
  /** Bitmap and aggregate signature as in a certificate. */
  readonly absent: Uint8Array;
  readonly signature: Uint8Array;
  readonly header: Header.Header;
  /** That L1's checkpoint is in the history of `header`; empty if it is that block. */
  readonly path: Path;
}

/** LC-50: `LightClient.resume`. A second valid resume of one epoch cancels both and bars that epoch. */
export function resume(state: State, signed: SignedResume, l1: L1, setting: Setting): Outcome {
  const { message, header } = signed;
  const committee = l1.committee(message.committee);
  const fault =
    checkHalted(state, l1, setting) ??
    checkEpoch(state, message, header, setting) ??
    checkCommittee(state, message.committee, committee, l1, setting) ??
    checkBlock(state, signed) ??
    checkPending(state, message);
  if (fault !== undefined) return refused(fault);
  if (committee === undefined) return refused({ code: "no-committee", committee: message.committee });
  const unsigned = checkQuorum(signed, committee, setting);
  if (unsigned !== undefined) return refused(unsigned);

  if (state.pending?.epoch === message.epoch) {
    const barred = new Set(state.barred).add(message.epoch);
    return { ok: true, state: { ...state, barred, pending: undefined } };
  }
  const pending = {
    epoch: message.epoch,
    committee: message.committee,
    applicableAt: l1.nowSeconds + setting.parameters.resumeDelay,
    checkpoint: checkpointOf(header, message.block, header.viewNumber, l1.nowSeconds),
  };
  return { ok: true, state: { ...state, pending } };
}

/** LC-51: `LightClient.applyResume`: after the delay the block is the latest checkpoint and the committee installed. */
export function applyResume(state: State, l1: L1, setting: Setting): Outcome {
  const { pending } = state;
  if (pending === undefined) return refused({ code: "no-pending-resume" });
  const { applicableAt, epoch } = pending;
  const { nowSeconds } = l1;
  if (nowSeconds < applicableAt) return refused({ code: "resume-not-due", applicableAt, nowSeconds });
  const committee = l1.committee(pending.committee);
  const fault = checkTrusted(state, pending.committee, committee, l1, setting);
  if (fault !== undefined) return refused(fault);
  if (committee === undefined) return refused({ code: "no-committee", committee: pending.committee });
  const halt = { ...state.halt, resumed: pending.committee, frozen: false };
  const installed = install({ ...state, halt, pending: undefined }, committee, setting.parameters);
  const { height } = pending.checkpoint;
  const moved = { ...installed, position: { ...installed.position, height, epoch, view: View(0n) } };
  const outgrown = checkPosition(moved);
  if (outgrown !== undefined) return refused(outgrown);
  return {
    ok: true,
    state: store(moved, { ...pending.checkpoint, receivedAt: nowSeconds }, nowSeconds, setting.parameters),
  };
}

function checkHalted(state: State, l1: L1, { parameters }: Setting): Fault | undefined {
  const id = CommitteeId(state.position.committee || 1n);
  const committee = l1.committee(id);
  if (committee === undefined) return { code: "no-committee", committee: id };
  const until = trustedUntil(state, committee, parameters);
  if (l1.nowSeconds >= until) return undefined;
  return { code: "still-trusted", trustedUntil: until, nowSeconds: l1.nowSeconds };
}

function checkEpoch(
  { position, barred }: State,
  { epoch }: Resume.Resume,
  header: Header.Header,
  { parameters }: Setting,
): Fault | undefined {
  const above = position.epoch > header.epoch ? position.epoch : header.epoch;
  const most = position.epoch + RESUME_EPOCHS_MAX;
  if (epoch <= above || epoch > most) return { code: "resume-epoch-out-of-bounds", given: epoch, above, most };
  if (barred.has(epoch)) return { code: "resume-epoch-barred", epoch };
  const lastHeight = epoch * parameters.epochLength;
  if (header.height < lastHeight) return undefined;
  return { code: "resume-height-beyond-epoch", height: header.height, lastHeight };
}

function checkCommittee(
  state: State,
  given: CommitteeId,
  committee: Committee.Committee | undefined,
  { nowSeconds }: L1,
  { parameters }: Setting,
): Fault | undefined {
  const installed = state.position.committee;
  if (given <= installed) return { code: "resume-committee-not-newer", given, installed };
  if (committee === undefined) return { code: "no-committee", committee: given };
  const { createdAt } = committee;
  const latestCreation = nowSeconds - COMMITTEE_AGE_SECONDS;
  if (createdAt > latestCreation) return { code: "resume-committee-too-young", createdAt, latestCreation };
  const until = trustedUntil(state, committee, parameters);
  const least = nowSeconds + parameters.resumeDelay + TRUST_LEFT_SECONDS;
  return until < least ? { code: "resume-committee-too-old", trustedUntil: until, least } : undefined;
}

/** LC-52: the block is L1's checkpoint or has it in its history: nothing that L1 has is given up. */
function checkBlock({ latest }: State, { message, header, path }: SignedResume): Fault | undefined {
  const given = Header.hash(header);
  if (given !== message.block) return { code: "wrong-block", given, signed: message.block };
  if (given === latest.blockHash || isInHistory(latest.blockHash, latest.height, header, path)) return undefined;
  return { code: "history-mismatch", committed: header.history };
}

function checkPending({ pending }: State, message: Resume.Resume): Fault | undefined {
  if (pending === undefined) return undefined;
  if (message.epoch < pending.epoch) {
    return { code: "resume-superseded", given: message.epoch, pending: pending.epoch };
  }
  const isSame = message.block === pending.checkpoint.blockHash && message.committee === pending.committee;
  if (message.epoch === pending.epoch && isSame) return { code: "resume-already-pending", epoch: message.epoch };
  return undefined;
}

function checkQuorum(
  { message, absent, signature }: SignedResume,
  committee: Committee.Committee,
  { domain, bls }: Setting,
): Fault | undefined {
  const signers = Committee.presentMembers(committee.members.length, absent);
  if (signers === undefined) {
    return { code: "malformed-bitmap", bytes: absent.length, members: committee.members.length };
  }
  const members = signers.map((index) => Committee.member(committee, index));
  const weight = members.reduce((sum, member) => sum + member.weight, 0n);
  const quorum = Committee.quorum(Committee.totalWeight(committee));
  if (weight < quorum) return { code: "below-quorum", weight, quorum };
  const keys = members.map(({ key }) => key);
  const valid = bls.verifyAggregate(keys, Resume.digest(message, domain), signature, "vote");
  return valid ? undefined : { code: "bad-signature" };
}
