import type { Interface } from "ethers";

import type { Judgement } from "./tx/txManager.ts";

/** A job that no repetition can help; it fails at once and stays visible. */
export class FatalJobError extends Error {
  override readonly name = "FatalJobError";
}

/**
 * ERR-1: what a contract's refusal means, by the name of its custom error. `already-done` is success: another did it.
 * `retry` passes by itself (time, or a transaction before it). Everything else can only be refused again.
 */
const ALREADY_DONE: ReadonlySet<string> = new Set([
  "LightClientHeightNotIncreasing",
  "LightClientEpochNotIncreasing",
  "LightClientAlreadyFrozen",
  "LightClientSeatAlreadyReported",
  "LightClientStillTrusted",
  "LightClientResumeAlreadyPending",
  "LightClientResumeSuperseded",
  "LightClientNoPendingResume",
  "StakeTableNothingToSeal",
  "StakeTableAlreadySettled",
  "StakeTableRotationTooEarly",
  "SlasherAlreadySlashed",
  "SlasherNobodySlashed",
]);

const RETRY: ReadonlySet<string> = new Set([
  "LightClientHeaderFromFuture",
  "LightClientAnchorFromFuture",
  "LightClientNoCommittee",
  "LightClientWrongCommittee",
  "LightClientNextCommitteeNotCreated",
  "LightClientResumeNotDue",
  "LightClientResumeCommitteeTooYoung",
  "StakeTableSeatsTooFew",
  "StakeTableCommitteeStakeTooLow",
  "SlasherSettlementTooEarly",
]);

/** Names the error of revert data over the given ABIs and says what it means. Unknown errors are unrecoverable. */
export function judgeRevert(interfaces: readonly Interface[], revertData: string): Judgement {
  const name = errorName(interfaces, revertData);
  if (ALREADY_DONE.has(name)) return { verdict: "already-done", name };
  if (RETRY.has(name)) return { verdict: "retry", name };
  return { verdict: "unrecoverable", name };
}

export function errorName(interfaces: readonly Interface[], revertData: string): string {
  for (const contract of interfaces) {
    const parsed = revertData.length >= 10 ? contract.parseError(revertData) : null;
    if (parsed !== null) return parsed.name;
  }
  return revertData.length >= 10 ? `unknown error ${revertData.slice(0, 10)}` : "no reason given";
}

/** Names the table above knows: a test holds them against the contracts' ABIs. */
export const CLASSIFIED_ERRORS: readonly string[] = [...ALREADY_DONE, ...RETRY];
