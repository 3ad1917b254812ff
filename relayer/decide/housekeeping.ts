import type { HousekeepingPolicy } from "../context.ts";
import type { ClientState, RotationState } from "../l1/reader.ts";

/** Keys that fit one page. */
export const PAGE_KEYS_MAX = 125;
/** Seats reported in one call: the whole committee. */
export const REPORT_SEATS_MAX = 100;

export interface KeyAge {
  readonly keyHash: string;
  /** Since it was proven, in seconds. */
  readonly ageSeconds: bigint;
}

/** HOUSE-1: seal when enough keys share the cost of a page, or when one has waited long enough. */
export function keysToSeal<K extends KeyAge>(waiting: readonly K[], policy: HousekeepingPolicy): readonly K[] {
  const oldest = waiting.reduce((age, key) => (key.ageSeconds > age ? key.ageSeconds : age), -1n);
  const due = waiting.length >= policy.sealKeys || oldest >= policy.sealAfterSeconds;
  return waiting.length > 0 && due ? waiting.slice(0, PAGE_KEYS_MAX) : [];
}

/** HOUSE-2: the committee to make now, or undefined. A committee without seats cannot be made. */
export function committeeToMake(
  rotation: RotationState,
  policy: HousekeepingPolicy,
  l1Seconds: bigint,
): bigint | undefined {
  if (!policy.rotate || rotation.seatsTaken === 0n || l1Seconds < rotation.nextAt) return undefined;
  if (l1Seconds < rotation.newestAt + policy.rotateEverySeconds) return undefined;
  return rotation.newestCommittee + 1n;
}

/** HOUSE-3: seats of a committee that belong to slashed validators, for `reportSlashed`. */
export function seatsToReport(members: readonly bigint[], slashed: ReadonlySet<bigint>): readonly number[] {
  return members.flatMap((validator, seat) => (slashed.has(validator) ? [seat] : [])).slice(0, REPORT_SEATS_MAX);
}

/** HOUSE-4: a pending resume is applied when it is due and the client still needs one. */
export function isResumeDue(client: ClientState, applicableAt: bigint, l1Seconds: bigint): boolean {
  return applicableAt !== 0n && l1Seconds >= applicableAt && isHalted(client, l1Seconds);
}

/** HOUSE-5: a frozen or expired client waits for a resume that a newer committee signs. */
export function isHalted(client: ClientState, l1Seconds: bigint): boolean {
  return client.frozen || (client.committee !== 0n && l1Seconds >= client.trustedUntil);
}
