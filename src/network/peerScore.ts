import type { Offence, PeerRole } from "./transport.ts";

/**
 * What a peer's misbehaviour costs it. NET-6: penalty points decay by half every `HALF_LIFE_MS`; at `BAN_POINTS` the
 * peer is banned, each time twice as long up to a maximum. The maximum for validators is short: a committee member that
 * stays away costs liveness, and its connection is bounded anyway. Pure; times are monotonic milliseconds.
 */
export interface PeerScore {
  readonly points: number;
  readonly updatedMs: number;
  readonly bans: number;
  readonly bannedUntilMs: number;
}

export const NO_SCORE: PeerScore = { points: 0, updatedMs: 0, bans: 0, bannedUntilMs: 0 };

export const HALF_LIFE_MS = 60_000;
export const BAN_POINTS = 100;
const BAN_FIRST_MS = 5_000;
export const BAN_MAX_MS: Readonly<Record<PeerRole, number>> = { validator: 60_000, observer: 3_600_000 };

/** Offences that only the transport itself sees. */
export type TransportOffence = "malformed-frame" | "oversize";

const POINTS: Readonly<Record<Offence | TransportOffence, number>> = {
  "malformed-frame": 60,
  oversize: 60,
  "malformed-message": 60,
  "invalid-signature": 25,
  "invalid-message": 20,
  unrequested: 5,
  "slow-answer": 2,
};

/** The decayed points. */
export function pointsAt(score: PeerScore, nowMs: number): number {
  return score.points * 2 ** (-Math.max(0, nowMs - score.updatedMs) / HALF_LIFE_MS);
}

export function isBanned(score: PeerScore, nowMs: number): boolean {
  return nowMs < score.bannedUntilMs;
}

/** The score after an offence; `isBanned` says whether it was one too many. */
export function penalize(
  score: PeerScore,
  offence: Offence | TransportOffence,
  role: PeerRole,
  nowMs: number,
): PeerScore {
  const points = pointsAt(score, nowMs) + POINTS[offence];
  if (points < BAN_POINTS) return { ...score, points, updatedMs: nowMs };
  const durationMs = Math.min(BAN_FIRST_MS * 2 ** Math.min(score.bans, 30), BAN_MAX_MS[role]);
  return { points: 0, updatedMs: nowMs, bans: score.bans + 1, bannedUntilMs: nowMs + durationMs };
}
